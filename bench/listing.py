"""``kitaru executions list`` over 10,000 executions, as a whole process."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "listing"


def fill(home: str, count: str) -> int:
    """So many executions of one step each, 100 at a time."""
    import kitaru

    kitaru.configure(home=home, synchronous="normal", interactive=False)

    @kitaru.checkpoint
    def step(i: int) -> int:
        return i

    @kitaru.flow
    def flow(i: int) -> int:
        return step(i)

    total = int(count)
    for start in range(0, total, 100):
        handles = [flow.run(i) for i in range(start, min(start + 100, total))]
        for handle in handles:
            handle.wait()
    return total


def measure(bench: Bench) -> list[Row]:
    """The command as a user runs it."""
    from kit import Row, median

    # Through the interpreter where the console script is not installed.
    script = os.path.join(os.path.dirname(sys.executable), "kitaru")
    command = [script] if os.path.exists(script) else [sys.executable, "-c", "from kitaru._cli import main; main()"]
    count = bench.count(10_000)
    with bench.home() as home:
        bench.program(__file__, "fill", home, count)
        bench.whole([*command, "executions", "list"], KITARU_HOME=home)
        found = bench.side_by_side(
            {
                "bare": lambda: bench.whole([sys.executable, "-c", "pass"]),
                "text": lambda: bench.whole([*command, "executions", "list"], KITARU_HOME=home),
                "json": lambda: bench.whole([*command, "executions", "list", "--output", "json"], KITARU_HOME=home),
            }
        )
    bare = median(found["bare"]) * 1e3
    return [
        Row(
            f"kitaru executions list{option} with {count:,} executions",
            median(found[name]) * 1e3,
            "ms",
            "under 100 ms",
            median(found[name]) < 0.1,
            {"bare interpreter": bare},
        )
        for name, option in (("text", ""), ("json", " --output json"))
    ]


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
