"""A body that takes too long is given up, and what it does after that is refused."""

from __future__ import annotations

import pytest

from lab import Lab
from traps.failing import run


def test_a_sync_body_that_takes_too_long_is_given_up_and_its_late_result_refused(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
import threading
from kitaru import _drive
late = threading.Event()
began = threading.Event()
left = _drive._time_left
# No time passes before the body has begun, however busy the machine is.
_drive._time_left = lambda *of: left(*of) if began.is_set() else 0.01

@checkpoint(timeout=0.1)
def slow():
    did("slow")
    began.set()
    late.wait(5)
    return did("late")

@checkpoint
def after(x):
    return did(x)

@flow
def main():
    try:
        slow()
    except kitaru.KitaruTimeoutError as error:
        got = after(f"given up: {error}")
    late.set()
    while not count("late"):
        time.sleep(0.01)
    return got
""",
        code=0,
    )
    assert lab.done() == ["slow", "given up: slow took longer than 0.1 s", "late"]
    slow = lab.item("show", exec_id)["calls"][0]
    assert slow["status"] == "failed"


def test_an_async_body_that_takes_too_long_fails_and_is_retried(lab: Lab) -> None:
    run(
        lab,
        """
@checkpoint(timeout=0.1, retries=1, backoff=0.01)
async def slow():
    did("slow")
    if count("slow") == 1:
        await asyncio.sleep(5)
    return "ok"

@flow
async def main():
    return await slow()
""",
        code=0,
    )
    assert lab.done() == ["slow", "slow"]


def test_an_idle_timeout_counts_from_the_last_sign_of_life(lab: Lab) -> None:
    run(
        lab,
        """
@checkpoint(idle_timeout=1.0)
def alive():
    for n in range(4):
        time.sleep(0.35)
        kitaru.progress(f"{n}", fraction=n / 4)
    return did("alive")

@flow
def main():
    return alive()
""",
        code=0,
    )
    assert lab.done() == ["alive"]


@pytest.mark.parametrize("part", ["nested", "child"])
def test_what_runs_inside_is_a_sign_of_life(lab: Lab, part: str) -> None:
    run(
        lab,
        f"""
@checkpoint
def nested(n):
    time.sleep(0.35)
    return n

@flow
def child(n):
    time.sleep(0.35)
    kitaru.progress("so far")
    return n

@checkpoint(idle_timeout=1.0)
def alive():
    for n in range(4):
        {part}(n)
    return did("alive")

@flow
def main():
    return alive()
""",
        code=0,
    )
    assert lab.done() == ["alive"]
