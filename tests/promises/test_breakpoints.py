"""Paused before a call that somebody wants to see first: looked at, changed, gone on with, and nothing paid twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import KITARU, PYTHON

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
        "next": f"kitaru resume {short}   # with --set to change what it is given",
        "by_hand": [],
    }
    assert [call["key"] for call in shown["calls"]] == ["step", *(f"step#{n}" for n in range(2, 20))]
    page = lab.kitaru("show", short).ok(0).out
    assert f'\n\npaused at step#20\n  n: 20\n  provider: "slow"\nkitaru resume {short}   # with --set' in page, page
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


def test_it_stops_before_what_runs_and_not_before_what_is_reused(lab: Lab) -> None:
    lab.write("agent.py", AGENT.replace('did(f"step', "os.environ.get('DIE') == str(n) and os._exit(1); did(f\"step"))
    lab.write("agent.py", "import os\n" + (lab.folder / "agent.py").read_text())
    assert lab.python("agent.py", DIE="5").code == 1
    lab.kitaru("breakpoints", "add", "agent", "--before", "step").ok(0)
    lab.kitaru("resume", lab.only()).ok(75)
    assert lab.item("show", lab.only())["pending"]["key"] == "step#5"
    assert lab.done() == [f"step {n} slow" for n in range(1, 5)]


def test_one_that_stays_stops_every_run_and_counts(lab: Lab) -> None:
    lab.write("agent.py", AGENT)
    said = lab.kitaru("breakpoints", "add", "agent.py:agent", "--before", "step#2", "--every").ok(0)
    assert said.out == "breakpoint 1: every run of agent pauses before step#2\n"
    for hits in (1, 2):
        lab.python("agent.py").ok(75)
        (one,) = lab.items("breakpoints", "list", "--flow", "agent")
        assert (one["hits"], one["every"], one["by"], one["file"]) == (hits, True, "cli", str(lab.folder / "agent.py"))
    for row in lab.items("ls"):
        lab.kitaru("resume", row["id"]).ok(0)
    assert lab.done().count("step 2 slow") == 2
    assert lab.kitaru("breakpoints", "remove", "1").ok(0).out == "breakpoint 1 is removed\n"
    lab.python("agent.py").ok(0)


def test_of_two_runs_at_once_one_stops_and_the_other_goes_on(lab: Lab) -> None:
    slow = AGENT.replace('did(f"step', 'time.sleep(0.02); did(f"step')
    lab.write("agent.py", "import time\n" + slow)
    lab.kitaru("breakpoints", "add", "agent.py:agent", "--before", "step 20").ok(0)
    both = [lab.spawn(PYTHON, "agent.py") for _ in range(2)]
    for process in both:
        process.communicate()
    assert sorted(process.returncode for process in both) == [0, 75]
    assert sorted(row["status"] for row in lab.items("ls")) == ["completed", "paused"]
    assert lab.done().count("step 20 slow") == 1


def test_one_that_is_set_while_it_runs_stops_it(lab: Lab) -> None:
    # 4000 steps of a millisecond: it is told long before the last.
    work = 'did(f"step {n} {provider}"); wait(n)'
    lab.write(
        "agent.py",
        AGENT.replace('did(f"step {n} {provider}")', work).replace("= 40", "= 4000")
        + """
import os, time

def wait(n):
    while n == 3 and not os.path.exists("set"):
        time.sleep(0.005)
    time.sleep(0.001)
""",
    )
    process = lab.spawn(KITARU, "run", "agent.py:agent")
    lab.wait_for("step 3 slow")
    lab.kitaru("breakpoints", "add", "agent", "--before", "step").ok(0)
    lab.write("set", "")
    process.communicate(timeout=50)
    assert process.returncode == 75
    assert lab.item("show", lab.only())["pending"]["inputs"]["n"] == len(lab.done()) + 1


def test_one_that_is_removed_while_what_runs_ends_lets_it_go_on(lab: Lab) -> None:
    lab.write(
        "agent.py",
        """
        import os, time
        from kitaru import checkpoint, flow
        from world import count, did

        @checkpoint
        def long(n):
            did("begin")
            while not os.path.exists("go"):
                time.sleep(0.005)
            return n

        @checkpoint
        def send(n):
            did(f"send {n}")
            return n

        @flow
        def main():
            one = long.submit(1)
            while not count("begin"):
                time.sleep(0.005)
            return [send(1), one.result()]
        """,
    )
    lab.kitaru("breakpoints", "add", "agent.py:main", "--before", "send").ok(0)
    process = lab.spawn(KITARU, "run", "agent.py:main")
    lab.wait_for("begin")
    lab.kitaru("breakpoints", "remove", "1").ok(0)
    lab.write("go", "")
    process.communicate(timeout=50)
    assert (process.returncode, lab.done()) == (0, ["begin", "send 1"])


CHILDREN = """
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint
def step(n: int) -> int:
    did(f"step {n}")
    return n

@flow
def below(n: int) -> int:
    return step(n) + step(n + 1)

@flow
def above() -> int:
    first = step(0)
    return first + below(10)
"""


def test_a_child_that_is_paused_parks_its_parent(lab: Lab) -> None:
    lab.write("agent.py", CHILDREN)
    lab.kitaru("breakpoints", "add", "agent.py:below", "--before", "step#2").ok(0)
    paused = lab.kitaru("run", "agent.py:above").ok(75)
    (child,) = [row for row in lab.items("ls") if row["flow"] == "below"]
    short, parent = child["id"][-8:], lab.only()[-8:]
    assert f"below {short} is paused: paused before step#2 (breakpoint 1)\n  n: 11\n" in paused.err, paused.err
    assert f"  change an input: kitaru resume {short} --set n=11\n" in paused.err
    doctor = lab.kitaru("doctor").ok(0).out
    assert f"its child below ({short}) is paused before step#2 (breakpoint 1), given n=11" in doctor, doctor
    assert "paused" in lab.kitaru("resume", parent).ok(75).err
    assert lab.done() == ["step 0", "step 10"]
    lab.kitaru("resume", short, "--set", "n=5").ok(0)
    assert lab.done() == ["step 0", "step 10", "step 5"]
    assert lab.item("show", parent)["result"] == 15


def test_a_call_of_a_child_is_a_call(lab: Lab) -> None:
    lab.write("agent.py", CHILDREN)
    lab.kitaru("run", "agent.py:above", "--pause-before", "below").ok(75)
    assert [row["flow"] for row in lab.items("ls")] == ["above"], "it has not begun"
    lab.kitaru("resume", lab.only(), "--set", "output=7").ok(0)
    assert (lab.done(), lab.item("show", lab.only())["result"]) == (["step 0"], 7)


def test_a_script_a_notebook_and_a_program_see_the_pause(lab: Lab) -> None:
    lab.write("agent.py", AGENT)
    lab.write(
        "program.py",
        """
        import agent, kitaru
        client = kitaru.KitaruClient()
        client.breakpoints.add(agent.agent, "step#2")
        handle = agent.agent.run(3)
        try:
            handle.get()
        except kitaru.KitaruPaused as state:
            before = state.reason["breakpoint"]["before"]
            print(type(state).__name__, before, client.executions.get(state.exec_id).status)
        """,
    )
    assert lab.python("program.py").ok(0).out == "KitaruPaused step#2 paused\n"


def test_bad_input_is_one_line_with_a_way_out(lab: Lab) -> None:
    lab.write("agent.py", AGENT)
    add = ("breakpoints", "add")
    for given, code, said, hint in [
        (
            ["agnt", "--before", "step"],
            1,
            'error[unknown-flow]: no flow "agnt" has run in this store; none has',
            "FILE.py:agnt",
        ),
        (["gone.py:agent", "--before", "step"], 1, "error[flow-import]: there is no file", None),
        (
            ["agent.py:agnt", "--before", "step"],
            1,
            "error[unknown-flow]: agent.py has no flow 'agnt'; it has: agent",
            None,
        ),
        (["agent.py:agent", "--before", "step 0"], 2, 'error[bad-selector]: "step 0" counts from 1', None),
        (["agent.py:agent", "--before", ""], 2, 'error[bad-selector]: "" names no call', None),
        (
            ["agent.py:agent", "--before", "a", "--when", "n > 1"],
            2,
            'error[bad-expression]: "n > 1": there is no n',
            "inputs, key",
        ),
        (["agent.py:agent", "--before", "a", "--when", "inputs.n >"], 2, "error[bad-expression]: ", "inputs, key"),
        (["agent.py:agent"], 2, "error[usage]: the following required arguments", None),
    ]:
        refused = lab.kitaru(*add, *given).ok(code)
        assert said in refused.err, refused.err
        assert hint is None or hint in refused.err
    for unknown in ("7", "x"):
        refused = lab.kitaru("breakpoints", "remove", unknown).ok(1)
        assert "error[unknown-breakpoint]: " in refused.err
    assert "none is set" in lab.kitaru("breakpoints", "remove", "7").err
    assert "error[bad-selector]" in lab.kitaru("run", "agent.py:agent", "--pause-before", "step x").ok(2).err
    assert (lab.done(), lab.items("breakpoints", "list"), lab.items("ls")) == ([], [], [])
    assert lab.kitaru("breakpoints", "list").ok(0).out == "no breakpoints\n"
    lab.kitaru("run", "agent.py:agent", "--input", "last=1").ok(0)
    told = lab.kitaru(*add, "agnt", "--before", "step").ok(1)
    assert "there is: agent" in told.err
    told = lab.kitaru(*add, "agent", "--before", "setp", "--output", "json").ok(0)
    assert told.err == "note: agent made no call setp so far; it made: step\n"
    assert told.json["command"] == "breakpoints.add"
    assert {**told.json["item"], "at": None} == {
        "id": 1,
        "flow": "agent",
        "file": None,
        "before": "setp",
        "every": False,
        "when": None,
        "hits": 0,
        "by": "cli",
        "at": None,
    }


def test_a_condition_that_cannot_be_told_stops_and_says_so(lab: Lab) -> None:
    lab.write("agent.py", AGENT)
    lab.kitaru("breakpoints", "add", "agent.py:agent", "--before", "step", "--when", "inputs.m == 3").ok(0)
    said = lab.python("agent.py").ok(75).err
    assert "(breakpoint 1): its condition cannot be told: there is no m; there is: n, provider" in said
    assert lab.done() == []


def test_a_long_input_is_shown_in_80_columns(lab: Lab) -> None:
    lab.write("agent.py", AGENT)
    long = "x" * 300
    paused = lab.kitaru("run", "agent.py:agent", "--pause-before", "step").ok(75)
    lab.kitaru("resume", lab.only(), "--set", f"provider={long}", "--set", "n=no").ok(75)
    assert max(len(line) for line in paused.err.splitlines()) <= 80
    many = AGENT.replace(
        'provider: str = "slow"', 'provider: str = "' + long + '", ' + ", ".join(f"p{i}=0" for i in range(20))
    )
    lab.write("agent.py", many)
    lines = lab.kitaru("run", "agent.py:agent", "--pause-before", "step").ok(75).err.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[2].endswith("…") and any(line.startswith("  and 10 more: kitaru show ") for line in lines)
