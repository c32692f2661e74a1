"""A child execution that has not ended, and that its flow calls with other inputs when it comes there again."""

from __future__ import annotations

import pytest

from lab import KITARU, Lab

SOURCE = """
import asyncio, os, time
import kitaru
from kitaru import checkpoint, flow
from world import did

EDITED = os.path.exists("edited")

@checkpoint
def read(topic, page):
    did(f"{topic} {page}")
    return page

@flow
{kind} research(topic: str) -> str:
    read(topic, 1)
    {leaves}
    read(topic, 2)
    return f"about {topic}"

@checkpoint
def step(topic):
    return research(topic)

@flow{policy}
{kind} main():
    return {call}

def named(handle):
    # Whoever wants to know its name waits for it.
    did(f"named {handle.exec_id[-8:]}")
    return handle
"""

CALLS = {
    "direct": ("def", "research('wasps' if EDITED else 'bees')"),
    "beside": ("def", "research.run('wasps' if EDITED else 'bees').result()"),
    "async": ("async def", "await research('wasps' if EDITED else 'bees')"),
}
# Known by a key, before the edit or after it; in another call's body; the second of two.
ELSEWHERE = {
    "keyed": "research.options(key='b' if EDITED else 'a')('wasps' if EDITED else 'bees')",
    "keyed before": "research('wasps') if EDITED else research.options(key='a')('bees')",
    "keyed after": "research.options(key='b')('wasps') if EDITED else research('bees')",
    "in a body": "step('wasps' if EDITED else 'bees')",
}
CRASHES = "if not EDITED: os._exit(9)"
ASKS = "kitaru.wait(schema=bool, name='go')"


def left(lab: Lab, how: str, leaves: str = CRASHES, policy: str = "") -> str:
    """The flow whose child was left half done, and that is edited since."""
    kind, call = CALLS[how] if how in CALLS else ("def", ELSEWHERE[how])
    does = f"await {leaves}" if how == "async" and leaves == ASKS else leaves
    source = SOURCE.replace("{kind}", kind).replace("{leaves}", does).replace("{policy}", policy)
    lab.write("agent.py", source.replace("{call}", call))
    lab.kitaru("run", "agent.py:main").ok(75 if leaves == ASKS else 9)
    (lab.folder / "edited").write_text("")
    return lab.only()


def children(lab: Lab) -> dict[str, str]:
    """Each child's topic, and how it is."""
    shown = [lab.item("show", exec_id) for exec_id in ids(lab)]
    return {one["inputs"]["topic"]: one["status"] for one in shown}


def ids(lab: Lab) -> list[str]:
    return [str(row[0]) for row in lab.query("SELECT id FROM executions WHERE parent IS NOT NULL ORDER BY n")]


@pytest.mark.parametrize("leaves", [CRASHES, ASKS], ids=["crashes", "asks"])
@pytest.mark.parametrize("how", CALLS)
def test_it_is_asked_about_before_another_begins(lab: Lab, how: str, leaves: str) -> None:
    exec_id = left(lab, how, leaves)
    goes_on = ("input", exec_id, "--value", "true") if leaves == ASKS else ("resume", exec_id)
    told = lab.kitaru(*goes_on).ok(75)
    assert '"bees" -> "wasps"' in told.err and "has not come to its end" in told.err, told.err
    assert lab.done() == ["bees 1"]
    assert list(children(lab)) == ["bees"]
    # It is the same: it goes on with what it began with.
    lab.kitaru("resume", exec_id, "--on-drift", "reuse").ok()
    assert lab.done() == ["bees 1", "bees 2"]
    assert lab.item("show", exec_id)["result"] == "about bees"
    assert children(lab) == {"bees": "completed"}


@pytest.mark.parametrize("how", ELSEWHERE)
def test_it_is_found_wherever_it_began(lab: Lab, how: str) -> None:
    exec_id = left(lab, how)
    told = lab.kitaru("resume", exec_id).ok(75)
    assert "has not come to its end" in told.err, told.err
    assert lab.done() == ["bees 1"]
    lab.kitaru("resume", exec_id, "--on-drift", "reuse").ok()
    assert lab.done() == ["bees 1", "bees 2"]
    assert lab.item("show", exec_id)["result"] == "about bees"
    assert children(lab) == {"bees": "completed"}


def test_a_flow_that_wants_the_name_of_the_new_one_does_not_wait_for_it(lab: Lab) -> None:
    source = SOURCE.replace("{kind} research", "def research").replace("{kind} main", "async def main")
    call = "await named(research.run('wasps' if EDITED else 'bees'))"
    lab.write("agent.py", source.replace("{policy}", "").replace("{call}", call).replace("{leaves}", CRASHES))
    lab.kitaru("run", "agent.py:main").ok(9)
    (lab.folder / "edited").write_text("")
    before = lab.done()
    assert "has not come to its end" in lab.kitaru("resume", lab.only()).ok(75).err
    assert lab.done() == before
    lab.kitaru("resume", lab.only(), "--on-drift", "reuse").ok()
    assert lab.item("show", lab.only())["result"] == "about bees"


def test_one_that_was_cancelled_hides_no_other(lab: Lab) -> None:
    call = "research('wasps') if EDITED else [research.run('bees'), research.run('ants')][1].result()"
    source = SOURCE.replace("{kind}", "def").replace("{policy}", "").replace("{call}", call)
    lab.write("agent.py", source.replace("{leaves}", "did(f'{topic} is there'); EDITED or time.sleep(60)"))
    process = lab.spawn(KITARU, "run", "agent.py:main")
    lab.wait_for("bees is there")
    lab.wait_for("ants is there")
    process.kill()
    process.wait()
    (lab.folder / "edited").write_text("")
    topics = {lab.item("show", one)["inputs"]["topic"]: one for one in ids(lab)}
    lab.kitaru("cancel", topics["bees"]).ok()
    told = lab.kitaru("resume", lab.only()).ok(75)
    assert topics["ants"][-8:] in told.err, told.err


def test_another_begins_beside_it_when_somebody_says_so(lab: Lab) -> None:
    exec_id = left(lab, "direct")
    lab.kitaru("resume", exec_id).ok(75)
    lab.kitaru("resume", exec_id, "--on-drift", "rerun").ok()
    assert lab.done() == ["bees 1", "wasps 1", "wasps 2"]
    assert lab.item("show", exec_id)["result"] == "about wasps"
    assert children(lab)["wasps"] == "completed"


def test_a_flow_that_says_so_in_its_code_is_not_asked(lab: Lab) -> None:
    exec_id = left(lab, "direct", policy="(on_drift='rerun')")
    lab.kitaru("resume", exec_id).ok()
    assert lab.done() == ["bees 1", "wasps 1", "wasps 2"]


def test_one_that_was_cancelled_is_not_asked_about(lab: Lab) -> None:
    exec_id = left(lab, "direct")
    (child,) = ids(lab)
    lab.kitaru("cancel", child).ok()
    lab.kitaru("resume", exec_id).ok()
    assert lab.done() == ["bees 1", "wasps 1", "wasps 2"]
    assert children(lab) == {"bees": "cancelled", "wasps": "completed"}
