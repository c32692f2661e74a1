"""200 steps of 50 ms at once in one async flow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "concurrent steps"
STEPS = 200
SECONDS = 0.05


def bare(home: str) -> float:
    """Seconds for asyncio alone."""
    import asyncio

    async def step(i: int) -> int:
        await asyncio.sleep(SECONDS)
        return i

    async def main() -> float:
        begun = time.perf_counter()
        await asyncio.gather(*[step(i) for i in range(STEPS)])
        return time.perf_counter() - begun

    return asyncio.run(main())


def ours(home: str) -> float:
    """Seconds for as many recorded steps."""
    import asyncio

    import kitaru

    kitaru.configure(home=home, interactive=False)

    @kitaru.checkpoint
    async def step(i: int) -> int:
        await asyncio.sleep(SECONDS)
        return i

    @kitaru.flow
    async def flow() -> float:
        await step(-1)
        begun = time.perf_counter()
        await asyncio.gather(*[step(i) for i in range(STEPS)])
        return time.perf_counter() - begun

    async def main() -> float:
        return await flow()

    return asyncio.run(main())


def measure(bench: Bench) -> list[Row]:
    """Against asyncio without any record."""
    from kit import Row, median, ratio

    def side(*command: object) -> float:
        with bench.home() as home:
            return float(bench.program(__file__, command[0], home))

    found = bench.side_by_side({"bare": lambda: side("bare"), "ours": lambda: side("ours")})
    peers = {**bench.peer("LangGraph", "concurrent", STEPS), **bench.peer("DBOS", "concurrent", STEPS)}
    mine = median(found["ours"]) * 1e3
    return [
        Row(
            f"{STEPS} steps of {SECONDS * 1e3:.0f} ms at once",
            mine,
            "ms",
            "under 90 ms",
            mine < 90,
            {"asyncio alone": median(found["bare"]) * 1e3, **{name: value * 1e3 for name, value in peers.items()}},
            ratio(found["ours"], found["bare"]),
        )
    ]


if __name__ == "__main__":
    import sys

    print(globals()[sys.argv[1]](*sys.argv[2:]))
