"""What ``kitaru diff`` says of executions: side by side, call by call, and what of their values differs."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from cli.replays import KINDS, SEARCHER, broken, done, latest, whole
from cli.story import settled
from cli.test_terminal import Terminal
from lab import KITARU

if TYPE_CHECKING:
    from lab import Lab


def says(text: str, expected: str) -> None:
    """Compares what a command printed, without what took how long, and trailing spaces aside."""
    lines = []
    for line in text.rstrip("\n").split("\n"):
        if re.match(r"(took|  of it itself) +[\d.]+ m?s", line):
            continue
        line = re.sub(r"[\d.]+ m?s -> [\d.]+ m?s(, )?", "", line)
        lines.append(re.sub(r" +[\d.]+ m?s$|(?<=  )[\d.]+ m?s, ", "", line).rstrip())
    assert settled("\n".join(lines)) == textwrap.dedent(expected).strip("\n")


def verdicts(found: dict[str, Any]) -> dict[str, str]:
    """How each call compares."""
    return {call["key"]: call["verdict"] for call in found["calls"]}


def swapped(lab: Lab) -> tuple[str, str]:
    """A run that failed, and a replay of it with another provider that completed."""
    source = broken(lab)
    lab.kitaru("replay", source, "--set", "analyze#3.inputs.provider=beta").ok(75)
    lab.kitaru("input", "latest", "--value", "true").ok()
    return source, latest(lab)


def test_a_replay_and_its_source_side_by_side(lab: Lab) -> None:
    told = lab.kitaru("diff", *swapped(lab), COLUMNS="80").ok()
    says(
        told.out,
        """
        research <short> (failed)
        research <short> (completed), a replay of it

                               <short>     <short>
        status                   failed    completed
        calls                         4            6           +2
          of them reused              0            3           +3
        attempts                      4            5           +1
        tokens in                    30           30
        tokens out                    6            6
        cost                    $0.7500      $0.7500
          of it itself          $0.7500      $0.2500     -$0.5000

        calls: 3 reused, 1 changed, 2 added
        first divergence: analyze#3 (step 4), changed

        ~ analyze#3  failed -> completed, set by hand
            inputs provider: "alpha" -> "beta"
            output: nothing -> "beta on tea source 3"
            error: RuntimeError: the provider is down -> none
        + approve
        + publish

        result
              - nothing
              + "published plain: alpha on tea source 1; alpha on tea source 2; beta on…

        error
            RuntimeError: the provider is down -> none
        """,
    )
    assert max(map(len, told.out.splitlines())) <= 80


def test_what_is_asked_for_alone_is_shown_alone(lab: Lab) -> None:
    pair = swapped(lab)
    says(
        lab.kitaru("diff", *pair, "--only", "calls").ok().out,
        """
        research <short> (failed)
        research <short> (completed), a replay of it

        calls: 3 reused, 1 changed, 2 added
        first divergence: analyze#3 (step 4), changed

        ~ analyze#3  failed -> completed, set by hand
        + approve
        + publish
        """,
    )
    outputs = lab.kitaru("diff", *pair, "--only", "outputs").ok().out
    assert "output: nothing" in outputs and "provider" not in outputs.replace("the provider is down", "")
    cost = lab.kitaru("diff", *pair, "--only", "cost").ok().out
    assert "12 $0.2500" in cost and "output" not in cost
    item = lab.item("diff", *pair, "--only", "outputs")
    assert set(item["calls"][0]) == {"key", "name", "kind", "verdict", "moved", "code_changed", "output"}


def test_the_item_has_every_call_and_both_sides(lab: Lab) -> None:
    source, replay = swapped(lab)
    item = lab.item("diff", source, replay)
    assert [one["id"][-8:] for one in item["executions"]] == [source, replay]
    assert item["counts"] == {"reused": 3, "same": 0, "changed": 1, "added": 2, "removed": 0, "moved": 0}
    assert item["first_divergence"] == {"key": "analyze#3", "verdict": "changed", "steps": [4, 4]}
    changed = item["calls"][3]
    assert changed["inputs"] == [{"path": "provider", "before": '"alpha"', "after": '"beta"'}]
    assert [side["status"] for side in changed["sides"]] == ["failed", "completed"]
    assert [side["by_hand"] for side in changed["sides"]] == [False, True]
    assert item["calls"][4]["sides"][0] is None
    assert item["diverged"] is True


def test_two_runs_of_their_own_are_the_same_or_changed(lab: Lab) -> None:
    one = whole(lab)
    other = whole(lab)
    item = lab.item("diff", one, other)
    assert set(verdicts(item).values()) == {"same"}
    assert (item["diverged"], item["first_divergence"]) == (False, None)
    assert "they do not differ" in lab.kitaru("diff", one, other, "--fail-on-divergence").ok().out
    third = whole(lab, "soup")
    item = lab.item("diff", one, third)
    assert verdicts(item) == {
        "search": "changed",
        "analyze": "changed",
        "analyze#2": "changed",
        "analyze#3": "changed",
        "approve": "same",
        "publish": "changed",
    }
    assert item["inputs"] == [{"path": "topic", "before": '"tea"', "after": '"soup"'}]
    assert lab.kitaru("diff", one, third, "--fail-on-divergence").code == 1
    assert lab.kitaru("diff", one, third).code == 0


def test_a_call_that_moved_is_found_by_its_inputs(lab: Lab) -> None:
    one = whole(lab)
    lab.write("searcher.py", SEARCHER.replace("for n in (1, 2, 3)", "for n in (9, 1, 2, 3)"))
    lab.kitaru("run", "searcher.py:research").ok(75)
    lab.kitaru("input", "latest", "--value", "true").ok()
    item = lab.item("diff", one, latest(lab))
    assert verdicts(item) == {
        "search": "changed",
        "analyze": "added",
        "analyze#2": "same",
        "analyze#3": "same",
        "analyze#4": "same",
        "approve": "same",
        "publish": "changed",
    }
    assert item["counts"]["moved"] == 3
    assert "> analyze#2  moved from analyze" in lab.kitaru("diff", one, "latest").ok().out


def test_several_are_a_matrix(lab: Lab) -> None:
    source, replay = swapped(lab)
    lab.kitaru("replay", replay, "--set", "waits.approve=false").ok()
    told = lab.kitaru("diff", source, replay, latest(lab), COLUMNS="80").ok()
    says(
        "\n".join(told.out.splitlines()[5:]),
        """
        3 of 6 calls are the same in all of them

        CALL                                 <short>  <short>  <short>
        analyze#3                            first     changed   changed
        approve                                        added     changed
        publish                                        added     missing
        """,
    )
    item = lab.item("diff", source, replay, "latest", "--fail-on-divergence", code=1)
    assert item["calls"][3]["verdicts"] == [None, "changed", "changed"]
    assert item["calls"][5]["verdicts"] == [None, "added", "removed"]
    assert [side and side["key"] for side in item["calls"][5]["sides"]] == [None, "publish", None]


def test_values_with_types_differ_by_their_own_paths(lab: Lab) -> None:
    lab.write("kinds.py", KINDS)
    lab.kitaru("run", "kinds.py:asking", "--inputs", '{"config": {"model": "m-1"}}').ok()
    source = latest(lab)
    lab.kitaru("replay", source, "--set", "ask.inputs.config.model=m-2").ok()
    call = lab.item("diff", source, latest(lab))["calls"][0]
    assert call["inputs"] == [{"path": "config.model", "before": '"m-1"', "after": '"m-2"'}]
    assert call["output"] == [{"path": "value", "before": '"m-1: why"', "after": '"m-2: why"'}]


def test_a_terminal_has_colours_and_a_pipe_has_none(lab: Lab) -> None:
    pair = swapped(lab)
    terminal = Terminal(lab, KITARU, "diff", *pair)
    assert terminal.end() == 0
    assert '\x1b[31m"alpha"\x1b[0m -> \x1b[32m"beta"\x1b[0m' in terminal.text
    assert "\x1b[" not in lab.kitaru("diff", *pair, NO_COLOR="").ok().out


def test_what_a_flow_returns_cannot_drive_the_terminal(lab: Lab) -> None:
    lab.write(
        "rude.py",
        """
        from kitaru import checkpoint, flow

        @checkpoint
        def say(n: int) -> str:
            return f"\\x1b[2J{n}\\r"

        @flow
        def rude(n: int) -> str:
            return say(n)
        """,
    )
    ids = [lab.item("run", "rude.py:rude", "--input", f"n={n}")["id"] for n in (1, 2)]
    assert "\x1b" not in lab.kitaru("diff", *ids).ok().out


BAD = {
    "one alone": (("latest",), 2, "error[usage]: 2 values required"),
    "twice the same": (("latest", "latest"), 2, "is named twice"),
    "what is not there": (("latest", "00000000"), 1, "error[unknown-execution]: no execution 00000000"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_compared_is_said_in_one_line(lab: Lab, what: str) -> None:
    ids, code, line = BAD[what]
    whole(lab)
    done(lab)
    told = lab.kitaru("diff", *ids).ok(code)
    assert line in told.err.splitlines()[0]
