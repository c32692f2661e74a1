"""Killed wherever the engine writes or has just written, and at random moments, an agent always ends the same way."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import pytest

from lab import Lab
from lab.sweep import sweep

SMALL = """
from world import paid
from kitaru import checkpoint, flow

@checkpoint
def one():
    return paid(1)

@flow
def main():
    return one()
"""
PROGRAM = pathlib.Path(__file__).parent / "sweep_program.py.txt"


def judge(report: Any, *, least: int) -> None:
    print(f"{report['kills']} kills landed in {report['cases']} cases, {report['seconds']} s")
    assert not report["problems"], "\n".join(
        "\n".join(f"{key}: {value}" for key, value in problem.items()) for problem in report["problems"]
    )
    assert report["kills"] >= least


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(4))
def test_every_write_of_the_engine_may_be_its_last(lab: Lab, part: int) -> None:
    report = sweep(lab, lab.write("program.py", PROGRAM.read_text()), points="all", part=(part, 4))
    judge(report, least=report["cases"])


def test_every_write_that_makes_a_store_may_be_its_last(lab: Lab) -> None:
    report = sweep(
        lab,
        lab.write(
            "program.py",
            SMALL,
        ),
        points="creation",
    )
    judge(report, least=report["cases"])


KILLS = int(os.environ.get("KITARU_CRASHES", "100"))


@pytest.mark.timeout(600 + KILLS)
def test_random_moments_may_be_the_last(lab: Lab) -> None:
    kills = KILLS
    report = sweep(lab, lab.write("program.py", PROGRAM.read_text()), points="none", random_kills=kills, seed=kills)
    judge(report, least=kills)
