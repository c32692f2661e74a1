"""The tools of an assistant, each called by a real client with what fits and what does not; and who may call which."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab import Lab
from server.assistant import VERSIONS, Assistant, assistant
from server.served import serving

PROGRAM = """
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint
def gather(topic: str):
    kitaru.usage(input_tokens=10, cost_usd=0.5)
    print("gathering", topic)
    return did(f"gather {topic}")

@checkpoint
def write(text):
    if text == "gather bad":
        raise ValueError("bad topic")
    return did(f"write {text}")

@flow
def research(topic: str, ask: bool = False):
    text = gather(topic)
    kitaru.save("reports/draft", {"text": text})
    kitaru.save("raw", bytes(range(256)) * 100)
    kitaru.save("note", "line one\\nline two")
    if ask:
        kitaru.wait(schema=bool, name="go", question="Go on?")
    return write(text)
"""

READS = {
    "kitaru_list_executions",
    "kitaru_get_execution",
    "kitaru_tree",
    "kitaru_list_flows",
    "kitaru_statistics",
    "kitaru_find_stuck",
    "kitaru_list_calls",
    "kitaru_read_call",
    "kitaru_read_value",
    "kitaru_read_logs",
    "kitaru_read_journal",
    "kitaru_list_artifacts",
    "kitaru_read_artifact",
    "kitaru_list_waits",
    "kitaru_plan_replay",
    "kitaru_compare",
    "kitaru_list_breakpoints",
    "kitaru_list_limits",
    "kitaru_list_schedules",
}
OPERATES = {
    "kitaru_run",
    "kitaru_resume",
    "kitaru_retry",
    "kitaru_replay",
    "kitaru_pause",
    "kitaru_cancel",
    "kitaru_set_breakpoint",
    "kitaru_remove_breakpoint",
    "kitaru_set_limit",
    "kitaru_close_limit",
    "kitaru_open_limit",
    "kitaru_remove_limit",
    "kitaru_add_schedule",
    "kitaru_pause_schedule",
    "kitaru_remove_schedule",
}
SETS = {
    "read": READS,
    "answer": READS | {"kitaru_answer"},
    "operate": READS | {"kitaru_answer"} | OPERATES,
    "admin": READS | {"kitaru_answer"} | OPERATES | {"kitaru_delete"},
}
RUNS_CODE = {
    "kitaru_add_schedule",
    "kitaru_answer",
    "kitaru_plan_replay",
    "kitaru_replay",
    "kitaru_resume",
    "kitaru_retry",
    "kitaru_run",
}
DESTROYS = {
    "kitaru_answer",
    "kitaru_cancel",
    "kitaru_delete",
    "kitaru_remove_breakpoint",
    "kitaru_remove_limit",
    "kitaru_remove_schedule",
}


@pytest.fixture
def known(lab: Lab) -> Lab:
    """A lab where the flow has completed once, failed once, and asks once, in that order."""
    lab.write("agent.py", PROGRAM)
    lab.kitaru("run", "agent.py:research", "--input", "topic=tea").ok(0)
    lab.kitaru("run", "agent.py:research", "--input", "topic=bad").ok(1)
    lab.kitaru("run", "agent.py:research", "--input", "topic=bees", "--input", "ask=true").ok(75)
    return lab


@pytest.fixture
def one(known: Lab) -> Iterator[Assistant]:
    """An assistant that may do everything."""
    with assistant(known, "2", "--allow", "admin") as client:
        yield client


def ids(lab: Lab) -> dict[str, str]:
    """Identifiers of the executions, by their status."""
    return {item["status"]: item["id"] for item in lab.items("ls")}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("allow", SETS)
def test_a_set_lists_its_tools_and_refuses_all_others(known: Lab, allow: str, version: str) -> None:
    with assistant(known, version, "--allow", allow) as client:
        tools = client.tools()
        assert set(tools) == SETS[allow]
        for name in SETS["admin"] - SETS[allow]:
            refused = client.refused(name, execution_id="latest", value=True, breakpoint=1, flow="research")
            assert refused["code"] == "forbidden", name
    assert known.items("ls")[0]["status"] == "waiting"


def test_without_a_set_it_operates_and_says_of_each_tool_what_it_may_do(known: Lab) -> None:
    with assistant(known, "1") as client:
        tools = client.tools()
        assert set(tools) == SETS["operate"]
        about = client.got("about")
    assert "never an instruction" in about["instructions"]
    for name, tool in tools.items():
        hints = tool["annotations"]
        assert hints["readOnlyHint"] == (name in READS), name
        assert hints["destructiveHint"] == (name in DESTROYS), name
        assert hints["openWorldHint"] == (name in RUNS_CODE), name
        assert isinstance(hints["idempotentHint"], bool), name
        assert len(tool["description"]) > 60, name
        assert "input" not in name and ("answer" in name) == (name == "kitaru_answer")
    assert tools["kitaru_answer"]["inputSchema"]["required"] == ["execution_id", "value"]


def test_over_http_the_address_narrows_what_is_offered(known: Lab) -> None:
    with serving(known, "server") as server:
        for allow, tools in SETS.items():
            with assistant(known, "2", url=f"{server.url}/mcp?allow={allow}") as client:
                assert set(client.tools()) == tools
        with assistant(known, "1", url=f"{server.url}/mcp?allow=read") as client:
            assert client.refused("kitaru_cancel", execution_id="latest")["code"] == "forbidden"
        assert server.ask("POST", "/mcp?allow=all", {})[0] == 400


def test_over_http_a_token_has_the_tools_of_its_scope_and_what_it_changes_is_on_record(known: Lab) -> None:
    tokens = {allow: known.item("tokens", "create", f"t-{allow}", "--scope", allow)["token"] for allow in SETS}
    accept = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    with serving(known, "server", "--require-token", token=tokens["admin"]) as server:

        def told(token: str, method: str, path: str = "/mcp", **params: Any) -> Any:
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            headers = {**accept, "Authorization": f"Bearer {token}"}
            status, _, text = server.ask("POST", path, message, headers)
            return json.loads(text)["result"] if status == 200 else status

        for allow, tools in SETS.items():
            assert {tool["name"] for tool in told(tokens[allow], "tools/list")["tools"]} == tools
            wider = told(tokens[allow], "tools/list", path="/mcp?allow=admin")["tools"]
            assert {tool["name"] for tool in wider} == tools
        assert told("no-such-token", "tools/list") == 401
        cancel = {"name": "kitaru_cancel", "arguments": {"execution_id": ids(known)["waiting"]}}
        refused = told(tokens["answer"], "tools/call", **cancel)
        assert refused["structuredContent"]["error"]["code"] == "forbidden"
        assert told(tokens["operate"], "tools/call", **cancel)["isError"] is False
        changes = json.loads(server.ask("GET", "/api/v1/audit")[2])["items"]
        (change,) = [item for item in changes if item["act"] == "kitaru_cancel"]
        assert (change["by"], change["outcome"]) == ("t-operate (mcp)", "done")


def test_over_http_it_stands_behind_the_same_door(known: Lab) -> None:
    hello = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accept = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    with serving(known, "server") as server:

        def status(method: str = "POST", body: Any = hello, **headers: str) -> int:
            return server.ask(method, "/mcp", body, {**accept, **headers})[0]

        assert status() == 200
        assert status(Host="evil.example") == 421
        assert status(Origin="http://evil.example") == 403
        assert status(**{"Content-Type": "text/plain"}) == 415
        assert status("GET", None) == 405
        assert status("DELETE", None) == 405
        assert status(body={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"x": "y" * (9 << 20)}}) == 413
        assert status() == 200


def test_executions_are_listed_shown_and_counted(known: Lab, one: Assistant) -> None:
    found = ids(known)
    page = one.call("kitaru_list_executions", limit=2)["data"]
    assert [item["state"] for item in page["executions"]] == ["waiting", "failed"]
    rest = one.call("kitaru_list_executions", limit=2, cursor=page["next_cursor"])["data"]
    assert ([item["state"] for item in rest["executions"]], rest["next_cursor"]) == (["completed"], None)
    (failed,) = one.call("kitaru_list_executions", states=["failed"], flow="research")["data"]["executions"]
    assert failed["id"] == found["failed"]
    shown = one.call("kitaru_get_execution", execution_id=found["failed"][-8:])
    assert shown["summary"] == f"Execution {found['failed'][-8:]} is failed."
    assert shown["data"]["error"]["message"] == "bad topic"
    assert shown["data"]["calls"]["by_state"] == {"completed": 1, "failed": 1}
    assert [call["tool"] for call in shown["data"]["to_go_on"]] == ["kitaru_retry"]
    assert one.call("kitaru_tree", execution_id="latest")["data"]["marked"] is True
    (flow,) = one.call("kitaru_list_flows")["data"]["flows"]
    assert flow == {"flow": "research", "executions": {"completed": 1, "failed": 1, "waiting": 1}}
    rows = one.call("kitaru_statistics", days=1)["data"]["statistics"]
    assert sum(row["executions"] for row in rows) == 3
    for bad in ({"limit": 0}, {"limit": 101}, {"states": ["done"]}, {"cursor": "7"}, {"more": 1}):
        assert one.refused("kitaru_list_executions", **bad)["code"] == "usage", bad
    assert one.refused("kitaru_get_execution", execution_id="nothing")["code"] == "unknown-execution"
    assert one.refused("kitaru_get_execution", execution_id="")["code"] == "usage"
    assert one.refused("kitaru_get_execution")["code"] == "usage"
    assert one.refused("kitaru_tree", execution_id="nothing")["code"] == "unknown-execution"
    assert one.refused("kitaru_statistics", days=-1)["code"] == "usage"
    assert one.refused("kitaru_list_flows", flow="x")["code"] == "usage"


def test_what_was_recorded_is_read(known: Lab, one: Assistant) -> None:
    found = ids(known)
    done, failed = found["completed"], found["failed"]
    calls = one.call("kitaru_list_calls", execution_id=done, limit=1)["data"]
    assert (calls["calls"][0]["key"], calls["next_after"]) == ("gather", 1)
    assert [call["key"] for call in one.call("kitaru_list_calls", execution_id=done, after=1)["data"]["calls"]] == [
        "write"
    ]
    call = one.call("kitaru_read_call", execution_id=failed, call="failure")["data"]
    assert (call["inputs"], call["error"]["message"]) == ({"text": "gather bad"}, "bad topic")
    value = one.call("kitaru_read_value", execution_id=done, call="gather", what="output")["data"]
    assert (value["text"], value["kind"], value["next_offset"]) == ("gather tea", "text", None)
    assert "ValueError: bad topic" in one.call("kitaru_read_value", execution_id=failed, what="error")["data"]["text"]
    inputs = one.call("kitaru_read_value", execution_id=done, what="inputs")["data"]["text"]
    assert json.loads(inputs) == {"topic": "tea", "ask": False}
    (line,) = one.call("kitaru_read_logs", execution_id=done)["data"]["lines"]
    assert (line["text"], line["line"]) == ("gathering tea", 1)
    assert one.call("kitaru_read_logs", execution_id=done, after=1)["data"]["lines"] == []
    kinds, after = [], 0
    while after is not None:
        page = one.call("kitaru_read_journal", execution_id=done, after=after, limit=3)["data"]
        kinds += [event["kind"] for event in page["events"]]
        after = page["next_after"]
    assert (kinds[0], kinds[-1], kinds.count("call_ended")) == ("created", "completed", 5)
    names = [item["name"] for item in one.call("kitaru_list_artifacts", execution_id=done)["data"]["artifacts"]]
    assert sorted(names) == ["note", "raw", "reports/draft"]
    draft = one.call("kitaru_read_artifact", execution_id=done, name="reports/draft")["data"]
    assert json.loads(draft["text"]) == {"text": "gather tea"}
    raw, offset = b"", 0
    while offset is not None:
        part = one.call("kitaru_read_artifact", execution_id=done, name="raw", offset=offset)["data"]
        raw += base64.b64decode(part["base64"])
        offset = part["next_offset"]
    assert raw == bytes(range(256)) * 100
    assert one.refused("kitaru_list_calls", execution_id=done, limit=201)["code"] == "usage"
    assert one.refused("kitaru_read_call", execution_id=done, call="nothing")["code"] == "unknown-call"
    assert one.refused("kitaru_read_value", execution_id=done, what="all")["code"] == "usage"
    assert one.refused("kitaru_read_logs", execution_id=done, after=-1)["code"] == "usage"
    assert one.refused("kitaru_read_logs", execution_id=done, after=9, offset=1)["code"] == "usage"
    assert one.refused("kitaru_read_journal", execution_id="nothing")["code"] == "unknown-execution"
    assert one.refused("kitaru_list_artifacts", execution_id="nothing")["code"] == "unknown-execution"
    assert one.refused("kitaru_read_artifact", execution_id=done, name="../raw")["code"] == "unknown-artifact"


def test_questions_are_listed_and_answered(known: Lab, one: Assistant) -> None:
    asking = ids(known)["waiting"]
    (wait,) = one.call("kitaru_list_waits")["data"]["waits"]
    assert (wait["execution_id"], wait["wait"], wait["question"]) == (asking, "go", "Go on?")
    assert one.call("kitaru_list_waits", execution_id=asking)["data"]["waits"] == [wait]
    other = known.item("run", "agent.py:research", "--input", "topic=ants", "--input", "ask=true", code=75)["id"]
    page = one.call("kitaru_list_waits", limit=1)["data"]
    assert page["waits"] == [wait]
    page = one.call("kitaru_list_waits", limit=1, cursor=page["next_cursor"])["data"]
    assert ([item["execution_id"] for item in page["waits"]], page["next_cursor"]) == ([other], None)
    one.call("kitaru_cancel", execution_id=other)
    assert one.refused("kitaru_list_waits", cursor="7")["code"] == "usage"
    assert one.refused("kitaru_list_waits", cursor="7", execution_id=asking)["code"] == "usage"
    assert one.refused("kitaru_list_waits", limit=0)["code"] == "usage"
    assert one.refused("kitaru_answer", execution_id=asking, value=True, wait="other")["code"] == "unknown-wait"
    assert one.refused("kitaru_answer", execution_id=asking, value=1)["code"] == "bad-answer"
    assert one.refused("kitaru_answer", execution_id=asking, value=True, wait_seconds=61)["code"] == "usage"
    assert one.refused("kitaru_answer", execution_id=asking, wait="go")["code"] == "usage"
    assert one.refused("kitaru_answer", execution_id=asking, value=10**30)["code"] == "bad-json"
    told = one.call("kitaru_answer", execution_id=asking, value=True, wait="go", wait_seconds=60)["data"]
    assert (told["answered"], told["afterwards"]["status"]) == ("go", "completed")
    assert one.call("kitaru_find_stuck")["data"]["stuck"] == []
    assert one.refused("kitaru_find_stuck", limit=51)["code"] == "usage"


def test_flows_are_run_and_failures_retried(known: Lab, one: Assistant) -> None:
    told = one.call("kitaru_run", flow="research", arguments={"topic": "new"}, key="k", tags=["t"], wait_seconds=60)
    exec_id = told["data"]["id"]
    assert (told["data"]["started"], told["data"]["afterwards"]["status"]) == (True, "completed")
    again = one.call("kitaru_run", flow="research", arguments={"topic": "new"}, key="k")
    assert (again["data"]["id"], again["data"]["started"]) == (exec_id, False)
    assert known.done().count("gather new") == 1
    assert one.refused("kitaru_run", flow="agent.py:research")["code"] == "unknown-flow"
    assert one.refused("kitaru_run", flow="research", arguments={"topic": 3})["code"] == "bad-inputs"
    assert one.refused("kitaru_run", flow="research", arguments=[])["code"] == "usage"
    failed = ids(known)["failed"]
    assert one.call("kitaru_retry", execution_id=failed, wait_seconds=60)["data"]["afterwards"]["status"] == "failed"
    assert known.done().count("gather bad") == 1
    assert one.refused("kitaru_retry", execution_id=exec_id)["code"] == "already-ended"
    assert one.refused("kitaru_resume", execution_id=ids(known)["waiting"])["code"] == "waiting"
    assert one.refused("kitaru_resume", execution_id=failed, on_drift="ask")["code"] == "usage"


def test_limits_are_set_seen_closed_opened_and_removed(one: Assistant) -> None:
    made = one.call("kitaru_set_limit", limit="openai:gpt", at_once=3, rate="50/s")["data"]
    assert (made["name"], made["at_once"], made["rate"], made["burst"]) == ("openai:gpt", 3, "50/s", 1)
    closed = one.call("kitaru_close_limit", limit="openai:gpt", **{"for": "15m"}, why="they asked")["data"]
    assert (closed["closed_why"], closed["running"]) == ("they asked", 0)
    assert one.call("kitaru_list_limits")["data"]["limits"] == [closed]
    assert one.call("kitaru_open_limit", limit="openai:gpt")["data"]["closed_until"] is None
    assert one.call("kitaru_remove_limit", limit="openai:gpt")["data"] == {"removed": "openai:gpt"}
    assert one.refused("kitaru_open_limit", limit="openai:gpt")["code"] == "unknown-limit"
    assert one.refused("kitaru_set_limit", limit="openai:gpt", rate="fast")["code"] == "bad-limit"


def test_breakpoints_are_set_met_changed_passed_and_removed(known: Lab, one: Assistant) -> None:
    number = one.call("kitaru_set_breakpoint", flow="research", before="write", when="inputs.text == 'gather x'")[
        "data"
    ]
    assert one.call("kitaru_list_breakpoints", flow="research")["data"]["breakpoints"][0]["id"] == number["id"]
    told = one.call("kitaru_run", flow="research", arguments={"topic": "x"}, wait_seconds=60)["data"]
    assert told["afterwards"]["status"] == "paused"
    stuck = {item["id"]: item for item in one.call("kitaru_find_stuck", flow="research")["data"]["stuck"]}[told["id"]]
    assert [call["tool"] for call in stuck["to_go_on"]] == ["kitaru_resume", "kitaru_resume"]
    told = one.call("kitaru_resume", execution_id=told["id"], set={"text": "gather y"}, wait_seconds=60)["data"]
    assert told["afterwards"]["status"] == "completed"
    assert known.done()[-1] == "write gather y"
    assert one.refused("kitaru_set_breakpoint", flow="research", before="step -1")["code"] == "bad-selector"
    assert (
        one.refused("kitaru_set_breakpoint", flow="research", before="write", when="import os")["code"]
        == "bad-expression"
    )
    assert one.refused("kitaru_set_breakpoint", flow="other", before="write")["code"] == "unknown-flow"
    every = one.call("kitaru_set_breakpoint", flow="research", before="gather", every=True)["data"]["id"]
    assert one.call("kitaru_remove_breakpoint", breakpoint=every)["data"] == {"removed": every}
    assert one.refused("kitaru_remove_breakpoint", breakpoint=every)["code"] == "unknown-breakpoint"
    assert one.refused("kitaru_remove_breakpoint", breakpoint="all")["code"] == "usage"
    assert one.refused("kitaru_list_breakpoints", all=True)["code"] == "usage"


def test_a_replay_is_planned_first_and_a_plan_starts_one(known: Lab, one: Assistant) -> None:
    failed = ids(known)["failed"]
    changes = {"set": {"gather.output": "good"}}
    refused = one.refused("kitaru_replay", execution_id=failed, changes=changes, plan_token="x")
    assert refused["code"] == "plan-first"
    assert one.refused("kitaru_replay", execution_id=failed, changes=changes)["code"] == "usage"
    assert one.refused("kitaru_plan_replay", execution_id=failed, changes={})["code"] == "usage"
    assert one.refused("kitaru_plan_replay", execution_id=failed, changes={"from": "nothing"})["code"] == "unknown-call"
    assert one.refused("kitaru_plan_replay", execution_id=failed, changes={})["code"] == "usage"
    assert one.refused("kitaru_plan_replay", execution_id=failed, changes={"from": "nothing"})["code"] == "unknown-call"
    plan = one.call("kitaru_plan_replay", execution_id=failed, changes=changes)["data"]
    assert [(call["key"], call["fate"]) for call in plan["calls"]["not_reused"]] == [
        ("gather", "supplied"),
        ("write", "may_run"),
    ]
    other = {"set": {"gather.output": "other"}}
    asked = {"execution_id": failed, "plan_token": plan["plan_token"]}
    assert one.refused("kitaru_replay", changes=other, **asked)["code"] == "plan-first"
    assert len(known.items("ls")) == 3
    made = one.call("kitaru_replay", changes=changes, wait_seconds=60, **asked)["data"]
    assert (made["started"], made["afterwards"]["status"]) == (True, "completed")
    again = one.call("kitaru_replay", changes=changes, **asked)["data"]
    assert (again["id"], again["started"]) == (made["id"], False)
    assert len(known.items("ls")) == 4
    assert known.done().count("write good") == 1
    compared = one.call("kitaru_compare", execution_ids=[failed, made["id"]])["data"]
    assert compared["first_divergence"]["key"] == "gather"
    assert one.refused("kitaru_compare", execution_ids=[failed])["code"] == "usage"
    assert one.refused("kitaru_compare", execution_ids=[failed, failed])["code"] == "usage"
    # The code is another by now: what was planned is not what would run.
    plan = one.call("kitaru_plan_replay", execution_id=failed, changes={"from": "write"})["data"]
    known.write("agent.py", PROGRAM.replace('"gather bad"', '"gather very bad"'))
    asked = {"execution_id": failed, "plan_token": plan["plan_token"], "changes": {"from": "write"}}
    assert one.refused("kitaru_replay", **asked)["code"] == "plan-first"


def test_executions_are_paused_cancelled_and_deleted(known: Lab, one: Assistant) -> None:
    found = ids(known)
    assert one.call("kitaru_pause", execution_id=found["waiting"])["data"]["status"] == "paused"
    assert one.refused("kitaru_pause", execution_id=found["waiting"])["code"] == "paused"
    assert one.call("kitaru_cancel", execution_id=found["waiting"])["data"]["status"] == "cancelled"
    assert one.refused("kitaru_cancel", execution_id=found["waiting"])["code"] == "already-ended"
    assert one.call("kitaru_delete", execution_id=found["waiting"])["data"] == {"deleted": [found["waiting"]]}
    assert one.refused("kitaru_delete", execution_id=found["waiting"])["code"] == "unknown-execution"
    assert len(known.items("ls")) == 2


@pytest.mark.parametrize("version", VERSIONS)
def test_executions_are_resources_and_questions_about_them_prompts(known: Lab, version: str) -> None:
    found = ids(known)
    with assistant(known, version, "--allow", "read") as client:
        listed = [item["uri"] for item in client.got("resources")["resources"]]
        assert listed == [f"kitaru://executions/{found[status]}" for status in ("waiting", "failed", "completed")]
        (template,) = client.got("templates")["resourceTemplates"]
        assert template["uriTemplate"] == "kitaru://executions/{id}"
        (content,) = client.got("read", uri=listed[1])["contents"]
        shown = json.loads(content["text"])
        assert (shown["data"]["status"], content["mimeType"]) == ("failed", "application/json")
        assert "error" in client.ask("read", uri="kitaru://executions/nothing")
        assert "error" in client.ask("read", uri="file:///etc/passwd")
        assert [prompt["name"] for prompt in client.got("prompts")["prompts"]] == ["why_did_it_fail", "compare_runs"]
        (message,) = client.got("prompt", name="why_did_it_fail", arguments={"execution_id": "latest"})["messages"]
        assert "kitaru_read_logs" in message["content"]["text"]
        both = {"first": found["failed"], "second": found["completed"]}
        (message,) = client.got("prompt", name="compare_runs", arguments=both)["messages"]
        assert all(exec_id in message["content"]["text"] for exec_id in both.values())
        assert "error" in client.ask("prompt", name="compare_runs", arguments={"first": "latest"})
        assert "error" in client.ask("prompt", name="nothing", arguments={})
        assert "error" in client.ask("call", tool="kitaru_nothing", arguments={})
