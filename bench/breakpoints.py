"""A step of a flow that has breakpoints elsewhere, beside the same step of one that has none."""

from __future__ import annotations

import json
import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "breakpoints"
# How often each flow runs in a process, in turns: what the machine does meanwhile meets all alike.
TURNS = 9


def sides(home: str, count: str) -> str:
    """Seconds per step without breakpoints, with some that name other calls, and with a condition that fails."""
    import kitaru

    kitaru.configure(home=home, synchronous="normal", interactive=False)

    @kitaru.checkpoint
    def step(i: int) -> int:
        return i

    def body(n: int) -> float:
        step(-1)
        begun = time.perf_counter()
        for i in range(n):
            step(i)
        return (time.perf_counter() - begun) / n

    flows = {name: kitaru.flow(name=name)(body) for name in ("none", "elsewhere", "condition")}
    breakpoints = kitaru.KitaruClient().breakpoints
    for before in ("other", "other#7", "branch.2/step", "step#999999", "step 999999"):
        breakpoints.add(flows["elsewhere"], before, every=True)
    breakpoints.add(flows["condition"], "step", every=True, when="inputs.i == 999999")
    found: dict[str, list[float]] = {name: [] for name in flows}
    for flow in flows.values():
        flow(10)
    for _ in range(TURNS):
        for name, flow in flows.items():
            found[name].append(flow(int(count)))
    return json.dumps({name: statistics.median(values) for name, values in found.items()})


def measure(bench: Bench) -> list[Row]:
    """At NORMAL, where the disk does not hide what a call costs."""
    from kit import Row, median, ratio

    rounds = []
    for _ in range(bench.rounds):
        with bench.home() as home:
            rounds.append(bench.program(__file__, "sides", home, bench.count(1000)))
    found = {name: [float(one[name]) for one in rounds] for name in rounds[0]}
    micro = {name: median(values) * 1e6 for name, values in found.items()}
    elsewhere, condition = (ratio(found[name], found["none"]) for name in ("elsewhere", "condition"))
    return [
        Row(
            "step with five breakpoints elsewhere, NORMAL",
            micro["elsewhere"],
            "µs",
            "at most 1.05 × none set",
            elsewhere <= 1.05,
            {"none set": micro["none"]},
            elsewhere,
        ),
        Row(
            "step at a breakpoint whose condition fails, NORMAL",
            micro["condition"],
            "µs",
            "at most 1.3 × none set",
            condition <= 1.3,
            {"none set": micro["none"]},
            condition,
        ),
    ]


if __name__ == "__main__":
    import sys

    print(globals()[sys.argv[1]](*sys.argv[2:]))
