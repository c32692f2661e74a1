"""Executions that are left to workers: each is begun once, goes on when it lost its process, and never loops."""

from __future__ import annotations

import collections
import os
import pathlib
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab import KITARU, PYTHON, Lab

AGENT = """
import os, sys, time
import kitaru
from kitaru import checkpoint, flow
from world import did, count

@checkpoint
def step(n):
    return did(f"step {n}")

@checkpoint
def pid():
    return os.getpid()

@flow
def agent(n: int = 1):
    pid()
    return [step(i) for i in range(n)]

@flow
def dies(times: int):
    step("before")
    if count("dies") < times:
        did("dies")
        os.kill(os.getpid(), 9)
    return step("after")

@flow
def asks():
    return kitaru.wait(question="Go on?", schema=str)

@flow
def master():
    handle = agent.submit(2)
    return handle.get()

if __name__ == "__main__":
    which, *rest = sys.argv[1:]
    made = {"agent": agent, "dies": dies, "asks": asks, "master": master}[which]
    count_of, pool = (int(rest[0]) if rest else 1), (rest[1] if len(rest) > 1 else "default")
    for at in range(count_of):
        args = (9,) if which == "dies" and pool == "poison" else (1,) if which == "dies" else ()
        print(made.submit(*args, pool=pool, tags=[f"number {at}"]).exec_id)
"""


@pytest.fixture(params=["local", "postgres"])
def desk(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[Lab]:
    lab = Lab(tmp_path, store=request.param)
    lab.write("agent.py", AGENT)
    try:
        yield lab
    finally:
        lab.close()


class Workers:
    """Processes of ``kitaru worker`` that end with the test."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.running: list[subprocess.Popen[str]] = []

    def start(self, *argv: str, log: str = "text") -> subprocess.Popen[str]:
        process = self.lab.spawn(KITARU, "worker", "--log", log, *argv)
        self.running.append(process)
        assert process.stdout is not None
        assert "carries executions" in process.stdout.readline()
        return process

    def stop(self) -> str:
        said = ""
        for process in self.running:
            process.terminate()
        for process in self.running:
            said += process.communicate(timeout=60)[1]
        self.running.clear()
        return said


@pytest.fixture
def workers(desk: Lab) -> Iterator[Workers]:
    made = Workers(desk)
    try:
        yield made
    finally:
        made.stop()


def submit(lab: Lab, *argv: str) -> list[str]:
    return lab.python("agent.py", *argv).ok().out.split()


def until(what: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return found


def status(lab: Lab, exec_id: str) -> str:
    return str(lab.item("show", exec_id)["status"])


def ended(lab: Lab, ids: list[str]) -> bool:
    rows = {row["id"]: row["status"] for row in lab.items("ls", "--limit", "1000")}
    return all(rows[one] == "completed" for one in ids)


def test_what_is_submitted_runs_in_a_worker_and_not_here(desk: Lab, workers: Workers) -> None:
    (exec_id,) = submit(desk, "agent")
    assert desk.done() == []
    shown = desk.item("show", exec_id)
    assert (shown["status"], shown["pool"], shown["reason"]["code"]) == ("interrupted", "default", "not-started")
    told = desk.kitaru("show", exec_id).ok().out
    assert "worker of the pool default" in told
    assert "kitaru worker" in told
    workers.start()
    until(lambda: ended(desk, [exec_id]))
    assert desk.done() == ["step 0"]
    assert desk.item("show", exec_id)["result"] == ["step 0"]


def test_each_is_begun_once_whatever_number_of_workers_there_is(desk: Lab, workers: Workers) -> None:
    for _ in range(3):
        workers.start("--at-once", "3")
    ids = submit(desk, "agent", "30")
    until(lambda: ended(desk, ids))
    assert desk.done() == ["step 0"] * 30
    assert all(desk.item("show", one)["epoch"] == 1 for one in ids)
    # Nobody has started a process in vain.
    said = workers.stop()
    assert len(re.findall(r"begins", said)) == 30, said
    assert "refused" not in said


def test_a_worker_has_its_pools_and_flows(desk: Lab, workers: Workers) -> None:
    ours, theirs, asks = submit(desk, "agent", "1", "fast"), submit(desk, "agent"), submit(desk, "asks", "1", "fast")
    workers.start("--pool", "fast", "--pool", "faster", "--flows", "agent,another")
    until(lambda: ended(desk, ours))
    assert [status(desk, one) for one in (*theirs, *asks)] == ["interrupted", "interrupted"]
    workers.start("--pool", "fast")
    until(lambda: status(desk, asks[0]) == "waiting")
    assert status(desk, theirs[0]) == "interrupted"


def test_one_that_loses_its_process_is_taken_up(desk: Lab, workers: Workers) -> None:
    (exec_id,) = submit(desk, "dies")
    workers.start()
    until(lambda: ended(desk, [exec_id]))
    assert collections.Counter(desk.done()) == {"step before": 1, "dies": 1, "step after": 1}
    assert desk.item("show", exec_id)["epoch"] == 2


def test_one_whose_worker_dies_with_it_is_taken_up_by_another(desk: Lab, workers: Workers) -> None:
    held = 'did(f"step {n}")\n    while n == 1 and not count("go"):\n        time.sleep(0.01)\n    return n'
    desk.write("agent.py", AGENT.replace('return did(f"step {n}")', held))
    (exec_id,) = submit(desk, "agent")
    (other,) = desk.python("-c", "from agent import agent; print(agent.submit(3).exec_id)").ok().out.split()
    first = workers.start()
    until(lambda: "step 1" in desk.done())
    owner = desk.item("show", other)["owner"]["pid"]
    for one in (first.pid, owner):
        os.kill(one, signal.SIGKILL)
    desk.world.open("a").write("go\n")
    workers.start()
    # On this machine that is seen at once, elsewhere when the lease is over.
    until(lambda: ended(desk, [exec_id, other]))
    done = collections.Counter(desk.done())
    assert (done["step 0"], done["step 1"], done["step 2"]) == (2, 2, 1)


def test_one_that_kills_its_process_each_time_is_paused(desk: Lab, workers: Workers) -> None:
    (exec_id,) = submit(desk, "dies", "1", "poison")
    workers.start("--pool", "poison")
    workers.start("--pool", "poison")
    until(lambda: status(desk, exec_id) == "paused")
    shown = desk.item("show", exec_id)
    assert "no_progress" in shown["reason"]["pause"]
    assert collections.Counter(desk.done()) == {"step before": 1, "dies": 4}


def test_one_whose_process_is_killed_before_it_has_begun_is_begun_again(desk: Lab, workers: Workers) -> None:
    ids = submit(desk, "agent")
    desk.write("agent.py", AGENT + "\nif count('loads') < 1:\n    did('loads')\n    os.kill(os.getpid(), 9)\n")
    workers.start()
    until(lambda: ended(desk, ids))


def test_one_whose_process_is_killed_before_it_has_begun_each_time_is_paused(desk: Lab, workers: Workers) -> None:
    ids = submit(desk, "agent")
    desk.write("agent.py", AGENT + "\ndid('dies')\nos.kill(os.getpid(), 9)\n")
    workers.start()
    until(lambda: status(desk, ids[0]) == "paused")
    assert collections.Counter(desk.done())["dies"] == 3
    assert "signal: 9" in desk.kitaru("show", ids[0]).ok().out


def test_one_that_cannot_be_loaded_is_paused_with_the_reason(desk: Lab, workers: Workers) -> None:
    (exec_id,) = submit(desk, "agent")
    desk.write("agent.py", "import nowhere")
    workers.start()
    workers.start()
    until(lambda: status(desk, exec_id) == "paused")
    told = desk.kitaru("show", exec_id).ok().out
    assert "No module named 'nowhere'" in told
    assert f"kitaru resume {exec_id[-8:]}" in told
    desk.write("agent.py", AGENT)
    desk.kitaru("resume", exec_id).ok()
    assert desk.item("show", exec_id)["result"] == ["step 0"]


def test_what_waits_goes_on_in_a_worker_when_it_is_answered(desk: Lab, workers: Workers) -> None:
    (exec_id,) = submit(desk, "asks")
    for _ in range(2):
        workers.start()
    until(lambda: status(desk, exec_id) == "waiting")
    desk.kitaru("input", exec_id, "--value", '"go"').ok()
    until(lambda: ended(desk, [exec_id]))
    assert desk.item("show", exec_id)["result"] == "go"


def test_a_flow_leaves_executions_to_workers_and_waits_for_them_without_a_process(desk: Lab, workers: Workers) -> None:
    (exec_id,) = submit(desk, "master")
    workers.start("--at-once", "1")
    until(lambda: ended(desk, [exec_id]))
    assert desk.item("show", exec_id)["result"] == ["step 0", "step 1"]
    rows = desk.items("ls")
    child = next(row for row in rows if row["flow"] == "agent")
    assert (child["parent"]["id"], child["detached"], child["pool"]) == (exec_id, True, "default")


def test_a_process_runs_one_execution_after_another_with_what_it_has_imported(desk: Lab, workers: Workers) -> None:
    workers.start("--at-once", "1")
    ids = submit(desk, "agent", "5")
    until(lambda: ended(desk, ids))
    pids = {desk.item("show", one)["calls"][0]["key"] for one in ids}
    assert pids == {"pid"}
    ran_in = [value_of(desk, one, "pid") for one in ids]
    assert len(set(ran_in)) == 1
    # What stands on the disk now is what runs, and not what was loaded.
    desk.write("agent.py", AGENT.replace('f"step {n}"', 'f"another {n}"'))
    later = submit(desk, "agent", "2")
    until(lambda: ended(desk, later))
    assert desk.done() == ["step 0"] * 5 + ["another 0"] * 2
    assert value_of(desk, later[0], "pid") == value_of(desk, later[1], "pid") != ran_in[0]


def test_a_worker_that_is_told_to_stop_ends_the_call_and_hands_over(desk: Lab, workers: Workers) -> None:
    slow = AGENT.replace('return did(f"step {n}")', 'did(f"begun {n}"); time.sleep(1.5); return did(f"step {n}")')
    desk.write("agent.py", slow)
    (exec_id,) = desk.python("-c", "from agent import agent; print(agent.submit(3).exec_id)").ok().out.split()
    first = workers.start()
    until(lambda: "begun 0" in desk.done())
    first.terminate()
    said = first.communicate(timeout=60)
    assert first.returncode == 0, said
    assert desk.done() == ["begun 0", "step 0"]
    shown = desk.item("show", exec_id)
    assert (shown["status"], shown["owner"]) == ("interrupted", None)
    workers.start()
    until(lambda: ended(desk, [exec_id]))
    assert collections.Counter(desk.done()) == {f"{what} {n}": 1 for what in ("begun", "step") for n in range(3)}


def test_one_that_takes_too_much_memory_is_ended_and_paused(desk: Lab, workers: Workers) -> None:
    desk.write(
        "agent.py", AGENT.replace('return did(f"step {n}")', 'b = b"x" * (600 << 20); time.sleep(60); return len(b)')
    )
    (exec_id,) = submit(desk, "agent")
    workers.start("--memory-limit", "300MiB")
    until(lambda: status(desk, exec_id) == "paused")
    told = desk.kitaru("show", exec_id).ok().out
    assert "memory-limit" in told
    assert "of 300 MiB" in told
    refused = desk.kitaru("worker", "--memory-limit", "lots")
    assert refused.code == 2
    assert "512MiB" in refused.err


def test_the_command_leaves_an_execution_to_a_pool(desk: Lab, workers: Workers) -> None:
    told = desk.kitaru("run", "agent.py:agent", "--input", "n=2", "--pool", "default").ok()
    exec_id = told.out.strip()
    assert "left to the workers of the pool default" in told.err
    assert desk.done() == []
    workers.start()
    until(lambda: ended(desk, [exec_id]))
    assert desk.item("show", exec_id)["result"] == ["step 0", "step 1"]


def value_of(lab: Lab, exec_id: str, call: str) -> Any:
    """What a call returned."""
    source = f"from kitaru import KitaruClient as C; print(C().executions.call({exec_id!r}, {call!r}).load())"
    told = lab.python("-c", source)
    return told.ok().out.strip()


def test_whoever_has_the_handle_waits_for_the_workers(desk: Lab, workers: Workers) -> None:
    desk.write(
        "waits.py", "from agent import agent, asks\nprint(agent.submit(2).wait(60))\nprint(asks.submit().wait(60))"
    )
    waiting = desk.spawn(PYTHON, "waits.py")
    until(lambda: desk.items("ls"))
    workers.start()
    out, err = waiting.communicate(timeout=60)
    assert out == "['step 0', 'step 1']\n"
    # Nobody waits for an answer of somebody else; one that is there goes on in a worker.
    assert "Go on?" in err or "is waiting" in err, err


def test_what_is_answered_is_waited_for(desk: Lab, workers: Workers) -> None:
    source = """
        from agent import asks
        from kitaru import KitaruClient
        import time
        handle = asks.submit()
        while handle.status != "waiting":
            time.sleep(0.05)
        KitaruClient().executions.input(handle.exec_id, "go", resume=False)
        print(handle.wait(60))
        """
    workers.start()
    desk.write("waits.py", source)
    assert desk.python("waits.py").ok().out == "go\n"


def test_a_key_starts_once_and_other_inputs_are_refused(desk: Lab) -> None:
    program = "from agent import agent; print(agent.submit({}, key='order 1').exec_id)"
    first = desk.python("-c", program.format(3)).ok().out
    assert desk.python("-c", program.format(3)).ok().out == first
    refused = desk.python("-c", program.format(4))
    assert "key-conflict" in refused.err or "other inputs" in refused.err


def test_what_no_worker_could_load_is_refused(desk: Lab) -> None:
    if desk.store == "postgres":
        pytest.skip("the store does not matter")
    source = "import kitaru\n@kitaru.flow\ndef agent(): pass\nagent.submit()"
    refused = subprocess.run(
        [PYTHON, "-"], input=source, text=True, capture_output=True, cwd=desk.folder, env=desk.env(), check=False
    )
    assert "no worker can load it" in refused.stderr
    refused_too = desk.python("-c", "from agent import agent; agent.submit()", KITARU_STORE="memory:")
    assert "store in memory" in refused_too.err
