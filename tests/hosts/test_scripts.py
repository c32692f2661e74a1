"""Scripts: `python -m`, `-c` and standard input, the interpreter's exit, Ctrl-C and SIGTERM in a checkpoint."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from lab import KITARU, PYTHON, Lab

ASKS = """
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint
def draft():
    return did("draft")

@flow
def report():
    text = draft()
    return f"{text} {kitaru.wait(schema=int, name='more')}"

if __name__ == "__main__":
    print(report())
"""

WORKS = """
import asyncio, os, time
from kitaru import checkpoint, flow
from world import did, count

@checkpoint
def first():
    return did("first")

@checkpoint
def slow():
    did("began")
    if count("began") == 1:
        while not os.path.exists("release"):
            time.sleep(0.005)
        return "late"
    return did("slow")

@checkpoint
async def slow_async():
    did("began")
    if count("began") == 1:
        await asyncio.sleep(60)
    return did("slow")

@flow
def plain():
    return [first(), slow()]

@flow
async def asynchronous():
    return [first(), await slow_async()]

@flow
async def threaded():
    return [first(), await asyncio.to_thread(slow)]

@flow
def submitted():
    return [first(), slow.submit().result()]
"""


def test_a_module_run_by_name_is_resumed_from_any_directory(lab: Lab) -> None:
    (lab.folder / "pkg").mkdir()
    lab.write("pkg/__init__.py", "")
    lab.write("pkg/helper.py", "suffix = '!'\n")
    lab.write("pkg/agent.py", ASKS.replace("from world", "from .helper import suffix\nfrom world"))
    lab.python("-m", "pkg.agent").ok(75)
    answered = lab.kitaru("input", lab.only(), "--value", "3", cwd=lab.home).ok()
    assert "draft 3" in answered.out
    assert lab.done() == ["draft"]


@pytest.mark.parametrize("how", ["-c", "stdin"])
def test_code_without_a_file_waits_and_says_that_no_other_process_can_go_on(lab: Lab, how: str) -> None:
    if how == "-c":
        left = lab.python("-c", ASKS)
    else:
        done = subprocess.run(
            [PYTHON, "-"], input=ASKS, cwd=lab.folder, env=lab.env(), capture_output=True, text=True, timeout=60
        )
        left = type(lab.kitaru("version"))(done.returncode, done.stdout, done.stderr)
    left.ok(75)
    assert "only this process can go on" in left.err
    assert "Traceback" not in left.err
    answered = lab.kitaru("input", lab.only(), "--value", "3")
    assert "Traceback" not in answered.err
    assert "defined in a notebook or at a prompt" in answered.err
    # The answer is kept, whatever becomes of the execution.
    assert lab.query("SELECT status FROM waits") == [("answered",)]


def test_code_without_a_file_can_answer_and_finish_in_its_own_process(lab: Lab) -> None:
    ends = """
from kitaru import KitaruSuspended
try:
    report()
except KitaruSuspended as left:
    left.answer(4)
    print(report.resume(left.exec_id))
"""
    assert lab.python("-c", ASKS.partition("if __name__")[0] + ends).ok().out == "draft 4\n"
    assert lab.done() == ["draft"]


def test_the_interpreters_exit_waits_for_all_executions_and_their_thread_pools(lab: Lab) -> None:
    lab.write(
        "agent.py",
        """
        import asyncio
        import concurrent.futures
        import os
        import time
        from kitaru import checkpoint, flow
        from world import did

        @checkpoint
        def step(x):
            return did(f"step {x}")

        @flow
        async def asynchronous(x):
            await wait_for_exit()
            return await asyncio.to_thread(step, x)

        async def wait_for_exit():
            while not os.path.exists("exiting"):
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.2)

        @flow
        def plain(x):
            while not os.path.exists("exiting"):
                time.sleep(0.005)
            time.sleep(0.2)
            with concurrent.futures.ThreadPoolExecutor() as pool:
                pool.submit(int).result()
            return step.submit(x).result()

        if __name__ == "__main__":
            for n in range(3):
                asynchronous.run(n)
                plain.run(10 + n)
            open("exiting", "w").close()
        """,
    )
    lab.python("agent.py").ok()
    assert sorted(lab.done()) == sorted(f"step {n}" for n in (0, 1, 2, 10, 11, 12))
    assert [one["status"] for one in lab.items("ls")] == ["completed"] * 6


def test_a_suspension_that_nobody_asked_about_is_said_at_exit(lab: Lab) -> None:
    lab.write("agent.py", ASKS.replace("print(report())", "report.run()"))
    left = lab.python("agent.py").ok()
    assert left.err.count("waits for an answer") == 1
    assert f"kitaru input {lab.only()[-8:]} --value 1" in left.err
    lab.kitaru("input", lab.only(), "--value", "3").ok()


def test_what_starts_after_the_programs_last_line_can_be_resumed_all_the_same(lab: Lab) -> None:
    """The interpreter forgets the program's file by then."""
    lab.write(
        "agent.py",
        """
        import dataclasses
        import os
        import sys
        import time
        import kitaru
        from kitaru import checkpoint, flow

        @dataclasses.dataclass
        class Found:
            n: int

        @checkpoint
        def find(n):
            return Found(n)

        @flow
        def child(n):
            return [find(n), kitaru.wait(schema=int, name="more")]

        @flow
        def parent():
            while "AT_THE_END" in os.environ and hasattr(sys.modules["__main__"], "__file__"):
                time.sleep(0.002)
            found, more = child(3)
            return found.n + more

        if __name__ == "__main__":
            parent.run()
        """,
    )
    left = lab.python("agent.py", AT_THE_END="1").ok()
    assert "kitaru input" in left.err
    lab.kitaru("input", lab.only(), "--value", "4", cwd=lab.home).ok()
    assert lab.item("show", lab.only())["result"] == 7


def test_several_executions_run_at_once_each_with_its_own_handle(lab: Lab) -> None:
    lab.write(
        "agent.py",
        """
        import asyncio, threading
        from kitaru import checkpoint, flow

        together = threading.Barrier(4, timeout=20)

        @checkpoint
        def meet(x):
            together.wait()
            return x

        @flow
        def plain(x):
            return meet(x)

        @flow
        async def asynchronous(x):
            return await asyncio.to_thread(meet, x)

        async def awaited(handles):
            return await asyncio.gather(*handles)

        if __name__ == "__main__":
            handles = [plain.run(0), asynchronous.run(1), plain.run(2), asynchronous.run(3)]
            assert len({handle.exec_id for handle in handles}) == 4
            print([handle.wait(20) for handle in handles], [handle.status for handle in handles])
            print(asyncio.run(awaited([plain.run(0), asynchronous.run(1), plain.run(2), asynchronous.run(3)])))
        """,
    )
    assert lab.python("agent.py").ok().out.splitlines() == [
        "[0, 1, 2, 3] ['completed', 'completed', 'completed', 'completed']",
        "[0, 1, 2, 3]",
    ]


@pytest.mark.parametrize("flow", ["plain", "asynchronous", "threaded", "submitted"])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("how", ["script", "kitaru run"])
def test_an_interrupt_in_a_checkpoint_leaves_the_execution_interrupted_and_a_resume_goes_on(
    lab: Lab, how: str, name: str, flow: str
) -> None:
    awaits = flow in ("asynchronous", "threaded")
    starter = "asyncio.run(awaited())" if awaits else f"{flow}()"
    starter = f"async def awaited():\n    await {flow}()\n\nif __name__ == '__main__':\n    {starter}\n"
    lab.write("agent.py", WORKS + starter)
    argv = [PYTHON, "agent.py"] if how == "script" else [KITARU, "run", f"agent.py:{flow}"]
    process = lab.spawn(*argv)
    lab.wait_for("began")
    process.send_signal(getattr(signal, name))
    until = time.monotonic() + 20
    while lab.query("SELECT status FROM executions") != [("interrupted",)] and process.poll() is None:
        assert time.monotonic() < until, lab.query("SELECT status FROM executions")
        time.sleep(0.01)
    if flow == "threaded":
        # asyncio waits for its worker threads before the process may end; what they bring then is refused.
        (lab.folder / "release").touch()
    try:
        _, err = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        _, err = process.communicate()
        raise AssertionError(f"{name} does not end {flow}: {err}") from None
    expected = {"SIGINT": (130, -2), "SIGTERM": (143, -15)}[name]
    assert process.returncode in expected, err
    item = lab.item("show", lab.only())
    assert item["status"] == "interrupted"
    lab.kitaru("resume", item["id"]).ok()
    assert lab.done() == ["first", "began", "began", "slow"]
    assert lab.item("show", item["id"])["result"] == ["first", "slow"]
