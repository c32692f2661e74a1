"""Killed wherever the engine writes while an execution is paused and goes on, what somebody put in is used once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.sweep import sweep

if TYPE_CHECKING:
    from lab import Lab

PROGRAM = """
import asyncio
import kitaru
from kitaru import checkpoint, flow
from world import paid

@checkpoint
def load(i):
    return paid(i)

@checkpoint
def step(n):
    return paid(n)

@checkpoint(effect="once", reconcile=lambda n: kitaru.NOT_DONE)
def charge(n):
    return paid(n)

@checkpoint
def outer(n):
    return step(n) + step(n + 1)

@flow
def main():
    loads = [load.submit(i) for i in range(2)]
    first = step(1)
    total = outer(10)
    return [first, total, charge(5), *(one.result() for one in loads)]

SAME_KEYS = True
"""

NESTED = """
BREAKPOINTS = ["outer/step#2"]
SET = {"n": 100}
EXPECT = {"inline": [1, 110, 5, 0, 1]}
"""

SUPPLIED = """
BREAKPOINTS = ["outer/step#2"]
SET = {"output": 100}
EXPECT = {"inline": [1, 110, 5, 0, 1]}
"""

ONCE = """
BREAKPOINTS = ["charge"]
SET = {"n": 7}
EXPECT = {"inline": [1, 21, 7, 0, 1]}
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(2))
@pytest.mark.parametrize("kind", ["nested", "supplied", "once"])
def test_every_write_while_it_is_paused_and_resumed_may_be_the_last(lab: Lab, kind: str, part: int) -> None:
    program = PROGRAM + {"nested": NESTED, "supplied": SUPPLIED, "once": ONCE}[kind]
    report = sweep(lab, lab.write("program.py", program), points="all", part=(part, 2))
    print(f"{report['kills']} kills landed in {report['cases']} cases, {report['short']} short, {report['seconds']} s")
    assert not report["problems"], "\n".join(
        "\n".join(f"{key}: {value}" for key, value in problem.items()) for problem in report["problems"]
    )
    assert report["kills"] + report["short"] == report["cases"]
    assert report["kills"] >= report["cases"] * 0.9
