"""A flow's function has ended while bodies of the flow still run: what is paid for ends and is recorded first."""

from __future__ import annotations

import signal
import time

import pytest

from lab import PYTHON, Lab

HEAD = """
import asyncio, os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import kitaru
from kitaru import checkpoint, flow
from world import count, did

FIXED = os.path.exists("fixed")

@checkpoint
async def bad():
    did("bad")
    await asyncio.sleep(0.01)
    if not FIXED:
        raise ValueError("bad")
    return "good"

@checkpoint
async def paid(n):
    did(f"paid {n}")
    await asyncio.sleep(0.2)
    return did(f"ended {n}")

"""


def run(lab: Lab, source: str, code: int = 1, **env: str) -> str:
    lab.write("agent.py", HEAD + source)
    lab.python("-c", "import agent, asyncio; asyncio.run(agent.main())", **env).ok(code)
    return lab.only()


def resumed(lab: Lab, exec_id: str) -> list[str]:
    """What a resume does once the cause of the failure is mended."""
    before = len(lab.done())
    (lab.folder / "fixed").write_text("")
    lab.kitaru("resume", exec_id).ok(0)
    return lab.done()[before:]


GATHERED = {
    "two calls": "return await asyncio.gather(bad(), paid(1))",
    "two tasks": "return await asyncio.gather(asyncio.create_task(bad()), asyncio.create_task(paid(1)))",
    "a call in a task that nobody awaits": "task = asyncio.create_task(paid(1)); return [await bad(), await task]",
    "submitted": "task = paid.submit(1); return [await bad(), await task]",
}


@pytest.mark.parametrize("how", GATHERED)
def test_a_sibling_of_a_failed_call_is_not_paid_for_again(lab: Lab, how: str) -> None:
    exec_id = run(lab, f"@flow\nasync def main():\n    {GATHERED[how]}\n")
    assert lab.done() == ["bad", "paid 1", "ended 1"]
    calls = {call["key"].rpartition("/")[2]: call["status"] for call in lab.item("show", exec_id)["calls"]}
    assert calls == {"bad": "failed", "paid": "completed"}
    assert resumed(lab, exec_id) == ["bad"]
    assert lab.item("show", exec_id)["result"] == ["good", "ended 1"]


def test_a_body_in_a_thread_is_not_paid_for_again(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint
def work(n):
    did(f"work {n}")
    time.sleep(0.2)
    return did(f"worked {n}")

@flow
async def main():
    return await asyncio.gather(bad(), asyncio.to_thread(work, 1), work.submit(2))
""",
    )
    assert sorted(lab.done()) == ["bad", "work 1", "work 2", "worked 1", "worked 2"]
    assert resumed(lab, exec_id) == ["bad"]


def test_a_block_is_not_paid_for_again(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
async def stream():
    async with kitaru.open_call("model", "p") as call:
        if not call.recorded:
            did("streaming")
            await asyncio.sleep(0.2)
            call.finish(did("streamed"))
    return call.value

@flow
async def main():
    return await asyncio.gather(bad(), stream())
""",
    )
    assert lab.done() == ["bad", "streaming", "streamed"]
    assert resumed(lab, exec_id) == ["bad"]


def test_what_a_flow_left_running_when_it_returned_is_on_record(lab: Lab) -> None:
    exec_id = run(lab, "@flow\nasync def main():\n    t = asyncio.create_task(paid(1)); await asyncio.sleep(0.05)\n", 0)
    assert lab.done() == ["paid 1", "ended 1"]
    item = lab.item("show", exec_id)
    assert item["status"] == "completed"
    assert [call["status"] for call in item["calls"]] == ["completed"]


def test_nothing_new_begins_once_the_function_has_ended(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint(retries=3, backoff=0.01)
async def shaky():
    did("shaky")
    await asyncio.sleep(0.1)
    if not FIXED:
        raise OSError("try again")

async def chain():
    await paid(1)
    return await paid(2)

@flow
async def main():
    tasks = [asyncio.create_task(one) for one in (chain(), shaky())]
    await asyncio.sleep(0.05)
    late = asyncio.create_task(paid(3))
    if not FIXED:
        raise RuntimeError("the flow itself")
    await asyncio.gather(*tasks, late)
""",
    )
    assert lab.done() == ["paid 1", "shaky", "ended 1"]
    assert sorted(resumed(lab, exec_id)) == ["ended 2", "ended 3", "paid 2", "paid 3", "shaky"]


def test_a_body_may_still_make_the_calls_that_it_needs_to_end(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint
async def outer():
    did("outer")
    await asyncio.sleep(0.1)
    return [await paid(1), await asyncio.create_task(paid(2))]

@flow
async def main():
    return await asyncio.gather(bad(), outer())
""",
    )
    assert lab.done() == ["bad", "outer", "paid 1", "ended 1", "paid 2", "ended 2"]
    assert resumed(lab, exec_id) == ["bad"]


def test_nobody_waits_for_a_sibling_that_waits_for_a_person(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint
async def asks():
    return await kitaru.wait(schema=bool, name="go")

@flow
async def main():
    return await asyncio.gather(bad(), kitaru.wait(schema=bool, name="other"), asks(), paid(1))
""",
    )
    assert lab.item("show", exec_id)["status"] == "failed"
    assert lab.done() == ["bad", "paid 1", "ended 1"]
    (lab.folder / "fixed").write_text("")
    lab.kitaru("resume", exec_id).ok(75)
    lab.kitaru("input", exec_id, "--value", "true", "--wait", "other").ok(75)
    lab.kitaru("input", exec_id, "--value", "true", "--wait", "asks/go").ok(0)
    assert lab.item("show", exec_id)["result"] == ["good", True, True, "ended 1"]
    assert lab.done()[3:].count("paid 1") == 0


def test_a_body_that_does_not_end_is_left_after_the_grace_and_that_is_said(lab: Lab) -> None:
    source = """
@checkpoint
async def stuck():
    did("stuck")
    await asyncio.Event().wait()

@flow
async def main():
    return await asyncio.gather(bad(), stuck())
"""
    lab.write("agent.py", HEAD + source)
    left = lab.python("-c", "import agent, asyncio; asyncio.run(agent.main())", timeout=30, KITARU_GRACE="0.3").ok(1)
    assert "stuck" in left.err and "ValueError: bad" in left.err
    assert lab.item("show", lab.only())["status"] == "failed"
    notes = [row[0] for row in lab.query("SELECT payload FROM journal WHERE kind = 'noted'")]
    assert [note for note in notes if "left-behind" in note and "stuck" in note], notes


def test_a_body_that_shows_signs_of_life_is_not_left(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint
async def slow():
    for i in range(12):
        await asyncio.sleep(0.1)
        kitaru.progress(f"{i}")
    return did("slow")

@flow
async def main():
    return await asyncio.gather(bad(), slow())
""",
        KITARU_GRACE="0.5",
    )
    assert lab.done() == ["bad", "slow"]
    assert resumed(lab, exec_id) == ["bad"]


def test_whoever_interrupts_does_not_wait(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
@checkpoint
async def stuck():
    did("stuck")
    await asyncio.Event().wait()

async def told():
    try:
        await bad()
    finally:
        did("failed")

@flow
async def main():
    return await asyncio.gather(told(), stuck())

asyncio.run(main())
""",
    )
    process = lab.spawn(PYTHON, "agent.py")
    lab.wait_for("failed")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 10, err
    assert process.returncode != 0
    assert lab.item("show", lab.only())["status"] == "interrupted"


# A result that takes its time to be written: it looks whether its execution ends before that.
SLOW_TO_WRITE = """
class Report:
    def __init__(self, text):
        self.text = text

worked, left = threading.Event(), threading.Event()

def status():
    # In a thread of nobody's: looks in a flow are recorded.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: kitaru.KitaruClient().executions.get("latest").status).result()

def written(report):
    worked.set()
    left.wait(10)
    until = time.monotonic() + 1
    while time.monotonic() < until and status() == "running":
        time.sleep(0.01)
    return report.text

kitaru.codec(Report, encode=written, decode=Report)

def work():
    return Report("worked")
"""
BESIDE_IT = """
@flow
def main():
    threading.Thread(target=kitaru.carry(work)).start()
    worked.wait(10)
    left.set()
"""
ENDED_NOT_WRITTEN = {
    "thread of a sync flow": "work = checkpoint(work)\n" + BESIDE_IT,
    "thread of a sync flow, with a timeout": "work = checkpoint(timeout=60)(work)\n" + BESIDE_IT,
    "thread of an async flow": """
work = checkpoint(work)

@flow
async def main():
    task = asyncio.ensure_future(asyncio.to_thread(work))
    await asyncio.to_thread(worked.wait, 10)
    left.set()
""",
}


@pytest.mark.parametrize("how", ENDED_NOT_WRITTEN)
def test_a_flow_does_not_end_between_the_end_of_a_body_and_its_record(lab: Lab, how: str) -> None:
    lab.write("agent.py", HEAD + SLOW_TO_WRITE + ENDED_NOT_WRITTEN[how])
    call = "asyncio.run(agent.main())" if "async" in how else "agent.main()"
    lab.python("-c", f"import agent, asyncio; {call}").ok(0)
    item = lab.item("show", lab.only())
    calls = [(call["key"].rpartition("/")[2], call["status"]) for call in item["calls"]]
    assert (item["status"], calls) == ("completed", [("work", "completed")])
