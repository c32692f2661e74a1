"""One durable step that does nothing: the price of a checkpoint."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "steps"
RAW = os.path.join(os.path.dirname(os.path.abspath(__file__)), "raw.py")


def ours(home: str, level: str, count: str) -> float:
    """Seconds per step of a sync flow."""
    import kitaru

    kitaru.configure(home=home, synchronous=level, interactive=False)

    @kitaru.checkpoint
    def step(i: int) -> int:
        return i

    @kitaru.flow
    def flow(n: int) -> float:
        step(-1)
        begun = time.perf_counter()
        for i in range(n):
            step(i)
        return time.perf_counter() - begun

    return flow(int(count)) / int(count)


def measure(bench: Bench) -> list[Row]:
    """Against the disk's limit and against raw SQLite's one-row commits."""
    from kit import Row, median, ratio

    count = bench.count(1000)

    def side(*command: object) -> float:
        with bench.home() as home:
            file, function, *rest = command
            return float(bench.program(str(file), function, home, *rest))

    def sealed(level: str) -> float:
        with bench.home() as home:
            keys = os.path.join(home, "keys")
            command = os.path.join(os.path.dirname(sys.executable), "kitaru")
            subprocess.run((command, "keys", "new", "--file", keys), check=True, capture_output=True)
            found = bench.program(__file__, "ours", os.path.join(home, "store"), level, count, KITARU_KEYS=keys)
            return float(found)

    found = bench.side_by_side(
        {
            "disk": lambda: side(RAW, "append", count, 200),
            "sqlite full": lambda: side(RAW, "rows", "FULL", count),
            "full": lambda: side(__file__, "ours", "full", count),
            "sealed": lambda: sealed("full"),
            "sqlite normal": lambda: side(RAW, "rows", "NORMAL", count),
            "normal": lambda: side(__file__, "ours", "normal", count),
            "sealed normal": lambda: sealed("normal"),
        }
    )
    micro = {name: median(values) * 1e6 for name, values in found.items()}
    peers = {**bench.peer("LangGraph", "steps", count), **bench.peer("DBOS", "steps", count)}
    peers = {name: value * 1e6 for name, value in peers.items()}
    to_sqlite = ratio(found["full"], found["sqlite full"])
    to_disk = ratio(found["full"], found["disk"])
    normal = ratio(found["normal"], found["sqlite normal"])
    to_plain = ratio(found["sealed"], found["full"])
    to_plain_normal = ratio(found["sealed normal"], found["normal"])
    return [
        Row(
            "durable no-op step, FULL, to raw SQLite's commit",
            micro["full"],
            "µs",
            "at most 1 × raw SQLite",
            to_sqlite <= 1.0,
            {"raw SQLite FULL": micro["sqlite full"], **peers},
            to_sqlite,
        ),
        Row(
            "durable no-op step, FULL, to the disk's limit",
            micro["full"],
            "µs",
            "at most 1.6 × append + fdatasync",
            to_disk <= 1.6,
            {"append + fdatasync": micro["disk"]},
            to_disk,
        ),
        Row(
            "no-op step, NORMAL, to raw SQLite's commit",
            micro["normal"],
            "µs",
            "at most 2.5 × raw SQLite (0.4 of its speed)",
            normal <= 2.5,
            {"raw SQLite NORMAL": micro["sqlite normal"]},
            normal,
        ),
        Row(
            "durable no-op step in a sealed store, FULL, to a plain one",
            micro["sealed"],
            "µs",
            "at most 1.1 × plain",
            to_plain <= 1.1,
            {"plain": micro["full"]},
            to_plain,
        ),
        Row(
            "no-op step in a sealed store, NORMAL, to a plain one",
            micro["sealed normal"],
            "µs",
            "at most 1.5 × plain",
            to_plain_normal <= 1.5,
            {"plain": micro["normal"]},
            to_plain_normal,
        ),
    ]


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
