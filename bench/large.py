"""Steps that each return 1 MiB of incompressible text."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "large"
RAW = os.path.join(os.path.dirname(os.path.abspath(__file__)), "raw.py")
SIZE = 1 << 20


def text(size: int) -> str:
    """Text that no compression makes much smaller: 6 random bits a character."""
    import base64

    return base64.b64encode(os.urandom(size * 3 // 4)).decode("ascii")


def ours(home: str, count: str) -> float:
    """Seconds per step."""
    import kitaru

    kitaru.configure(home=home, interactive=False)
    texts = [text(SIZE) for _ in range(int(count) + 1)]

    @kitaru.checkpoint
    def step(i: int) -> str:
        return texts[i]

    @kitaru.flow
    def flow(n: int) -> float:
        step(n)
        begun = time.perf_counter()
        for i in range(n):
            step(i)
        return time.perf_counter() - begun

    return flow(int(count)) / int(count)


def measure(bench: Bench) -> list[Row]:
    """Against a raw append of as many bytes."""
    from kit import Row, median, ratio

    count = bench.count(100)

    def side(file: str, *command: object) -> float:
        with bench.home() as home:
            return float(bench.program(file, command[0], home, *command[1:]))

    found = bench.side_by_side(
        {
            "raw": lambda: side(RAW, "append", count, SIZE),
            "sqlite": lambda: side(RAW, "rows", "FULL", count, SIZE),
            "ours": lambda: side(__file__, "ours", count),
        }
    )
    peers = {**bench.peer("LangGraph", "large", count), **bench.peer("DBOS", "large", count)}
    times = ratio(found["ours"], found["raw"])
    return [
        Row(
            "step that returns 1 MiB of incompressible text",
            median(found["ours"]) * 1e3,
            "ms",
            "at most 3 × append + fdatasync",
            times <= 3.0,
            {
                "append + fdatasync": median(found["raw"]) * 1e3,
                "raw SQLite": median(found["sqlite"]) * 1e3,
                **{name: value * 1e3 for name, value in peers.items()},
            },
            times,
        )
    ]


if __name__ == "__main__":
    import sys

    print(globals()[sys.argv[1]](*sys.argv[2:]))
