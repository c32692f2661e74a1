"""A master that is killed anywhere starts no child twice and loses no answer."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import pytest

from lab import Lab
from lab.sweep import sweep

PROGRAM = pathlib.Path(__file__).parent / "fleet_program.py.txt"
KILLS = int(os.environ.get("KITARU_CRASHES", "100")) // 4


def judge(report: Any, *, least: int) -> None:
    print(f"{report['kills']} kills landed in {report['cases']} cases, {report['seconds']} s")
    assert not report["problems"], "\n".join(
        "\n".join(f"{key}: {value}" for key, value in problem.items()) for problem in report["problems"]
    )
    assert report["kills"] >= least


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(2))
def test_every_commit_of_a_fleet_may_be_its_last(lab: Lab, part: int) -> None:
    report = sweep(lab, lab.write("program.py", PROGRAM.read_text()), points="edges", part=(part, 2))
    # A child works beside its master and shares commits with it: which is the n-th, and whether the last ones come,
    # differs from run to run.
    judge(report, least=report["cases"] * 4 // 5)
    assert report["kills"] + report["short"] == report["cases"]


@pytest.mark.timeout(900)
def test_a_fleet_may_be_killed_at_any_moment(lab: Lab) -> None:
    report = sweep(lab, lab.write("program.py", PROGRAM.read_text()), points="none", random_kills=KILLS, seed=KILLS)
    judge(report, least=KILLS)
