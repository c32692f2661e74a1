"""What each command says: to people, and to programs."""

from __future__ import annotations

import os
import pathlib
import sys
import textwrap
from typing import TYPE_CHECKING

from cli.story import desk, settled, settled_json

if TYPE_CHECKING:
    from lab import Lab

NOTHING = {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}
SPENT = {"input_tokens": 10, "output_tokens": 2, "cost_usd": 0.5}

EXECUTION = {
    *("id", "flow", "status", "reason", "inputs", "result", "error", "parent", "usage"),
    *("created_at", "updated_at", "calls"),
}
CALL = {"key", "name", "status", "attempts", "started_at", "ended_at", "reused", "usage"}


def says(text: str, expected: str) -> None:
    """Compares what a command printed, trailing spaces aside."""
    found = "\n".join(line.rstrip() for line in settled(text).rstrip("\n").split("\n"))
    assert found == textwrap.dedent(expected).strip("\n")


def test_run_to_a_wait_says_what_is_asked_and_how_to_answer(lab: Lab) -> None:
    told = desk(lab).kitaru("run", "agent.py:research", "--input", "topic=green tea").ok(75)
    assert told.out == "gathering green tea\n"
    says(
        told.err,
        """
        careful
        research <short> is waiting: waiting for approve
          Found 2. Continue?
          kitaru input <short> --value true --wait approve
        """,
    )


def test_run_takes_json_and_texts(lab: Lab) -> None:
    desk(lab)
    assert lab.item("run", "more.py:fan", "--input", "n=4")["result"] == [0, 2, 4, 6]
    assert lab.item("run", "more:fan", "--inputs", '{"n": 2}')["inputs"] == {"n": 2}
    item = lab.item("run", "agent.py:research", "--input", "topic=tea", "--tag", "trial", code=75)
    assert (item["inputs"], item["tags"]) == ({"topic": "tea"}, ["trial"])
    assert [one["id"] for one in lab.items("ls", "--tag", "trial")] == [item["id"]]


def test_the_output_of_a_flow_is_not_mixed_into_json(lab: Lab) -> None:
    told = desk(lab).kitaru("run", "agent.py:research", "--output", "json").ok(75)
    assert told.json["command"] == "run"
    assert "gathering tea" in told.err


def test_an_execution_item_has_every_field(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    told = lab.kitaru("show", "latest", "--output", "json").ok().json
    assert told["command"] == "executions.get"
    item = told["item"]
    assert set(item) >= EXECUTION
    assert all(set(call) >= CALL for call in item["calls"])
    assert settled_json(item["calls"]) == [
        {
            "key": "gather",
            "name": "gather",
            "kind": "checkpoint",
            "status": "completed",
            "attempts": 1,
            "started_at": "<time>",
            "ended_at": "<time>",
            "reused": False,
            "usage": SPENT,
            "record": item["calls"][0]["record"],
            "step": 1,
            "by_hand": [],
        },
        {
            "key": "approve",
            "name": "approve",
            "kind": "wait",
            "status": "waiting",
            "attempts": 0,
            "started_at": "<time>",
            "ended_at": None,
            "reused": False,
            "usage": NOTHING,
            "record": item["calls"][1]["record"],
            "step": 2,
            "by_hand": [],
        },
    ]
    assert item["usage"] == SPENT
    assert item["reason"] == {"code": "waiting", "text": "waiting for approve", "waits": ["approve"]}
    assert (item["inputs"], item["result"], item["error"], item["parent"]) == ({"topic": "tea"}, None, None, None)


def test_show_is_a_page_with_the_next_step(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    says(
        lab.kitaru("show", "latest").ok().out,
        """
        research  <id>  waiting
        created  <time>
        updated  <time>
        reason   waiting for approve
        inputs   {"topic":"tea"}
        usage    10 tokens in, 2 out, $0.5000

        STEP  CALL     STATUS     TRIES  STARTED   TOOK
           1  gather   completed  1      <clock>  <took>
           2  approve  waiting           <clock>

        approve: Found 2. Continue?
        kitaru input <short> --value true --wait approve
        """,
    )


def test_show_of_a_failure_has_the_error_and_the_line(lab: Lab) -> None:
    desk(lab).kitaru("run", "more.py:fails").ok(1)
    shown = lab.kitaru("show", "latest").ok().out
    assert "error    builtins.ValueError: the provider said no" in shown
    assert "more.py" in shown
    error = lab.item("show", "latest")["error"]
    assert error["type"] == "builtins.ValueError"
    assert error["message"] == "the provider said no"


def test_lists_are_newest_first_by_page_status_and_flow(lab: Lab) -> None:
    desk(lab)
    for n in (1, 2, 3):
        lab.kitaru("run", "more.py:fan", "--input", f"n={n}").ok()
    lab.kitaru("run", "more.py:naps").ok(75)
    listed = lab.items("executions", "list")
    assert all(set(item) >= EXECUTION for item in listed)
    assert [(item["flow"], item["inputs"]) for item in listed][1:] == [("fan", {"n": n}) for n in (3, 2, 1)]
    assert [item["inputs"]["n"] for item in lab.items("ls", "--flow", "fan", "--limit", "2", "--page", "2")] == [1]
    assert [item["flow"] for item in lab.items("ls", "--status", "sleeping")] == ["naps"]
    assert lab.items("ls", "--status", "running") == []
    says(
        lab.kitaru("ls", "--limit", "2").ok().out,
        """
        ID        FLOW  STATUS     CREATED (UTC)        REASON
        <short>  naps  sleeping   <time>  sleeping
        <short>  fan   completed  <time>
        """,
    )
    assert lab.kitaru("ls", "--limit", "2").err == "more: kitaru ls --page 2\n"


def test_logs_show_what_each_call_printed_and_logged(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    says(
        lab.kitaru("logs", "latest").ok().out,
        """
        <clock>  gather        stdout    gathering tea
        <clock>  gather        stderr    careful
        <clock>  gather        log       WARNING web: slow
        <clock>  gather        usage     m-1: 10 tokens in, 2 out, $0.5
        """,
    )
    assert settled_json(lab.items("logs", "latest"))[0] == {
        "at": "<time>",
        "call": "gather",
        "stream": "stdout",
        "text": "gathering tea",
    }


def test_waits_lists_open_questions_with_the_next_step(lab: Lab) -> None:
    assert desk(lab).kitaru("waits", "list").ok().out == "nobody is asked anything\n"
    id = lab.item("run", "agent.py:research", code=75)["id"]
    told = lab.kitaru("waits", "list").ok()
    says(
        told.out,
        """
        EXECUTION  WAIT     ASKED (UTC)          QUESTION
        <short>   approve  <time>  Found 2. Continue?
        """,
    )
    assert told.err == f"kitaru input {id[-8:]} --value true --wait approve\n"
    (wait,) = lab.items("waits", "list")
    assert (wait["execution_id"], wait["key"], wait["schema"]) == (id, "approve", {"type": "boolean"})


def test_the_next_step_that_is_printed_works_as_it_stands(lab: Lab) -> None:
    desk(lab).kitaru("run", "more.py:two").ok(75)
    for code in (75, 0):
        line = next(line for line in lab.kitaru("show", "latest").out.splitlines() if line.startswith("kitaru "))
        lab.run("sh", "-c", line, PATH=_path()).ok(code)
    assert lab.item("show", "latest")["result"] == [1, "text"]


def _path() -> str:
    return f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"


def test_artifacts_are_listed_and_printed(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    assert lab.kitaru("artifacts", "list", "latest").ok().out == "it saved nothing\n"
    lab.kitaru("input", "latest", "--value", "true").ok()
    says(
        lab.kitaru("artifacts", "list", "latest").ok().out,
        """
        NAME    BYTES  CALL     SAVED (UTC)
        report  13     analyze  <time>
        """.replace("13", str(lab.items("artifacts", "list", "latest")[0]["bytes"]).ljust(2)),
    )
    assert lab.kitaru("artifacts", "get", "latest", "report").ok().out == '{\n  "sources": 2\n}\n'
    assert lab.item("artifacts", "get", "latest", "report") == {"sources": 2}


def test_flows_are_counted_by_status(lab: Lab) -> None:
    desk(lab).kitaru("run", "more.py:fan").ok()
    lab.kitaru("run", "more.py:fan").ok()
    lab.kitaru("run", "more.py:fails").ok(1)
    says(
        lab.kitaru("flows", "list").ok().out,
        """
        FLOW   EXECUTIONS
        fails  1 failed
        fan    2 completed
        """,
    )
    assert lab.items("flows", "list")[1] == {"flow": "fan", "executions": {"completed": 2}}


def test_cancel_and_pause_are_final_and_not(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    says(lab.kitaru("pause", "latest").ok().out, "<short> paused")
    assert lab.item("show", "latest")["status"] == "paused"
    lab.kitaru("resume", "latest").ok(75)
    says(lab.kitaru("cancel", "latest").ok().out, "<short> cancelled")
    assert "already-ended" in lab.kitaru("resume", "latest").ok(1).err
    assert "already-ended" in lab.kitaru("cancel", "latest").ok(1).err


def test_doctor_says_why_each_open_execution_is_not_progressing_and_who_must_act(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    lab.kitaru("run", "more.py:naps").ok(75)
    lab.kitaru("run", "more.py:naps").ok(75)
    lab.kitaru("pause", "latest").ok()
    told = lab.item("doctor")
    assert told["sound"] is None, "nothing was walked, so nothing is said"
    assert told["store"]["journal_mode"] == "wal"
    assert told["store"]["synchronous"] == "2"
    found = [(one["flow"], one["why"], one["who"], one["wake_at"] is not None) for one in told["open"]]
    assert found == [
        ("naps", "paused by cli", "person", False),
        ("naps", "sleeps", "time", True),
        ("research", "asks Found 2. Continue?", "person", False),
    ]
    assert [settled(one["next"] or "") for one in told["open"]] == [
        "kitaru resume <short>",
        "",
        "kitaru input <short> --value true --wait approve",
    ]
    assert lab.item("doctor", "--deep")["store"]["integrity_check"] == "ok"
    assert "in 59m" in lab.kitaru("doctor").ok().out


def test_errors_in_json_have_code_message_and_hint(lab: Lab) -> None:
    told = desk(lab).kitaru("executions", "get", "zz", "--output", "json").ok(1)
    assert told.json == {
        "command": "executions.get",
        "error": {"code": "unknown-execution", "message": "no execution zz", "hint": "kitaru executions list"},
    }
    assert told.err == "error[unknown-execution]: no execution zz\nhint: kitaru executions list\n"
