"""Failures are traced to the calls they came from; those run again, and nothing else does."""

from __future__ import annotations

import sys

import pytest

from lab import Lab

HEAD = """
import asyncio, json, os, sys, time
import kitaru
from kitaru import checkpoint, flow
from world import count, did

FIXED = os.path.exists("fixed")

class ToolError(Exception):
    pass

"""


def run(lab: Lab, source: str, code: int = 1) -> str:
    lab.write("agent.py", HEAD + source)
    call = "asyncio.run(agent.main())" if "async def main" in source else "agent.main()"
    lab.python("-c", f"import agent, asyncio; {call}").ok(code)
    return lab.only()


def fix(lab: Lab) -> int:
    (lab.folder / "fixed").write_text("")
    return len(lab.done())


COLLECTED = """
@checkpoint
def tool(t):
    did(f"tool {t}")
    if t % 2 and not FIXED:
        raise ToolError(t)
    return t

@flow
def main():
    bad = []
    for t in range(4):
        try:
            tool(t)
        except ToolError as e:
            bad.append(str(e))
    if bad:
        raise RuntimeError(f"{len(bad)} failed")
    return "fine"
"""


def test_when_a_flow_raised_by_itself_resume_lists_the_failed_calls_and_rerun_failed_works(lab: Lab) -> None:
    exec_id = run(lab, COLLECTED)
    before = fix(lab)
    again = lab.kitaru("resume", exec_id)
    assert again.code == 1
    assert lab.done()[before:] == []
    assert "tool#2" in again.err and "tool#4" in again.err and "--rerun failed" in again.err
    lab.kitaru("resume", exec_id, "--rerun", "failed").ok(0)
    assert lab.done()[before:] == ["tool 1", "tool 3"]
    assert lab.item("show", exec_id)["result"] == "fine"


def test_rerun_takes_a_key(lab: Lab) -> None:
    exec_id = run(lab, COLLECTED)
    before = fix(lab)
    lab.kitaru("resume", exec_id, "--rerun", "tool#2").ok(1)
    assert lab.done()[before:] == ["tool 1"]
    lab.kitaru("resume", exec_id, "--rerun", "tool#4").ok(0)
    assert lab.done()[before:] == ["tool 1", "tool 3"]


RAISES = {
    "from_e": 'raise ValueError("wrapped") from e',
    "from_none": 'raise ValueError("wrapped") from None',
    "in_except": 'raise ValueError("wrapped")',
    "itself": "raise",
}


@pytest.mark.parametrize("how", RAISES)
def test_a_wrapped_failure_is_traced_to_its_call_which_runs_again(lab: Lab, how: str) -> None:
    exec_id = run(
        lab,
        f"""
@checkpoint
def good(x):
    return did(f"good {{x}}")

@checkpoint
def tool():
    did("tool")
    if not FIXED:
        raise ToolError("broken")
    return "ok"

@flow
def main():
    good(1)
    try:
        return tool()
    except ToolError as e:
        good(2)
        {RAISES[how]}
""",
    )
    before = fix(lab)
    lab.kitaru("resume", exec_id).ok(0)
    assert lab.done()[before:] == ["tool"]


def test_an_error_picked_from_gathered_results_is_traced_to_its_call(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint
async def a():
    did("a")
    return 1

@checkpoint
async def b():
    did("b")
    if not FIXED:
        raise ToolError("b")
    return 2

@flow
async def main():
    rs = await asyncio.gather(a(), b(), return_exceptions=True)
    for r in rs:
        if isinstance(r, Exception):
            raise r
    return rs
""",
    )
    before = fix(lab)
    lab.kitaru("resume", exec_id).ok(0)
    assert lab.done()[before:] == ["b"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="ExceptionGroup came with 3.11")
def test_in_a_task_group_the_failed_call_and_the_cancelled_one_run_again(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint
async def a():
    await asyncio.sleep(0.01)
    did("a")
    if not FIXED:
        raise ToolError("a")
    return 1

@checkpoint
async def b():
    did("b began")
    await asyncio.sleep(0.2 if not FIXED else 0)
    return did("b")

@checkpoint
async def before():
    return did("before")

@flow
async def main():
    await before()
    async with asyncio.TaskGroup() as g:
        one, two = g.create_task(a()), g.create_task(b())
    return [one.result(), two.result()]
""",
    )
    assert lab.done() == ["before", "b began", "a"]
    before = fix(lab)
    lab.kitaru("resume", exec_id, timeout=20).ok(0)
    assert sorted(lab.done()[before:]) == ["a", "b", "b began"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="ExceptionGroup came with 3.11")
def test_a_failed_call_in_each_of_two_groups_both_run_again_without_a_see_saw(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint
async def work(x):
    did(x)
    if not FIXED:
        raise ToolError(x)
    return x

async def group(x):
    async with asyncio.TaskGroup() as g:
        one = g.create_task(work(x))
    return one.result()

@flow
async def main():
    return await asyncio.gather(group("x"), group("y"))
""",
    )
    before = fix(lab)
    lab.kitaru("resume", exec_id, timeout=20).ok(0)
    assert sorted(lab.done()[before:]) == ["x", "y"]


def test_retries_come_from_the_attempts_that_survive_a_crash(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint(retries=3, backoff=0.01)
def flaky():
    did("try")
    if count("try") == 2:
        os._exit(9)
    if count("try") < 4:
        raise ToolError("again")
    return "ok"

@flow
def main():
    return flaky()
""",
        code=9,
    )
    lab.kitaru("resume", exec_id).ok(0)
    assert lab.done() == ["try"] * 4
    (call,) = lab.item("show", exec_id)["calls"]
    assert call["attempts"] == 3, "a crash is no attempt"


def test_a_non_retryable_error_is_tried_once_and_retry_on_decides_for_others(lab: Lab) -> None:
    run(
        lab,
        """
@checkpoint(retries=3, backoff=0.01)
def fatal():
    did("fatal")
    raise kitaru.KitaruNonRetryableError("no use")

@checkpoint(retries=3, backoff=0.01, retry_on=ToolError)
def other():
    did("other")
    raise ValueError("not on the list")

@checkpoint(retries=2, backoff=0.01, retry_on="transient")
def provider(status):
    did(f"provider {status}")
    error = ToolError("status")
    error.status_code = status
    raise error

@flow
def main():
    for work in (fatal, other, lambda: provider(429), lambda: provider(400)):
        try:
            work()
        except Exception:
            pass
""",
        code=0,
    )
    assert lab.done() == ["fatal", "other", "provider 429", "provider 429", "provider 429", "provider 400"]


def test_retry_after_is_obeyed_where_it_asks_for_longer(lab: Lab) -> None:
    run(
        lab,
        """
class Response:
    status_code = 429
    headers = {"Retry-After": "0.3"}

@checkpoint(retries=1, backoff=0.001, jitter=0)
def limited():
    did("try")
    if count("try") == 1:
        error = ToolError("slow down")
        error.response = Response()
        raise error

@flow
def main():
    began = time.monotonic()
    limited()
    did("waited" if time.monotonic() - began >= 0.3 else "hurried")
""",
        code=0,
    )
    assert lab.done() == ["try", "try", "waited"]


def test_when_retries_run_out_a_flow_may_pause_and_resume_tries_again(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint(retries=1, backoff=0.01, on_failure="pause")
def tool():
    did("tool")
    if not FIXED:
        raise ToolError("broken")
    return "ok"

@flow
def main():
    try:
        return tool()
    except Exception:
        return "swallowed"
""",
        code=75,
    )
    assert lab.item("show", exec_id)["status"] == "paused"
    before = fix(lab)
    lab.kitaru("resume", exec_id).ok(0)
    assert lab.done()[before:] == ["tool"]
    assert lab.item("show", exec_id)["result"] == "ok"


def test_a_sync_body_that_takes_too_long_is_given_up_and_its_late_result_refused(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
import threading
late = threading.Event()

@checkpoint(timeout=0.1)
def slow():
    did("slow")
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
@checkpoint(idle_timeout=0.3)
def alive():
    for n in range(4):
        time.sleep(0.15)
        kitaru.progress(f"{n}", fraction=n / 4)
    return did("alive")

@flow
def main():
    return alive()
""",
        code=0,
    )
    assert lab.done() == ["alive"]


def test_an_effect_that_must_happen_once_asks_after_a_crash_in_between(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint(effect="once")
def charge(order):
    did("charged")
    if not FIXED:
        os._exit(9)
    return "receipt"

@flow
def main():
    return charge("o1")
""",
        code=9,
    )
    assert lab.done() == ["charged"]
    (lab.folder / "fixed").write_text("")
    asked = lab.kitaru("resume", exec_id)
    assert asked.code == 75
    assert "may have happened" in asked.err
    assert lab.done() == ["charged"]
    lab.kitaru("resume", exec_id, "--rerun", "charge").ok(0)
    assert lab.done() == ["charged", "charged"]


def test_reconcile_decides_after_a_crash_in_between(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
def look(order):
    return "receipt found" if count("charged") else kitaru.NOT_DONE

@checkpoint(effect="once", reconcile=look)
def charge(order):
    did("charged")
    os._exit(9)

@flow
def main():
    return charge("o1")
""",
        code=9,
    )
    lab.kitaru("resume", exec_id).ok(0)
    assert lab.done() == ["charged"]
    assert lab.item("show", exec_id)["result"] == "receipt found"


def test_three_takes_without_a_new_record_pause(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint
def heavy():
    did("heavy")
    os._exit(9)

@flow
def main():
    return heavy()
""",
        code=9,
    )
    assert [lab.kitaru("resume", exec_id).code for _ in range(4)] == [9, 9, 75, 9]
    assert lab.done() == ["heavy"] * 4, "three takes, and one more after somebody said so"
    lab.kitaru("resume", exec_id).ok(75)
    shown = lab.item("show", exec_id)
    assert shown["status"] == "paused"
    assert "without one new record" in json_text(shown["reason"])


def json_text(value: object) -> str:
    import json

    return json.dumps(value)


def test_a_result_that_no_codec_takes_keeps_the_run_alive_and_names_the_path(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
class Socket:
    pass

@checkpoint
def connect():
    did("connect")
    return {"path": [1, 2, 3, Socket()]}

@checkpoint(rerunnable=True)
def again():
    did("again")
    return Socket()

@flow
def main():
    x = connect()["path"][3]
    y = again()
    kitaru.wait(schema=bool, name="go")
    return type(x).__name__
""",
        code=75,
    )
    asked = lab.kitaru("input", exec_id, "--value", "true")
    assert asked.code == 75
    assert "checkpoint.return['path'][3]" in asked.err or "checkpoint.return.path[3]" in asked.err
    assert lab.done() == ["connect", "again"]
    lab.kitaru("resume", exec_id, "--rerun", "connect").ok(0)
    assert lab.done() == ["connect", "again", "connect", "again"]
    assert lab.item("show", exec_id)["result"] == "Socket"


def test_a_long_pause_between_tries_leaves_the_process_and_outlives_a_crash(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
class Response:
    status_code = 429
    headers = {"Retry-After": "3600"}

@checkpoint(retries=2, backoff=0.001)
def limited():
    did("try")
    if count("try") == 1:
        error = ToolError("slow down")
        error.response = Response()
        raise error
    return "ok"

@flow
def main():
    return limited()
""",
        code=75,
    )
    shown = lab.item("show", exec_id)
    assert shown["status"] == "sleeping"
    assert shown["wake_at"] is not None
    # Whoever goes on too early is told when, and the provider is left alone.
    assert lab.kitaru("resume", exec_id).code != 0
    assert lab.done() == ["try"]
