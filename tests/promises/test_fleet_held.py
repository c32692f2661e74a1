"""A child that is held before it begins: whatever its parent wants to know of it, the parent is paused with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import PYTHON

if TYPE_CHECKING:
    from lab import Lab

PROGRAM = """
import asyncio, sys
import kitaru
from kitaru import KitaruPaused, flow
from world import did

@flow
def child():
    did("child")
    return 1

@flow
def calm():
    one = child.run()
    {wants}
    return one.get()

@flow
async def awaited():
    one = child.run()
    {awaits}
    return await one

if __name__ == "__main__":
    try:
        if sys.argv[1] == "calm":
            calm.options(pause_before="child")()
        else:
            asyncio.run(awaited.options(pause_before="child")())
    except KitaruPaused as paused:
        print("paused", "before child" in str(paused))
"""

WANTS = {
    "wait_for": ("kitaru.wait_for([one])", "await kitaru.wait_for([one])"),
    "exec_id": ("one.exec_id", "one.exec_id"),
    "status": ("one.status", "one.status"),
    "gather": ("kitaru.gather([one])", "await kitaru.gather([one])"),
}


@pytest.mark.parametrize("kind", ["calm", "awaited"])
@pytest.mark.parametrize("what", WANTS)
def test_the_parent_is_paused_with_it(lab: Lab, kind: str, what: str) -> None:
    wants, awaits = WANTS[what]
    lab.write("program.py", PROGRAM.format(wants=wants, awaits=awaits))
    assert lab.run(PYTHON, "program.py", kind, timeout=30).ok().out == "paused True\n"
    assert lab.done() == []
    done = lab.item("resume", "latest")
    assert (done["status"], done["result"], lab.done()) == ("completed", 1, ["child"])
