"""``make bench``: every figure beside its baseline, in one run.

``--quick`` measures fewer steps in one round and writes no document; ``--only NAME`` measures one figure.
"""

from __future__ import annotations

import argparse
import importlib
import pathlib
import sys

import report
from kit import ROOT, Bench

FIGURES = (
    "steps",
    "large",
    "restart",
    "replays",
    "breakpoints",
    "limits",
    "many_flows",
    "concurrent_steps",
    "transcript",
    "start_up",
    "listing",
    "answer",
    "remote",
    "server",
    "dashboard",
    "postgres",
    "claims",
    "waiting",
    "workers",
    "peers",
    "package",
)


def main() -> int:
    """Returns 1 when a figure falls short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer steps, one round, no document")
    parser.add_argument("--only", metavar="NAME", choices=FIGURES, help=f"one of {', '.join(FIGURES)}")
    parser.add_argument("--no-peers", action="store_true", help="without LangGraph, DBOS and Absurd")
    wanted = parser.parse_args()
    # Not the system's temporary folder: that is often in memory.
    folder = ROOT / "target" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(
        rounds=1 if wanted.quick else 5,
        scale=0.1 if wanted.quick else 1.0,
        folder=folder,
        peers=not wanted.no_peers,
    )
    print(f"{report.machine(folder)}\n{bench.rounds} rounds{'' if bench.peers else ', peers left out'}", flush=True)
    rows = []
    for name in FIGURES if wanted.only is None else (wanted.only,):
        figure = importlib.import_module(name)
        print(figure.NAME, flush=True)
        found = figure.measure(bench)
        report.show(found)
        rows += found
    if wanted.only is None and not wanted.quick:
        where_time_goes = pathlib.Path(__file__).with_name("where_time_goes.md")
        where = where_time_goes.read_text() if where_time_goes.exists() else ""
        report.write(ROOT / "docs" / "performance.md", rows, rounds=bench.rounds, folder=folder, where=where)
    short = [row.what for row in rows if not row.good]
    print(f"{len(rows) - len(short)} of {len(rows)} as they should be" + "".join(f"\n  short: {one}" for one in short))
    # A figure that falls short is said; it is not a test that fails.
    return 0


if __name__ == "__main__":
    sys.exit(main())
