"""Getting back to the first step that is not recorded: 1,000 recorded steps, then 100,000."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "restart"


def sqlite(home: str, count: str, first: str) -> int:
    """A loop over steps that asks one table for each step's result; what lacks is made and committed."""
    from raw import connect

    db = connect(os.path.join(home, "raw.db"))
    recorded = int(count)
    if first == "yes":
        db.execute("BEGIN")
    made = 0
    for step in range(recorded if first == "yes" else recorded + 1):
        row = db.execute("SELECT result FROM steps WHERE flow = 1 AND step = ?", (step,)).fetchone()
        if row is None:
            db.execute("INSERT INTO steps VALUES (1, ?, ?)", (step, json.dumps(step)))
            made += 1
        else:
            json.loads(row[0])
    if first == "yes":
        db.execute("COMMIT")
    return made


def _flow() -> tuple[Any, list[float]]:
    """A flow, and when its steps ran. The environment says where it is interrupted: its code is the same each time."""
    import kitaru

    ran: list[float] = []

    @kitaru.checkpoint
    def step(i: int) -> int:
        if os.environ.get("BENCH_STOP_AT") == str(i):
            raise KeyboardInterrupt
        ran.append(time.perf_counter())
        return i

    @kitaru.flow
    def flow(n: int) -> int:
        for i in range(n + 1):
            step(i)
        return n

    return flow, ran


def record(home: str, count: str) -> str:
    """Runs up to the step after ``count`` and is interrupted there; prints the execution's identifier."""
    import kitaru

    os.environ["BENCH_STOP_AT"] = count
    kitaru.configure(home=home, synchronous="normal", interactive=False)
    flow, _ = _flow()
    handle = flow.run(int(count))
    try:
        handle.wait()
    except KeyboardInterrupt:
        pass
    return json.dumps(handle.exec_id)


def resume(home: str, exec_id: str) -> str:
    """Takes it up and goes on to the end; prints seconds to the first step that ran, and the memory's peak, MB."""
    import kitaru

    kitaru.configure(home=home, interactive=False)
    flow, ran = _flow()
    begun = time.perf_counter()
    flow.resume(exec_id)
    if len(ran) != 1:
        raise SystemExit(f"bench: {len(ran)} steps ran instead of one")
    return f"[{ran[0] - begun}, {peak()}]"


def peak() -> float:
    """The most memory that this process had, MB. Linux counts KiB, macOS bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 10 if sys.platform != "darwin" else 1 << 20)


def measure(bench: Bench) -> list[Row]:
    """Whole processes, interpreter start included."""
    import shutil

    from kit import Row, median, ratio

    rows: list[Row] = []
    python = sys.executable
    with bench.home() as home:
        made = os.path.join(home, "made")
        plain = os.path.join(home, "plain")
        os.mkdir(plain)
        exec_id = bench.program(__file__, "record", made, 1000)
        bench.program(__file__, "sqlite", plain, 1000, "yes")

        def fresh(source: str) -> str:
            copy = os.path.join(home, "copy")
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(source, copy)
            return copy

        def ours() -> float:
            return bench.whole([python, __file__, "resume", fresh(made), exec_id])

        def theirs() -> float:
            return bench.whole([python, __file__, "sqlite", fresh(plain), "1000", "no"])

        found = bench.side_by_side(
            {
                "python": lambda: bench.whole([python, "-c", "pass"]),
                "sqlite": theirs,
                "ours": ours,
            }
        )
        peers = {**bench.peer("LangGraph", "restart", 1000), **bench.peer("DBOS", "restart", 1000)}
        times = ratio(found["ours"], found["sqlite"])
        rows.append(
            Row(
                "restart to step 1,001, whole process",
                median(found["ours"]) * 1e3,
                "ms",
                "at most 2 × raw SQLite in Python",
                times <= 2.0,
                {
                    "raw SQLite": median(found["sqlite"]) * 1e3,
                    "bare interpreter": median(found["python"]) * 1e3,
                    **{name: value * 1e3 for name, value in peers.items()},
                },
                times,
            )
        )
    with bench.home() as home:
        count = bench.count(100_000)
        exec_id = bench.program(__file__, "record", home, count)
        # One take only: to take it up again there would have to be a step left.
        seconds, megabytes = bench.program(__file__, "resume", home, exec_id)
        whole = f"restart to step {count + 1:,}"
        rows.append(Row(whole, seconds, "s", "under 2 s", seconds < 2.0))
        rows.append(Row(f"{whole}, most memory", megabytes, "MB", "under 300 MB", megabytes < 300))
    return rows


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
