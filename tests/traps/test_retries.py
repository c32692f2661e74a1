"""Tries: how many there are, what outlives a crash, and what happens when they run out."""

from __future__ import annotations

from lab import Lab
from traps.failing import fix, run


def json_text(value: object) -> str:
    import json

    return json.dumps(value)


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
