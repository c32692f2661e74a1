"""What a flow loads by name is what it loaded the first time; what it saved is not saved again over newer values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.passes import HEAD, said, seen

if TYPE_CHECKING:
    from lab import Lab


def test_a_value_that_was_replaced_since_is_loaded_as_it_was(lab: Lab) -> None:
    first, again = seen(
        lab,
        """
@checkpoint
def step(n):
    kitaru.save("plan", {"n": n})

@flow
def main():
    for n in range(3):
        step(n)
        plan = kitaru.load("plan")
        plan["mine"] = True
        saw(plan, kitaru.load("plan"))
    go_on()
""",
    )
    assert first == again
    assert first == [f"saw {{'n': {n}, 'mine': True}} {{'n': {n}}}" for n in range(3)]


def test_a_value_that_was_missing_is_missing_again(lab: Lab) -> None:
    first, again = seen(
        lab,
        """
@checkpoint
def step():
    kitaru.save("plan", 1)

@flow
def main():
    for _ in range(2):
        try:
            saw(kitaru.load("plan"))
        except kitaru.KitaruNotFoundError as error:
            saw(error.code)
        step()
    go_on()
""",
    )
    assert first == again == ["saw unknown-artifact", "saw 1"]


def test_another_executions_value_is_loaded_as_it_was(lab: Lab) -> None:
    lab.write(
        "other.py",
        """
import kitaru

@kitaru.flow
def keep(n):
    kitaru.save("n", n)
    return kitaru.current_execution().id
""",
    )
    source = """
import other

@flow
def main(source):
    saw(kitaru.load("n", execution=source))
    go_on()
"""
    lab.write("agent.py", HEAD + source)
    lab.python(
        "-c",
        """
import agent, other, kitaru
source = other.keep(1)
try:
    agent.main(source)
except kitaru.KitaruSuspended:
    pass
open("source", "w").write(source)
""",
    ).ok(0)
    # Its artifact is not to be had any more.
    (source_id,) = [(lab.folder / "source").read_text()]
    import sqlite3

    db = sqlite3.connect(lab.home / "kitaru.db")
    db.execute("DELETE FROM artifacts")
    db.commit()
    db.close()
    (main,) = (row[0] for row in lab.query("SELECT id FROM executions WHERE flow = 'main'"))
    lab.kitaru("input", main, "--value", "true").ok(0)
    assert said(lab) == ["saw 1", "saw 1"] and source_id != main


def test_a_re_entry_does_not_save_over_what_came_later(lab: Lab) -> None:
    seen(
        lab,
        """
@checkpoint
def step():
    kitaru.save("status", "stepped")

@flow
def main():
    kitaru.save("status", "started")
    step()
    go_on()
    saw(kitaru.load("status"))
""",
    )
    assert said(lab) == ["saw stepped"]
    (saved,) = lab.query("SELECT count(*) FROM journal WHERE kind = 'artifact_saved'")[0]
    assert saved == 2, "once each"


def test_equal_values_are_saved_as_often_as_the_flow_says(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
@checkpoint
def step():
    kitaru.save("status", "stepped")

@flow
def main():
    kitaru.save("status", "idle")
    step()
    kitaru.save("status", "idle")
    return kitaru.load("status")
""",
    )
    lab.python("-c", "import agent; agent.main()").ok(0)
    assert lab.item("show", lab.only())["result"] == "idle"


def test_a_try_that_failed_saves_again(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
@checkpoint(retries=1, backoff=0)
def step():
    kitaru.save("status", f"try")
    did("try")
    if count("try") == 1:
        raise ValueError

@flow
def main():
    step()
    return kitaru.load("status")
""",
    )
    lab.python("-c", "import agent; agent.main()").ok(0)
    assert lab.item("show", lab.only())["result"] == "try"
    (saved,) = lab.query("SELECT count(*) FROM journal WHERE kind = 'artifact_saved'")[0]
    assert saved == 2
