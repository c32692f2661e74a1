"""`--reuse unchanged` on a flow of 200 steps: what did not change is not paid for again, wherever it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lab import Lab

FLOW = """
from kitaru import checkpoint, flow
from world import did
import weights

@checkpoint
def fetch(n: int) -> str:
    did("fetch")
    return f"source {n}"

@checkpoint
def rate(text: str) -> int:
    did("rate")
    return weights.weigh(text)

@checkpoint
def label(score: int) -> str:
    did("label")
    return "high" if score > 9 else "low"

@checkpoint
def count(text: str) -> int:
    did("count")
    return len(text)

@checkpoint
def merge(labels: list[str], lengths: list[int]) -> str:
    did("merge")
    return f"{labels.count('high')} of {len(labels)}, {sum(lengths)}"

@flow
def survey() -> str:
    labels, lengths = [], []
    for n in range(50):
        text = fetch(n)
        labels.append(label(rate(text)))
        lengths.append(count(text))
    return merge(labels, lengths)

if __name__ == "__main__":
    print(survey())
"""
WEIGHTS = '''"""Weights of texts."""

def weigh(text: str) -> int:
    """How much a text weighs."""
    return bonus(text) + len(text)

def bonus(text: str) -> int:
    return 0

def unused(text: str) -> int:
    return 1
'''
ALL = {"fetch": 50, "rate": 50, "label": 50, "count": 50, "merge": 1}


@pytest.fixture
def desk(lab: Lab) -> Lab:
    """A run of 201 steps."""
    lab.write("survey.py", FLOW)
    lab.write("weights.py", WEIGHTS)
    assert lab.python("survey.py").ok().out == "0 of 50, 440\n"
    assert ran(lab, 0) == ALL
    return lab


def ran(lab: Lab, since: int) -> dict[str, int]:
    """How often each body has run since."""
    done = lab.done()[since:]
    return {name: done.count(name) for name in dict.fromkeys(done)}


def replayed(lab: Lab) -> tuple[str, dict[str, int], dict[str, Any]]:
    """What a replay returns, what it ran, and what its plan had said."""
    source = lab.query("SELECT id FROM executions ORDER BY created_at LIMIT 1")[0][0]
    plan = lab.item("replay", source, "--reuse", "unchanged", "--dry-run")
    since = len(lab.done())
    result = lab.kitaru("replay", source, "--reuse", "unchanged").ok().out.strip()
    return result, ran(lab, since), plan


def test_a_changed_helper_runs_its_callers_and_what_takes_their_changed_results(desk: Lab) -> None:
    desk.write("weights.py", WEIGHTS.replace("return 0", "return 1"))
    result, done, plan = replayed(desk)
    assert result == "40 of 50, 440"
    # What weighs 9 now has a label: that of what weighed 9 before.
    assert done == {"rate": 50, "label": 40, "merge": 1}
    fates = {call["key"]: call["fate"] for call in plan["calls"]}
    assert fates["rate"] == "runs" and fates["fetch"] == "reused"
    assert not any(fate == "reused" for key, fate in fates.items() if key.startswith("rate"))
    assert (
        "50 of 201 calls were changed: rate (calls weigh() in weights.py, which calls bonus() in weights.py, changed)"
        in (plan["notes"])
    )


def test_a_changed_helper_with_the_same_results_runs_its_callers_alone(desk: Lab) -> None:
    desk.write("weights.py", WEIGHTS.replace("return 0", "return len(text) - len(text)"))
    result, done, _ = replayed(desk)
    assert (result, done) == ("0 of 50, 440", {"rate": 50})


@pytest.mark.parametrize(
    "changes",
    [
        {"weights.py": [('"""Weights of texts."""', "# Weights."), ("return 0", "# None.\n    return 0")]},
        {
            "weights.py": [
                ('    """How much a text weighs."""\n', ""),
                ("bonus(text) + len(text)", "(bonus( text ) +\n        len(text))"),
            ]
        },
        {"weights.py": [("return 1", "return 2")]},
        {
            "survey.py": [
                ('    did("merge")', '    """Merges."""\n\n    did("merge")'),
                ("@checkpoint\ndef rate", "@checkpoint(retries=2)\ndef rate"),
            ]
        },
        {"survey.py": [("labels, lengths = [], []", "labels = []\n    lengths = []")]},
    ],
    ids=["comments", "docstrings and formatting", "what nobody calls", "options", "code of the flow"],
)
def test_what_changes_no_result_runs_nothing(desk: Lab, changes: dict[str, list[tuple[str, str]]]) -> None:
    for file, edits in changes.items():
        text = (desk.folder / file).read_text()
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        (desk.folder / file).write_text(text)
    result, done, plan = replayed(desk)
    assert (result, done) == ("0 of 50, 440", {})
    assert (plan["reused"]["calls"], plan["runs"]["calls"], plan["may_run"]["calls"]) == (201, 0, 0)
