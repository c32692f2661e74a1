"""On uvloop, which hides its timers and its queue: suspension, deadlines of asyncio and inner loops as on asyncio."""

from __future__ import annotations

import pytest

from lab import PYTHON, Lab

PROGRAM = """
import asyncio, sys, time
import uvloop
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint
async def work(x):
    await asyncio.sleep(0.02)
    return did(f"work {x}")

async def deadline(seconds, name):
    try:
        return await asyncio.wait_for(kitaru.wait(schema=str, name=name), seconds)
    except asyncio.TimeoutError:
        return await work("fallback")

async def awaited():
    return await main()

@flow
async def main():
    first = await deadline(0.3, "withdrawn")
    second, third = await asyncio.gather(kitaru.wait(schema=str, name="answered"), work("beside"))
    return [first, second, third]

@flow
def plain():
    got = uvloop.new_event_loop().run_until_complete(both())
    return [*got, kitaru.wait(schema=str, name="answered")]

async def both():
    return await asyncio.gather(work(1), work(2))

if __name__ == "__main__":
    print(plain() if sys.argv[1:] else uvloop.run(awaited()))
"""


def test_a_deadline_withdraws_its_wait_and_another_wait_suspends_and_is_answered(lab: Lab) -> None:
    pytest.importorskip("uvloop")
    lab.write("agent.py", PROGRAM)
    left = lab.run(PYTHON, "agent.py").ok(75)
    assert "answered?" in left.err and "withdrawn" not in left.err
    assert sorted(lab.done()) == ["work beside", "work fallback"]
    lab.kitaru("input", lab.only(), "--value", '"yes"').ok()
    assert lab.item("show", lab.only())["result"] == ["work fallback", "yes", "work beside"]
    assert len(lab.done()) == 2


def test_an_inner_uvloop_of_a_sync_flow_comes_and_goes(lab: Lab) -> None:
    pytest.importorskip("uvloop")
    lab.write("agent.py", PROGRAM)
    lab.run(PYTHON, "agent.py", "plain").ok(75)
    lab.kitaru("input", lab.only(), "--value", '"yes"').ok()
    assert lab.item("show", lab.only())["result"] == ["work 1", "work 2", "yes"]
    assert len(lab.done()) == 2
