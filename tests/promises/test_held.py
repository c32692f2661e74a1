"""A flow that is paused, before a call or on request, ends what runs first: nothing is cut off and paid for again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import KITARU

if TYPE_CHECKING:
    from lab import Lab

HEAD = """
import asyncio, os, time
import kitaru
from kitaru import checkpoint, flow, _context
from world import did

def flies():
    # In flight until the flow is held.
    return not os.environ.get("FREE") and not any(run.session.is_held for run in list(_context.running))

@checkpoint
async def fetch(i: int) -> int:
    did(f"begin {i}")
    while flies():
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)
    did(f"fetch {i}")
    return i

@checkpoint
def load(i: int) -> int:
    did(f"begin {i}")
    while flies():
        time.sleep(0.005)
    time.sleep(0.02)
    did(f"fetch {i}")
    return i

@checkpoint
async def analyze(n: int) -> int:
    did(f"begin call {n}")
    while os.environ.get("ALL") and flies():
        await asyncio.sleep(0.005)
    did(f"call {n}")
    return n * 10

@checkpoint
def report(n: int) -> int:
    did(f"begin call {n}")
    while os.environ.get("ALL") and flies():
        time.sleep(0.005)
    did(f"call {n}")
    return n * 10
"""

# Each returns what its three fetches gave, and the sum of its two calls.
GATHER = """
async def branch():
    return await analyze(1) + await analyze(2)

@flow
async def main():
    one, two, ten, three = await asyncio.gather(fetch(1), fetch(2), branch(), fetch(3))
    return [one, two, three, ten]
"""

TASK_GROUP = """
async def branch():
    return await analyze(1) + await analyze(2)

@flow
async def main():
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(i)) for i in (1, 2, 3)]
        tasks.append(group.create_task(branch()))
    return [task.result() for task in tasks]
"""

WAITS_FOR_IT = """
@flow
async def main():
    # asyncio's own timer does not hold up the pause, and the pause is not taken for a slow call.
    tasks = [asyncio.ensure_future(fetch(i)) for i in (1, 2, 3)]
    ten = await asyncio.wait_for(analyze(1), 30) + await asyncio.wait_for(asyncio.shield(analyze(2)), 30)
    return [*await asyncio.gather(*tasks), ten]
"""

THREADS_OF_TASKS = """
@flow
async def main():
    return [*await asyncio.gather(asyncio.to_thread(lambda: load(1)), fetch(2), fetch(3),
                                  asyncio.to_thread(lambda: report(1) + report(2)))]
"""

MAP = """
@flow
def main():
    loads = [load.submit(i) for i in (1, 2, 3)]
    ten = report.submit(1).result() + report(2)
    return [*(one.result() for one in loads), ten]
"""

NESTED = """
@checkpoint
def outer(n: int) -> int:
    did(f"outer {n}")
    return report(1) + report(2)

@flow
def main():
    loads = [load.submit(i) for i in (1, 2, 3)]
    ten = outer(1)
    return [*(one.result() for one in loads), ten]
"""

NESTED_ASYNC = """
@checkpoint
async def outer(n: int) -> int:
    did(f"outer {n}")
    return await analyze(1) + await analyze(2)

@flow
async def main():
    return await asyncio.gather(fetch(1), fetch(2), fetch(3), outer(1))
"""

NESTED_WITH_TIMEOUT = """
@checkpoint(timeout=30)
def outer(n: int) -> int:
    did(f"outer {n}")
    return report(1) + report(2)

@flow
def main():
    loads = [load.submit(i) for i in (1, 2, 3)]
    ten = outer(1)
    return [*(one.result() for one in loads), ten]
"""

ON_A_LOOP = """
@flow
async def main():
    # A plain function is called on the loop, where it cannot wait for the others.
    fetches = [asyncio.ensure_future(fetch(i)) for i in (1, 2, 3)]
    await asyncio.sleep(0)
    ten = report(1) + report(2)
    return [*await asyncio.gather(*fetches), ten]
"""

OPENED = """
@flow
async def main():
    fetches = [asyncio.ensure_future(fetch(i)) for i in (1, 2, 3)]
    total = 0
    for n in (1, 2):
        async with kitaru.open_call("opened", n) as call:
            if not call.recorded:
                call.finish(await analyze(n))
        total += call.value
    return [*await asyncio.gather(*fetches), total]
"""

CHILD = """
@flow
async def below(n: int) -> int:
    return await fetch(n)

async def branch():
    return await analyze(1) + await analyze(2)

@flow
async def main():
    return await asyncio.gather(fetch(1), below(2), fetch(3), branch())
"""

FANS = {
    "gather": GATHER,
    "task group": TASK_GROUP,
    "wait_for": WAITS_FOR_IT,
    "threads of tasks": THREADS_OF_TASKS,
    "submit": MAP,
    "nested": NESTED,
    "nested, async": NESTED_ASYNC,
    "nested, with a timeout": NESTED_WITH_TIMEOUT,
    "on a loop": ON_A_LOOP,
    "open_call": OPENED,
    "child": CHILD,
}


def paid(lab: Lab) -> dict[str, int]:
    """How often was done what costs, by what it was."""
    done = [what for what in lab.done() if what.startswith(("fetch", "call"))]
    return {what: done.count(what) for what in done}


NAMES = ("analyze", "report")
ALL = {"fetch 1": 1, "fetch 2": 1, "fetch 3": 1, "call 1": 1, "call 2": 1}
IN_FLIGHT = {what: times for what, times in ALL.items() if what != "call 2"}


@pytest.mark.parametrize("shape", FANS)
def test_what_is_in_flight_when_a_breakpoint_is_met_ends_and_is_never_paid_twice(lab: Lab, shape: str) -> None:
    lab.write("agent.py", HEAD + FANS[shape])
    before = {"opened": "2 in inputs.identity"} if shape == "open_call" else dict.fromkeys(NAMES, "inputs.n == 2")
    for name, when in before.items():
        lab.kitaru("breakpoints", "add", "agent.py:main", "--before", name, "--when", when).ok(0)
    lab.kitaru("run", "agent.py:main").ok(75)
    shown = lab.item("show", lab.only())
    assert (shown["status"], list(shown["pending"]["inputs"].values()) in ([2], [[2]])) == ("paused", True), shown
    assert paid(lab) == IN_FLIGHT, "what was in flight has ended, and the call did not begin"
    lab.kitaru("resume", lab.only(), FREE="1").ok(0)
    assert paid(lab) == ALL, "nothing is paid twice"
    assert lab.item("show", lab.only())["result"] == [1, 2, 3, 30]


@pytest.mark.parametrize("shape", FANS)
def test_what_is_in_flight_when_a_pause_is_asked_for_ends_and_is_never_paid_twice(lab: Lab, shape: str) -> None:
    lab.write("agent.py", HEAD + FANS[shape])
    process = lab.spawn(KITARU, "run", "agent.py:main", ALL="1")
    for what in ("begin 1", "begin 2", "begin 3", "begin call 1"):
        lab.wait_for(what)
    asked = lab.kitaru("pause", lab.only()).ok(0)
    assert "nothing new begins, and it pauses when what runs has ended" in asked.out
    process.communicate()
    assert process.returncode == 75
    shown = lab.item("show", lab.only())
    assert (shown["status"], shown["reason"]["text"].split(";")[0]) == ("paused", "paused by cli")
    assert paid(lab) == IN_FLIGHT
    lab.kitaru("resume", lab.only(), FREE="1").ok(0)
    assert paid(lab) == ALL, "nothing is paid twice"
    assert lab.item("show", lab.only())["result"] == [1, 2, 3, 30]
