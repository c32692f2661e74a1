"""Arguments that a body uses up: after a crash nothing is read twice, or skipped, without a word."""

from __future__ import annotations

import pytest

from lab import Lab

SOURCE = """
import itertools, random
import kitaru
from kitaru import checkpoint, flow
from world import did

def numbers():
    yield from range(100)

@checkpoint
def take(source):
    return did(str(READ(source)))

@checkpoint(ignore="log")
def other(n, log):
    return did(f"other {n}")

@flow
def main():
    source = SOURCE
    out = [take(source), take(source)]
    other(1, source)
    kitaru.wait(schema=bool, name="go")
    other(2, source)
    return out + [take(source)]
"""

KINDS = {
    "generator": ("numbers()", "lambda source: list(itertools.islice(source, 2))"),
    "iterator": ("iter(range(100))", "next"),
    "file": ("open('lines.txt')", "lambda source: source.readline().strip()"),
    "random": ("random.Random(1)", "lambda source: source.randint(1, 10**9)"),
}


def program(lab: Lab, kind: str) -> None:
    source, read = KINDS[kind]
    lab.write("lines.txt", "one\ntwo\nthree\n")
    lab.write("agent.py", SOURCE.replace("= SOURCE", f"= {source}") + f"\nREAD = {read}\n")


@pytest.mark.parametrize("kind", KINDS)
def test_what_recorded_calls_did_not_use_up_is_asked_about(lab: Lab, kind: str) -> None:
    program(lab, kind)
    lab.kitaru("run", "agent.py:main").ok(75)
    first = lab.done()
    told = lab.kitaru("input", lab.only(), "--value", "true").ok(75)
    assert "--rerun take --rerun 'take#2'" in told.err, told.err
    assert lab.done() == [*first, "other 2"]
    lab.kitaru("resume", lab.only(), "--rerun", "take", "--rerun", "take#2").ok()
    result = lab.item("show", lab.only())["result"]
    assert result[:2] == first[:2] and result[2] not in first


def test_what_is_not_used_again_is_no_concern(lab: Lab) -> None:
    program(lab, "file")
    lab.write("agent.py", (lab.folder / "agent.py").read_text().replace("out + [take(source)]", "out"))
    lab.kitaru("run", "agent.py:main").ok(75)
    lab.kitaru("input", lab.only(), "--value", "true").ok()
