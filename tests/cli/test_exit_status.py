"""Exit status: 0 completed, 1 failed, 2 usage, 75 waiting, sleeping or paused, 130 interrupted."""

from __future__ import annotations

import signal

from cli.story import desk
from lab import KITARU, PYTHON, Lab


def test_completed_is_0_and_the_result_is_on_stdout(lab: Lab) -> None:
    told = desk(lab).kitaru("run", "more.py:fan").ok(0)
    assert told.out == "[\n  0,\n  2,\n  4\n]\n"


def test_failed_is_1_with_the_users_traceback_and_the_retry(lab: Lab) -> None:
    told = desk(lab).kitaru("run", "more.py:fails").ok(1)
    assert told.out == ""
    assert "ValueError: the provider said no" in told.err
    assert told.err.splitlines()[-1] == f"fails {lab.only()[-8:]} failed. After a fix: kitaru retry {lab.only()[-8:]}"
    (lab.folder / "mended").touch()
    assert lab.kitaru("retry", "latest").ok(0).out == "fine\n"
    assert lab.done() == ["shaky", "shaky"]


def test_retry_and_resume_both_run_again_what_failed(lab: Lab) -> None:
    desk(lab).kitaru("run", "more.py:fails").ok(1)
    lab.kitaru("resume", "latest").ok(1)
    lab.kitaru("retry", "latest").ok(1)
    assert lab.done() == ["shaky"] * 3


def test_a_flow_that_fails_by_itself_names_the_failed_calls(lab: Lab) -> None:
    desk(lab).kitaru("run", "more.py:collects").ok(1)
    told = lab.kitaru("resume", "latest").ok(1)
    assert "calls that failed before: shaky." in told.err
    assert "--rerun failed" in told.err
    (lab.folder / "mended").touch()
    assert lab.done() == ["shaky"]
    assert lab.kitaru("resume", "latest", "--rerun", "failed").ok().out == "all fine\n"
    assert (
        "unknown-call"
        in lab.kitaru("run", "more.py:collects").ok(0).err
        + lab.kitaru("resume", lab.item("run", "more.py:naps", code=75)["id"], "--rerun", "nope").ok(1).err
    )


def test_waiting_sleeping_and_paused_are_75(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    lab.kitaru("resume", "latest").ok(75)
    lab.kitaru("run", "more.py:naps").ok(75)
    told = lab.kitaru("resume", "latest").ok(75)
    assert "sleeps until" in told.err
    assert lab.item("show", "latest")["status"] == "sleeping"


def test_a_cancelled_execution_is_1(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    lab.kitaru("cancel", "latest").ok(0)
    lab.kitaru("resume", "latest").ok(1)


def test_an_exit_inside_a_flow_is_130_and_goes_on(lab: Lab) -> None:
    told = desk(lab).kitaru("run", "more.py:leaves").ok(130)
    assert "was interrupted. Go on with: kitaru resume" in told.err
    assert "Traceback" not in told.err
    lab.kitaru("resume", "latest").ok(130)
    assert lab.done() == ["double_sync"]


SLOW = """
    import time
    from kitaru import checkpoint, flow
    from world import count, did

    @checkpoint
    def first() -> int:
        did("first")
        return 1

    @checkpoint
    def slow() -> int:
        did("slow")
        if count("slow") == 1:
            time.sleep(60)
        return 2

    @flow
    def work() -> int:
        return first() + slow()

    if __name__ == "__main__":
        work()
"""


def test_ctrl_c_is_130_and_resume_does_the_rest_only(lab: Lab) -> None:
    lab.write("slow.py", SLOW)
    process = lab.spawn(KITARU, "run", "slow.py:work")
    lab.wait_for("slow")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert lab.item("show", "latest")["status"] == "interrupted"
    assert lab.kitaru("resume", "latest").ok().out == "3\n"
    assert lab.done() == ["first", "slow", "slow"]


def test_a_killed_process_is_seen_as_interrupted_at_once(lab: Lab) -> None:
    lab.write("slow.py", SLOW)
    process = lab.spawn(PYTHON, "slow.py")
    lab.wait_for("slow")
    assert lab.item("show", "latest")["status"] == "running"
    assert [one["status"] for one in lab.items("ls", "--status", "running")] == ["running"]
    held = lab.kitaru("resume", "latest").ok(1)
    assert f"error[held]: execution {lab.only()} is running in process {process.pid} on " in held.err
    process.kill()
    process.communicate()
    assert lab.item("show", "latest")["status"] == "interrupted"
    assert lab.items("ls", "--status", "running") == []
    assert lab.kitaru("resume", "latest").ok().out == "3\n"
