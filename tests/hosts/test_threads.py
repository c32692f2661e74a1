"""Threads without the flow's context are told of once, or refused under strict; those with it are recorded."""

from __future__ import annotations

import pytest

from lab import Lab

PROGRAM = """
import asyncio, threading, warnings, sys
from concurrent.futures import ThreadPoolExecutor
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint
def step(x):
    return did(f"step {x}")

def helper(x):
    return step(x)

@flow
def pool():
    with ThreadPoolExecutor(2) as threads:
        return sum(len(one) for one in threads.map(lambda n: step(n), range(3)))

@flow
async def executor():
    loop = asyncio.get_running_loop()
    return [await loop.run_in_executor(None, step, n) for n in range(3)]

@flow
def inner_loop():
    async def inside():
        return step(0)
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(lambda: asyncio.run(inside())).result()

@flow
def carried():
    with ThreadPoolExecutor(1) as threads:
        return [threads.submit(kitaru.carry(helper), n).result() for n in range(3)]

@flow
async def to_thread():
    return [await asyncio.to_thread(helper, n) for n in range(3)]

@flow
def submitted():
    return [one.result() for one in [step.submit(n) for n in range(3)]]

async def awaited(flow):
    return await flow()

if __name__ == "__main__":
    flow = globals()[sys.argv[1]]
    kitaru.configure(strict=len(sys.argv) > 2)
    asyncio.run(awaited(flow)) if flow.is_async else flow()
"""


@pytest.mark.parametrize("flow", ["pool", "executor", "inner_loop"])
def test_a_thread_without_context_warns_once_that_it_is_not_recorded_and_names_the_ways_out(
    lab: Lab, flow: str
) -> None:
    lab.write("agent.py", PROGRAM)
    done = lab.python("agent.py", flow).ok()
    assert done.err.count("RuntimeWarning") == 1
    assert "not recorded" in done.err and "step.submit(" in done.err and "kitaru.carry(" in done.err
    assert lab.item("show", lab.only())["calls"] == []


@pytest.mark.parametrize("flow", ["pool", "executor", "inner_loop"])
def test_under_strict_it_is_an_error_and_nothing_is_done(lab: Lab, flow: str) -> None:
    lab.write("agent.py", PROGRAM)
    done = lab.python("agent.py", flow, "strict").ok(1)
    assert "KitaruNotRecordedError" in done.err
    assert lab.done() == []
    assert lab.item("show", lab.only())["status"] == "failed"


@pytest.mark.parametrize("flow", ["carried", "to_thread", "submitted"])
def test_carry_to_thread_and_submit_are_recorded(lab: Lab, flow: str) -> None:
    lab.write("agent.py", PROGRAM)
    done = lab.python("agent.py", flow, "strict").ok()
    assert done.err == ""
    assert len(lab.item("show", lab.only())["calls"]) == 3


CHILDREN = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
import kitaru
from kitaru import checkpoint, flow
from world import did

met = threading.Barrier(3)

@checkpoint
def meet(x):
    met.wait(20)
    return did(f"met {x}")

@flow
def alone(x):
    return meet(x)

@flow
def carried():
    with ThreadPoolExecutor(3) as threads:
        return list(threads.map(kitaru.carry(alone), range(3)))

@flow
def handles():
    return [one.get() for one in [alone.run(n) for n in range(3)]]

def host():
    with ThreadPoolExecutor(3) as threads:
        return list(threads.map(alone, range(3)))

if __name__ == "__main__":
    kitaru.configure(strict=True)
    assert globals()[sys.argv[1]]() == ["met 0", "met 1", "met 2"]
"""


def test_a_host_runs_flows_in_its_threads_at_once_and_hears_nothing_of_it(lab: Lab) -> None:
    lab.write("agent.py", CHILDREN)
    assert lab.python("-W", "error", "agent.py", "host").ok().err == ""
    assert lab.query("SELECT parent FROM executions") == [(None,)] * 3


@pytest.mark.parametrize("flow", ["carried", "handles"])
def test_a_flow_in_a_thread_is_a_child_if_it_is_carried_there_or_run(lab: Lab, flow: str) -> None:
    lab.write("agent.py", CHILDREN)
    lab.python("-W", "error", "agent.py", flow).ok()
    children = lab.query("SELECT parent FROM executions WHERE flow = 'alone'")
    assert children == [(lab.only(),)] * 3


def test_threads_that_start_while_another_imports_asyncio_are_recorded_all_the_same(lab: Lab) -> None:
    """A module that is being imported is there for all threads, without what belongs to it."""
    lab.write(
        "early.py",
        """
        import sys, types, kitaru
        from kitaru import checkpoint, flow

        kitaru.configure(interactive=False)

        @checkpoint
        def ask(n: int) -> int:
            if n == 3:
                raise ValueError("no")
            return n

        @flow
        def many() -> str:
            sys.modules["asyncio"] = types.ModuleType("asyncio")
            try:
                return str(ask.map([1, 2, 3]))
            except ValueError as error:
                return str(error)
            finally:
                del sys.modules["asyncio"]

        print(many())
        """,
    )
    assert lab.python("early.py").ok().out == "no\n"


def test_all_submitted_calls_have_asked_before_a_flow_is_left(lab: Lab) -> None:
    lab.write(
        "many.py",
        """
        import kitaru
        from kitaru import checkpoint, flow

        kitaru.configure(interactive=False, synchronous="normal")

        @checkpoint
        def ask(n: int) -> int:
            return kitaru.wait(schema=int, name=f"q{n}")

        @flow
        def many() -> int:
            return sum(ask.map([1, 2, 3, 4]))

        for _ in range(20):
            try:
                many()
            except kitaru.KitaruSuspended as suspended:
                assert len(suspended.waits) == 4, suspended.waits
        """,
    )
    for _ in range(3):
        lab.python("many.py").ok()


def test_async_flows_on_loops_of_their_own_lose_no_callback_to_each_other(lab: Lab) -> None:
    program = """
import asyncio, kitaru
from kitaru import checkpoint, flow
@checkpoint
async def step(n):
    return n
@flow
async def many():
    return [sum(await asyncio.gather(*(step(round * 10 + i) for i in range(10)))) for round in range(20)]
print({sum(handle.get()) for handle in [many.run() for _ in range(8)]})
"""
    done = lab.python("-c", program).ok()
    assert (done.out, done.err) == ("{19900}\n", "")


BUSY = """
import ctypes, os, threading
from kitaru import checkpoint, flow
from world import did

met = threading.Event()

@checkpoint
def fetch(n):
    if n == 0:
        met.wait(10)
    return n

@checkpoint
def after(n):
    did(f"after {n}")
    met.set()
    return n

def nobody_runs():
    # Holds the interpreter, as another process may hold the machine.
    ctypes.PyDLL(None).usleep(500_000)

@flow
def main():
    handles = [fetch.submit(0), fetch.submit(1)]
    one = handles[1].result()
    if os.path.exists("again"):
        nobody_runs()
    # The record has the second one's call before the first one's end.
    one = after(0 if handles[0].done() else 1)
    zero = handles[0].result()
    if not os.path.exists("again"):
        open("again", "w").close()
        os._exit(9)
    return [one, after(zero)]
"""


def test_a_busy_machine_does_not_change_the_order_of_recorded_results(lab: Lab) -> None:
    lab.write("agent.py", BUSY)
    lab.kitaru("run", "agent.py:main").ok(9)
    lab.kitaru("resume", lab.only()).ok(0)
    assert lab.done() == ["after 1", "after 0"]
