"""Starting, replaying and paging over HTTP: what is done once stays done once, whoever sends what how often."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from lab import Lab
from server.served import Served, serving

PROGRAM = """
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint
def gather(topic: str):
    kitaru.usage(input_tokens=10, cost_usd=0.5)
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
    kitaru.save("raw", b"0123456789")
    kitaru.save("note", "line one\\nline two")
    while ask and kitaru.wait(schema=bool, name="again", question="Once more?"):
        pass
    return write(text)
"""


@pytest.fixture
def known(lab: Lab) -> Lab:
    """A lab where the flow has run once."""
    lab.write("agent.py", PROGRAM)
    lab.kitaru("run", "agent.py:research", "--input", "topic=bees").ok(0)
    return lab


def started(server: Served, headers: dict[str, str] | None = None, **asked: Any) -> tuple[int, Any]:
    body = {"flow": "research", **asked}
    status, _, text = server.ask(
        "POST", "/api/v1/executions", body, {"Content-Type": "application/json", **(headers or {})}
    )
    return status, json.loads(text)


def test_a_flow_that_has_run_is_started_with_its_own_inputs(known: Lab) -> None:
    with serving(known) as server:
        made = server.post("/executions", {"flow": "research", "inputs": {"topic": "tea"}, "tags": ["http"]}, 201)
        assert (made["flow"], made["tags"], made["goes_on"]) == ("research", ["http"], "worker")
        server.until(made["id"], "completed")
        assert server.get(f"/executions/{made['id']}")["result"] == "write gather tea"
    assert known.done() == ["gather bees", "write gather bees", "gather tea", "write gather tea"]


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"flow": "nothing"}, 404, "unknown-flow"),
        ({"flow": "agent.py:research"}, 404, "unknown-flow"),
        ({"flow": "/etc/passwd"}, 404, "unknown-flow"),
        ({"inputs": {"topic": 3}}, 422, "bad-inputs"),
        ({"inputs": {}}, 422, "bad-inputs"),
        ({"inputs": {"topic": "a", "other": 1}}, 422, "bad-inputs"),
        ({"inputs": {"topic": {"$kitaru": "pickle", "t": "x", "v": "gASVAAAA"}}}, 422, "bad-inputs"),
        ({"inputs": {"topic": "a"}, "pause_before": ["step -1"]}, 422, "bad-selector"),
        ({"inputs": []}, 400, "bad-json"),
        ({"more": 1}, 400, "bad-json"),
    ],
)
def test_what_cannot_be_started_is_refused_and_leaves_nothing(
    known: Lab, asked: dict[str, Any], status: int, code: str
) -> None:
    with serving(known) as server:
        seen, told = started(server, **asked)
        assert (seen, told["code"]) == (status, code), told
        assert len(server.get("/executions")["items"]) == 1


def test_a_server_without_a_worker_starts_nothing(known: Lab) -> None:
    with serving(known, "server") as server:
        assert started(server, inputs={"topic": "a"})[1]["code"] == "no-worker"
        assert len(server.get("/executions")["items"]) == 1


def test_a_request_with_a_key_starts_once_however_often_it_comes(known: Lab) -> None:
    key = {"Idempotency-Key": "order-17"}
    with serving(known) as server:
        told: list[tuple[int, Any]] = []
        threads = [
            threading.Thread(target=lambda: told.append(started(server, key, inputs={"topic": "tea"})))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {status for status, _ in told} == {201}, told
        (exec_id,) = {one["id"] for _, one in told}
        server.until(exec_id, "completed")
        assert started(server, key, inputs={"topic": "tea"})[1]["id"] == exec_id
        seen, refused = started(server, key, inputs={"topic": "other"})
        assert (seen, refused["code"]) == (422, "key-conflict")
    assert known.done().count("gather tea") == 1


def test_a_request_with_a_key_answers_one_question_and_not_the_next(known: Lab) -> None:
    with serving(known) as server:
        exec_id = server.post("/executions", {"flow": "research", "inputs": {"topic": "tea", "ask": True}}, 201)["id"]
        server.until(exec_id, "waiting")

        def answer(key: str, value: bool) -> tuple[int, Any]:
            headers = {"Content-Type": "application/json", "Idempotency-Key": key}
            path = f"/api/v1/executions/{exec_id}/input"
            status, _, text = server.ask("POST", path, {"value": value}, headers)
            return status, json.loads(text)

        with server.events(exec_id) as events:
            assert answer("a", True)[1]["answered"] == "again"
            opened = 0
            for kind, _, data in events:
                opened += kind == "journal" and data["kind"] == "wait_opened"
                if opened == 2 and kind == "status" and data["status"] == "waiting":
                    break
        for _ in range(3):
            status, told = answer("a", True)
            assert (status, told["answered"]) == (200, "again")
        assert (answer("a", False)[0], answer("a", False)[1]["code"]) == (422, "key-conflict")
        (wait,) = server.get("/waits")["items"]
        assert wait["key"] == "again#2"
        assert answer("b", False)[1]["answered"] == "again#2"
        server.until(exec_id, "completed")
        waits = [one for one in server.get(f"/executions/{exec_id}/calls")["items"] if one["kind"] == "wait"]
        assert [one["key"] for one in waits] == ["again", "again#2"]


def test_a_replay_is_planned_created_once_and_compared(known: Lab) -> None:
    known.kitaru("run", "agent.py:research", "--input", "topic=bad").ok(1)
    with serving(known) as server:
        (failed,) = server.get("/executions?status=failed")["items"]
        before = server.get(f"/executions/{failed['id']}/journal")
        change = {"set": {"gather.output": "good"}}
        plan = server.post(f"/executions/{failed['id']}/plan", change)
        assert [(call["key"], call["fate"]) for call in plan["calls"]] == [("gather", "supplied"), ("write", "may_run")]
        key = {"Content-Type": "application/json", "Idempotency-Key": "again"}
        path = f"/api/v1/executions/{failed['id']}/replay"
        made = [json.loads(server.ask("POST", path, change, key)[2]) for _ in range(3)]
        (exec_id,) = {one["id"] for one in made}
        server.until(exec_id, "completed")
        assert server.get(f"/executions/{exec_id}")["result"] == "write good"
        other = json.loads(server.ask("POST", path, {"set": {"gather.output": "other"}}, key)[2])
        assert other["code"] == "key-conflict"
        assert server.get(f"/diff?ids={failed['id']},{exec_id}")["first_divergence"]["key"] == "gather"
        assert server.get(f"/executions/{failed['id']}/journal") == before
        nothing = server.post(f"/executions/{failed['id']}/replay", {}, 400)
        assert "from" in nothing["hint"]
    assert known.done().count("write good") == 1


def test_pages_follow_each_other_whatever_is_created_or_deleted_between_them(known: Lab) -> None:
    ids = [known.item("run", "agent.py:research", "--input", f"topic=t{n}", code=0)["id"] for n in range(6)]
    with serving(known, "server") as server:
        seen: list[str] = []
        page = server.get("/executions?limit=2")
        while True:
            seen += [one["id"] for one in page["items"]]
            if page["next"] is None:
                break
            if len(seen) == 2:
                known.kitaru("run", "agent.py:research", "--input", "topic=new").ok(0)
                known.kitaru("executions", "delete", "--yes", seen[-1]).ok(0)
            page = server.get(f"/executions?limit=2&cursor={page['next']}")
        assert seen[:-1] == ids[::-1]
        assert len(seen) == 7
        assert server.get("/executions?limit=7&search=REsear")["next"] is None
        assert len(server.get(f"/executions?search={ids[0][3:20]}")["items"]) == 1
        assert server.get("/executions?search=100%25_x")["items"] == []
        assert server.get("/executions?cursor=7", 400)["code"] == "usage"


def test_an_answer_that_has_not_changed_is_not_sent_again(known: Lab) -> None:
    with serving(known, "server") as server:
        path = "/api/v1/executions/latest"
        status, headers, text = server.ask("GET", path)
        assert (status, headers["etag"][:3]) == (200, 'W/"')
        again = server.ask("GET", path, headers={"If-None-Match": f'"x", {headers["etag"]}'})
        assert (again[0], again[2], again[1]["etag"]) == (304, "", headers["etag"])
        known.kitaru("run", "agent.py:research", "--input", "topic=other").ok(0)
        status, _, new = server.ask("GET", path, headers={"If-None-Match": headers["etag"]})
        assert status == 200
        assert new != text


def test_artifacts_are_downloaded_whole_and_in_parts(known: Lab) -> None:
    with serving(known, "server") as server:

        def got(name: str, part: str | None = None) -> tuple[int, str, dict[str, str]]:
            asked = {} if part is None else {"Range": part}
            status, headers, text = server.ask("GET", f"/api/v1/executions/latest/downloads/{name}", headers=asked)
            return status, text, headers

        assert got("raw")[:2] == (200, "0123456789")
        assert got("note")[:2] == (200, "line one\nline two")
        status, text, headers = got("reports/draft")
        assert (status, json.loads(text)) == (200, {"text": "gather bees"})
        assert headers["content-disposition"] == 'attachment; filename="draft"'
        for part, expected in {
            "bytes=2-4": (206, "234"),
            "bytes=7-": (206, "789"),
            "bytes=-2": (206, "89"),
            "bytes=0-100": (206, "0123456789"),
            "bytes=10-": (416, ""),
            "bytes=-0": (416, ""),
            "bytes=4-2": (416, ""),
            "lines=1-2": (200, "0123456789"),
            "bytes=a-b": (200, "0123456789"),
            "bytes=99999999999999999999-": (200, "0123456789"),
        }.items():
            assert got("raw", part)[:2] == expected, part
        assert got("raw", "bytes=2-4")[2]["content-range"] == "bytes 2-4/10"
        assert got("no/such")[0] == 404


def test_what_executions_came_to_is_counted(known: Lab) -> None:
    known.kitaru("run", "agent.py:research", "--input", "topic=bad").ok(1)
    with serving(known, "server") as server:
        rows = {row["status"]: row for row in server.get("/statistics")["items"]}
        assert {status: row["executions"] for status, row in rows.items()} == {"completed": 1, "failed": 1}
        assert rows["completed"]["usage"] == {"input_tokens": 10, "output_tokens": 0, "cost_usd": 0.5}
        assert server.get("/statistics?days=1") == server.get("/statistics")
        assert server.get("/workers") == {"items": [], "workers": [], "local": None}
        assert server.get("/version?x=1", 400)["code"] == "usage"
