"""How a call's process ends: by its limits, by a signal, by a stop; and that nothing of it is left then.

Every process that the tests look for has left the call's session and has lost its parent. Not here: what a call in a
process gives and reports (``test_process``).
"""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest

from lab import KITARU, PYTHON
from placement.programs import HELD, go, is_alive, pids, until_gone, write

if TYPE_CHECKING:
    from lab import Lab


def test_a_call_that_takes_too_long_is_killed_with_its_whole_tree(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process", timeout=6)
def work() -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    did(f"pid {os.getpid()}")
    left_behind()
    did("waits")
    wait_for("never")
    return 1

@flow
def main():
    try:
        work()
    except kitaru.errors.KitaruTimeoutError as error:
        return str(error)
""",
    )
    assert lab.python("agent.py").ok().out == "result work took longer than 6 s\n"
    assert lab.done()[-1] == "waits"
    assert len(pids(lab)) == 2
    # Already so when the flow went on: nothing is waited for here.
    assert not any(is_alive(pid) for pid in pids(lab))


def test_an_async_call_that_takes_too_long_or_is_cancelled_is_killed(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process", timeout=6)
async def timed() -> int:
    left_behind()
    wait_for("never")

@checkpoint(runtime="process")
async def work(n: int) -> int:
    left_behind()
    did("waits")
    wait_for("never")

@flow
async def flown():
    task = asyncio.create_task(work(1))
    while count("waits") < 1:
        await asyncio.sleep(0.005)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        did("cancelled")
    try:
        await timed()
    except kitaru.errors.KitaruTimeoutError as error:
        return str(error)

def main():
    return asyncio.run(flown())
""",
    )
    assert lab.python("agent.py").ok().out == "result timed took longer than 6 s\n"
    assert len(pids(lab)) == 2
    assert not any(is_alive(pid) for pid in pids(lab))
    assert {one["key"]: one["status"] for one in lab.item("show", lab.only())["calls"]} == {
        "work": "cancelled",
        "timed": "failed",
    }


def test_signs_of_life_keep_a_call_alive_and_silence_ends_it(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process", idle_timeout=2)
def work() -> int:
    for number in range(30):
        kitaru.progress(f"{number}")
        time.sleep(0.1)
    did("was alive")
    wait_for("never")

@flow
def main():
    try:
        work()
    except kitaru.errors.KitaruTimeoutError as error:
        return str(error)
""",
    )
    assert lab.python("agent.py").ok().out == "result work took longer than 2 s without a sign of life\n"
    assert lab.done() == ["was alive"]


def test_what_a_call_leaves_behind_ends_with_it(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process")
def work() -> int:
    return left_behind()

@flow
def main():
    pid = work()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
""",
    )
    assert lab.python("agent.py").ok().out == "result gone\n"


def test_a_thread_that_never_ends_does_not_hold_up_a_call_that_has_returned(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process")
def work() -> int:
    threading.Thread(target=wait_for, args=("never",)).start()
    return 1

@flow
def main():
    return work()
""",
    )
    assert lab.python("agent.py").ok().out == "result 1\n"


def test_a_tree_that_takes_more_memory_than_it_may_is_ended_and_told_of(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process", memory="200MiB")
def work(where: str) -> int:
    code = "import time; held = b'x' * (400 << 20); time.sleep(600)"
    did(f"pid {os.getpid()}")
    if where == "child":
        subprocess.run([sys.executable, "-c", code])
    else:
        exec(code)

@flow
def main():
    for where in ("here", "child"):
        try:
            work(where)
        except kitaru.errors.KitaruCallLostError as error:
            print(error.code, error)
""",
    )
    for line in lab.python("agent.py").ok().out.splitlines()[:2]:
        told = re.fullmatch(
            r"call-memory work(?:#2)?: its process and what it started had (\d+) MiB of memory "
            r"and may have 200 MiB \(memory=\): ended",
            line,
        )
        assert told is not None, line
        assert 200 < int(told[1]) < 1000
    assert not any(is_alive(pid) for pid in pids(lab))


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL before the call had; the machine may have"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV before the call had"),
        ("os._exit(3)", "ended with exit status 3 before the call had"),
        ("os.kill(os.getppid(), signal.SIGKILL); wait_for('never')", "was ended by SIGKILL before the call had"),
    ],
)
def test_a_process_that_ends_before_its_call_is_an_error_that_says_how_and_is_tried_again(
    lab: Lab, end: str, said: str
) -> None:
    write(
        lab,
        f"""
@checkpoint(runtime="process", retries=1, backoff=0)
def work() -> int:
    did(f"pid {{os.getpid()}}")
    kitaru.usage(cost_usd=0.5)
    {end}

@flow
def main():
    try:
        work()
    except kitaru.errors.KitaruCallLostError as error:
        return error.code, str(error)
""",
    )
    told = lab.python("agent.py").ok().out
    assert "('call-lost', 'work: its process " in told
    assert said in told
    assert len(pids(lab)) == 2
    until_gone(pids(lab))
    item = lab.item("show", lab.only())
    assert item["calls"][0]["attempts"] == 2
    # What a lost try has consumed was paid.
    assert item["usage"]["cost_usd"] == 1.0


def test_a_lost_call_is_not_tried_again_where_nobody_said_so(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process", retries=3, backoff=0, retry_on=ValueError)
def work() -> int:
    did("work")
    os.kill(os.getpid(), signal.SIGKILL)

@flow
def main():
    work()
""",
    )
    assert "KitaruCallLostError" in lab.python("agent.py").ok(1).err
    assert lab.done() == ["work"]


def test_an_effect_that_must_happen_once_is_asked_about_when_its_process_is_lost(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process", effect="once", retries=3, backoff=0)
def work() -> int:
    did("paid")
    os.kill(os.getpid(), signal.SIGKILL)

@flow
def main():
    return work()
""",
    )
    told = lab.python("agent.py").ok(75).err
    assert "this may have happened" in told
    lab.kitaru("resume", lab.only()).ok(75)
    assert lab.done() == ["paid"]
    lab.kitaru("resume", lab.only(), "--set", "output=7").ok()
    assert lab.done() == ["paid"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_the_program_ends_its_calls_processes_do(lab: Lab, how: signal.Signals) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process")
def work(n: int) -> int:
    did(f"pid {os.getpid()}")
    left_behind()
    did("waits")
    wait_for("go")
    return 1

def fork():
    # A copy of the program, which holds all that it has open.
    if os.fork() == 0:
        did(f"copy {os.getpid()}")
        wait_for("over")
        os._exit(0)

@flow
def main():
    threading.Timer(0, fork).start()
    other = work.submit(1)
    return work(2) + other.result()
""",
    )
    program = lab.spawn(PYTHON, "agent.py")
    lab.wait_for("waits", 2)
    program.send_signal(how)
    until_gone(pids(lab))
    program.wait(timeout=30)
    go(lab, "over")
    program.communicate(timeout=30)
    assert lab.item("show", lab.only())["status"] == "interrupted"
    go(lab)
    lab.kitaru("resume", lab.only()).ok()


def test_a_cancelled_execution_ends_the_process_of_its_call(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process")
def work() -> int:
    left_behind()
    did("waits")
    wait_for("never")

@flow
def main():
    return work()
""",
    )
    program = lab.spawn(PYTHON, "agent.py")
    lab.wait_for("waits")
    lab.kitaru("cancel", lab.only()).ok()
    _, told = program.communicate(timeout=30)
    assert "KitaruCancelledError" in told
    assert not any(is_alive(pid) for pid in pids(lab))
    assert lab.item("show", lab.only())["status"] == "cancelled"


def test_a_pause_lets_a_call_in_its_process_end_and_records_it(lab: Lab) -> None:
    write(lab, HELD)
    program = lab.spawn(PYTHON, "agent.py")
    lab.wait_for("began")
    lab.kitaru("pause", lab.only()).ok()
    lab.wait_for("held")
    go(lab)
    program.communicate(timeout=30)
    assert lab.done() == ["began", "held", "ended"]
    assert lab.item("show", lab.only())["status"] == "paused"
    lab.kitaru("resume", lab.only()).ok()
    assert lab.done() == ["began", "held", "ended", "after"]


def test_a_worker_that_stops_lets_a_call_in_its_process_end_and_hands_over(lab: Lab) -> None:
    write(lab, HELD, main='\nif __name__ == "__main__":\n    main.submit()\n')
    lab.python("agent.py").ok()
    worker = lab.spawn(KITARU, "worker")
    try:
        lab.wait_for("began")
        worker.send_signal(signal.SIGTERM)
        lab.wait_for("held")
    finally:
        go(lab)
        worker.communicate(timeout=60)
    assert lab.done() == ["began", "held", "ended"]
    assert lab.item("show", lab.only())["status"] == "interrupted"
    lab.kitaru("resume", lab.only()).ok()
    assert lab.done() == ["began", "held", "ended", "after"]
