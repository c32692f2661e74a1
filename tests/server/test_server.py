"""``kitaru server`` and ``kitaru up``: what the engine knows over HTTP, and executions that go on by themselves."""

from __future__ import annotations

import random
import signal
import socket
from typing import Any

import pytest

from lab import KITARU, Lab
from server.served import Served, serving

PROGRAM = """
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint
def gather(topic):
    kitaru.usage(input_tokens=10, cost_usd=0.5)
    kitaru.log("gathering")
    return did(f"gather {topic}")

@checkpoint
def write(text):
    return did(f"write {text}")

@flow
def research(topic):
    text = gather(topic)
    if not kitaru.wait(schema=bool, name="go", question="Go on?"):
        return "no"
    kitaru.save("draft", {"text": text})
    return write(text)

@flow
def steps(count):
    for n in range(count):
        print("step", n)
        gather(str(n))
    return count
"""


def waiting(lab: Lab) -> str:
    lab.write("agent.py", PROGRAM)
    exec_id: str = lab.item("run", "agent.py:research", "--input", "topic=bees", code=75)["id"]
    return exec_id


def test_an_answer_over_http_carries_the_flow_on(lab: Lab) -> None:
    exec_id = waiting(lab)
    with serving(lab) as server:
        (wait,) = server.get("/waits")["items"]
        assert (wait["execution_id"], wait["key"], wait["question"]) == (exec_id, "go", "Go on?")
        told = server.post(f"/executions/{exec_id[-8:]}/input", {"value": True})
        assert (told["answered"], told["goes_on"]) == ("go", "worker")
        server.until(exec_id, "completed")
        item = server.get(f"/executions/{exec_id}")
        assert (item["result"], item["usage"]["cost_usd"]) == ("write gather bees", 0.5)
        assert lab.done() == ["gather bees", "write gather bees"]
        assert server.get("/waits") == {"items": [], "next": None}
        assert [call["key"] for call in server.get(f"/executions/{exec_id}/calls")["items"]] == [
            "gather",
            "go",
            "write",
        ]
        assert server.get(f"/executions/{exec_id}/calls/write")["inputs"] == {"text": "gather bees"}
        assert server.get(f"/executions/{exec_id}/artifacts")["items"][0]["name"] == "draft"
        assert server.get(f"/executions/{exec_id}/artifacts/draft") == {"text": "gather bees"}
        assert "gathering" in [line["text"] for line in server.get(f"/executions/{exec_id}/logs")["items"]]
        assert server.get("/flows")["items"] == [{"flow": "research", "executions": {"completed": 1}}]
        assert server.get(f"/executions/{exec_id}/tree")["id"] == exec_id
    answered = lab.query("SELECT answered_by FROM waits")
    assert answered == [("http",)]


def test_what_is_due_goes_on_by_itself_and_once(lab: Lab) -> None:
    exec_id = waiting(lab)
    lab.kitaru("input", exec_id, "--value", "true", "--no-resume").ok(0)
    with serving(lab) as server:
        server.until(exec_id, "completed")
    assert lab.done() == ["gather bees", "write gather bees"]


def test_what_only_serves_says_how_it_goes_on(lab: Lab) -> None:
    exec_id = waiting(lab)
    with serving(lab, "server") as server:
        told = server.post(f"/executions/{exec_id}/input", {"value": True})
        assert told["goes_on"] == f"nobody here: kitaru resume {exec_id[-8:]}"
    assert lab.done() == ["gather bees"]


def test_a_flow_that_cannot_be_loaded_is_said_once_and_left_alone(lab: Lab) -> None:
    exec_id = waiting(lab)
    (lab.folder / "agent.py").write_text("import nothing_of_that_name\n")
    lab.kitaru("input", exec_id, "--value", "true", "--no-resume").ok(0)
    with serving(lab) as server:
        assert server.process.stderr is not None
        said = server.process.stderr.readline()
        assert said.startswith(f"worker: research {exec_id[-8:]}: error[flow-import]: ")
        # Another look at it, which finds nothing new.
        server.post(f"/executions/{exec_id}/input", {"value": True}, 409)
        lab.write("agent.py", PROGRAM)
        assert server.post(f"/executions/{exec_id}/resume", {})["goes_on"] == "worker"
        server.until(exec_id, "completed")
        _, more = server.stop()
    assert "error" not in more


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/executions/nobody", None, 404, "unknown-execution"),
        ("GET", "/executions?status=tired", None, 400, "usage"),
        ("GET", "/executions/{id}/calls/nothing", None, 404, "unknown-call"),
        ("GET", "/executions/{id}/artifacts/..%2f..%2fetc%2fpasswd", None, 404, "unknown-artifact"),
        ("POST", "/executions/{id}/input", {"value": "perhaps"}, 422, "bad-answer"),
        ("POST", "/executions/{id}/input", {}, 400, "bad-json"),
        ("POST", "/executions/{id}/input", {"value": 1, "more": 2}, 400, "bad-json"),
        ("POST", "/executions/{id}/input", [True, "go"], 400, "bad-json"),
        ("POST", "/executions/{id}/resume", [], 400, "bad-json"),
        ("POST", "/executions/{id}/resume", {"on_drift": "guess"}, 400, "bad-json"),
        ("GET", "/executions?limit=many", None, 400, "usage"),
        ("GET", "/executions?limit=0", None, 400, "usage"),
        ("GET", "/executions?colour=red", None, 400, "usage"),
        ("GET", "/executions/%ff", None, 400, "usage"),
        ("GET", "/executions/{id}/journal?after=9223372036854775808", None, 400, "usage"),
        ("GET", "/diff", None, 400, "usage"),
        ("DELETE", "/breakpoints/18446744073709551615", None, 400, "usage"),
        ("PUT", "/executions", {}, 405, "unknown-route"),
        ("POST", "/executions/{id}/resume", {}, 409, "waiting"),
        ("POST", "/breakpoints", {"flow": "nobody", "before": "gather"}, 404, "unknown-flow"),
        ("DELETE", "/breakpoints/17", None, 404, "unknown-breakpoint"),
        ("DELETE", "/executions/{id}", None, 409, "not-ended"),
        ("GET", "/nothing", None, 404, "unknown-route"),
    ],
)
def test_a_refusal_has_a_code_and_changes_nothing(
    lab: Lab, method: str, path: str, body: Any, status: int, code: str
) -> None:
    exec_id = waiting(lab)
    before = lab.query("SELECT * FROM journal")
    with serving(lab, "server") as server:
        seen, headers, text = server.ask(method, "/api/v1" + path.format(id=exec_id), body)
        assert (seen, headers["content-type"]) == (status, "application/problem+json"), text
        assert f'"code":"{code}"' in text
    assert lab.query("SELECT * FROM journal") == before


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"Host": "kitaru.example"}, 421),
        ("GET", {"Host": "127.0.0.1:1"}, 421),
        ("GET", {"Origin": "https://site.example"}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("POST", {"Origin": "http://127.0.0.1:1"}, 403),
        ("POST", {"Content-Type": "text/plain"}, 415),
        ("POST", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_no_page_of_another_site_gets_in(lab: Lab, method: str, headers: dict[str, str], status: int) -> None:
    exec_id = waiting(lab)
    with serving(lab, "server") as server:
        path, body = (f"/api/v1/executions/{exec_id}", None) if method == "GET" else ("", {"value": True})
        seen, answered, text = server.ask(method, path or f"/api/v1/executions/{exec_id}/input", body, headers)
        assert seen == status and exec_id not in text
        assert "access-control-allow-origin" not in answered
    assert lab.item("show", exec_id)["status"] == "waiting"


def test_only_an_address_of_this_machine_is_listened_at(lab: Lab) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        refused = lab.kitaru("server", "--host", host, "--port", "0").ok(1)
        assert "error[not-loopback]" in refused.err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = lab.kitaru("up", "--port", str(taken.getsockname()[1])).ok(1)
    assert "error[port-taken]" in refused.err and "--port" in refused.err
    assert "error[usage]" in lab.kitaru("up", "--store", "memory:", "--port", "0").ok(2).err


def test_the_page_holds_nothing_that_users_wrote(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM.replace("Go on?", "<script>alert(1)</script>&"))
    lab.kitaru("run", "agent.py:research", "--input", "topic=bees").ok(75)
    with serving(lab, "server") as server:
        for path in ("/", f"/executions/{lab.only()}", "/inbox"):
            status, headers, page = server.ask("GET", path)
            assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
            assert "alert" not in page and "bees" not in page and "research" not in page
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
        assert server.ask("GET", "/style.css")[0] == 200


def test_a_stream_that_is_cut_again_and_again_tells_everything_once_and_in_order(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    with serving(lab, "server") as server:
        process = lab.spawn(KITARU, "run", "agent.py:steps", "--input", "count=150")
        lab.wait_for("gather 0")
        exec_id, chance = lab.only(), random.Random(7)
        seen: list[tuple[str, Any]] = []
        last, over = None, False
        while not over:
            with server.events(exec_id, last) as events:
                cut = chance.randrange(1, 12)
                for event, place, data in events:
                    if event == "status":
                        over = data["ended"]
                        break
                    seen.append((event, data))
                    last = place
                    if (cut := cut - 1) == 0:
                        break
        process.communicate()
        journal = server.get(f"/executions/{exec_id}/journal?limit=1000")["items"]
        logs = server.get(f"/executions/{exec_id}/logs?limit=1000")["items"]
    assert [data for event, data in seen if event == "journal"] == [{**one, "execution": exec_id} for one in journal]
    assert [data for event, data in seen if event == "log"] == [{**one, "execution": exec_id} for one in logs]
    assert len(journal) > 150 and len(logs) > 150


def test_a_stream_is_told_when_the_server_stops(lab: Lab) -> None:
    exec_id = waiting(lab)
    with serving(lab, "server") as server, server.events(exec_id) as events:
        while next(events)[0] != "status":
            pass
        server.process.send_signal(signal.SIGTERM)
        assert [event for event, _, _ in events] == ["closing"]


@pytest.mark.parametrize("last", ["x", "1", "99999.0", "0.99999", "9223372036854775808.0", "\xe9"])
def test_a_place_that_is_none_of_the_stream_is_refused(lab: Lab, last: str) -> None:
    exec_id = waiting(lab)
    with serving(lab, "server") as server:
        path = f"/api/v1/executions/{exec_id}/events"
        status, headers, _ = server.ask("GET", path, headers={"Last-Event-ID": last})
        assert (status, headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: ",
        b"POST /api/v1/breakpoints HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        b"Content-Length: 50\r\n\r\n{",
        b"GET /api/v1/executions/latest/events HTTP/1.1\r\nHost: {host}\r\n\r\n",
    ],
    ids=["half a head", "half a body", "a stream that nobody reads"],
)
def test_a_client_that_does_nothing_does_not_keep_it_from_ending(lab: Lab, sent: bytes) -> None:
    lab.write(
        "agent.py",
        PROGRAM
        + """
@flow
def chat():
    for n in range(20_000):
        print("a line of some length, so that the buffers between here and there are full before its end", n)
""",
    )
    lab.kitaru("run", "agent.py:chat").ok(0)
    with serving(lab) as server, socket.create_connection((server.host, server.port)) as client:
        client.sendall(sent.replace(b"{host}", f"{server.host}:{server.port}".encode()))
        if b"events" in sent:
            assert client.recv(1000)
        assert server.stop() == (0, "stopped\n")


def test_once_it_is_told_to_stop_nothing_is_begun(lab: Lab) -> None:
    exec_id = waiting(lab)
    with serving(lab) as server, socket.create_connection((server.host, server.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        server.process.send_signal(signal.SIGTERM)
        while True:
            # Until nobody listens any more; one that comes as the socket closes is reset, and says nothing yet.
            try:
                socket.create_connection((server.host, server.port)).close()
            except ConnectionResetError:
                continue
            except ConnectionRefusedError:
                break
        lab.kitaru("input", exec_id, "--value", "true", "--no-resume").ok(0)
        server.process.communicate(timeout=30)
    assert lab.done() == ["gather bees"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(lab: Lab, how: signal.Signals) -> None:
    lab.write("agent.py", PROGRAM)
    with serving(lab) as server:
        server.get("/health")
        code, said = server.stop(how)
    assert (code, said) == (0, "stopped\n")


def control(server: Served, exec_id: str) -> None:
    assert server.post(f"/executions/{exec_id}/pause", {})["stopped"] is True
    assert server.get(f"/executions/{exec_id}")["status"] == "paused"
    assert server.post(f"/executions/{exec_id}/cancel", {})["status"] == "cancelled"


def test_executions_are_controlled_over_http(lab: Lab) -> None:
    first = waiting(lab)
    with serving(lab) as server:
        control(server, first)
        made = server.post("/breakpoints", {"flow": "research", "before": "write"}, 201)
        assert [one["id"] for one in server.get("/breakpoints")["items"]] == [made["id"]]
        second = waiting(lab)
        server.post(f"/executions/{second}/input", {"value": True, "wait": "go"})
        server.until(second, "paused")
        assert server.get(f"/executions/{second}")["pending"]["inputs"] == {"text": "gather bees"}
        server.post(f"/executions/{second}/resume", {"set": {"text": "other"}})
        server.until(second, "completed")
        assert lab.done()[-1] == "write other"
        diff = server.get(f"/diff?ids={first},{second}")
        assert [one["id"] for one in diff["executions"]] == [first, second]
        listed = server.get("/executions?status=completed,cancelled&limit=1")
        assert [one["id"] for one in listed["items"]] == [second]
        listed = server.get(f"/executions?status=completed,cancelled&limit=1&cursor={listed['next']}")
        assert ([one["id"] for one in listed["items"]], listed["next"]) == ([first], None)
        assert server.delete(f"/executions/{first}") == {"deleted": [first]}
