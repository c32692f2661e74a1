"""What ``kitaru replay`` does to one execution: the plan, what runs and what does not, what is changed."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from cli.replays import KINDS, SEARCHER, broken, done, fates, latest, timeless, whole

if TYPE_CHECKING:
    from lab import Lab


def says(text: str, expected: str) -> None:
    """Compares what a command printed, trailing spaces aside."""
    found = "\n".join(line.rstrip() for line in timeless(text).rstrip("\n").split("\n"))
    assert found == textwrap.dedent(expected).strip("\n")


# -- the plan --------------------------------------------------------------------------------------------------


def test_a_plan_says_what_is_reused_what_runs_and_why(lab: Lab) -> None:
    source = broken(lab)
    done(lab)
    told = lab.kitaru("replay", source, "--set", "analyze#3.inputs.provider=beta", "--dry-run", COLUMNS="80").ok()
    says(
        told.out,
        """
        replay of research <short> from analyze#3

        set      analyze#3.inputs.provider  "alpha" -> "beta"

        reused   3 calls, saves $0.5000
        runs     1 call, took $0.2500 when recorded

        STEP  CALL       WHAT  WHY
           4  analyze#3  runs  its inputs are changed

        note: the source did not complete: what it had not begun is not counted
        """,
    )
    assert (told.err, done(lab), len(lab.items("ls"))) == ("", [], 1)


def test_a_plan_says_what_may_run_and_which_effect_would_happen_again(lab: Lab) -> None:
    source = whole(lab)
    told = lab.kitaru("replay", source, "--set", 'analyze#2.output="mine"', "--dry-run", COLUMNS="80").ok()
    says(
        told.out,
        """
        replay of research <short> from analyze#2

        set      analyze#2.output  "alpha on tea source 2" -> "mine"

        reused   2 calls, saves $0.2500
        runs     0 calls
        may run  2 calls, took $0.2500 when recorded
        waits    1 may be asked again

        STEP  CALL       WHAT     WHY
           3  analyze#2  is set   it is set by hand
           4  analyze#3  may run  depends on analyze#2
           5  approve    may run  depends on analyze#2
           6  publish    may run  depends on analyze#3; its effect happens again
        """,
    )


def test_a_plan_in_json_has_every_call(lab: Lab) -> None:
    plan = lab.item("replay", whole(lab), "--from", "analyze", "--dry-run")
    assert fates(plan) == {
        "search": "reused",
        "analyze": "runs",
        "analyze#2": "runs",
        "analyze#3": "runs",
        "approve": "asked_again",
        "publish": "runs",
    }
    assert [call["why"] for call in plan["calls"][:3]] == [None, "from here", "after that"]
    assert (plan["from"], plan["reuse"], plan["keep"]) == ("analyze", "frontier", None)
    assert (plan["reused"]["calls"], plan["runs"]["calls"], plan["may_run"]["calls"]) == (1, 4, 0)
    assert plan["runs"]["usage"] == {"input_tokens": 30, "output_tokens": 6, "cost_usd": 0.75}
    assert plan["waits"] == {"reused": 0, "asked_again": 1, "may_be_asked_again": 0, "answered": 0}
    assert plan["effects_again"] == 1
    assert plan["notes"] == ["analyze names the first of 3 calls"]


SELECTORS = {
    "analyze#2": "analyze#2",
    "analyze": "analyze",
    "analyze#1": "analyze",
    "step 3": "analyze#2",
    "publish": "publish",
    "approve": "approve",
    "start": "start",
}


@pytest.mark.parametrize("selector", SELECTORS)
def test_a_call_is_selected_by_key_name_or_step(lab: Lab, selector: str) -> None:
    assert lab.item("replay", whole(lab), "--from", selector, "--dry-run")["from"] == SELECTORS[selector]


def test_the_failure_is_selected_by_its_name(lab: Lab) -> None:
    assert lab.item("replay", broken(lab), "--from", "failure", "--dry-run")["from"] == "analyze#3"


# -- what runs -------------------------------------------------------------------------------------------------


def test_the_failing_input_is_swapped_and_everything_else_kept(lab: Lab) -> None:
    source = broken(lab)
    assert done(lab)[-1] == "analyze tea source 3 alpha"
    before = lab.query("SELECT place, payload FROM journal ORDER BY place")
    told = lab.kitaru("replay", source, "--set", "analyze#3.inputs.provider=beta").ok(75)
    assert done(lab) == ["analyze tea source 3 beta"]
    assert told.err.startswith("replay of research ") and "is waiting: waiting for approve" in told.err
    replay = latest(lab)
    assert lab.item("input", replay, "--value", "true")["result"] == (
        "published plain: alpha on tea source 1; alpha on tea source 2; beta on tea source 3"
    )
    assert done(lab) == ["publish"]
    # The source is read, and not written.
    assert lab.query("SELECT place, payload FROM journal ORDER BY place")[: len(before)] == before
    assert (lab.item("show", source)["status"], lab.item("show", replay)["forked_from"][-8:]) == ("failed", source)


def test_show_says_what_a_replay_replays(lab: Lab) -> None:
    source = broken(lab)
    lab.kitaru("replay", source, "--set", "analyze#3.inputs.provider=beta").ok(75)
    lab.kitaru("input", "latest", "--value", "false").ok()
    says(
        lab.kitaru("show", "latest").ok().out,
        """
        research  <id>  completed
        created  <time>
        updated  <time>
        inputs   {"topic":"tea","style":"plain"}
        result   held back
        usage    10 tokens in, 2 out, $0.2500
        replays  <short> from analyze#3
                 analyze#3.inputs.provider = "beta"

        STEP  CALL       STATUS     TRIES  STARTED   TOOK
           1  search     completed  1      <clock>  <took> reused
           2  analyze    completed  1      <clock>  <took> reused
           3  analyze#2  completed  1      <clock>  <took> reused
           4  analyze#3  completed  1      <clock>  <took> reused, inputs by hand
           5  approve    completed         <clock>  <took> reused

        put in by hand
          analyze#3 inputs.provider = "beta"  cli, <time> UTC
        """,
    )
    item = lab.item("show", "latest")["replay"]
    assert (item["source"][-8:], item["from"], item["reuse"], item["by"]) == (source, "analyze#3", "frontier", "cli")
    assert item["overrides"] == [{"path": "analyze#3.inputs.provider", "value": "beta"}]


def test_a_replay_writes_what_ran_and_nothing_of_what_it_keeps(lab: Lab) -> None:
    source = whole(lab)
    before = lab.query("SELECT count(*) FROM journal")[0][0]
    lab.kitaru("replay", source, "--from", "publish").ok()
    # Created, taken up, its one call begun and ended, completed.
    assert lab.query("SELECT count(*) FROM journal")[0][0] - before == 5
    assert [call["reused"] for call in lab.item("show", "latest")["calls"]] == [True] * 5 + [False]


def test_an_output_is_put_in_place_and_its_call_does_not_run(lab: Lab) -> None:
    source = whole(lab)
    done(lab)
    lab.kitaru("replay", source, "--set", 'search.output=["a 1", "b 2"]', "--set", "waits.approve=true").ok(0)
    assert done(lab) == ["analyze a 1 alpha", "analyze b 2 alpha", "publish"]
    assert lab.item("show", "latest")["result"] == "published plain: alpha on a 1; alpha on b 2"


def test_an_output_counts_where_its_call_is_made_with_other_inputs(lab: Lab) -> None:
    source = whole(lab)
    done(lab)
    told = ("--set", "flow.topic=soup", "--set", 'analyze#2.output="by hand"', "--set", "waits.approve=true")
    lab.kitaru("replay", source, *told).ok()
    assert done(lab) == ["search", "analyze soup source 1 alpha", "analyze soup source 3 alpha", "publish"]
    result = lab.item("show", "latest")["result"]
    assert result == "published plain: alpha on soup source 1; by hand; alpha on soup source 3"


def test_with_a_flow_input_changed_nothing_is_reused_unless_what_is_recorded_is_kept(lab: Lab) -> None:
    source = whole(lab)
    done(lab)
    lab.kitaru("replay", source, "--set", "flow.style=bold").ok(75)
    assert len(done(lab)) == 4
    lab.kitaru("replay", source, "--set", "flow.style=bold", "--keep", "recorded").ok()
    assert done(lab) == ["publish"]
    assert str(lab.item("show", "latest")["result"]).startswith("published bold: alpha on tea source 1")


def test_an_answer_is_put_in_place(lab: Lab) -> None:
    source = whole(lab)
    done(lab)
    told = lab.kitaru("replay", source, "--set", "waits.approve=false").ok()
    assert (told.out, done(lab)) == ("held back\n", [])
    call = lab.item("show", "latest")["calls"][-1]
    assert (call["key"], call["status"]) == ("approve", "completed")


def test_a_wait_is_asked_again(lab: Lab) -> None:
    source = whole(lab)
    done(lab)
    plan = lab.item("replay", source, "--ask-again", "all", "--dry-run")
    assert (plan["ask_again"], fates(plan)["approve"]) == (["approve"], "asked_again")
    told = lab.kitaru("replay", source, "--ask-again", "approve").ok(75)
    assert (done(lab), "Publish?" in told.err) == ([], True)
    assert lab.item("input", "latest", "--value", "false")["result"] == "held back"


def test_values_put_in_place_are_made_into_what_the_code_takes(lab: Lab) -> None:
    lab.write("kinds.py", KINDS)
    lab.kitaru("run", "kinds.py:asking", "--inputs", '{"config": {"model": "m-1"}}').ok()
    source = latest(lab)
    done(lab)
    assert lab.item("replay", source, "--set", "ask.inputs.config.model=m-2")["result"] == "m-2: why"
    assert lab.item("replay", source, "--set", "flow.config.model=m-3")["result"] == "m-3: why"
    assert lab.item("replay", source, "--set", 'flow.config={"model": "m-4"}')["result"] == "m-4: why"
    # What was put in place stays so in a replay of the replay.
    assert lab.item("replay", "latest", "--from", "start")["result"] == "m-4: why"
    assert done(lab) == ["ask m-2 why", "ask m-3 why", "ask m-4 why", "ask m-4 why"]
    lab.write("value.json", '{"model": "m-5"}')
    assert lab.item("replay", source, "--set-file", "flow.config=value.json")["result"] == "m-5: why"


def test_a_call_inside_another_is_changed_and_what_it_stands_in_runs(lab: Lab) -> None:
    lab.write("kinds.py", KINDS)
    lab.kitaru("run", "kinds.py:nested").ok()
    source = latest(lab)
    done(lab)
    told = ("--set", "outer/inner#2.output=5", "--keep", "recorded")
    plan = lab.item("replay", source, *told, "--dry-run")
    assert fates(plan) == {
        "outer": "runs",
        "outer/inner": "reused",
        "outer/inner#2": "supplied",
        "inner": "may_run",
    }
    assert lab.item("replay", source, *told)["result"] == 25
    assert done(lab) == ["outer 1"]
    assert fates(lab.item("replay", source, "--set", "outer.output=7", "--dry-run"))["outer/inner"] == "skipped"


def test_what_is_open_can_be_replayed_and_stays_as_it_is(lab: Lab) -> None:
    lab.write("searcher.py", SEARCHER)
    lab.kitaru("run", "searcher.py:research").ok(75)
    source = latest(lab)
    done(lab)
    plan = lab.item("replay", source, "--from", "analyze#3", "--dry-run")
    assert fates(plan)["approve"] == "asked_again"
    lab.kitaru("replay", source, "--from", "analyze#3").ok(75)
    assert done(lab) == ["analyze tea source 3 alpha"]
    assert lab.item("show", source)["status"] == "waiting"
    assert lab.item("input", source, "--value", "false")["result"] == "held back"


def test_a_running_execution_is_replayed_from_what_it_has_recorded(lab: Lab) -> None:
    lab.write(
        "slow.py",
        """
        import os, time
        from kitaru import checkpoint, flow
        from world import did

        @checkpoint
        def first() -> str:
            return did("first")

        @checkpoint
        def second() -> str:
            did("second")
            while not os.path.exists("go"):
                time.sleep(0.005)
            return "second"

        @flow
        def slow() -> str:
            return first() + second()
        """,
    )
    running = lab.spawn(str(__import__("lab").KITARU), "run", "slow.py:slow")
    lab.wait_for("second")
    # Its start is written by the time that a replay of it is planned, or there is nothing of it yet.
    plan = lab.item("replay", "latest", "--keep", "recorded", "--dry-run")
    assert fates(plan)["first"] == "reused"
    assert any(note.startswith("the source goes on") for note in plan["notes"])
    lab.write("go", "")
    running.communicate(timeout=30)
    assert running.returncode == 0


# -- code ------------------------------------------------------------------------------------------------------


def test_what_is_unchanged_is_reused_and_a_changed_helper_runs_its_callers(lab: Lab) -> None:
    source = whole(lab)
    done(lab)
    lab.write("searcher.py", SEARCHER.replace("return text.strip()", "return text.strip().upper()"))
    plan = lab.item("replay", source, "--reuse", "unchanged", "--dry-run")
    assert fates(plan) == {
        "search": "reused",
        "analyze": "runs",
        "analyze#2": "may_run",
        "analyze#3": "may_run",
        "approve": "may_run",
        "publish": "may_run",
    }
    told = lab.kitaru("replay", source, "--reuse", "unchanged").ok()
    assert "3 of 5 calls were changed: analyze" in told.err
    assert done(lab) == [*(f"analyze tea source {n} alpha" for n in (1, 2, 3)), "publish"]


def test_comments_and_formatting_change_nothing(lab: Lab) -> None:
    source = whole(lab)
    done(lab)
    changed = SEARCHER.replace(
        "        return text.strip()", '        """Cleans."""\n\n        # so\n        return text.strip()'
    )
    lab.write("searcher.py", changed)
    told = lab.kitaru("replay", source, "--reuse", "unchanged").ok()
    assert (done(lab), "changed" in told.err.replace("unchanged", "")) == ([], False)


def test_code_that_cannot_be_loaded_is_noted_in_a_dry_run_and_an_error_else(lab: Lab) -> None:
    source = whole(lab)
    (lab.folder / "searcher.py").unlink()
    plan = lab.item("replay", source, "--from", "publish", "--dry-run")
    assert any("could not be read" in note for note in plan["notes"])
    told = lab.kitaru("replay", source, "--from", "publish").ok(1)
    assert told.err.splitlines()[0].startswith("error[flow-import]: ")
    assert len(lab.items("ls")) == 1


def test_what_is_done_about_drift_travels_with_the_replay(lab: Lab) -> None:
    source = whole(lab)
    done(lab)
    lab.write(
        "searcher.py",
        SEARCHER.replace('f"{topic} source {n}"', 'f"{topic} page {n}"').replace(
            "parts = [analyze(one) for one in search(topic)]",
            "parts = [analyze(one.replace('source', 'page')) for one in search(topic)]",
        ),
    )
    assert "other inputs" in lab.kitaru("replay", source, "--from", "publish").ok(75).err
    told = lab.kitaru("replay", source, "--from", "publish", "--on-drift", "fail").ok(1)
    assert "error[divergence]: " in told.err
    assert done(lab) == []
    lab.kitaru("replay", source, "--from", "publish", "--on-drift", "reuse").ok()
    assert done(lab) == ["publish"]


# -- child flows -----------------------------------------------------------------------------------------------


def test_a_child_that_runs_again_is_named_and_one_replayed_alone_has_no_parent(lab: Lab) -> None:
    lab.write("kinds.py", KINDS)
    lab.kitaru("run", "kinds.py:parent").ok()
    source = str(lab.query("SELECT id FROM executions WHERE parent IS NULL")[0][0])
    plan = lab.item("replay", source, "--from", "child#2", "--dry-run")
    assert fates(plan) == {"child": "reused", "child#2": "runs"}
    child = plan["calls"][1]["child"]
    assert any(note.startswith("child#2 starts its flow anew, not from ") for note in plan["notes"])
    done(lab)
    assert lab.item("replay", source, "--from", "child#2")["result"] == 30
    assert done(lab) == ["inner 2"]
    alone = lab.item("replay", child, "--from", "start")
    assert (alone["parent"], alone["result"], alone["forked_from"]) == (None, 20, child)


# -- a terminal ------------------------------------------------------------------------------------------------


def test_what_ends_is_said_as_it_does(lab: Lab) -> None:
    told = lab.kitaru("replay", whole(lab), "--from", "analyze#3", "--follow").ok(75)
    said = timeless(told.err)
    assert "analyze#3 ended (<took>" in said and "approve asks: Publish?" in said


# -- bad input -------------------------------------------------------------------------------------------------

BAD = {
    "nothing is asked": ((), 2, "error[usage]: nothing is changed, and nothing is to run again"),
    "no such call": (
        ("--from", "analyse"),
        1,
        "error[unknown-call]: there is no call analyse; there is: search, analyze, approve, publish",
    ),
    "no such step": (
        ("--from", "step 7"),
        1,
        "error[unknown-call]: there is no call step 7; there is: step 1 to step 6",
    ),
    "no failure": (("--from", "failure"), 1, "error[unknown-call]: no call has failed"),
    "no selector": (
        ("--from", "step x"),
        1,
        'error[unknown-call]: "step x" selects nothing: '
        "it is a call's key, a checkpoint's name, step N, failure or start",
    ),
    "no path": (
        ("--set", "search=1"),
        2,
        "error[bad-override]: search cannot be set: a path is flow.NAME, CALL.inputs.NAME, CALL.output or waits.NAME",
    ),
    "no value": (("--set", "search.output"), 2, 'error[usage]: --set "search.output" is not PATH=VALUE'),
    "no such input": (
        ("--set", "analyze.inputs.model=x"),
        2,
        "error[bad-override]: analyze.inputs.model cannot be set: there is no model; there is: source, provider",
    ),
    "no such flow input": (
        ("--set", "flow.subject=x"),
        2,
        "error[bad-override]: flow.subject cannot be set: there is no subject; there is: topic, style",
    ),
    "into a text": (
        ("--set", "flow.topic.x=1"),
        2,
        "error[bad-override]: flow.topic.x cannot be set: there is no topic.x; there is: a text",
    ),
    "part of an output": (
        ("--set", "search.output.0=1"),
        2,
        "error[bad-override]: search.output.0 cannot be set: an output is set as a whole",
    ),
    "an answer of another type": (
        ("--set", "waits.approve=3"),
        2,
        'error[bad-override]: waits.approve cannot be set: the answer does not fit: 3 is not of type "boolean"',
    ),
    "no such wait": (("--set", "waits.go=true"), 1, "error[unknown-wait]: there is no wait go; there is: approve"),
    "no such wait to ask": (("--ask-again", "go"), 1, "error[unknown-wait]: there is no wait go; there is: approve"),
    "an output of a wait": (
        ("--set", "approve.output=true"),
        2,
        "error[bad-override]: approve.output cannot be set: it is a wait: waits.approve sets its answer",
    ),
    "twice": (
        ("--set", "search.output=[]", "--set", "search.output=[1]"),
        2,
        "error[bad-override]: search.output cannot be set: it is set twice",
    ),
    "both": (
        ("--set", "search.output=[]", "--set", "search.inputs.topic=x"),
        2,
        "error[bad-override]: search.inputs.topic cannot be set: search does not run where its output is set",
    ),
    "too late": (
        ("--set", "search.output=[]", "--from", "publish"),
        2,
        "error[bad-override]: search.output is changed before publish: what ran between them would be "
        "reused as if it were not changed",
    ),
    "a tag": (
        ("--set", 'search.output={"$kitaru": "set", "v": []}'),
        2,
        "error[bad-override]: search.output cannot be set: "
        "a value with a field $kitaru would be taken for a recorded one",
    ),
    "a large number": (
        ("--set", "flow.topic=123456789012345678901234567890"),
        2,
        "error[bad-json]: --set flow.topic: 123456789012345678901234567890 has more than 64 bits; pass it as a text",
    ),
    "no file": (
        ("--set-file", "flow.topic=nowhere.txt"),
        2,
        "error[usage]: --set-file flow.topic: nowhere.txt cannot be read: No such file or directory (os error 2)",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_replayed_is_said_in_one_line(lab: Lab, what: str) -> None:
    more, code, line = BAD[what]
    source = whole(lab)
    told = lab.kitaru("replay", source, *more).ok(code)
    assert told.err.splitlines()[0] == line
    assert (told.out, len(lab.items("ls"))) == ("", 1)


def test_a_name_of_several_calls_lists_them(lab: Lab) -> None:
    lab.write(
        "tasks.py",
        """
        import asyncio
        from kitaru import checkpoint, flow

        @checkpoint
        async def llm(prompt: str) -> str:
            return prompt

        async def branch(n: int) -> str:
            return await llm(f"prompt {n}")

        @flow
        async def tasks() -> list[str]:
            return list(await asyncio.gather(*(asyncio.create_task(branch(n)) for n in range(2))))
        """,
    )
    lab.kitaru("run", "tasks.py:tasks").ok()
    told = lab.kitaru("replay", "latest", "--from", "llm").ok(1)
    assert told.err.splitlines()[0] == "error[ambiguous-selector]: llm names several calls: branch/llm, branch.2/llm"
    lab.kitaru("replay", "latest", "--from", "branch.2/llm").ok()


def test_inputs_that_are_not_on_record_cannot_be_set(lab: Lab) -> None:
    lab.write("kinds.py", KINDS)
    lab.kitaru("run", "kinds.py:opaque").ok()
    told = lab.kitaru("replay", "latest", "--set", "take.inputs.thing=1").ok(2)
    assert told.err.splitlines()[0] == (
        "error[bad-override]: take.inputs.thing cannot be set: the inputs of take are not on record; "
        "its output can be set instead"
    )


def test_what_does_not_exist_cannot_be_replayed(lab: Lab) -> None:
    whole(lab)
    told = lab.kitaru("replay", "00000000", "--from", "start").ok(1)
    assert told.err.splitlines()[0] == "error[unknown-execution]: no execution 00000000"
    assert "Usage" in lab.kitaru("replay").ok(2).err
