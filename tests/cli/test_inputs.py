"""Inputs from the command line arrive as the types that the flow asks for, or are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab import Lab

AGENT = """
    import dataclasses, datetime
    from kitaru import flow

    @dataclasses.dataclass
    class Config:
        name: str
        n: int = 3

    @flow
    def typed(version: str, when: datetime.date = None, config: Config = None, n: int = 1):
        return repr((version, when, config, n))

    @flow
    def in_front(day: datetime.date, text: str, /, *more):
        return repr((day, text, more))
"""


def test_they_are_made_the_annotated_types(lab: Lab) -> None:
    lab.write("agent.py", AGENT)
    inputs = '{"version": "1.10", "when": "2026-01-02", "config": {"name": "a"}}'
    ran = lab.kitaru("run", "agent.py:typed", "--inputs", inputs).ok()
    assert ran.out == "('1.10', datetime.date(2026, 1, 2), Config(name='a', n=3), 1)\n"


def test_two_positional_ones_of_one_text_are_not_mixed_up(lab: Lab) -> None:
    lab.write("agent.py", AGENT)
    ran = lab.kitaru("run", "agent.py:in_front", "--input", "day=2026-01-02", "--input", "text=2026-01-02").ok()
    assert ran.out == "(datetime.date(2026, 1, 2), '2026-01-02', ())\n"


@pytest.mark.parametrize("given", ["version=1.10", "n=abc", "when=soon", "n=12345678901234567890123"])
def test_what_is_not_of_its_type_is_refused_and_starts_nothing(lab: Lab, given: str) -> None:
    lab.write("agent.py", AGENT)
    told = lab.kitaru("run", "agent.py:typed", "--input", "version=a", "--input", given)
    assert told.code in (1, 2)
    assert told.err.startswith("error[bad-"), told.err
    assert lab.items("ls") == []
