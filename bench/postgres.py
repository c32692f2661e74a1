"""Durable steps on PostgreSQL, beside a raw client that writes the same rows into the same tables, as many at once.

The raw client is `pgbench`, in C, with prepared statements in one pipeline: one round trip and one commit a step, and
nothing that tells whether a step may be written. Beside it stands the same by hand in Python, where the user's code is:
threads of one process with psycopg's pipelines. Not here: answers and claims.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit import Bench, Row

NAME = "postgres"
AT_ONCE = (1, 8, 32)

# A step's rows, as they are written by a step of `steps`.
RAW = """\\set seq :seq + 1
\\startpipeline
BEGIN;
UPDATE executions SET last_seq = last_seq + 1, updated_at = 1 WHERE id = 'raw' || :client_id
    AND epoch = 1 AND lease_until > 0;
INSERT INTO journal (n, seq, kind, call_key, payload, epoch, at, revision) VALUES (1000000 + :client_id, :seq,
    'call_ended', 'step#' || :seq, repeat('x', 480), 1, 1, nextval('revision'));
INSERT INTO calls (n, key, seq, name, kind, status, attempts, started_at, ended_at, ended_seq) VALUES
    (1000000 + :client_id, 'step#' || :seq, :seq, 'step', 'checkpoint', 'completed', 1, 1, 1, :seq);
COMMIT;
\\endpipeline
"""


def steps(flows: str, count: str) -> float:
    """Steps per second of flows at once, each in a thread of one process."""
    import threading

    import kitaru

    kitaru.configure(interactive=False)

    @kitaru.checkpoint
    def step(i: int) -> int:
        return i

    begun: list[float] = []
    ready = threading.Barrier(int(flows), action=lambda: begun.append(time.perf_counter()))

    @kitaru.flow
    def flow(n: int) -> int:
        step(-1)
        ready.wait()
        return sum(step(i) for i in range(n))

    threads = [threading.Thread(target=flow, args=(int(count),)) for _ in range(int(flows))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert os.environ["KITARU_STORE"].startswith("postgres://")
    return int(flows) * int(count) / (time.perf_counter() - begun[0])


@contextlib.contextmanager
def serving() -> Iterator[tuple[str, int]]:
    """A PostgreSQL as it is set up by default, durable: the address of a store in it, and its port."""
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))
    from lab import cluster

    made = cluster.Cluster()
    try:
        yield made.address("kitaru"), made.port
    finally:
        made.remove()


def raw(port: int, flows: int, count: int) -> float:
    """Steps per second of the raw client."""
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))
    from lab import cluster

    env = {**os.environ, "PGPASSWORD": "secret", "PGOPTIONS": "-c search_path=kitaru"}
    where = ["-h", "127.0.0.1", "-p", str(port), "-U", "kitaru"]
    emptied(port, flows)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(RAW)
        script.flush()
        how = ["-n", "-M", "prepared", "-c", str(flows), "-j", str(min(flows, 2)), "-t", str(count), "-D", "seq=0"]
        argv = [cluster.program("pgbench"), *where, *how, "-f", script.name, "postgres"]
        done = subprocess.run(argv, env=env, check=True, capture_output=True, text=True)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found and "number of failed transactions: 0 (" in done.stdout, done.stdout
    return float(found[1])


def by_hand(port: str, flows: str, count: str) -> float:
    """Steps per second of threads of one Python process that do what the raw client does, whose rows are there."""
    import threading

    import psycopg

    update = """UPDATE executions SET last_seq = last_seq + 1, updated_at = 1 WHERE id = %s AND epoch = 1
        AND lease_until > 0"""
    journal = """INSERT INTO journal (n, seq, kind, call_key, payload, epoch, at, revision)
        VALUES (%s, %s, 'call_ended', %s, %s, 1, 1, nextval('revision'))"""
    calls = """INSERT INTO calls (n, key, seq, name, kind, status, attempts, started_at, ended_at, ended_seq)
        VALUES (%s, %s, %s, 'step', 'checkpoint', 'completed', 1, 1, 1, %s)"""
    begun: list[float] = []
    ready = threading.Barrier(int(flows), action=lambda: begun.append(time.perf_counter()))
    address = f"postgres://kitaru:secret@127.0.0.1:{port}/postgres?options=-csearch_path%3Dkitaru"

    def work(flow: int) -> None:
        with psycopg.connect(address, prepare_threshold=0) as connection:
            n, id, payload = 1_000_000 + flow, f"raw{flow}", "x" * 480
            for seq in range(int(count) + 20):
                if seq == 20:
                    ready.wait()
                key = f"step#{seq}"
                with connection.pipeline():
                    connection.execute(update, (id,))
                    connection.execute(journal, (n, seq, key, payload))
                    connection.execute(calls, (n, key, seq, seq))
                    connection.commit()

    threads = [threading.Thread(target=work, args=(flow,)) for flow in range(int(flows))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return int(flows) * int(count) / (time.perf_counter() - begun[0])


def emptied(port: int, flows: int) -> None:
    """The rows of the raw client's executions, with no steps."""
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))
    from lab import cluster

    env = {**os.environ, "PGPASSWORD": "secret", "PGOPTIONS": "-c search_path=kitaru"}
    rows = ", ".join(
        f"({1000000 + at}, 'raw{at}', 'war', 'f', 'running', 1, 1, '{{}}', '{{}}', 'null', 1, 1)" for at in range(flows)
    )
    setup = f"""DELETE FROM journal WHERE n >= 1000000; DELETE FROM calls WHERE n >= 1000000;
        DELETE FROM executions WHERE n >= 1000000;
        INSERT INTO executions (n, id, reversed, flow, status, epoch, lease_until, entry, tags, inputs, created_at,
            updated_at) VALUES {rows}"""
    argv = [cluster.program("psql"), "-h", "127.0.0.1", "-p", str(port), "-U", "kitaru", "-q", "-c", setup, "postgres"]
    subprocess.run(argv, env=env, check=True, stdout=subprocess.DEVNULL)


def measure(bench: Bench) -> list[Row]:
    """Both sides of a pair in one database, one after the other."""
    from kit import Row, median, ratio

    rows = []
    with serving() as (address, port):
        with bench.home() as home:
            bench.program(__file__, "steps", 1, 5, KITARU_HOME=home, KITARU_STORE=address)
        for flows in AT_ONCE:
            # Long enough for connections and plans to be what they stay.
            count = bench.count(8000 // flows if flows > 1 else 3000)

            def ours(flows: int = flows, count: int = count) -> float:
                with bench.home() as home:
                    return float(bench.program(__file__, "steps", flows, count, KITARU_HOME=home, KITARU_STORE=address))

            def python(flows: int = flows, count: int = count) -> float:
                emptied(port, flows)
                return float(bench.program(__file__, "by_hand", port, flows, count))

            def client(flows: int = flows, count: int = count) -> float:
                return raw(port, flows, count)

            found = bench.side_by_side({"ours": ours, "raw": client, "by hand": python})
            share = ratio(found["ours"], found["raw"])
            rows.append(
                Row(
                    f"durable steps on PostgreSQL, {flows} {'flow' if flows == 1 else 'flows'} at once",
                    median(found["ours"]),
                    "steps/s",
                    "at least 0.8 of a raw client (pgbench)",
                    share >= 0.8,
                    {"raw": median(found["raw"]), "the same in Python (psycopg)": median(found["by hand"])},
                    share,
                    more_is_better=True,
                )
            )
    return rows


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
