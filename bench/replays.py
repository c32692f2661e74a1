"""Replaying and comparing executions of 10,000 calls: the plan, the last step again, the difference of two.

Beside each stands what any of it has to do at the least: read the records. Not here: what a replay keeps (the tests).
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import sys
import time
from typing import TYPE_CHECKING

import kitaru

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "replays"


ran: list[int] = []


@kitaru.checkpoint
def step(i: int) -> str:
    ran.append(i)
    return f"a short result, the {i}th"


@kitaru.flow
def flow(n: int) -> int:
    for i in range(n):
        step(i)
    return n


def record(home: str, count: str, times: str) -> str:
    """Runs the flow so often; prints the executions' identifiers."""
    kitaru.configure(home=home, synchronous="normal", interactive=False)
    made = []
    for _ in range(int(times)):
        handle = flow.run(int(count))
        handle.wait()
        made.append(handle.exec_id)
    return json.dumps(made)


def read(home: str, exec_id: str) -> float:
    """Seconds to read the journal of an execution with plain SQLite and to parse it."""
    db = sqlite3.connect(os.path.join(home, "kitaru.db"))
    begun = time.perf_counter()
    n = db.execute("SELECT n FROM executions WHERE id = ?", (exec_id,)).fetchone()[0]
    rows = db.execute("SELECT payload FROM journal WHERE place > ? << 32 AND place < ? << 32", (n, n + 1))
    found = [json.loads(payload) for (payload,) in rows]
    if len(found) < 10:
        raise SystemExit(f"bench: {len(found)} events")
    return time.perf_counter() - begun


def plan(home: str, exec_id: str, key: str) -> float:
    """Seconds to plan a replay from the last step, without running anything."""
    kitaru.configure(home=home, interactive=False)
    client = kitaru.KitaruClient()
    begun = time.perf_counter()
    told = client.executions.replay(exec_id, from_=key, dry_run=True)
    seconds = time.perf_counter() - begun
    fates = [one.fate for one in told.calls]
    if fates.count("runs") != 1:
        raise SystemExit(f"bench: the plan lets {fates.count('runs')} calls run instead of one")
    return seconds


def replay(home: str, exec_id: str, key: str) -> str:
    """Replays the last step; prints seconds, bytes that the store has gained, and rows of the source that changed."""
    kitaru.configure(home=home, interactive=False)
    before = state(home, exec_id)
    begun = time.perf_counter()
    flow.replay(exec_id, from_=key)
    seconds = time.perf_counter() - begun
    if len(ran) != 1:
        raise SystemExit(f"bench: {len(ran)} steps ran instead of one")
    after = state(home, exec_id)
    return json.dumps([seconds, after[0] - before[0], int(after[1] != before[1])])


def diff(home: str, first: str, second: str) -> float:
    """Seconds to compare two executions."""
    kitaru.configure(home=home, interactive=False)
    client = kitaru.KitaruClient()
    begun = time.perf_counter()
    client.executions.diff(first, second)
    return time.perf_counter() - begun


def state(home: str, exec_id: str) -> tuple[int, str]:
    """Bytes of all rows of the store, and a digest of those of one execution."""
    db = sqlite3.connect(os.path.join(home, "kitaru.db"))
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    size, own = 0, hashlib.blake2b()
    n = db.execute("SELECT n FROM executions WHERE id = ?", (exec_id,)).fetchone()[0]
    for name in names:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({name})")]
        total = " + ".join(f"coalesce(length(CAST({column} AS BLOB)), 0)" for column in columns)
        size += db.execute(f"SELECT coalesce(sum({total}), 0) FROM {name}").fetchone()[0]
        if name == "journal":
            rows = db.execute("SELECT * FROM journal WHERE place > ? << 32 AND place < ? << 32", (n, n + 1))
        elif "n" in columns:
            rows = db.execute(f"SELECT * FROM {name} WHERE n = ?", (n,))
        else:
            continue
        for row in rows:
            own.update(repr(row).encode())
    db.close()
    return size, own.hexdigest()


def measure(bench: Bench) -> list[Row]:
    """A replay leaves the source as it is, so one recording serves all rounds."""
    from kit import Row, median, ratio

    count = bench.count(10_000)
    last = f"step#{count}"
    grown: list[list[float]] = []
    with bench.home() as home:
        first, second = bench.program(__file__, "record", home, count, 2)

        def replayed() -> float:
            seconds, size, changed = bench.program(__file__, "replay", home, first, last)
            grown.append([size, changed])
            return float(seconds)

        found = bench.side_by_side(
            {
                "read": lambda: float(bench.program(__file__, "read", home, first)),
                "plan": lambda: float(bench.program(__file__, "plan", home, first, last)),
                "replay": replayed,
                "diff": lambda: float(bench.program(__file__, "diff", home, first, second)),
            }
        )
        # What the store takes for a step when it is recorded, on an average.
        each = state(home, first)[0] / (2 * count)
    beside = {"SQLite and json of Python, its journal": median(found["read"])}

    def row(name: str, what: str, bound: float) -> Row:
        seconds, times = median(found[name]), ratio(found[name], found["read"])
        return Row(what, seconds, "s", f"under {bound:g} s", seconds < bound, beside, times)

    size = median([one[0] for one in grown])
    changed = sum(int(one[1]) for one in grown)
    return [
        row("plan", f"plan of a replay of {count:,} calls", 0.5),
        row("replay", f"replay of the last of {count:,} steps", 1.0),
        Row(
            f"replay of the last of {count:,} steps: bytes that are new",
            size,
            "bytes",
            "under 20 × a recorded step",
            size < 20 * each,
            {"a recorded step": each},
            size / each,
        ),
        Row(
            f"replay of the last of {count:,} steps: times that the source was changed",
            changed,
            "",
            "none",
            not changed,
        ),
        row("diff", f"diff of two executions of {count:,} calls", 1.0),
    ]


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
