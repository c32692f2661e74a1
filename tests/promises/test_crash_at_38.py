"""An agent of 40 steps that dies at step 38 goes on there: nothing before it is paid for twice."""

from __future__ import annotations

import signal

from lab import PYTHON, Lab

AGENT = """
import os, time
from kitaru import checkpoint, flow
from world import did

@checkpoint
def step(n):
    did(f"step {n}")
    if n == 38 and os.environ.get("DIE"):
        time.sleep(60)
    return n

@flow
def agent():
    return sum(step(n) for n in range(1, 41))

if __name__ == "__main__":
    print(agent())
"""

FAILING = """
from kitaru import checkpoint, flow
from world import did

class RateLimit(Exception):
    status_code = 429

@checkpoint
def step(n):
    did(f"step {n}")
    if n == 38:
        raise RateLimit("slow down")
    return n

@flow
def agent():
    return sum(step(n) for n in range(1, 41))

if __name__ == "__main__":
    print(agent())
"""


def test_kill_9_at_38_is_seen_as_interrupted_at_once_and_resume_runs_38_39_40_and_nothing_else(lab: Lab) -> None:
    lab.write("agent.py", AGENT)
    process = lab.spawn(PYTHON, "agent.py", DIE="1")
    lab.wait_for("step 38")
    assert lab.item("show", lab.only())["status"] == "running"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    seen = lab.item("show", lab.only())
    assert seen["status"] == "interrupted"
    assert len([call for call in seen["calls"] if call["status"] == "completed"]) == 37
    before = len(lab.done())
    resumed = lab.kitaru("resume", lab.only()[-8:]).ok(0)
    assert lab.done()[before:] == ["step 38", "step 39", "step 40"]
    assert "820" in resumed.out
    calls = lab.item("show", lab.only())["calls"]
    assert [call["reused"] for call in calls].count(True) == 37


def test_an_exception_at_38_fixed_in_the_source_is_retried_from_there(lab: Lab) -> None:
    lab.write("agent.py", FAILING)
    failed = lab.python("agent.py")
    assert failed.code == 1
    assert "RateLimit: slow down" in failed.err
    assert "/kitaru/_" not in failed.err, "the traceback shows the user's lines and not ours"
    shown = lab.item("show", lab.only())
    assert shown["status"] == "failed"
    assert "RateLimit" in shown["error"]["type"]
    lab.write("agent.py", FAILING.replace("if n == 38:", "if n == 99:"))
    before = len(lab.done())
    lab.kitaru("retry", lab.only()).ok(0)
    assert lab.done()[before:] == ["step 38", "step 39", "step 40"]
    assert lab.item("show", lab.only())["result"] == 820


def test_a_retry_without_a_fix_fails_again_and_costs_one_step(lab: Lab) -> None:
    lab.write("agent.py", FAILING)
    lab.python("agent.py")
    before = len(lab.done())
    assert lab.kitaru("retry", lab.only()).code == 1
    assert lab.done()[before:] == ["step 38"]
    assert lab.item("show", lab.only())["status"] == "failed"
