"""What is changed is on record before it is changed, whoever changes it and how."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import pytest

from lab import KITARU, Lab
from remote.between import packed
from server.served import serving

PROGRAM = """
import kitaru
from kitaru import checkpoint, flow

@checkpoint
def gather(topic: str):
    return topic

@flow
def research(topic: str):
    gather(topic)
    return kitaru.wait(name="go", question="Go on?")
"""

# What is worked on is on record in the journal, which is deleted with its execution; and nowhere else.
SECRET = "hunter2-in-a-value"


@pytest.fixture
def desk(lab: Lab) -> Lab:
    """A lab with the program."""
    lab.write("agent.py", PROGRAM)
    return lab


def asking(lab: Lab) -> str:
    return str(lab.item("run", "agent.py:research", "--input", "topic=bees", code=75)["id"])


def summary(item: Any) -> tuple[Any, ...]:
    after = (item["after"] or {}).get("execution") or {}
    return (
        item["by"],
        item["from"],
        item["act"],
        (item["before"] or {}).get("status"),
        after.get("status"),
        item["outcome"],
    )


def test_a_change_is_on_record_by_whichever_way_it_comes(desk: Lab) -> None:
    first, second, third = asking(desk), asking(desk), asking(desk)
    with serving(desk, "up") as server:
        server.post(f"/executions/{first[-8:]}/input", {"value": SECRET})
        server.until(first, "completed")
        server.post(f"/executions/{first}/input", {"value": SECRET}, 409)
        server.post("/executions/nobody/cancel", {}, 404)
        server.post("/executions", {"flow": "research", "inputs": {"topic": SECRET}, "tags": ["http"]}, 201)
        server.delete(f"/executions/{first}")
        http = server.get("/audit?limit=2")
        more = server.get(f"/audit?limit=100&cursor={http['next']}")
    items = http["items"] + more["items"]
    assert more["next"] is None
    assert items[-1]["target"] == first, "the whole of what was named"
    assert items[-1]["before"]["seq"] < items[-1]["after"]["execution"]["seq"]
    # What it was when the answer was given; by then a worker may have it.
    assert [summary(item)[:4] + summary(item)[5:] for item in reversed(items)] == [
        ("http", "http 127.0.0.1", "answerWait", "waiting", "done"),
        ("http", "http 127.0.0.1", "answerWait", "completed", "already-answered"),
        ("http", "http 127.0.0.1", "cancelExecution", None, "unknown-execution"),
        ("http", "http 127.0.0.1", "startExecution", None, "done"),
        ("http", "http 127.0.0.1", "deleteExecution", "completed", "done"),
    ]
    desk.kitaru("input", second, "--value", f'"{SECRET}"', "--no-resume").ok()
    desk.kitaru("cancel", third).ok()
    desk.kitaru("breakpoints", "add", "research", "--before", "gather").ok()
    replay = ("replay", third, "--from", "start", "--set", f"flow.topic={SECRET}", "--yes")
    desk.kitaru(*replay).ok(75)
    client = "kitaru.KitaruClient().executions"
    for call in (f"delete({third!r})", f"cancel({second!r})"):
        desk.python("-c", f"import kitaru; {client}.{call}").ok()
    acts = desk.items("audit", "--limit", "6")
    assert [summary(item) for item in reversed(acts)] == [
        ("cli", "cli", "answerWait", "waiting", "waiting", "done"),
        ("cli", "cli", "cancelExecution", "waiting", "cancelled", "done"),
        ("cli", "cli", "addBreakpoint", None, None, "done"),
        ("cli", "cli", "replayExecution", "cancelled", "cancelled", "done"),
        ("python", "python", "deleteExecution", "cancelled", None, "done"),
        ("python", "python", "cancelExecution", "waiting", "cancelled", "done"),
    ]
    said = desk.kitaru("audit").ok().out
    assert SECRET not in said and SECRET not in json.dumps(acts + items)
    assert desk.query("SELECT count(*) FROM audit WHERE given || coalesce(after, '') LIKE ?", f"%{SECRET}%") == [(0,)]
    assert acts[2]["given"]["set"] == {"flow.topic": f"a text of {len(SECRET)} bytes"}
    assert "done: waiting -> cancelled" in said
    assert [item["act"] for item in desk.items("audit", "--by", "python", "--since", "1h")] == [
        "cancelExecution",
        "deleteExecution",
    ]


def test_what_cannot_be_put_on_record_is_not_done(desk: Lab) -> None:
    exec_id = asking(desk)
    desk.change("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END")
    before = desk.query("SELECT * FROM journal")
    with serving(desk, "server") as server:
        for path, body in (("cancel", {}), ("input", {"value": True}), ("links", {})):
            assert server.post(f"/executions/{exec_id}/{path}", body, 500)["code"].startswith("store-")
        desk.kitaru("cancel", exec_id).ok(1)
        desk.kitaru("tokens", "create", "a", "--scope", "read").ok(1)
    assert desk.query("SELECT * FROM journal") == before
    assert desk.query("SELECT * FROM tokens") == []


def test_a_process_that_dies_at_a_change_leaves_that_it_was_asked_for(desk: Lab) -> None:
    exec_id = asking(desk)
    # It stops where the change itself would be written, and is killed there.
    desk.change(
        "CREATE TRIGGER stop BEFORE INSERT ON journal BEGIN SELECT count(*) FROM logs a, logs b, logs c, logs d; END"
    )
    rows = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 2000) "
    desk.change(f"{rows} INSERT INTO logs (n, line, at, stream, text) SELECT 999, x, 0, 'stdout', '' FROM n")
    process = subprocess.Popen(
        [KITARU, "cancel", exec_id], env=desk.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while desk.query("SELECT count(*) FROM audit") == [(0,)]:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    desk.change("DROP TRIGGER stop")
    (act,) = desk.items("audit")
    assert (act["act"], act["target"], act["outcome"], act["after"]) == ("cancelExecution", exec_id, None, None)
    assert desk.item("show", exec_id)["status"] == "waiting"
    assert "nobody came to say" in desk.kitaru("audit").ok().out


def test_pages_of_changes_follow_each_other(desk: Lab) -> None:
    for _ in range(7):
        desk.kitaru("breakpoints", "remove", "99").ok(1)
    with serving(desk, "server") as server:
        seen: list[int] = []
        page = server.get("/audit?limit=3")
        while True:
            seen += [one["id"] for one in page["items"]]
            if page["next"] is None:
                break
            # What comes in between is on no page that follows.
            desk.kitaru("breakpoints", "remove", "99").ok(1)
            page = server.get(f"/audit?limit=3&cursor={page['next']}")
        assert seen == sorted(seen, reverse=True) and len(seen) == 7
        for wrong in ("cursor=7", "cursor=a", "limit=0", "limit=1001", "days=0", "days=36501", "since=1"):
            assert server.get(f"/audit?{wrong}", 400)["code"] == "usage"


def test_what_an_engine_elsewhere_asks_for_is_on_record_under_its_token(desk: Lab) -> None:
    exec_id, other = asking(desk), asking(desk)
    made = desk.item("tokens", "create", "elsewhere", "--scope", "operate")
    with serving(desk, "server", "--require-token", "--rate", "0") as server:
        remote = {"KITARU_STORE": server.url, "KITARU_TOKEN": made["token"], "KITARU_HOME": str(desk.folder / "there")}
        desk.kitaru("cancel", exec_id, **remote).ok()
        desk.kitaru("input", other, "--value", f'"{SECRET}"', "--no-resume", **remote).ok()
        desk.kitaru("executions", "delete", "--yes", exec_id, **remote).ok(1)
        told = desk.kitaru("tokens", "list", **remote).ok(2)
        assert "through a server" in told.err
    acts = [one for one in desk.items("audit", "--by", made["id"]) if one["act"] != "deleteExecution"]
    assert [summary(one) for one in reversed(acts)] == [
        ("elsewhere", "http 127.0.0.1", "cancelExecution", "waiting", "cancelled", "done"),
        ("elsewhere", "http 127.0.0.1", "answerWait", "waiting", "waiting", "done"),
    ]
    assert (acts[0]["given"], acts[0]["target"]) == ({"wait": "go"}, other)
    assert desk.item("show", exec_id)["status"] == "cancelled"


FLEET = """
import kitaru
from kitaru import checkpoint, flow

@checkpoint
def gather(topic: str):
    return topic

@flow
def below(topic: str):
    return gather(topic)

@flow
def research(topic: str):
    below(topic)
    return kitaru.wait(name="go", question="Go on?")

@flow
def boss(other: str):
    return kitaru.KitaruClient().executions.cancel(other)
"""


def test_all_that_an_engine_elsewhere_asks_for_is_on_record_and_in_journals_under_its_token(desk: Lab) -> None:
    desk.write("agent.py", FLEET)
    made = desk.item("tokens", "create", "elsewhere", "--scope", "operate")
    with serving(desk, "server", "--require-token", "--rate", "0") as server:
        place = {"KITARU_STORE": server.url, "KITARU_TOKEN": made["token"], "USER": "root"}
        remote = {**place, "KITARU_HOME": str(desk.folder / "there")}

        def item(*argv: str, code: int = 0) -> Any:
            return desk.kitaru(*argv, "--output", "json", **remote).ok(code).json["item"]

        first = item("run", "agent.py:research", "--input", f"topic={SECRET}", "--key", "once", code=75)["id"]
        second = item("replay", first, "--from", "start", "--set", f"flow.topic={SECRET}x", "--yes", code=75)["id"]
        desk.kitaru("input", first, "--value", f'"{SECRET}"', **remote).ok()
        desk.kitaru("breakpoints", "add", "research", "--before", "gather", **remote).ok()
        boss = item("run", "agent.py:boss", "--input", f"other={second}")["id"]
    acts = list(reversed(desk.items("audit", "--by", made["id"])))
    assert [(one["act"], one["target"], (one["after"] or {}).get("id"), one["outcome"]) for one in acts] == [
        ("startExecution", None, first, "done"),
        ("replayExecution", first, second, "done"),
        ("answerWait", first, None, "done"),
        ("resumeExecution", first, None, "done"),
        ("addBreakpoint", None, None, "done"),
        ("startExecution", None, boss, "done"),
        ("cancelExecution", second, None, "done"),
    ]
    assert {(one["by"], one["from"]) for one in acts} == {("elsewhere", "http 127.0.0.1")}
    assert acts[0]["given"] == {"flow": "research", "key": "once", "tags": []}
    assert acts[3]["given"] == {"why": "answer"}
    assert SECRET not in json.dumps(acts)
    # In journals it is called by its token's name, whatever it calls itself; a flow's own acts name the flow.
    asked = "SELECT DISTINCT json_extract(payload, '$.{0}.by') FROM journal WHERE kind = '{0}'"
    assert desk.query(asked.format("wait_answered")) == [("elsewhere (cli)",)]
    (stopped,) = desk.query(asked.format("cancelled"))
    assert stopped[0].startswith(f"execution {boss}, ")
    assert desk.query("SELECT DISTINCT by FROM breakpoints") == [("elsewhere (cli)",)]
    forks = "SELECT json_extract(payload, '$.created.fork.by') AS by FROM journal WHERE by IS NOT NULL"
    assert desk.query(forks) == [("elsewhere (cli)",)]


def test_an_engine_elsewhere_cannot_say_that_a_flow_or_somebody_else_did_it(desk: Lab) -> None:
    exec_id = asking(desk)
    made = desk.item("tokens", "create", "elsewhere", "--scope", "operate")
    with serving(desk, "server", "--require-token", "--rate", "0", token=made["token"]) as server:
        names = [
            "boss",
            "cli",
            f"execution {exec_id}, gather (2)",
            f"execution {exec_id}, gather (99)",
            "execution x, y (1)",
        ]
        for number, name in enumerate(names, 1):
            event = {"stop_requested": {"stop": "pause", "by": name}}
            write = {"Post": [exec_id, 1, "NotFinal", [event]]}
            head = {"writer": "w", "number": number, "writes": [write], "values": []}
            told = server.message("write", packed(head))
            assert told[0] == 200 and b'"Ok":[{"Ok"' in told[1], told
    by = desk.query("SELECT json_extract(payload, '$.stop_requested.by') FROM journal WHERE kind = 'stop_requested'")
    assert by == [("elsewhere",), ("elsewhere (cli)",)] + [("elsewhere",)] * 3
