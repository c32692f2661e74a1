"""What importing Kitaru costs a program, and what the smallest flow costs as a whole process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "start-up"
SMALLEST = """
import kitaru
kitaru.configure(interactive=False)
@kitaru.checkpoint
def step(i: int) -> int: return i
@kitaru.flow
def flow() -> int: return step(1)
flow()
"""


def measure(bench: Bench) -> list[Row]:
    """Against a bare interpreter."""
    from kit import Row, median, ratio

    python = sys.executable
    with bench.home() as home:
        bench.whole([python, "-c", SMALLEST], KITARU_HOME=home)  # byte code is cached from here on
        found = bench.side_by_side(
            {
                "bare": lambda: bench.whole([python, "-c", "pass"]),
                "import": lambda: bench.whole([python, "-c", "import kitaru"]),
                "names": lambda: bench.whole([python, "-c", "from kitaru import checkpoint, flow, wait"]),
                "smallest": lambda: bench.whole([python, "-c", SMALLEST], KITARU_HOME=home),
            }
        )
    bare = median(found["bare"]) * 1e3

    def more(name: str) -> float:
        return median([one - other for one, other in zip(found[name], found["bare"], strict=True)]) * 1e3

    rows = [
        Row(
            what,
            more(name),
            "ms",
            "under 50 ms more than a bare interpreter",
            more(name) < 50,
            {"bare interpreter": bare},
        )
        for name, what in (("import", "import kitaru"), ("names", "from kitaru import checkpoint, flow, wait"))
    ]
    rows.append(
        Row(
            "smallest flow, whole process",
            median(found["smallest"]) * 1e3,
            "ms",
            "no target",
            True,
            {"bare interpreter": bare},
            ratio(found["smallest"], found["bare"]),
        )
    )
    return rows
