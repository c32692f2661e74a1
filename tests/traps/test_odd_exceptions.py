"""Exceptions that Python itself treats in a way of its own reach the flow, and its end, as themselves."""

from __future__ import annotations

import pytest

from lab import Lab

HEAD = """
import asyncio, pickle
import kitaru
from kitaru import checkpoint, flow
from world import did

class Odd(BaseException):
    pass

@checkpoint
def first(items):
    did("first")
    return next(iter(items))

@checkpoint(retries=1, backoff=0)
def again(items):
    did("again")
    return next(iter(items))

"""


@pytest.mark.parametrize("call", ["first([])", "again([])", "first.submit([]).result()"])
def test_what_an_empty_iterator_raises_takes_the_same_branch_in_each_pass(lab: Lab, call: str) -> None:
    lab.write(
        "agent.py",
        f"""{HEAD}
@flow
def main():
    try:
        found = {call}
    except StopIteration as error:
        assert error.__cause__ is None
        found = "nothing"
    did(f"found {{found}}")
    kitaru.wait(schema=bool, name="go")
    return found
""",
    )
    lab.kitaru("run", "agent.py:main").ok(75)
    before = lab.done()
    lab.kitaru("input", lab.only(), "--value", "true").ok()
    assert lab.item("show", lab.only())["result"] == "nothing"
    assert lab.done() == [*before, "found nothing"]


def test_unhandled_it_fails_the_flow_and_the_call_runs_again(lab: Lab) -> None:
    lab.write("agent.py", f"{HEAD}\n@flow\ndef main():\n    return first([])\n")
    told = lab.kitaru("run", "agent.py:main").ok(1)
    assert "StopIteration" in told.err and "kitaru retry" in told.err and "kitaru/_" not in told.err
    lab.kitaru("retry", lab.only()).ok(1)
    assert lab.done() == ["first", "first"]


@pytest.mark.parametrize("raised", ["Odd('x')", "GeneratorExit()", "asyncio.CancelledError()"])
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_an_exception_that_is_no_ordinary_one_ends_the_command_without_our_frames(
    lab: Lab, raised: str, kind: str
) -> None:
    lab.write("agent.py", f"{HEAD}\n@flow\n{kind} main():\n    raise {raised}\n")
    told = lab.kitaru("run", "agent.py:main")
    assert told.code in (1, 130), told
    assert "kitaru/_" not in told.err, told.err
    assert lab.only()[-8:] in told.err and "error[kitaru]" not in told.err
