"""A step with a limit, beside the same step without one: asking for a turn, and giving it back."""

from __future__ import annotations

import json
import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "limits"
# How often each flow runs in a process, in turns: what the machine does meanwhile meets all alike.
TURNS = 9


def sides(home: str, count: str, synchronous: str) -> str:
    """Seconds per step without a limit, with one that nobody has set, and with one that never holds back."""
    import kitaru

    kitaru.configure(home=home, synchronous=synchronous, interactive=False)
    limits = {"none": None, "unset": "unset", "set": "set"}
    steps = {}
    for name, limit in limits.items():

        @kitaru.checkpoint(name=f"step_{name}", limit=limit)
        def step(i: int) -> int:
            return i

        steps[name] = step

    def made(name: str) -> kitaru.Flow[[int], float]:
        step = steps[name]

        @kitaru.flow(name=name)
        def body(n: int) -> float:
            step(-1)
            begun = time.perf_counter()
            for i in range(n):
                step(i)
            return (time.perf_counter() - begun) / n

        return body

    flows = {name: made(name) for name in limits}
    kitaru.KitaruClient().limits.set("set", at_once=100, rate="1000000/s", burst=1000)
    found: dict[str, list[float]] = {name: [] for name in flows}
    for flow in flows.values():
        flow(10)
    for _ in range(TURNS):
        for name, flow in flows.items():
            found[name].append(flow(int(count)))
    return json.dumps({name: statistics.median(values) for name, values in found.items()})


def measure(bench: Bench) -> list[Row]:
    """At both settings: the disk hides what a call costs, and it is what most run with."""
    from kit import Row, median, ratio

    rows = []
    for setting, most in (("full", 1.5), ("normal", 4.0)):
        rounds = []
        for _ in range(bench.rounds):
            with bench.home() as home:
                rounds.append(bench.program(__file__, "sides", home, bench.count(400), setting))
        found = {name: [float(one[name]) for one in rounds] for name in rounds[0]}
        micro = {name: median(values) * 1e6 for name, values in found.items()}
        times = ratio(found["set"], found["none"])
        rows.append(
            Row(
                f"step with a limit that holds nothing back, {setting.upper()}",
                micro["set"],
                "µs",
                f"at most {most} × without",
                times <= most,
                {"without": micro["none"], "a name nobody has set": micro["unset"]},
                times,
            )
        )
    return rows


if __name__ == "__main__":
    import sys

    print(globals()[sys.argv[1]](*sys.argv[2:]))
