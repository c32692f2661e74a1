"""The fleet as a user runs it: on real texts without any provider, and its story on facts."""

from __future__ import annotations

import pathlib
import re

import pytest

from lab import Lab

ROOT = pathlib.Path(__file__).parents[2]
FLEET = ROOT / "examples" / "fleet"
# The guide is the corpus: small, and as real as any.
CORPUS = str(ROOT / "docs" / "guide")


def test_a_master_over_agents_answers_and_merges(lab: Lab) -> None:
    done = lab.python(
        str(FLEET / "master.py"), "waits", "retries of a checkpoint", "drift of recorded calls", "--corpus", CORPUS
    ).ok()
    told, _, report = done.out.partition("# What the fleet found")
    assert "'waits' asks: 'waits' is spoken of in " in told
    assert len(re.findall(r" is done: \d findings", told)) == 3
    assert [line for line in report.splitlines() if line.startswith("# ")] == [
        "# Waits",
        "# Retries of a checkpoint",
        "# Drift of recorded calls",
    ]
    cited = {int(number) for number in re.findall(r"\[(\d+)\]", report)}
    listed = {int(number) for number in re.findall(r"^(\d+)\. `", report, re.MULTILINE)}
    assert cited == listed == set(range(1, len(listed) + 1))
    tree = lab.item("tree", "latest")
    assert [node["tags"] for node in tree["below"]] == [
        ["waits"],
        ["retries of a checkpoint"],
        ["drift of recorded calls"],
    ]
    assert {node["status"] for node in tree["below"]} == {"completed"}


def test_wrong_arguments_are_refused_before_anything_is_started(lab: Lab) -> None:
    for wrong in (["--corpus", "nowhere"], ["--sources", "0"]):
        done = lab.python(str(FLEET / "master.py"), "waits", *wrong).ok(2)
        assert done.err.splitlines()[-1].startswith(f"fleet: error: {wrong[0]}"), done.err
    assert not lab.home.exists()


@pytest.mark.parametrize("after", [40, 80], ids=["while-agents-work", "while-the-master-writes"])
def test_the_story_holds(lab: Lab, after: int) -> None:
    """It checks by itself that nothing is paid twice but what was on its way when the power went."""
    told = lab.python(str(FLEET / "story.py"), "--keep", str(lab.home), "--after", str(after), timeout=110).ok()
    story = [
        "\n$ python examples/fleet/master.py",
        "the power goes: kill -9",
        "\n$ kitaru tree latest",
        "» fleet",
        "\n$ kitaru resume ",
        *([" is done: "] if after == 40 else []),
        "# What the fleet found",
        "10 agents, none started twice: 2 were refused and resumed, 1 asked and its master answered.",
    ]
    at = 0
    for line in story:
        assert line in told.out[at:], f"after {at} characters nobody tells: {line!r}\n{told.out}"
        at = told.out.index(line, at) + len(line)
    assert told.err == ""
    listed = lab.items("ls", "--limit", "100")
    assert sorted(one["flow"] for one in listed) == ["fleet", *["research"] * 10]
    assert {one["status"] for one in listed} == {"completed"}
    assert lab.query("SELECT count(*) FROM journal WHERE kind = 'resumed'") == [(2,)]
