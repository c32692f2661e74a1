"""What the tests of placement share: how a program waits for the test, and how a test sees processes end.

Not here: what is promised.
"""

from __future__ import annotations

import os
import pathlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab import Lab

HEAD = """
import asyncio, os, signal, subprocess, sys, threading, time
import kitaru
from kitaru import checkpoint, flow
from world import did, count

def wait_for(name):
    while not os.path.exists(name):
        time.sleep(0.005)

def left_behind():
    # One that leaves the session, and whose parent ends: nobody's child any more.
    apart = "start_new_session=True, stdout=subprocess.DEVNULL"
    code = f"import subprocess; print(subprocess.Popen(['sleep', '600'], {apart}).pid)"
    made = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    did(f"pid {int(made.stdout)}")
    return int(made.stdout)
"""

MAIN = """
if __name__ == "__main__":
    print("result", main())
"""

HELD = """
@checkpoint(runtime="process")
def work() -> int:
    did("began")
    wait_for("go")
    did("ended")
    return 1

@checkpoint(runtime="process")
def after() -> int:
    did("after")
    return 2

def watch():
    from kitaru import _context
    while not any(run.session.is_held for run in list(_context.running)):
        time.sleep(0.005)
    did("held")

@flow
def main():
    if count("held") == 0:
        threading.Thread(target=watch, daemon=True).start()
    return work() + after()
"""
"""Two calls, of which the first waits until it is let go; it says when its execution is held."""


def write(lab: Lab, source: str, *, main: str = MAIN) -> None:
    """The program ``agent.py``."""
    lab.write("agent.py", HEAD + source + main)


def pids(lab: Lab) -> list[int]:
    """The processes that the program has named so far."""
    return [int(one.split()[1]) for one in lab.done() if one.startswith("pid ")]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        told = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return told.rpartition(")")[2].split()[0] not in ("Z", "X")


def until_gone(wanted: list[int], seconds: float = 10) -> None:
    """Returns when none of the processes runs any more."""
    until = time.monotonic() + seconds
    while left := [pid for pid in wanted if is_alive(pid)]:
        assert time.monotonic() < until, f"still alive: {left}"
        time.sleep(0.005)


def go(lab: Lab, name: str = "go") -> None:
    """Lets the program go on that waits for a file of that name."""
    os.close(os.open(lab.folder / name, os.O_CREAT | os.O_WRONLY))
