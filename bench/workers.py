"""Workers on PostgreSQL: from a submit to the first step, from an answer to the next one, and what more workers bring.

Not here: the store's own speed (``postgres``).
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit import Bench, Row

NAME = "workers"
# What workers load: it stands in a file of its own.
PROGRAM = """
import time
import kitaru
from kitaru import checkpoint, flow

@checkpoint
def at(place: str) -> float:
    return time.time()

@checkpoint
def works(seconds: float, computes: bool) -> float:
    until = time.process_time() + seconds
    while computes and time.process_time() < until:
        pass
    if not computes:
        time.sleep(seconds)
    return time.time()

@flow
def begins() -> float:
    return at("first")

@flow
def asks() -> float:
    kitaru.wait(schema=bool, name="go", question="Go on?")
    return at("after")

@flow
def busy(seconds: float, computes: bool) -> float:
    return works(seconds, computes)
"""


@contextlib.contextmanager
def working(folder: str, count: int, at_once: int) -> Iterator[None]:
    """So many workers that have begun to work."""
    argv = [sys.executable, "-c", "from kitaru._cli import main; main()", "worker", "--at-once", str(at_once)]
    workers = [subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert "carries" in worker.stdout.readline()
        yield
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()


def _agent(folder: str) -> Any:
    os.chdir(folder)
    sys.path.insert(0, folder)
    pathlib.Path("agent.py").write_text(PROGRAM)
    import agent  # type: ignore[import-not-found]

    return agent


def first_step(folder: str, count: str) -> float:
    """Milliseconds from a submit to the first step in a warm worker: the median."""
    import statistics

    agent = _agent(folder)
    with working(folder, 1, 1):
        agent.begins.submit().wait(60)
        took = []
        for _ in range(int(count)):
            begun = time.time()
            took.append(agent.begins.submit().wait(60) - begun)
    return statistics.median(took) * 1000


def next_step(folder: str, count: str) -> float:
    """Milliseconds from an answer to the step behind it in a warm worker: the median."""
    import statistics

    from kitaru import KitaruClient

    agent, client = _agent(folder), KitaruClient()
    with working(folder, 1, 1):
        took = []
        for _ in range(int(count) + 1):
            handle = agent.asks.submit()
            while handle.status != "waiting":
                time.sleep(0.005)
            begun = time.time()
            client.executions.input(handle.exec_id, True, resume=False)
            while handle.status != "completed":
                time.sleep(0.002)
            took.append(handle.wait(60) - begun)
    return statistics.median(took[1:]) * 1000


def throughput(folder: str, workers: str, at_once: str, count: str, seconds: str, computes: str) -> float:
    """Executions a second, each of one step, once all processes have begun."""
    agent = _agent(folder)
    total = int(count)
    handles = [agent.busy.submit(float(seconds), computes == "True") for _ in range(total)]
    with working(folder, int(workers), int(at_once)):
        ends = sorted(handle.wait(600) for handle in handles)
    # Until all processes have begun.
    skip = int(workers) * int(at_once)
    return (total - skip) / (ends[-1] - ends[skip - 1])


def measure(bench: Bench) -> list[Row]:
    """The ratios are to one worker, in the same database."""
    from kit import Row, median
    from postgres import serving

    rows = []
    with serving() as (address, _), bench.home() as home:
        place = {"KITARU_HOME": home, "KITARU_STORE": address}

        def ours(what: str, *given: object) -> float:
            return float(bench.program(__file__, what, home, *given, **place))

        for what, name, target in (
            ("first_step", "from a submit to the first step, warm worker", 20),
            ("next_step", "from an answer to the step behind it, warm worker", 100),
        ):
            took = [ours(what, bench.count(40)) for _ in range(bench.rounds)]
            rows.append(Row(name, median(took), "ms", f"under {target} ms", median(took) < target))
        for computes, counts in ((True, (1, 2)), (False, (1, 2, 4, 8))):
            alone = 0.0
            for count in counts:
                total = bench.count(400 if computes else 100 * count)
                given = (count, 1 if computes else 4, max(total, 12 * count), 0.05, computes)
                found = [ours("throughput", *given) for _ in range(bench.rounds)]
                alone = alone or median(found)
                kind = "compute 50 ms" if computes else "sleep 50 ms, 4 at once each"
                share = median(found) / (alone * count)
                row = Row(
                    f"executions of one step that {kind}, {count} workers",
                    median(found),
                    "executions/s",
                    "in proportion to the workers until the machine is the limit",
                    share >= 0.8 or count > (os.cpu_count() or 1),
                    {"one worker": alone},
                    share,
                    more_is_better=True,
                )
                rows.append(row)
    return rows


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
