"""Agents of pydantic-ai and openai-agents under plain `kitaru.call`: killed at every call, nothing is paid twice."""

from __future__ import annotations

import json
import pathlib

import pytest

from lab import Lab
from lab.sweep import sweep

HERE = pathlib.Path(__file__).parent / "programs"
PROGRAMS = sorted(file for file in HERE.glob("*.py") if not file.stem.startswith("durable_"))
NEEDS = {"pydantic_ai": "pydantic_ai", "openai_agents": "agents"}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_killed_at_every_call_it_resumes_with_the_same_keys_and_result_and_pays_no_call_twice(
    lab: Lab, program: pathlib.Path
) -> None:
    for prefix, module in NEEDS.items():
        if program.stem.startswith(prefix):
            pytest.importorskip(module)
    for helper in HERE.glob("durable_*.py"):
        lab.write(helper.name, helper.read_text())
    report = sweep(lab, lab.write(program.name, program.read_text()))
    assert not report["problems"], "\n".join(
        "\n".join(f"{key}: {value}" for key, value in problem.items()) for problem in report["problems"]
    )
    # Each call is two commits at most, each killed before and after.
    assert report["kills"] >= 2 * report["done"]
    assert report["done"] == declared(program, "CALLS")


def declared(program: pathlib.Path, name: str) -> object:
    """A constant of a program, read without importing it."""
    lines = [line for line in program.read_text().splitlines() if line.startswith(f"{name} = ")]
    return json.loads(lines[0].partition(" = ")[2])
