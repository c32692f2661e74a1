"""Leaving the process while a question is open: paid work ends first, and nothing that unwinds can spoil it."""

from __future__ import annotations

import sys

import pytest

from lab import Lab

HEAD = """
import asyncio, os, sys, threading, time
import kitaru
from kitaru import checkpoint, flow
from world import count, did

@checkpoint
async def paid(x, seconds=0.05):
    await asyncio.sleep(seconds)
    return did(x)

@checkpoint
def sync_paid(x):
    return did(x)
"""


def run(lab: Lab, source: str, code: int = 75, **env: str):
    lab.write("agent.py", HEAD + source)
    call = "asyncio.run(agent.main())" if "async def main" in source else "agent.main()"
    return lab.python("-c", f"import agent, asyncio; print({call})", **env).ok(code)


GROUPS = {
    "gather": "await asyncio.gather(kitaru.wait(schema=bool, name='go'), paid('p'))",
    "return_exceptions": "await asyncio.gather(kitaru.wait(schema=bool, name='go'), paid('p'), return_exceptions=True)",
}


@pytest.mark.parametrize("how", GROUPS)
def test_paid_work_beside_a_wait_ends_and_is_recorded(lab: Lab, how: str) -> None:
    run(
        lab,
        f"""
@flow
async def main():
    return list({GROUPS[how]})
""",
    )
    assert lab.done() == ["p"]
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    assert lab.done() == ["p"]
    assert lab.item("show", lab.only())["result"] == [True, "p"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TaskGroup came with 3.11")
def test_paid_work_in_a_task_group_ends_and_is_recorded(lab: Lab) -> None:
    run(
        lab,
        """
@flow
async def main():
    async with asyncio.TaskGroup() as g:
        one, two = g.create_task(kitaru.wait(schema=bool, name='go')), g.create_task(paid('p'))
    return [one.result(), two.result()]
""",
    )
    assert lab.done() == ["p"]
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    assert lab.done() == ["p"]
    assert lab.item("show", lab.only())["result"] == [True, "p"]


def test_paid_work_in_an_anyio_task_group_ends_and_is_recorded(lab: Lab) -> None:
    run(
        lab,
        """
import anyio
got = []

async def ask():
    got.append(await kitaru.wait(schema=bool, name="go"))

async def work():
    got.append(await paid("p"))

@flow
async def main():
    got.clear()
    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(work)
    return sorted(map(str, got))
""",
    )
    assert lab.done() == ["p"]
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    assert lab.done() == ["p"]
    assert lab.item("show", lab.only())["result"] == ["True", "p"]


def test_all_of_four_calls_in_a_row_are_made_before_the_process_leaves(lab: Lab) -> None:
    run(
        lab,
        """
async def four():
    return [await paid(n, 0.01) for n in "abcd"]

@flow
async def main():
    return await asyncio.gather(kitaru.wait(schema=bool, name='go'), four())
""",
    )
    assert lab.done() == list("abcd")


def test_both_of_two_questions_are_open_and_answered_in_any_order(lab: Lab) -> None:
    left = run(
        lab,
        """
@flow
async def main():
    return await asyncio.gather(kitaru.wait(schema=int, name='a'), kitaru.wait(schema=int, name='b'))
""",
    )
    assert "--wait a" in left.err and "--wait b" in left.err
    exec_id = lab.only()
    refused = lab.kitaru("input", exec_id, "--value", "1")
    assert refused.code in (1, 2) and "several-waits" in refused.err
    lab.kitaru("input", exec_id, "--wait", "b", "--value", "2").ok(75)
    lab.kitaru("input", exec_id, "--wait", "a", "--value", "1").ok(0)
    assert lab.item("show", exec_id)["result"] == [1, 2]


def test_a_return_that_swallows_the_unwinding_is_discarded(lab: Lab) -> None:
    left = run(
        lab,
        """
@flow
def main():
    try:
        return kitaru.wait(schema=str, name="go")
    except BaseException:
        return "fallback"
""",
    )
    assert "fallback" not in left.out
    assert lab.item("show", lab.only())["status"] == "waiting"


def test_no_call_starts_during_unwinding(lab: Lab) -> None:
    run(
        lab,
        """
@flow
async def main():
    try:
        await kitaru.wait(schema=str, name="go")
    finally:
        await paid("cleanup")
""",
    )
    assert lab.done() == []


def test_a_flow_that_will_not_unwind_is_abandoned_released_and_that_is_said(lab: Lab) -> None:
    left = run(
        lab,
        """
@flow
def main():
    while True:
        try:
            kitaru.wait(schema=str, name="go")
        except BaseException:
            pass
""",
    )
    assert "left by force" in left.err
    shown = lab.item("show", lab.only())
    assert shown["status"] == "waiting"


def test_a_raw_request_beside_a_wait_holds_the_process_for_the_grace_and_is_named(lab: Lab) -> None:
    left = run(
        lab,
        """
async def raw_http():
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    await reader.read()

@flow
async def main():
    await asyncio.gather(asyncio.create_task(raw_http(), name="the request"), kitaru.wait(schema=str, name="go"))

import socket
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
PORT = listener.getsockname()[1]
""",
        KITARU_GRACE="0.5",
    )
    assert "the request" in left.err


def test_a_raw_request_that_ends_within_the_grace_is_waited_for(lab: Lab) -> None:
    run(
        lab,
        """
async def raw_http():
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    await reader.read()
    writer.close()
    return await paid("after the request")

@flow
async def main():
    return await asyncio.gather(raw_http(), kitaru.wait(schema=bool, name="go"))

import socket
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
PORT = listener.getsockname()[1]
def serve():
    while True:
        connection, _ = listener.accept()
        time.sleep(0.3)
        connection.close()
threading.Thread(target=serve, daemon=True).start()
""",
    )
    assert lab.done() == ["after the request"]


@pytest.mark.parametrize("where", ["task", "thread"])
def test_a_body_that_waits_for_something_else_is_not_left_however_long_it_takes(lab: Lab, where: str) -> None:
    """What is paid for is not cut off for a question beside it: the grace is for code between checkpoints."""
    left = run(
        lab,
        f"""
@checkpoint
async def in_task(name):
    await (await asyncio.create_subprocess_exec("sleep", "2")).wait()
    return did(name)

@checkpoint
def in_thread(name):
    threading.Event().wait(2)
    return did(name)

@flow
async def main():
    call = in_task("paid") if {where == "task"} else asyncio.to_thread(in_thread, "paid")
    await asyncio.gather(call, kitaru.wait(schema=bool, name="go"))
""",
        KITARU_GRACE="0.3",
    )
    assert "left behind" not in left.err
    assert lab.done() == ["paid"]
    calls = {call["name"]: call["status"] for call in lab.item("show", lab.only())["calls"]}
    assert calls[f"in_{where}"] == "completed"


def test_a_body_in_a_thread_that_was_carried_is_not_left(lab: Lab) -> None:
    run(
        lab,
        """
@checkpoint
def slow(name):
    threading.Event().wait(1)
    return did(name)

@flow
def main():
    threading.Thread(target=kitaru.carry(lambda: slow("paid"))).start()
    kitaru.wait(schema=bool, name="go")
""",
    )
    assert lab.done() == ["paid"]
    calls = {call["name"]: call["status"] for call in lab.item("show", lab.only())["calls"]}
    assert calls["slow"] == "completed"


def test_a_wait_with_a_timeout_falls_back_when_it_is_due(lab: Lab) -> None:
    run(
        lab,
        """
@flow
def main():
    try:
        kitaru.wait(schema=bool, name="go", timeout=0.2)
    except kitaru.KitaruWaitTimeoutError:
        pass
    return kitaru.wait(schema=bool, name="other", timeout=0.2, on_timeout="default", default="dflt")
""",
    )
    exec_id = lab.only()
    import time

    time.sleep(0.25)
    lab.kitaru("resume", "--due").ok(0)
    time.sleep(0.25)
    lab.kitaru("resume", "--due").ok(0)
    assert lab.item("show", exec_id)["result"] == "dflt"


def test_a_short_sleep_stays_and_a_long_one_leaves_the_process(lab: Lab) -> None:
    left = run(
        lab,
        """
@flow
def main():
    kitaru.sleep(0.05)
    sync_paid("slept")
    kitaru.sleep(3600)
""",
    )
    assert lab.done() == ["slept"]
    assert lab.item("show", lab.only())["status"] == "sleeping"
    assert "sleeps until" in left.err


def test_an_answer_that_comes_while_it_is_parked_goes_on_in_place(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
async def busy():
    did("busy")
    while not count("stop"):
        await asyncio.sleep(0.01)

@flow
async def main():
    async def ask():
        got = await kitaru.wait(schema=bool, name="go")
        return await paid(f"{os.getpid()}")
    return await asyncio.gather(ask(), busy())
""",
    )
    process = lab.spawn(sys.executable, "-c", "import agent, asyncio; asyncio.run(agent.main())")
    lab.wait_for("busy")
    while not lab.query("SELECT 1 FROM waits WHERE status = 'open'"):
        pass
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    lab.wait_for(str(process.pid))
    lab.world.open("a").write("stop\n")
    assert process.wait(20) == 0
    process.communicate()


def test_a_child_that_suspends_suspends_its_parent_and_the_answer_carries_both_on(lab: Lab) -> None:
    run(
        lab,
        """
@flow
def child():
    return kitaru.wait(schema=int, name="n") + 1

@flow
def main():
    return child() * 10
""",
    )
    ((child,),) = lab.query("SELECT id FROM executions WHERE parent IS NOT NULL")
    assert lab.item("show", lab.only())["status"] == "waiting"
    lab.kitaru("input", child, "--value", "4").ok(0)
    assert lab.item("show", lab.only())["result"] == 50


def test_a_timeout_of_ours_stands_still_during_a_wait(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
@checkpoint(timeout=0.6)
async def reviewed():
    return await kitaru.wait(schema=bool, name="go")

async def busy():
    did("busy")
    await asyncio.sleep(1.2)

@flow
async def main():
    return await asyncio.gather(reviewed(), busy())
""",
    )
    process = lab.spawn(sys.executable, "-c", "import agent, asyncio; print(asyncio.run(agent.main()))")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 75, err
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)


def test_cancel_reaches_a_running_flow_and_its_children(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
@flow
async def child():
    for n in range(1000):
        await paid(f"c{n}", 0.01)

@flow
async def main():
    await child()
""",
    )
    process = lab.spawn(sys.executable, "-c", "import agent, asyncio; asyncio.run(agent.main())")
    lab.wait_for("c3")
    lab.kitaru("cancel", lab.only()).ok(0)
    process.communicate(timeout=20)
    assert {row[0] for row in lab.query("SELECT status FROM executions")} == {"cancelled"}


def test_pause_stops_before_the_next_call_and_resume_goes_on(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
@flow
def main():
    for n in range(300):
        sync_paid(f"s{n}")
        time.sleep(0.01)
    return "end"
""",
    )
    process = lab.spawn(sys.executable, "-c", "import agent; agent.main()")
    lab.wait_for("s3")
    lab.kitaru("pause", lab.only()).ok(0)
    process.communicate(timeout=20)
    assert process.returncode == 75
    done = len(lab.done())
    assert done < 300
    assert lab.item("show", lab.only())["status"] == "paused"
    lab.kitaru("resume", lab.only()).ok(0)
    assert sorted(lab.done()) == sorted(f"s{n}" for n in range(300))
