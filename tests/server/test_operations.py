"""Running a server: figures, logs, readiness, and what becomes of work when it stops."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from lab import KITARU, Lab
from server.served import Served, serving

PROGRAM = """
import os, time
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint
def held(name):
    did(f"began {name}")
    while not os.path.exists("gate"):
        time.sleep(0.01)
    return did(f"ended {name}")

@flow
def job(name):
    return held(name)

@flow
def asks(secret):
    return kitaru.wait(schema=str, name="go", question="Go on?")
"""


def figures(server: Served) -> dict[str, float]:
    """What ``/metrics`` says, by name and labels."""
    status, headers, text = server.ask("GET", "/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    line = re.compile(r'([a-z_]+(?:\{[a-z]+="(?:[^"\\]|\\.)*"(?:,[a-z]+="(?:[^"\\]|\\.)*")*\})?) (-?[0-9.e+-]+)')
    found, typed = {}, set()
    for one in text.splitlines():
        if one.startswith("# TYPE "):
            name, kind = one.split()[2:]
            assert kind in ("gauge", "counter", "histogram")
            assert name not in typed, f"{name} is there twice"
            typed.add(name)
        elif not one.startswith("# HELP "):
            hit = line.fullmatch(one)
            assert hit, one
            assert hit.group(1) not in found, one
            found[hit.group(1)] = float(hit.group(2))
    return found


def test_figures_tell_what_there_is(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    (lab.folder / "gate").touch()
    lab.kitaru("run", "agent.py:job", "--input", "name=one").ok()
    lab.kitaru("run", "agent.py:asks", "--input", "secret=x").ok(75)
    with serving(lab) as server:
        server.get("/executions/latest")
        server.get("/executions/nobody", 404)
        server.ask("GET", "/nothing/of/that?token=hush")
        with server.events("latest") as events:
            next(events)
            seen = figures(server)
            assert seen["kitaru_event_streams"] == 1
        assert seen['kitaru_executions{flow="job",status="completed"}'] == 1
        assert seen['kitaru_executions{flow="asks",status="waiting"}'] == 1
        assert seen["kitaru_open_waits"] == 1
        assert 0 < seen["kitaru_oldest_open_wait_seconds"] < 600
        assert seen["kitaru_worker_places"] == 8
        route = "/api/v1/executions/{id}"
        assert seen[f'kitaru_http_requests_total{{route="{route}",method="GET",status="200"}}'] == 1
        assert seen[f'kitaru_http_requests_total{{route="{route}",method="GET",status="404"}}'] == 1
        assert seen['kitaru_http_requests_total{route="unmatched",method="GET",status="404"}'] == 1
        assert seen[f'kitaru_http_request_seconds_bucket{{route="{route}",le="+Inf"}}'] == 2
        assert seen[f'kitaru_http_request_seconds_count{{route="{route}"}}'] == 2
        assert seen['kitaru_store_bytes{part="database"}'] > 4096


def test_a_json_log_has_a_line_for_each_request_and_act_and_nothing_of_anybody(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    exec_id = lab.item("run", "agent.py:asks", "--input", "secret=hush-input", code=75)["id"]
    with serving(lab, "up", "--log", "json") as server:
        server.post(f"/executions/{exec_id}/input", {"value": "hush-answer"})
        server.until(exec_id, "completed")
        server.ask("GET", "/api/v1/executions?search=hush-search", headers={"Authorization": "Bearer hush-token"})
        server.ask("GET", "/hush-path")
        end = time.monotonic() + 20
        while figures(server)["kitaru_worker_running"] > 0:
            assert time.monotonic() < end
        status, said = server.stop()
    assert status == 0
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert said.splitlines()[len(lines) :] in ([], ["stopped"])
    assert "hush" not in said
    requests = [(one["method"], one["route"], one["status"]) for one in lines if one["kind"] == "request"]
    assert requests[0] == ("POST", "/api/v1/executions/{id}/input", 200)
    assert ("GET", "/api/v1/executions", 401) in requests
    assert ("GET", "unmatched", 404) in requests
    acts = [(one["act"], one["id"], one["flow"]) for one in lines if one["kind"] == "worker"]
    assert acts == [("begins", exec_id, "asks"), ("has ended with", exec_id, "asks")]
    assert [one["event"] for one in lines if one["kind"] == "server"] == ["serves", "stops"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["at"]) for one in lines)


def test_a_server_without_its_store_lives_and_is_not_ready(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    lab.kitaru("run", "agent.py:asks", "--input", "secret=x").ok(75)
    with serving(lab, "server") as server:

        def ready() -> tuple[int, Any]:
            status, _, text = server.ask("GET", "/health/ready")
            return status, json.loads(text)

        assert ready() == (200, {"ready": True})
        store = lab.home / "kitaru.db"
        store.rename(lab.home / "away.db")
        status, told = ready()
        assert (status, told["code"]) == (503, "not-ready")
        assert "it is no longer there" in told["detail"]
        shutil.copyfile(lab.home / "away.db", store)
        status, told = ready()
        assert (status, told["code"]) == (503, "not-ready")
        assert "another file is in its place" in told["detail"]
        assert server.ask("GET", "/health/live")[::2] == (200, "ok")
        store.unlink()
        (lab.home / "away.db").rename(store)
        assert ready()[0] == 200


def test_a_server_that_stops_says_so_to_who_is_connected(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    lab.kitaru("run", "agent.py:asks", "--input", "secret=x").ok(75)
    with serving(lab, "server") as server:
        kept = http.client.HTTPConnection(server.host, server.port, timeout=20)
        with contextlib.closing(kept), server.events("latest") as events:
            kept.request("GET", "/health/ready")
            assert kept.getresponse().read()
            next(events)
            begun = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            assert [event for event, _, _ in events][-1] == "closing"
            assert server.process.wait(timeout=20) == 0
            assert time.monotonic() - begun < 5


@contextlib.contextmanager
def working(lab: Lab, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Workers without a server."""
    running = [lab.spawn(KITARU, "worker", "--output", "json") for _ in range(count)]
    try:
        for one in running:
            assert one.stdout is not None
            line = one.stdout.readline()
            assert line, one.communicate()[1]
            assert json.loads(line)["item"]["pid"] == one.pid
        yield running
    finally:
        for one in running:
            one.terminate()
        for one in running:
            _, said = one.communicate(timeout=30)
            assert (one.returncode, said) == (0, "stopped\n")


def test_what_was_asked_for_and_not_begun_is_begun_once_by_whoever_comes(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    (lab.folder / "gate").touch()
    known = lab.item("run", "agent.py:job", "--input", "name=known")["id"]
    (lab.folder / "gate").unlink()
    names = [f"n{n}" for n in range(6)]
    with serving(lab, "up", "--at-once", "1") as server:
        made = [server.post("/executions", {"flow": "job", "inputs": {"name": name}}, 201)["id"] for name in names]
        lab.wait_for("began n0")
        replay = server.post(f"/executions/{known}/replay", {"from": "held"}, 201)["id"]
        assert server.stop()[0] == 0
    # What was under way goes on by itself; the rest has not begun.
    assert [one for one in lab.done() if one.startswith("began n")] == ["began n0"]
    (lab.folder / "gate").touch()
    # Made by a command that died before it began it: that is nobody else's to begin.
    with working(lab, 2), serving(lab, "server") as server:
        listed = server.get("/workers")["workers"]
        assert [one["kind"] for one in listed] == ["worker", "worker"]
        for exec_id in [*made, replay]:
            server.until(exec_id, "completed")
    done = [one for one in lab.done() if "n0" not in one and "known" not in one]
    assert sorted(done) == sorted(f"{did} {name}" for name in names[1:] for did in ("began", "ended"))
    with serving(lab, "server") as server:
        assert server.get("/workers")["workers"] == []


def test_several_workers_carry_on_what_is_answered_once(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    made = [lab.item("run", "agent.py:asks", "--input", f"secret={n}", code=75)["id"] for n in range(3)]
    with working(lab, 3):
        for exec_id in made:
            lab.kitaru("input", exec_id, "--value", '"yes"', "--no-resume").ok()
        for exec_id in made:
            end = time.monotonic() + 30
            while (item := lab.item("show", exec_id))["status"] != "completed":
                assert time.monotonic() < end, item
            assert item["result"] == "yes"
    assert lab.query("SELECT epoch, count(*) FROM executions GROUP BY epoch") == [(2, 3)]


def test_what_waits_for_a_busy_worker_is_begun_by_another_that_lives(lab: Lab) -> None:
    """The one that was asked has no place for it, and one beside it does not wait until it is started anew."""
    lab.write("agent.py", PROGRAM)
    gate = lab.folder / "gate"
    gate.touch()
    lab.kitaru("run", "agent.py:job", "--input", "name=first").ok()
    gate.unlink()
    with serving(lab, "up", "--at-once", "1") as server, working(lab, 1):
        # It may have begun at either: then the other has a place.
        server.post("/executions", {"flow": "job", "inputs": {"name": "a"}}, 201)
        lab.wait_for("began a")
        server.post("/executions", {"flow": "job", "inputs": {"name": "b"}}, 201)
        lab.wait_for("began b", seconds=10)
        assert "ended a" not in lab.done()
        gate.touch()
        lab.wait_for("ended a")
        lab.wait_for("ended b")
        assert sorted(lab.done()) == sorted(
            f"{did} {name}" for name in ("first", "a", "b") for did in ("began", "ended")
        )
