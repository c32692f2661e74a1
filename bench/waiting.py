"""100,000 executions that wait for an answer or for another execution, and one worker: what they cost while nobody
answers, and how soon one that is answered goes on.

The processor's time is that of the database and of the worker, as the system counts it. Not here: what a look at them
costs a person (`server`).
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import workers

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "waiting"
# Of one that asks and one that waits for it, so many.
FILL = """
CREATE TEMPORARY TABLE made AS
    SELECT e.n AS source, nextval(pg_get_serial_sequence('executions', 'n')) AS n,
        overlay(e.id placing lpad(to_hex(g), 12, '0') from 25) AS id
    FROM (SELECT * FROM executions WHERE status = 'waiting' ORDER BY n LIMIT 1) AS e,
        generate_series({first}, {first} + {count} - 1) AS g;
INSERT INTO executions (n, id, reversed, flow, status, reason, awaits, parked_on, epoch, entry, code, tags, inputs,
        last_seq, created_at, updated_at)
    SELECT m.n, m.id, reverse(m.id), e.flow, e.status, e.reason, {awaits}, e.parked_on, e.epoch, e.entry, e.code,
        e.tags, e.inputs, e.last_seq, e.created_at, e.updated_at
    FROM made AS m JOIN executions AS e ON e.n = m.source;
INSERT INTO journal SELECT m.n, j.seq, j.kind, j.call_key, j.payload, j.epoch, j.at, nextval('revision')
    FROM made AS m JOIN journal AS j ON j.n = m.source;
INSERT INTO calls (n, key, seq, name, kind, status, attempts, started_at)
    SELECT m.n, c.key, c.seq, c.name, c.kind, c.status, c.attempts, c.started_at
    FROM made AS m JOIN calls AS c ON c.n = m.source;
INSERT INTO waits (n, key, name, sleep, question, schema, data, status, opened_at)
    SELECT m.n, w.key, w.name, w.sleep, w.question, w.schema, w.data, w.status, w.opened_at
    FROM made AS m JOIN waits AS w ON w.n = m.source;
INSERT INTO awaits (awaited, n, ends)
    SELECT e.id, m.n, true FROM made AS m JOIN executions AS e ON e.n = m.source WHERE {awaits};
DROP TABLE made;
ANALYZE;
"""


def ask(folder: str) -> int:
    """One execution that waits for an answer, with nobody there."""
    agent = workers._agent(folder)
    handle = agent.asks.submit()
    with workers.working(folder, 1, 1):
        while handle.status != "waiting":
            time.sleep(0.01)
    return 0


def processor(pids: list[int]) -> float:
    """Seconds of the processor that processes and all that they started have used."""
    seconds = 0.0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            continue
        seconds += sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
        seconds += processor([int(child) for child in children])
    return seconds


def idle(folder: str, postmaster: str, seconds: str) -> float:
    """Per cent of a core that the database and a worker with nothing to do take."""
    workers._agent(folder)
    with workers.working(folder, 1, 1):
        time.sleep(2)
        before = processor([int(postmaster), os.getpid()])
        time.sleep(float(seconds))
        return (processor([int(postmaster), os.getpid()]) - before) / float(seconds) * 100


def measure(bench: Bench) -> list[Row]:
    """An empty store first, then the same with all that wait."""
    from kit import Row, median

    sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))
    from lab import cluster

    count = bench.count(50_000)
    made = cluster.Cluster()
    try:
        with bench.home() as home:
            place = {"KITARU_HOME": home, "KITARU_STORE": made.address("kitaru")}
            assert made.process is not None
            postmaster = made.process.pid

            def idles() -> float:
                found = [float(bench.program(__file__, "idle", home, postmaster, 10, **place)) for _ in range(2)]
                return median(found)

            bench.program(__file__, "ask", home, **place)
            alone = idles()
            env = {**os.environ, "PGPASSWORD": "secret", "PGOPTIONS": "-c search_path=kitaru"}
            where = ["-h", "127.0.0.1", "-p", str(made.port), "-U", "kitaru", "-q", "-v", "ON_ERROR_STOP=1", "postgres"]
            for first, awaits in ((1, "false"), (count + 1, "true")):
                fill = FILL.format(first=first, count=count, awaits=awaits)
                subprocess.run([cluster.program("psql"), *where], env=env, check=True, input=fill, text=True)
            with_all = idles()
            answer = float(bench.program(workers.__file__, "next_step", home, bench.count(40), **place))
    finally:
        made.remove()
    return [
        Row(
            f"the processor's time of database and worker while {2 * count:,} executions wait",
            with_all,
            "% of a core",
            "at most 1 % of a core more than while one waits",
            with_all <= alone + 1,
            {"one waits": alone},
        ),
        Row(
            f"from an answer to the step behind it while {2 * count:,} executions wait",
            answer,
            "ms",
            "under 100 ms",
            answer < 100,
        ),
    ]


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
