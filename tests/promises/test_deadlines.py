"""A deadline pauses what has worked as long as it may; what waits does not count, and nothing is cut off.

How work is counted is in ``crates/core/src/worked.rs``.
"""

from __future__ import annotations

import re
import signal
import time

import pytest

from lab import KITARU, Lab

FLOW = """
    import time
    from kitaru import checkpoint, flow, wait
    from world import did

    @checkpoint
    def think(n: int) -> int:
        time.sleep(0.15)
        did(f"think {n}")
        return n + 1

    @flow
    def child(most: int) -> int:
        n = 100
        while n < 100 + most:
            n = think(n)
        return n

    @flow
    def circle(most: int) -> int:
        n = 0
        while n < most:
            n = think(n)
        return n

    @flow(deadline=1.5)
    def limited(most: int) -> int:
        n = 0
        while n < most:
            n = think(n)
        return n

    @flow
    def parent(most: int) -> int:
        return child(most)

    @flow(deadline=1.2)
    def asks() -> int:
        n = think(0)
        wait(schema=bool, name="go")
        return think(n)
"""


@pytest.fixture
def desk(lab: Lab) -> Lab:
    """A lab with the flows."""
    lab.write("agent.py", FLOW)
    return lab


def test_what_has_worked_so_long_is_paused_and_a_resume_gives_as_much_again(desk: Lab) -> None:
    item = desk.item("run", "agent.py:circle", "--input", "most=1000", "--deadline", "1s", code=75)
    assert item["status"] == "paused"
    assert item["reason"]["text"].startswith("paused by its deadline (1s of work)")
    first = len(desk.done())
    assert 2 <= first <= 10
    item = desk.item("resume", item["id"], code=75)
    assert item["status"] == "paused"
    again = len(desk.done()) - first
    assert 2 <= again <= 10, "as much again"
    # What ran when the time was over has ended, and is not paid for again.
    assert desk.done() == [f"think {n}" for n in range(first + again)]


def test_the_flow_says_it_too_and_whoever_takes_it_up_goes_by_the_record(desk: Lab) -> None:
    item = desk.item("run", "agent.py:limited", "--input", "most=1000", code=75)
    assert item["reason"]["text"].startswith("paused by its deadline (1s of work)")
    ended = desk.item("run", "agent.py:limited", "--input", "most=2")
    assert (ended["status"], ended["result"]) == ("completed", 2)


def test_what_waits_for_people_does_not_count(desk: Lab) -> None:
    exec_id = desk.item("run", "agent.py:asks", code=75)["id"]
    time.sleep(1.5)
    ended = desk.item("input", exec_id, "--value", "true")
    assert ended["status"] == "completed"
    assert desk.done() == ["think 0", "think 1"]


def test_work_before_a_crash_counts(desk: Lab) -> None:
    process = desk.spawn(KITARU, "run", "agent.py:circle", "--input", "most=1000", "--deadline", "2s")
    desk.wait_for("think 6")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = len(desk.done())
    begun = time.monotonic()
    desk.kitaru("resume", "latest").ok(75)
    assert desk.item("show", "latest")["status"] == "paused"
    assert len(desk.done()) - before <= 10, time.monotonic() - begun


def test_what_it_has_started_is_paused_with_it(desk: Lab) -> None:
    item = desk.item("run", "agent.py:parent", "--input", "most=1000", "--deadline", "1s", code=75)
    states = {one["flow"]: one["status"] for one in desk.items("ls")}
    assert states == {"parent": "paused", "child": "paused"}
    assert "deadline" in desk.item("show", item["id"])["reason"]["text"]


def test_what_is_no_span_is_refused(desk: Lab) -> None:
    refused = desk.kitaru("run", "agent.py:circle", "--input", "most=1", "--deadline", "soon").ok(2)
    assert re.search(r"error\[usage\].*soon", refused.err)
    desk.write("bad.py", "from kitaru import flow\n\n@flow(deadline=-1)\ndef f() -> None: ...\n")
    assert "deadline=-1" in desk.kitaru("run", "bad.py:f").err
    assert desk.done() == []
