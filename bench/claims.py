"""Executions that are given out to workers and taken up, a second: the database's side of beginning them.

Ours is `crates/store/examples/claims.rs`: two workers of sixteen threads, each of which takes up what it was given. The
raw client is `pgbench`, as many at once, which changes the same row and writes the same event for each in one pipeline.
It neither finds what there is to begin nor tells whether it may be begun.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "claims"
ROOT = pathlib.Path(__file__).parents[1]
RAW = """\\set n random(1, 1000000000)
\\startpipeline
BEGIN;
UPDATE executions SET epoch = epoch + 1, owner = repeat('o', 150), lease_until = 1, last_seq = last_seq + 1,
    updated_at = 1, status = 'running', fruitless = fruitless + 1 WHERE id = 'raw' || :client_id;
INSERT INTO journal (n, seq, kind, payload, epoch, at, revision) VALUES (2000000000 + :client_id, :n, 'taken',
    repeat('x', 230), 1, 1, nextval('revision')) ON CONFLICT DO NOTHING;
COMMIT;
\\endpipeline
"""


def ours(address: str, count: int) -> float:
    """Claims a second."""
    argv = [str(ROOT / "target" / "release" / "examples" / "claims"), address, str(count), "2", "16"]
    return float(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def raw(port: int, count: int) -> float:
    """Updates and inserts a second of a client that does nothing else."""
    sys.path.insert(0, str(ROOT / "tests"))
    from lab import cluster

    env = {**os.environ, "PGPASSWORD": "secret", "PGOPTIONS": "-c search_path=kitaru"}
    where = ["-h", "127.0.0.1", "-p", str(port), "-U", "kitaru"]
    rows = ", ".join(
        f"({2000000000 + at}, 'raw{at}', 'war', 'f', 'interrupted', '{{}}', '{{}}', '1', 1, 1)" for at in range(32)
    )
    setup = f"""DELETE FROM journal WHERE n >= 2000000000; DELETE FROM executions WHERE n >= 2000000000;
        INSERT INTO executions (n, id, reversed, flow, status, entry, tags, inputs, created_at, updated_at)
            VALUES {rows}"""
    subprocess.run([cluster.program("psql"), *where, "-q", "-c", setup, "postgres"], env=env, check=True)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(RAW)
        script.flush()
        how = ["-n", "-M", "prepared", "-c", "32", "-j", "2", "-t", str(count // 32)]
        argv = [cluster.program("pgbench"), *where, *how, "-f", script.name, "postgres"]
        done = subprocess.run(argv, env=env, check=True, capture_output=True, text=True)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found and "number of failed transactions: 0 (" in done.stdout, done.stdout
    return float(found[1])


def measure(bench: Bench) -> list[Row]:
    """Both in one database, in turns."""
    from kit import Row, median, ratio
    from postgres import serving

    argv = ["cargo", "build", "--release", "--quiet", "--workspace", "--exclude", "kitaru-py", "--example", "claims"]
    subprocess.run(argv, cwd=ROOT, check=True)
    count = bench.count(8000)
    with serving() as (address, port):
        ours(address, 32)
        found = bench.side_by_side({"ours": lambda: ours(address, count), "raw": lambda: raw(port, count)})
    return [
        Row(
            "executions given out to workers and taken up",
            median(found["ours"]),
            "claims/s",
            "5,000 claims/s",
            median(found["ours"]) >= 5000,
            {"raw": median(found["raw"])},
            ratio(found["ours"], found["raw"]),
            more_is_better=True,
        )
    ]
