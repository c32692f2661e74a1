"""What a try consumed and said is on record though its process was killed in the middle, and is counted once.

The pieces of the fold are tested in core (``promises/usage``).
"""

from __future__ import annotations

import signal
import time
from typing import Any

from lab import PYTHON, Lab

HEAD = """
import asyncio, os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import kitaru
from kitaru import checkpoint, flow
from world import count, did

def spend():
    kitaru.usage(model="m", input_tokens=10, output_tokens=2, cost_usd=0.5)

def tokens():
    # In a thread of nobody's: looks in a flow are recorded.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: kitaru.KitaruClient().executions.get("latest").usage.input_tokens).result()

"""
TRY = {"input_tokens": 10, "output_tokens": 2, "cost_usd": 0.5}


def times(n: int) -> dict[str, Any]:
    return {name: n * value for name, value in TRY.items()}


def until_spent(lab: Lab, tokens: int) -> None:
    """Returns when so many tokens are on record."""
    until = time.monotonic() + 10
    while lab.query("SELECT input_tokens FROM executions")[0][0] < tokens:
        assert time.monotonic() < until, lab.query("SELECT kind FROM journal")
        time.sleep(0.01)


def killed_in_the_body(lab: Lab, source: str) -> str:
    """An execution whose process was killed in its body ``work``, after what that spent was on record."""
    lab.write("agent.py", HEAD + source)
    process = lab.spawn(PYTHON, "-c", "import agent; agent.main()")
    lab.wait_for("in the body")
    until_spent(lab, 10)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return lab.only()


STUCK_ONCE = """
@checkpoint
def work():
    print("printed by the body")
    spend()
    if count("in the body") == 0:
        did("in the body")
        threading.Event().wait()
    return "fine"

@flow
def main():
    return work()
"""


def test_what_a_killed_try_consumed_is_counted_and_so_is_the_try_after_it(lab: Lab) -> None:
    exec_id = killed_in_the_body(lab, STUCK_ONCE)
    item = lab.item("show", exec_id)
    assert (item["status"], item["usage"]) == ("interrupted", TRY)
    assert [call["usage"] for call in item["calls"]] == [TRY]
    lab.kitaru("resume", exec_id).ok(0)
    item = lab.item("show", exec_id)
    assert item["usage"] == times(2)
    assert [call["usage"] for call in item["calls"]] == [times(2)]


def test_what_a_killed_try_printed_is_in_the_log(lab: Lab) -> None:
    exec_id = killed_in_the_body(lab, STUCK_ONCE)
    said = [(line["stream"], line["call"], line["text"]) for line in lab.items("logs", exec_id)]
    assert ("stdout", "work", "printed by the body") in said
    assert ("usage", "work", "m: 10 tokens in, 2 out, $0.5") in said


def test_a_try_that_consumes_and_kills_its_process_is_still_given_up_after_three_takes(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
@checkpoint
def work():
    before = tokens()
    spend()
    while tokens() == before:
        time.sleep(0.01)
    os._exit(9)

@flow
def main():
    return work()
""",
    )
    lab.python("-c", "import agent; agent.main()").ok(9)
    exec_id = lab.only()
    for _ in range(2):
        assert lab.kitaru("resume", exec_id).code == 9
    lab.kitaru("resume", exec_id).ok(75)
    item = lab.item("show", exec_id)
    assert (item["status"], item["usage"]) == ("paused", times(3))


def test_usage_that_was_written_during_the_body_is_not_counted_again_at_its_end(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
@checkpoint(retries=1, backoff=0)
def work():
    spend()
    seen = count("try")
    did("try")
    # Until the heartbeat has written it, and then once more, which goes with the end.
    while tokens() < 10 + 20 * seen:
        time.sleep(0.01)
    spend()
    if not seen:
        raise ValueError("once more")
    return "fine"

@flow
def main():
    return work()
""",
    )
    lab.python("-c", "import agent; agent.main()").ok(0)
    item = lab.item("show", lab.only())
    assert item["usage"] == times(4)
    assert [(call["attempts"], call["usage"]) for call in item["calls"]] == [(2, times(4))]


def test_what_a_call_consumed_that_was_cancelled_as_it_ended_is_counted_once(lab: Lab) -> None:
    for rounds in range(5):
        lab.world.unlink(missing_ok=True)
        lab.write(
            "agent.py",
            HEAD
            + f"""
go = asyncio.Event()

@checkpoint
async def work(name):
    await go.wait()
    spend()
    return name

@flow
async def main():
    tasks = [asyncio.create_task(work(name)) for name in ("a", "b")]
    for _ in range(5):
        await asyncio.sleep(0)
    go.set()
    for _ in range({rounds}):
        await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    did(str(kitaru.current_execution().id))
""",
        )
        lab.python("-c", "import agent, asyncio; asyncio.run(agent.main())").ok(0)
        # With no round at all the first is cancelled before it spends.
        spent = lab.item("show", lab.done()[0])["usage"]
        assert spent in ([times(1)] if rounds == 0 else [times(2)]), rounds


def test_what_a_body_consumes_after_its_time_ran_out_is_counted(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
late = threading.Event()
over = threading.Event()

@checkpoint(timeout=0.05)
def slow():
    late.wait()
    spend()
    over.set()

@flow
def main():
    try:
        slow()
    except kitaru.KitaruTimeoutError:
        late.set()
        over.wait()
    return "gave up"
""",
    )
    lab.python("-c", "import agent; agent.main()").ok(0)
    item = lab.item("show", lab.only())
    assert item["usage"] == TRY
    assert [call["usage"] for call in item["calls"]] == [TRY]


def test_a_last_line_without_an_end_is_kept(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
@checkpoint
def work():
    print("from the body", end="")

@flow
def main():
    work()
    print(", from the flow", end="")
""",
    )
    lab.python("-c", "import agent; agent.main()").ok(0)
    lines = [line["text"] for line in lab.items("logs", lab.only())]
    assert "".join(lines) == "from the body, from the flow"


def test_what_the_flow_itself_consumes_counts_for_the_execution_each_time(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
@flow
def main():
    spend()
    go = kitaru.wait(schema=bool, name="go")
    spend()
    return go
""",
    )
    lab.kitaru("run", "agent.py:main").ok(75)
    assert lab.item("show", lab.only())["usage"] == TRY
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    # The first one ran again.
    assert lab.item("show", lab.only())["usage"] == times(3)
