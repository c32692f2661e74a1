"""The store fails under a flow whose process lives on: when it takes writes again, the execution can go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import PYTHON

if TYPE_CHECKING:
    from lab import Lab

PROGRAM = """
import asyncio, resource, sys, time
import kitaru
from kitaru import KitaruClient, KitaruStoreError, checkpoint, flow
from world import count, did

executions = KitaruClient().executions
most = resource.getrlimit(resource.RLIMIT_FSIZE)

@checkpoint
def first():
    did("first")

@checkpoint
def fills_the_disk():
    did("second")
    if count("second") == 1:
        # Files of this process cannot grow from here on.
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, most[1]))
    return "x" * 5000

@flow
def calm():
    first()
    return len(fills_the_disk())

@flow
async def awaited():
    first()
    return len(fills_the_disk())

if __name__ == "__main__":
    one = {"calm": calm, "awaited": awaited}[sys.argv[1]]
    try:
        asyncio.run(one()) if one.is_async else one()
    except KitaruStoreError as failure:
        print(failure.code)
    resource.setrlimit(resource.RLIMIT_FSIZE, most)
    (left,) = executions.list()
    until = time.monotonic() + 30
    while executions.get(left.id).status == "running" and time.monotonic() < until:
        time.sleep(0.02)
    print(executions.get(left.id).status)
    print(executions.resume(left.id).status)
"""


@pytest.mark.parametrize("kind", ["calm", "awaited"])
def test_a_process_that_lives_on_lets_go_of_what_it_could_not_record(lab: Lab, kind: str) -> None:
    if lab.store not in ("local", "sealed"):
        pytest.skip("what fails is the write to a file of the process's own")
    lab.write("program.py", PROGRAM)
    out = lab.run(PYTHON, "program.py", kind, timeout=60).ok().out.split()
    assert out[0].startswith("store-") and out[1:] == ["interrupted", "completed"]
    assert lab.done() == ["first", "second", "second"]
