"""Schedules over HTTP and for assistants: as the command has them, of flows that the store knows.

Every answer is held against the API's document. What becomes of ticks is in ``tests/promises/test_schedules.py``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lab import Lab
from server.assistant import assistant
from server.served import Served, serving

FLOW = """
    from kitaru import checkpoint, flow
    from world import did

    @checkpoint
    def work(topic: str) -> str:
        did(f"work {topic}")
        return topic

    @flow(deadline=7200)
    def report(topic: str, depth: int = 2) -> str:
        return work(topic)
"""


@pytest.fixture
def desk(lab: Lab) -> Lab:
    """A lab whose flow has run once."""
    lab.write("agent.py", FLOW)
    lab.kitaru("run", "agent.py:report", "--input", "topic=first").ok()
    return lab


@pytest.fixture
def server(desk: Lab) -> Iterator[Served]:
    """Its server, with a worker."""
    with serving(desk) as one:
        yield one


def test_a_schedule_is_added_looked_at_steered_and_removed(desk: Lab, server: Served) -> None:
    asked = {"flow": "report", "cron": "30 6 * * mon-fri", "timezone": "Europe/Berlin", "inputs": {"topic": "tea"}}
    made = server.post("/schedules", {**asked, "name": "early", "overlap": "queue", "tags": ["daily"]}, 201)
    assert (made["name"], made["overlap"], made["deadline_s"]) == ("early", "queue", 7200)
    assert made["inputs"] == {"topic": "tea", "depth": 2}
    more = {"name": "nightly", "pool": "nights", "deadline_s": 0.5}
    nightly = server.post("/schedules", {**asked, **more}, 201)
    assert {key: nightly[key] for key in more} == more
    assert server.delete("/schedules/nightly") == {"removed": "nightly"}
    assert server.get("/schedules/early") == made
    assert [one["name"] for one in server.get("/schedules")["items"]] == ["early"]
    assert server.post("/schedules/early/pause", {})["paused"]["by"] == "http"
    assert server.get("/schedules/early")["next"] == []
    assert server.post("/schedules/early/resume", {})["paused"] is None
    for more, status, code in [
        ({"name": "early"}, 409, "schedule-exists"),
        ({"flow": "other"}, 404, "unknown-flow"),
        ({"cron": "* * * *"}, 422, "bad-schedule"),
        ({"timezone": "Mars"}, 422, "bad-schedule"),
        ({"inputs": {"topics": "tea"}}, 422, "bad-inputs"),
        ({"overlap": "never"}, 400, "bad-json"),
        ({"deadline_s": 0}, 400, "usage"),
        ({"name": "x", "pool": ""}, 400, "usage"),
        ({"name": "../x"}, 400, "usage"),
    ]:
        told = server.post("/schedules", {**asked, **more}, status)
        assert told["code"] == code, more
    assert server.get("/schedules/other", 404)["code"] == "unknown-schedule"
    assert server.delete("/schedules/early") == {"removed": "early"}
    assert server.get("/schedules") == {"items": []}
    acts = {(one["act"], one["target"], one["outcome"]) for one in desk.items("audit")}
    assert {("pauseSchedule", "early", "done"), ("removeSchedule", "early", "done")} <= acts
    assert ("addSchedule", None, "schedule-exists") in acts


def test_a_server_starts_what_is_due(desk: Lab, server: Served) -> None:
    server.post("/schedules", {"flow": "report", "cron": "* * * * *", "inputs": {"topic": "tea"}}, 201)
    end = time.monotonic() + 75
    while "work tea" not in desk.done():
        assert time.monotonic() < end, server.get("/schedules")
        time.sleep(0.05)
    while (shown := server.get("/schedules/report"))["last"]["status"] != "completed":
        assert time.monotonic() < end, shown
        time.sleep(0.05)
    assert [one["fate"] for one in shown["ticks"]] == ["started"]


def test_an_assistant_keeps_schedules(desk: Lab) -> None:
    with assistant(desk, "2", "--allow", "operate") as one:
        made = one.call("kitaru_add_schedule", flow="report", cron="@daily", arguments={"topic": "tea"})["data"]
        assert made["name"] == "report"
        assert one.call("kitaru_list_schedules")["data"]["schedules"][0]["cron"] == "@daily"
        assert one.call("kitaru_pause_schedule", schedule="report")["data"]["paused"] is not None
        assert one.call("kitaru_pause_schedule", schedule="report", resume=True)["data"]["paused"] is None
        assert one.refused("kitaru_pause_schedule", schedule="other")["code"] == "unknown-schedule"
        bad = one.refused("kitaru_add_schedule", flow="report", cron="@daily", name="x", arguments={"topic": 7})
        assert bad["code"] == "bad-inputs"
        assert one.call("kitaru_remove_schedule", schedule="report")["data"] == {"removed": "report"}
    assert desk.items("schedules", "list") == []
