"""A server that is away is waited for: results are kept, nothing is lost or doubled, and it is said once."""

from __future__ import annotations

import collections
import pathlib
import signal
from collections.abc import Iterator

import pytest

from lab import PYTHON, Lab, served

STEPS = """
from kitaru import checkpoint, flow
from world import did

@checkpoint
def step(n):
    did(f"step {n}")
    return n

@flow
def agent(n: int = 30):
    return sum(step(i) for i in range(1, n + 1))

if __name__ == "__main__":
    print(agent())
"""

# Two threads and a task pool write at once.
BUSY = """
import asyncio
from kitaru import checkpoint, flow
from world import did

@checkpoint
def work(n):
    did(f"work {n}")
    return "x" * (n % 7 * 1000)

@checkpoint
async def task(n):
    await asyncio.sleep(0.001)
    did(f"task {n}")
    return n

@flow
def threads():
    return sum(len(one.result()) for one in [work.submit(n) for n in range(60)])

@flow
async def tasks():
    return sum(await asyncio.gather(*(task(n) for n in range(60))))

if __name__ == "__main__":
    print(threads(), asyncio.run(tasks()))
"""


@pytest.fixture
def far(tmp_path: pathlib.Path) -> Iterator[Lab]:
    """A desk whose store is a server's."""
    lab = Lab(tmp_path, store="remote")
    try:
        yield lab
    finally:
        lab.close()


def recorded(lab: Lab) -> collections.Counter[str]:
    """How often each call has a record."""
    rows = lab.query("SELECT n, call_key, count(*) FROM journal WHERE kind = 'call_ended' GROUP BY n, call_key")
    return collections.Counter({f"{n} {key}": count for n, key, count in rows})


def test_a_server_that_is_killed_is_waited_for_and_said_once_and_nothing_runs_twice(far: Lab) -> None:
    far.write("agent.py", STEPS.replace("return n\n\n@flow", "import time; time.sleep(0.02); return n\n\n@flow"))
    process = far.spawn(PYTHON, "agent.py")
    far.wait_for("step 5")
    far.server.kill()
    # What runs ends, and its result is kept; nothing begins behind it.
    before = len(far.done())
    with pytest.raises(Exception, match="timed out"):
        process.communicate(timeout=2.5)
    assert len(far.done()) <= before + 1
    far.server.start()
    out, err = process.communicate(timeout=60)
    assert (out, process.returncode) == ("465\n", 0), err
    assert far.done() == [f"step {n}" for n in range(1, 31)]
    assert err.count("does not answer") == 1
    assert err.count("answers again") == 1
    assert "results are kept" in err
    assert set(recorded(far).values()) == {1}


def test_what_was_waited_for_too_long_stops_with_a_code_and_goes_on_later(far: Lab) -> None:
    far.write("agent.py", STEPS.replace("return n\n\n@flow", "import time; time.sleep(0.02); return n\n\n@flow"))
    process = far.spawn(PYTHON, "agent.py", **{**far.env(), "KITARU_PATIENCE": "1"})
    far.wait_for("step 5")
    far.server.kill()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1, err
    assert "server-away" in err or "does not answer" in err
    far.server.start()
    ran = len(far.done())
    told = far.kitaru("resume", far.only()).ok()
    assert "465" in told.out
    # The one whose result was lost with the process runs again, and no other.
    assert far.done()[ran - 1 :] in ([f"step {n}" for n in range(ran, 31)], [f"step {ran}", *far.done()[ran:]])
    counts = collections.Counter(far.done())
    assert sorted(counts) == sorted(f"step {n}" for n in range(1, 31))
    assert sum(counts.values()) <= 31


def test_a_first_contact_fails_soon_and_says_where(far: Lab) -> None:
    nobody = f"http://127.0.0.1:{served.free_port()}"
    told = far.kitaru("ls", KITARU_STORE=nobody, KITARU_HOME=str(far.home), KITARU_PATIENCE="0.2")
    assert told.code == 1
    assert told.err.startswith("error[server-away]: ")
    assert nobody in told.err
    assert "kitaru up" in told.err


def interrupted_while_away(far: Lab, when: str) -> str:
    """What a program says that is interrupted once, when it has said that its server does not answer."""
    process = far.spawn(PYTHON, "agent.py")
    far.wait_for(when)
    far.server.kill()
    assert process.stderr is not None
    while "does not answer" not in (line := process.stderr.readline()):
        assert line, "it ended without waiting"
    process.send_signal(signal.SIGINT)
    # Once: what it would still like to write is not waited for either.
    _, said = process.communicate(timeout=20)
    assert process.returncode != 0
    return said


def test_ctrl_c_ends_the_waiting(far: Lab) -> None:
    far.write("agent.py", STEPS.replace("return n\n\n@flow", "import time; time.sleep(0.02); return n\n\n@flow"))
    said = interrupted_while_away(far, "step 5")
    assert "somebody ended the waiting" in said
    far.server.start()
    assert far.item("show", far.only())["status"] == "interrupted"
    assert "465" in far.kitaru("resume", far.only()).ok().out


def test_ctrl_c_within_a_step_does_not_wait_for_a_server_that_is_away(far: Lab) -> None:
    far.write("agent.py", STEPS.replace("return n\n\n@flow", "import time; time.sleep(n // 6 * 60); return n\n\n@flow"))
    said = interrupted_while_away(far, "step 6")
    assert "time.sleep" in said, "the traceback shows where it was"
    far.server.start()
    assert far.item("show", far.only())["status"] == "interrupted"


@pytest.mark.parametrize("seed", range(3))
def test_a_server_killed_at_random_loses_and_doubles_nothing_of_flows_that_write_at_once(
    tmp_path: pathlib.Path, seed: int
) -> None:
    lab = Lab(tmp_path, store="remote")
    try:
        lab.write("busy.py", BUSY)
        lab.server.kill_at_random(f"busy {seed}")
        runs = 0
        # Until it was killed some times, however fast the machine is.
        while lab.server.kills < 3 and runs < 50:
            told = lab.python("busy.py", timeout=100, **{**lab.env(), "KITARU_PATIENCE": "60"}).ok()
            assert told.out == f"{sum(n % 7 * 1000 for n in range(60))} {sum(range(60))}\n"
            runs += 1
    finally:
        lab.close()
    assert lab.server.kills >= 2, "it was hardly killed at all"
    done = collections.Counter(lab.done())
    assert len(done) == 120
    assert set(done.values()) == {runs}, "each ran once in each run"
    counts = recorded(lab)
    assert len(counts) == 120 * runs
    assert set(counts.values()) == {1}
    assert {status for (status,) in lab.query("SELECT status FROM executions")} == {"completed"}
    lost = "SELECT count(*) FROM executions e WHERE last_seq <> (SELECT max(seq) FROM journal j WHERE j.n = e.n)"
    assert lab.query(lost) == [(0,)]


def test_an_owner_elsewhere_has_time_to_be_heard_of_when_the_server_was_away(far: Lab) -> None:
    far.write("agent.py", STEPS)
    far.python("agent.py").ok()
    far.server.stop()
    # Its machine still works on it, and could not say so: the lease is long over.
    owner = '{"host":"elsewhere","boot":"b/pid:[1]","pid":7,"started":1,"slot":1048576,"nonce":"0198c0ffee"}'
    _change(far, "UPDATE executions SET status = 'running', owner = ?, lease_until = 1000, result = NULL", owner)
    assert far.kitaru("ls", KITARU_STORE=str(far.home / "kitaru.db"), KITARU_HOME=str(far.home)).ok()
    far.server.start()
    shown = far.item("show", far.only())
    assert shown["status"] == "running", "it is not called dead"
    refused = far.kitaru("resume", far.only())
    assert refused.code == 1
    assert "error[held]" in refused.err
    _change(far, "UPDATE executions SET lease_until = 1000")
    assert far.item("show", far.only())["status"] == "interrupted", "nothing was heard of it"


def _change(lab: Lab, sql: str, *arguments: object) -> None:
    import sqlite3

    connection = sqlite3.connect(lab.home / "kitaru.db")
    try:
        with connection:
            connection.execute(sql, arguments)
    finally:
        connection.close()
