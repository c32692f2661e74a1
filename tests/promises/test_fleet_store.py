"""The store fails while a flow waits for a child: that is no outcome of the child, and nobody waits for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import PYTHON

if TYPE_CHECKING:
    from lab import Lab

PROGRAM = """
import asyncio, sys
import kitaru
from kitaru import KitaruStoreError, KitaruSuspended, _children, _fleet, _native, flow
from world import count, did

def busy():
    if not count("busy"):
        did("busy")
        raise KitaruStoreError("the store is busy")

class Native:
    def __getattr__(self, name):
        return getattr(_native, name)
    def manage_stirred(self, *given):
        busy()
        return _native.manage_stirred(*given)
    def manage_standings(self, *given):
        busy()
        return _native.manage_standings(*given)

@flow
def asks():
    return kitaru.wait(schema=int, name="n", question="How many?")

@flow
async def aasks():
    return await kitaru.wait(schema=int, name="n", question="How many?")

@flow
def calls():
    try:
        return asks()
    except Exception as error:
        return f"asks failed: {error}"

@flow
async def acalls():
    try:
        return await aasks()
    except Exception as error:
        return f"asks failed: {error}"

@flow
def runs():
    one = asks.run()
    try:
        kitaru.wait_for([one], timeout=60)
        return kitaru.gather([one], timeout=60)
    except Exception as error:
        return f"asks failed: {error}"

if __name__ == "__main__":
    where, start = sys.argv[1:]
    if where == "news":
        _children._native = Native()
    else:
        _fleet._native = Native()
    try:
        result = globals()[start]()
        print(asyncio.run(result) if start == "acalls" else result)
    except (KitaruStoreError, KitaruSuspended) as left:
        print(type(left).__name__)
"""


@pytest.mark.parametrize(
    "where, start", [("news", "calls"), ("news", "acalls"), ("look", "runs")], ids=lambda given: str(given)
)
def test_a_failure_of_the_store_is_no_outcome_of_a_child(lab: Lab, where: str, start: str) -> None:
    lab.write("program.py", PROGRAM)
    assert lab.run(PYTHON, "program.py", where, start, timeout=30).ok().out == "KitaruStoreError\n"
    assert lab.done() == ["busy"]
    master = next(one["id"] for one in lab.items("ls") if one["flow"] == start)
    lab.kitaru("resume", master).ok(75)
    lab.kitaru("input", master, "--value", "3").ok()
    assert lab.item("show", master)["result"] == ([3] if start == "runs" else 3)
