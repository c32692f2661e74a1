"""Paused before a call that somebody wants to see first: looked at, changed, gone on with, and nothing paid twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab import Lab

AGENT = """
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint
def step(n: int, provider: str = "slow") -> str:
    did(f"step {n} {provider}")
    return f"{n} by {provider}"

@flow
def agent(last: int = 40) -> list:
    return [step(n) for n in range(1, last + 1)][-3:]

if __name__ == "__main__":
    print(agent())
"""


def test_the_next_run_stops_before_step_20_is_looked_at_changed_and_goes_on(lab: Lab) -> None:
    lab.write("agent.py", AGENT)
    lab.python("agent.py").ok(0)
    lab.world.unlink()
    said = lab.kitaru("breakpoints", "add", "agent", "--before", "step 20").ok(0)
    assert said.out == "breakpoint 1: the next run of agent pauses before step 20\n"
    # The code is as it was, and nobody tells this run of the breakpoint.
    paused = lab.python("agent.py").ok(75)
    assert lab.done() == [f"step {n} slow" for n in range(1, 20)]
    short = str(lab.item("show", "latest")["id"])[-8:]
    assert paused.err == (
        f"agent ({short}) is paused before step#20 (breakpoint 1). No process needs to run.\n"
        "  n: 20\n"
        '  provider: "slow"\n'
        f"  go on:           kitaru resume {short}\n"
        f"  change an input: kitaru resume {short} --set n=20\n"
        f"  or its output:   kitaru resume {short} --set output=VALUE\n"
    )
    shown = lab.item("show", short)
    assert shown["status"] == "paused"
    assert shown["pending"] == {
        "key": "step#20",
        "name": "step",
        "inputs": {"n": 20, "provider": "slow"},
        "by_hand": [],
    }
    assert [call["key"] for call in shown["calls"]] == ["step", *(f"step#{n}" for n in range(2, 20))]
    assert lab.items("breakpoints", "list") == [], "it stops one run"
    gone = lab.kitaru("resume", short, "--set", "provider=fast", USER="alice").ok(0)
    assert lab.done()[19:] == ["step 20 fast", *(f"step {n} slow" for n in range(21, 41))]
    assert "38 by slow" in gone.out
    changed = [call for call in lab.item("show", short)["calls"] if call["by_hand"]]
    assert [(call["key"], call["by_hand"][0]["what"], call["by_hand"][0]["value"]) for call in changed] == [
        ("step#20", "inputs.provider", "fast")
    ]
    page = lab.kitaru("show", short).ok(0).out
    assert 'step#20 inputs.provider = "fast"  alice (cli), ' in page, page
    # On the way back in it is the same call, with what it really gave.
    assert "20 by fast" in str(lab.query("SELECT payload FROM journal WHERE payload LIKE '%20 by%'"))


def test_set_for_one_run_when_it_is_started(lab: Lab) -> None:
    lab.write("agent.py", AGENT)
    paused = lab.kitaru("run", "agent.py:agent", "--pause-before", "step#3", "--input", "last=5").ok(75)
    short = lab.only()[-8:]
    assert f"agent {short} is paused: paused before step#3\n  n: 3\n" in paused.err
    assert f"  go on:           kitaru resume {short}\n" in paused.err
    lab.kitaru("resume", short).ok(0)
    assert lab.done() == [f"step {n} slow" for n in range(1, 6)]
    missed = lab.kitaru("run", "agent.py:agent", "--pause-before", "stpe", "--input", "last=1").ok(0)
    assert "note: --pause-before stpe: no such call was about to run" in missed.err
