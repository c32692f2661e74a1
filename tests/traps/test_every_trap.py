"""Every program of the trap list, killed at the edges of each of its commits: it always ends the same way."""

from __future__ import annotations

import pathlib

import pytest

from lab import Lab
from lab.sweep import sweep

PROGRAMS = sorted((pathlib.Path(__file__).parent / "programs").glob("*.py"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_ends_the_same_way_wherever_it_is_killed_and_no_recorded_call_runs_twice(
    lab: Lab, program: pathlib.Path
) -> None:
    file = lab.write(program.name, program.read_text())
    report = sweep(lab, file)
    assert not report["problems"], "\n".join(
        "\n".join(f"{key}: {value}" for key, value in problem.items()) for problem in report["problems"]
    )
    assert report["kills"] > 0
    known: dict[str, object] = {}
    exec(
        compile("\n".join(line for line in program.read_text().splitlines() if line[:5] == "CALLS"), "x", "exec"), known
    )
    if "CALLS" in known:
        assert report["done"] == known["CALLS"]
