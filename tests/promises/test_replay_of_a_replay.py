"""A replay of a replay keeps what was set by hand in that, and what that made before the call that it begins at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab import Lab

AGENT = """
from kitaru import checkpoint, flow
from world import did

@checkpoint
def search(topic: str) -> str:
    did("search")
    return f"all of {topic}"

@checkpoint
def analyze(notes: str, provider: str = "acme") -> str:
    did(f"analyze with {provider}")
    return f"{notes} by {provider}"

@checkpoint
def report(analysis: str, style: str = "plain") -> str:
    did("report")
    return f"{style}: {analysis}"

@flow
def agent() -> str:
    return report(analyze(search("bees")))

if __name__ == "__main__":
    print(agent())
"""
KEPT = "analyze.inputs.provider stays as it was set by hand in the source"


@pytest.fixture
def desk(lab: Lab) -> Lab:
    """A run, and a replay of it in which another provider was asked."""
    lab.write("agent.py", AGENT)
    assert lab.python("agent.py").ok().out == "plain: all of bees by acme\n"
    swapped = lab.kitaru("replay", "latest", "--set", "analyze.inputs.provider=other").ok()
    assert swapped.out == "plain: all of bees by other\n"
    assert lab.done() == ["search", "analyze with acme", "report", "analyze with other", "report"]
    return lab


@pytest.mark.parametrize("how", [(), ("--reuse", "unchanged"), ("--keep", "recorded")], ids=lambda how: "-".join(how))
def test_an_input_set_by_hand_stays_where_the_other_inputs_of_its_call_change(desk: Lab, how: tuple[str, ...]) -> None:
    """Whatever comes from further up: the call is the third of its name on record, and still the one that was named."""
    told = ("replay", "latest", "--set", 'search.output="some of bees"', *how)
    assert KEPT in desk.item(*told, "--dry-run")["notes"]
    assert desk.kitaru(*told).ok().out == "plain: some of bees by other\n"
    assert desk.done()[5:] == ["analyze with other", "report"]


@pytest.mark.parametrize("how", [("--reuse", "unchanged"), ("--keep", "recorded")], ids=lambda how: "-".join(how))
def test_it_stays_in_a_replay_of_that_too(desk: Lab, how: tuple[str, ...]) -> None:
    desk.kitaru("replay", "latest", "--set", 'search.output="some of bees"', *how).ok()
    told = ("replay", "latest", "--set", 'search.output="few bees"', *how)
    assert KEPT in desk.item(*told, "--dry-run")["notes"]
    assert desk.kitaru(*told).ok().out == "plain: few bees by other\n"
    assert desk.done()[7:] == ["analyze with other", "report"]


def test_what_the_replay_made_before_a_call_is_not_made_again_from_that_call_on(desk: Lab) -> None:
    plan = desk.item("replay", "latest", "--from", "report", "--dry-run")
    assert [call["fate"] for call in plan["calls"]] == ["reused", "reused", "runs"]
    assert desk.kitaru("replay", "latest", "--from", "report").ok().out == "plain: all of bees by other\n"
    assert desk.done()[5:] == ["report"]


def test_a_value_put_in_place_of_a_result_stays_when_its_code_changes(desk: Lab) -> None:
    """No code made it, so no code takes it away; and the plan says so."""
    desk.kitaru("replay", "latest", "--set", 'analyze.output="made up"').ok()
    desk.write("agent.py", AGENT.replace("{notes} by", "{notes}, by"))
    plan = desk.item("replay", "latest", "--reuse", "unchanged", "--dry-run")
    assert {call["key"]: call["fate"] for call in plan["calls"]} == dict.fromkeys(
        ("search", "analyze", "report"), "reused"
    )
    since = len(desk.done())
    assert desk.kitaru("replay", "latest", "--reuse", "unchanged").ok().out == "plain: made up\n"
    assert desk.done()[since:] == []


def test_what_a_replay_uses_only_if_it_is_unchanged_is_planned_so_in_a_replay_of_that(lab: Lab) -> None:
    """Its calls were changed before it came to them; a replay of it from a later call does not use them either."""
    lab.write("agent.py", AGENT)
    lab.python("agent.py").ok()
    lab.write("agent.py", AGENT.replace("{notes} by", "{notes}, by"))
    lab.kitaru("replay", "latest", "--reuse", "unchanged").ok()
    lab.write("agent.py", AGENT.replace("{notes} by", "{notes}: by").replace("all of", "much of"))
    since = len(lab.done())
    plan = lab.item("replay", "latest", "--from", "report", "--dry-run")
    fates = {call["key"]: call["fate"] for call in plan["calls"]}
    assert fates["search"] == "runs"
    assert lab.kitaru("replay", "latest", "--from", "report").ok().out.startswith("plain: much of bees")
    assert "search" in lab.done()[since:]
