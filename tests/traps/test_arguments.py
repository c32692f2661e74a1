"""What a call is given counts as it was at the call, and a body that changes it is found out."""

from __future__ import annotations

from lab import Lab

HEAD = """
import kitaru
from kitaru import checkpoint, flow
from world import did
"""


def run(lab: Lab, source: str, code: int = 0):
    lab.write("agent.py", HEAD + source)
    return lab.python("-c", "import agent; print(agent.main())").ok(code)


def test_a_body_that_changes_its_argument_is_refused_on_the_first_run_naming_the_path(lab: Lab) -> None:
    left = run(
        lab,
        """
@checkpoint
def step(messages):
    messages.append("thought")

@flow
def main():
    step(["a", "b", "c"])
""",
        code=1,
    )
    assert "messages[3]" in left.err
    assert "KitaruMutatedArgumentError" in left.err


def test_a_change_after_the_call_does_not_count(lab: Lab) -> None:
    run(
        lab,
        """
@checkpoint
def bump(st):
    did(f"bump {st['n']}")
    return st["n"] + 1

@flow
def main():
    st = {"n": 0}
    got = bump(st)
    st["n"] = 5
    kitaru.wait(schema=bool, name="go")
    return got
""",
        code=75,
    )
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    assert lab.done() == ["bump 0"]


def test_defaults_keywords_sets_and_types_count_as_they_should(lab: Lab) -> None:
    run(
        lab,
        """
@checkpoint
def f(a, b=2, **kw):
    did(f"f {a!r} {b!r} {kw!r}")
    return 1

@flow
def main():
    f(1); kitaru.wait(schema=bool, name="go")
""",
        code=75,
    )
    calls = ["f(a=1)", "f(1, 2)", "f(b=2, a=1)"]
    for n, call in enumerate(calls):
        other = lab.folder / f"case{n}"
        one = Lab(other)
        one.write(
            "agent.py",
            HEAD
            + f"""
import sys
@checkpoint
def f(a, b=2, **kw):
    did("f")
    return 1

@flow
def main():
    {call if False else "f(1)"} if FIRST else {call}
    kitaru.wait(schema=bool, name="go")
FIRST = True
""",
        )
        one.python("-c", "import agent; agent.main()").ok(75)
        text = (other / "agent.py").read_text()
        (other / "agent.py").write_text(text.replace("FIRST = True", "FIRST = False"))
        one.kitaru("input", one.only(), "--value", "true").ok(0)
        assert one.done() == ["f"], call


def test_what_is_submitted_counts_as_it_was_then(lab: Lab) -> None:
    run(
        lab,
        """
@checkpoint
def work(batch):
    did(f"work {batch}")
    return list(batch)

@flow
def main():
    batch, handles = [], []
    for n in range(40):
        batch.append(n)
        handles.append(work.submit(batch))
        batch.clear()
    got = [handle.result() for handle in handles]
    assert got == [[n] for n in range(40)], got
    kitaru.wait(schema=bool, name="go")
    return len(got)
""",
        code=75,
    )
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    assert sorted(lab.done()) == sorted(f"work [{n}]" for n in range(40)), "each once"


def test_what_is_submitted_may_be_named(lab: Lab) -> None:
    run(
        lab,
        """
@checkpoint
def work():
    return did("work")

@flow
def main():
    handles = [work.submit(id=n) for n in ("first", "second")]
    return [handle.result() for handle in handles]
""",
    )
    assert lab.done() == ["work", "work"]
