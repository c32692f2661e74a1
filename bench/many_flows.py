"""500 flows of three steps from one process, all at once."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "many flows"
FLOWS = 500
STEPS = 3


class GroupCommit:
    """Raw group commit: the thread that finds the database free commits for all that have queued."""

    def __init__(self, db: Any) -> None:
        self.db = db
        self.queue: list[tuple[tuple[int, int, str], threading.Event]] = []
        self.queued = threading.Lock()
        self.writing = threading.Lock()

    def insert(self, flow: int, step: int, result: str) -> None:
        """Returns when the row is durable."""
        done = threading.Event()
        with self.queued:
            self.queue.append(((flow, step, result), done))
        with self.writing:
            if done.is_set():
                return
            with self.queued:
                group, self.queue = self.queue, []
            self.db.execute("BEGIN IMMEDIATE")
            self.db.executemany("INSERT INTO steps VALUES (?, ?, ?)", [row for row, _ in group])
            self.db.execute("COMMIT")
            for _, other in group:
                other.set()


def raw(home: str, threads: str) -> float:
    """Flows per second: so many threads take flows until none is left."""
    from raw import connect

    store = GroupCommit(connect(os.path.join(home, "raw.db")))
    store.insert(-1, 0, "")
    left = iter(range(FLOWS))
    taking = threading.Lock()

    def work() -> None:
        while True:
            with taking:
                flow = next(left, None)
            if flow is None:
                return
            for step in range(STEPS):
                store.insert(flow, step, str(step))

    workers = [threading.Thread(target=work) for _ in range(int(threads))]
    begun = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return FLOWS / (time.perf_counter() - begun)


def ours(home: str) -> float:
    """Flows per second, each with a handle of its own."""
    import kitaru

    kitaru.configure(home=home, interactive=False)

    @kitaru.checkpoint
    def step(i: int) -> int:
        return i

    @kitaru.flow
    def flow(n: int) -> int:
        for i in range(n):
            step(i)
        return n

    flow(1)
    begun = time.perf_counter()
    handles = [flow.run(STEPS) for _ in range(FLOWS)]
    for handle in handles:
        handle.wait()
    return FLOWS / (time.perf_counter() - begun)


def measure(bench: Bench) -> list[Row]:
    """Against group commit in plain Python with SQLite, with the number of threads that suits it best."""
    from kit import Row, median, ratio

    def side(*command: object) -> float:
        with bench.home() as home:
            return float(bench.program(__file__, command[0], home, *command[1:]))

    found = bench.side_by_side(
        {
            "32 threads": lambda: side("raw", 32),
            "500 threads": lambda: side("raw", FLOWS),
            "ours": lambda: side("ours"),
        }
    )
    best = max(("32 threads", "500 threads"), key=lambda name: median(found[name]))
    peers = {**bench.peer("LangGraph", "flows", FLOWS), **bench.peer("DBOS", "flows", FLOWS)}
    share = ratio(found["ours"], found[best])
    return [
        Row(
            f"{FLOWS} flows of {STEPS} steps",
            median(found["ours"]),
            "flows/s",
            "at least 0.5 of raw group commit",
            share >= 0.5,
            {f"raw group commit, {best}": median(found[best]), **peers},
            share,
            more_is_better=True,
        )
    ]


if __name__ == "__main__":
    import sys

    print(globals()[sys.argv[1]](*sys.argv[2:]))
