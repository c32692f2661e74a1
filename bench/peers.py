"""Durable steps on PostgreSQL, beside DBOS and Absurd on the same server at the same time.

Each has a database of its own there, which is set up as by default and durable. Not here: a raw client (`postgres`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "peers"
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "postgres.py")
AT_ONCE = (1, 8)


def database(port: int, name: str) -> str:
    """A new one, as its address."""
    sys.path.insert(0, os.path.join(os.path.dirname(FILE), os.pardir, "tests"))
    from lab import cluster

    where = ["-h", "127.0.0.1", "-p", str(port), "-U", "kitaru"]
    argv = [cluster.program("createdb"), *where, name]
    subprocess.run(argv, env={**os.environ, "PGPASSWORD": "secret"}, check=True)
    return f"postgresql://kitaru:secret@127.0.0.1:{port}/{name}"


def measure(bench: Bench) -> list[Row]:
    """Steps per second, of one flow and of several in one process."""
    from kit import Row, median
    from postgres import serving

    rows = []
    with serving() as (address, port):
        places = {name: database(port, name.lower()) for name in ("DBOS", "Absurd")} if bench.peers else {}
        for flows in AT_ONCE:
            count = bench.count(1600 // flows if flows > 1 else 600)
            found = []
            for _ in range(bench.rounds):
                with bench.home() as home:
                    place = {"KITARU_HOME": home, "KITARU_STORE": address}
                    found.append(float(bench.program(FILE, "steps", flows, count, **place)))
            beside = {}
            for name, place_of in places.items():
                beside.update(bench.peer(name, "at_once", flows, max(10, count // 4), BENCH_POSTGRES=place_of))
            fastest = max(beside.values(), default=0.0)
            rows.append(
                Row(
                    f"steps on PostgreSQL beside others, {flows} {'flow' if flows == 1 else 'flows'} at once",
                    median(found),
                    "steps/s",
                    "more than any of them",
                    median(found) > fastest,
                    beside,
                    median(found) / fastest if fastest else None,
                    more_is_better=True,
                )
            )
    return rows
