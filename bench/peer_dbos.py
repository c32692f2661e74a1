"""The same steps with DBOS on SQLite, or on PostgreSQL where that is named. Runs in an environment of its own."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from dbos import DBOS, SetWorkflowID


def launch(home: str) -> None:
    """DBOS on a fresh SQLite file or the database that is named, quiet, without its server."""
    path = os.path.join(home, "dbos.sqlite")
    config: Any = {
        "name": "bench",
        "system_database_url": os.environ.get("BENCH_POSTGRES", f"sqlite:///{path}"),
        "run_admin_server": False,
        "log_level": "ERROR",
        "application_version": "bench",
    }
    DBOS(config=config)
    DBOS.launch()


@DBOS.step()
def step(i: int) -> int:
    """Does nothing."""
    return i


@DBOS.workflow()
def loop(n: int) -> float:
    """Seconds per step."""
    step(-1)
    begun = time.perf_counter()
    for i in range(n):
        step(i)
    return (time.perf_counter() - begun) / max(n, 1)


def steps(home: str, count: str) -> float:
    """Seconds per step that does nothing."""
    launch(home)
    return loop(int(count))


READY: list[threading.Barrier] = []


@DBOS.workflow()
def loop_with_others(n: int) -> list[float]:
    """When it began and ended, once all others had begun too."""
    step(-1)
    READY[0].wait()
    begun = time.perf_counter()
    for i in range(n):
        step(i)
    return [begun, time.perf_counter()]


def at_once(home: str, flows: str, count: str) -> float:
    """Steps per second of flows at once, each in a thread of one process."""
    launch(home)
    READY.append(threading.Barrier(int(flows)))
    handles = [DBOS.start_workflow(loop_with_others, int(count)) for _ in range(int(flows))]
    took = [handle.get_result() for handle in handles]
    return int(flows) * int(count) / (max(end for _, end in took) - min(begun for begun, _ in took))


TEXTS: list[str] = []


@DBOS.step()
def big(i: int) -> str:
    """Returns 1 MiB."""
    return TEXTS[i]


@DBOS.workflow()
def big_loop(n: int) -> float:
    """Seconds per step."""
    begun = time.perf_counter()
    for i in range(n):
        big(i)
    return (time.perf_counter() - begun) / n


def large(home: str, count: str) -> float:
    """Seconds per step that returns 1 MiB."""
    from large import SIZE, text

    TEXTS.extend(text(SIZE) for _ in range(int(count)))
    launch(home)
    return big_loop(int(count))


@DBOS.step()
def last(n: int) -> int:
    """Ends the process the first time, as a crash would."""
    if os.environ.get("BENCH_CRASH"):
        os._exit(9)
    return n


@DBOS.workflow()
def crashing(n: int) -> int:
    """Steps, and then the one at which the process dies."""
    for i in range(n):
        step(i)
    return last(n)


def record(home: str, count: str) -> int:
    """Dies at the step after ``count``."""
    launch(home)
    with SetWorkflowID("one"):
        crashing(int(count))
    return 0


def go_on(home: str, count: str) -> int:
    """DBOS recovers by itself at its launch; waits for the end."""
    launch(home)
    DBOS.retrieve_workflow("one").get_result()
    os._exit(0)


def restart(home: str, count: str) -> float:
    """Seconds of a whole process that goes on after so many steps."""
    import subprocess

    command = [sys.executable, __file__]
    subprocess.run([*command, "record", home, count], env={**os.environ, "BENCH_CRASH": "1"}, check=False)
    begun = time.perf_counter()
    subprocess.run([*command, "go_on", home, count], check=True, capture_output=True)
    return time.perf_counter() - begun


@DBOS.workflow()
def short(n: int) -> int:
    """Three steps."""
    for i in range(n):
        step(i)
    return n


def flows(home: str, count: str) -> float:
    """Flows of three steps per second, all started at once."""
    launch(home)
    begun = time.perf_counter()
    handles = [DBOS.start_workflow(short, 3) for _ in range(int(count))]
    for handle in handles:
        handle.get_result()
    return int(count) / (time.perf_counter() - begun)


@DBOS.step()
async def pause(i: int) -> int:
    """50 ms."""
    import asyncio

    await asyncio.sleep(0.05)
    return i


@DBOS.workflow()
async def fan_out(n: int) -> float:
    """Seconds for so many at once."""
    import asyncio

    begun = time.perf_counter()
    await asyncio.gather(*[pause(i) for i in range(n)])
    return time.perf_counter() - begun


def concurrent(home: str, count: str) -> float:
    """Seconds for so many steps of 50 ms at once."""
    import asyncio

    launch(home)
    return asyncio.run(_fan_out(int(count)))


async def _fan_out(count: int) -> float:
    await fan_out(1)
    return await fan_out(count)


@DBOS.step()
def talk(messages: list[Any]) -> list[Any]:
    """A transcript with one more turn."""
    from transcript import turn

    return [*messages, turn(len(messages))]


@DBOS.workflow()
def conversation(n: int) -> int:
    """Steps that each take and return it."""
    messages: list[Any] = []
    for _ in range(n):
        messages = talk(messages)
    return len(messages)


def transcript(home: str, count: str) -> float:
    """Bytes of the store after steps that each take and return a growing transcript."""
    from transcript import on_disk

    launch(home)
    conversation(int(count))
    return on_disk(home)


if __name__ == "__main__":
    value = globals()[sys.argv[1]](*sys.argv[2:])
    print(value, flush=True)
    # Its background threads would keep the process.
    os._exit(0)
