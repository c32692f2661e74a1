"""Flows whose PostgreSQL is killed with -9 again and again: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import pathlib
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from lab import PYTHON, Lab, cluster

PROGRAM = """
    import sys, time
    from kitaru import checkpoint, flow
    from world import did

    @checkpoint
    def step(flow: str, n: int) -> str:
        did(f"{flow} {n}")
        time.sleep(0.01)
        return f"{flow} {n} " * (1 if n % 20 else 2000)

    @flow
    def work(name: str, steps: int) -> int:
        one_by_one = sum(len(step(name, n)) > 0 for n in range(steps // 2))
        handles = [step.submit(name, n) for n in range(steps // 2, steps)]
        return one_by_one + sum(len(handle.result()) > 0 for handle in handles)

    print(work(sys.argv[1], int(sys.argv[2])))
"""

FLOWS = 3
STEPS = 150


@pytest.fixture
def durable() -> Iterator[cluster.Cluster]:
    """A PostgreSQL that syncs, and may be killed."""
    made = cluster.Cluster()
    try:
        yield made
    finally:
        made.remove()


@pytest.mark.timeout(180)
def test_flows_outlive_a_database_that_is_killed(tmp_path: pathlib.Path, durable: cluster.Cluster) -> None:
    lab = Lab(tmp_path, store="local")
    lab.write("agent.py", PROGRAM)
    luck = random.Random(7)
    address = durable.address("kitaru")
    lab.kitaru("store", "migrate", KITARU_STORE=address).ok()
    env = {"KITARU_STORE": address, "KITARU_PATIENCE": "60"}
    running = [lab.spawn(PYTHON, "agent.py", f"f{at}", str(STEPS), **env) for at in range(FLOWS)]
    kills = 0
    try:
        while any(process.poll() is None for process in running) and kills < 5:
            time.sleep(luck.uniform(0.1, 0.7))
            if len(lab.done()) > kills * 20 and lab.done():
                durable.stop(signal.SIGKILL)
                kills += 1
                time.sleep(luck.choice((0, 0, 0.3)))
                durable.start()
        for process in running:
            out, err = process.communicate(timeout=90)
            assert process.returncode == 0, err
            assert out.split() == [str(STEPS)]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert kills >= 2, "it was killed while they ran"
    expected = Counter({f"f{at} {n}": 1 for at in range(FLOWS) for n in range(STEPS)})
    assert Counter(lab.done()) == expected, "each body ran once"
    ended = "SELECT n, count(*), count(DISTINCT call_key) FROM journal WHERE kind = 'call_ended' GROUP BY n"
    rows = durable.query("kitaru", ended)
    assert sorted(row[1:] for row in rows) == [(STEPS, STEPS)] * FLOWS, "each result is there once"
    assert durable.query("kitaru", "SELECT DISTINCT status FROM executions") == [("completed",)]
    lab.kitaru("doctor", "--deep", KITARU_STORE=address).ok()
