"""``kitaru up`` beside eight scripts that commit as fast as they can: everybody gets on, and whatever is to wake wakes.

Long in ``make nightly``, bounded otherwise.
"""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from lab import PYTHON, Lab
from server.served import serving

BUSY = """
import sys, time
from kitaru import checkpoint, flow

@checkpoint
def step(n):
    return n

@flow
def busy(seconds):
    until, n = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        step(n)
        n += 1
    return n

if __name__ == "__main__":
    print(busy(float(sys.argv[1])), flush=True)
"""

PARKED = """
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint
def after(name):
    return did(name)

@flow
def asks(name):
    kitaru.wait(schema=bool, name="go", question="Go on?")
    return after(name)

@flow
def sleeps(name, seconds):
    kitaru.sleep(seconds)
    return after(name)
"""

SCRIPTS = 8
# A wake-up is the worker's look and the start of an interpreter, on two cores that ten processes share.
BOUND = 10.0


def beside_eight(lab: Lab, seconds: float) -> dict[str, Any]:
    lab.write("busy.py", BUSY)
    lab.write("parked.py", PARKED)
    asking = [lab.item("run", "parked.py:asks", "--input", f"name=a{n}", code=75)["id"] for n in range(4)]
    woken: list[float] = []
    with serving(lab) as server:
        scripts = [lab.spawn(PYTHON, "busy.py", str(seconds)) for _ in range(SCRIPTS)]
        end = time.monotonic() + seconds
        # Longer than what stays in its process: it leaves, and the worker wakes it.
        lab.item("run", "parked.py:sleeps", "--input", "name=slept", "--input", "seconds=61", code=75)
        lab.kitaru("ls").ok()
        wake_at = lab.query("SELECT wake_at FROM executions WHERE flow = 'sleeps'")[0][0] / 1000
        listed: list[float] = []
        for n, exec_id in enumerate(asking):
            begun = time.monotonic()
            server.post(f"/executions/{exec_id}/input", {"value": True})
            lab.wait_for(f"a{n}", seconds=60)
            woken.append(time.monotonic() - begun)
            begun = time.monotonic()
            server.get("/executions?limit=20")
            listed.append(time.monotonic() - begun)
            time.sleep(max(0.0, (end - time.monotonic()) / (len(asking) - n) / 2))
        steps = []
        for script in scripts:
            out, err = script.communicate(timeout=seconds + 60)
            assert (script.returncode, err) == (0, "")
            steps.append(int(out))
        if seconds >= 60:
            lab.wait_for("slept", seconds=60)
            assert time.time() - wake_at < BOUND + 60
    return {"steps": steps, "woken": woken, "listed": listed}


def must_hold(seen: dict[str, Any], seconds: float) -> None:
    steps, woken = seen["steps"], seen["woken"]
    # Nobody is starved: each gets at least a third of its fair share.
    assert min(steps) * SCRIPTS * 3 >= sum(steps), seen
    assert sum(steps) > 100 * seconds, seen
    assert max(woken) < BOUND, seen
    assert max(seen["listed"]) < BOUND, seen


def test_eight_busy_scripts_starve_nobody_and_no_wake_up_is_lost(lab: Lab) -> None:
    must_hold(beside_eight(lab, 12), 12)


@pytest.mark.nightly
def test_the_same_for_a_minute_and_more(lab: Lab) -> None:
    seconds = float(os.environ.get("KITARU_BUSY", "75"))
    must_hold(beside_eight(lab, seconds), seconds)
