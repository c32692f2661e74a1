"""Failures are traced to the calls they came from; those run again, and nothing else does."""

from __future__ import annotations

import sys

import pytest

from lab import Lab
from traps.failing import fix, run

COLLECTED = """
@checkpoint
def tool(t):
    did(f"tool {t}")
    if t % 2 and not FIXED:
        raise ToolError(t)
    return t

@flow
def main():
    bad = []
    for t in range(4):
        try:
            tool(t)
        except ToolError as e:
            bad.append(str(e))
    if bad:
        raise RuntimeError(f"{len(bad)} failed")
    return "fine"
"""


def test_when_a_flow_raised_by_itself_resume_lists_the_failed_calls_and_rerun_failed_works(lab: Lab) -> None:
    exec_id = run(lab, COLLECTED)
    before = fix(lab)
    again = lab.kitaru("resume", exec_id)
    assert again.code == 1
    assert lab.done()[before:] == []
    assert "tool#2" in again.err and "tool#4" in again.err and "--rerun failed" in again.err
    lab.kitaru("resume", exec_id, "--rerun", "failed").ok(0)
    assert lab.done()[before:] == ["tool 1", "tool 3"]
    assert lab.item("show", exec_id)["result"] == "fine"


def test_rerun_takes_a_key(lab: Lab) -> None:
    exec_id = run(lab, COLLECTED)
    before = fix(lab)
    lab.kitaru("resume", exec_id, "--rerun", "tool#2").ok(1)
    assert lab.done()[before:] == ["tool 1"]
    lab.kitaru("resume", exec_id, "--rerun", "tool#4").ok(0)
    assert lab.done()[before:] == ["tool 1", "tool 3"]


RAISES = {
    "from_e": 'raise ValueError("wrapped") from e',
    "from_none": 'raise ValueError("wrapped") from None',
    "in_except": 'raise ValueError("wrapped")',
    "itself": "raise",
}


@pytest.mark.parametrize("how", RAISES)
def test_a_wrapped_failure_is_traced_to_its_call_which_runs_again(lab: Lab, how: str) -> None:
    exec_id = run(
        lab,
        f"""
@checkpoint
def good(x):
    return did(f"good {{x}}")

@checkpoint
def tool():
    did("tool")
    if not FIXED:
        raise ToolError("broken")
    return "ok"

@flow
def main():
    good(1)
    try:
        return tool()
    except ToolError as e:
        good(2)
        {RAISES[how]}
""",
    )
    before = fix(lab)
    lab.kitaru("resume", exec_id).ok(0)
    assert lab.done()[before:] == ["tool"]


def test_an_error_picked_from_gathered_results_is_traced_to_its_call(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint
async def a():
    did("a")
    return 1

@checkpoint
async def b():
    did("b")
    if not FIXED:
        raise ToolError("b")
    return 2

@flow
async def main():
    rs = await asyncio.gather(a(), b(), return_exceptions=True)
    for r in rs:
        if isinstance(r, Exception):
            raise r
    return rs
""",
    )
    before = fix(lab)
    lab.kitaru("resume", exec_id).ok(0)
    assert lab.done()[before:] == ["b"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="ExceptionGroup came with 3.11")
def test_in_a_task_group_the_failed_call_and_the_cancelled_one_run_again(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint
async def a():
    await asyncio.sleep(0.01)
    did("a")
    if not FIXED:
        raise ToolError("a")
    return 1

@checkpoint
async def b():
    did("b began")
    await asyncio.sleep(0.2 if not FIXED else 0)
    return did("b")

@checkpoint
async def before():
    return did("before")

@flow
async def main():
    await before()
    async with asyncio.TaskGroup() as g:
        one, two = g.create_task(a()), g.create_task(b())
    return [one.result(), two.result()]
""",
    )
    assert lab.done() == ["before", "b began", "a"]
    before = fix(lab)
    lab.kitaru("resume", exec_id, timeout=20).ok(0)
    assert sorted(lab.done()[before:]) == ["a", "b", "b began"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="ExceptionGroup came with 3.11")
def test_a_failed_call_in_each_of_two_groups_both_run_again_without_a_see_saw(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint
async def work(x):
    did(x)
    if not FIXED:
        raise ToolError(x)
    return x

async def group(x):
    async with asyncio.TaskGroup() as g:
        one = g.create_task(work(x))
    return one.result()

@flow
async def main():
    return await asyncio.gather(group("x"), group("y"))
""",
    )
    before = fix(lab)
    lab.kitaru("resume", exec_id, timeout=20).ok(0)
    assert sorted(lab.done()[before:]) == ["x", "y"]
