"""What one caller may cost: large requests, slow ones, many at once, and many in a second."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import Any

import pytest

from lab import Lab
from server.served import Served, serving
from server.test_tokens import certificate

PROGRAM = """
import kitaru
from kitaru import flow

@flow
def research():
    return kitaru.wait(schema=bool, name="go", question="Go on?")
"""


@pytest.fixture
def desk(lab: Lab) -> Lab:
    """A lab where something waits."""
    lab.write("agent.py", PROGRAM)
    lab.kitaru("run", "agent.py:research").ok(75)
    return lab


def token(lab: Lab, scope: str = "read") -> str:
    return str(lab.item("tokens", "create", f"t-{scope}", "--scope", scope)["token"])


def asked(server: Served, shown: str | None = None) -> tuple[int, dict[str, str], Any]:
    headers = {} if shown is None else {"Authorization": f"Bearer {shown}"}
    status, answered, text = server.ask("GET", "/api/v1/version", headers=headers)
    return status, answered, json.loads(text)


def test_a_token_may_ask_so_often_and_another_as_often_again(desk: Lab) -> None:
    one, other = token(desk), token(desk, "operate")
    with serving(desk, "server", "--rate", "2") as server:
        seen = [asked(server, one) for _ in range(12)]
        refused = [(headers, told) for status, headers, told in seen if status == 429]
        assert [status for status, _, _ in seen][:4] == [200] * 4 and refused
        for headers, told in refused:
            assert headers["content-type"] == "application/problem+json"
            assert told["code"] == "rate-limited" and int(headers["retry-after"]) >= 1
        assert asked(server, other)[0] == 200
        # Who asks on this machine without one has no such limit.
        assert {asked(server)[0] for _ in range(12)} == {200}
        until = time.monotonic() + 30
        while asked(server, one)[0] == 429:
            assert time.monotonic() < until


def test_attempts_that_fail_are_few_and_shut_nobody_else_out(desk: Lab) -> None:
    good = token(desk)
    with serving(desk, "server") as server:
        seen = [asked(server, good[:-1] + "x")[0] for _ in range(40)]
        assert seen[:20] == [401] * 20 and 429 in seen
        assert asked(server, good)[0] == 200
        assert asked(server)[0] == 200


def test_a_request_may_weigh_so_much(desk: Lab) -> None:
    (exec_id,) = [one["id"] for one in desk.items("ls")]
    with serving(desk, "server") as server:
        path = f"/api/v1/executions/{exec_id}/input"
        for body in ({"value": "x" * (9 << 20)}, {"value": True, "wait": "x" * (9 << 20)}):
            with contextlib.suppress(ConnectionError):
                status, _, text = server.ask("POST", path, body)
                assert (status, json.loads(text)["code"]) == (413, "usage")
        for headers in ({"X-Much": "x" * 70_000}, {f"X-{n}": "x" for n in range(200)}):
            with contextlib.suppress(ConnectionError):
                assert server.ask("GET", "/api/v1/version", headers=headers)[0] == 431
        with contextlib.suppress(ConnectionError):
            assert server.ask("GET", "/" + "x" * 70_000)[0] in (414, 431)
        assert server.get("/version")["version"]
    assert desk.query("SELECT count(*) FROM journal WHERE kind = 'wait_answered'") == [(0,)]


def test_who_is_slow_is_left_and_holds_nobody_up(desk: Lab) -> None:
    """Heads that come a byte at a time are given up after ten seconds, and others are served meanwhile."""
    with serving(desk, "server") as server, contextlib.ExitStack() as open_:
        begun = time.monotonic()
        slow = []
        for _ in range(200):
            one = open_.enter_context(socket.create_connection((server.host, server.port), timeout=60))
            one.sendall(b"GET /api/v1/version HTTP/1.1\r\nHost: localhost\r\nX-A: ")
            slow.append(one)
        ended: set[socket.socket] = set()
        longest = 0.0
        while len(ended) < len(slow) and time.monotonic() - begun < 60:
            for one in slow:
                if one in ended:
                    continue
                with contextlib.suppress(BlockingIOError):
                    try:
                        one.send(b"a")
                        gone = one.recv(4096, socket.MSG_DONTWAIT)
                    except ConnectionError:
                        gone = b""
                    if not gone or gone.startswith(b"HTTP/1.1 4"):
                        ended.add(one)
            asking = time.monotonic()
            assert asked(server)[0] == 200
            longest = max(longest, time.monotonic() - asking)
        assert len(ended) == len(slow)
        assert time.monotonic() - begun < 25
        assert longest < 2


def test_a_caller_has_so_many_streams_at_once(desk: Lab) -> None:
    (exec_id,) = [one["id"] for one in desk.items("ls")]
    one, other = token(desk), token(desk, "operate")

    def opened(server: Served, shown: str) -> tuple[socket.socket, bytes]:
        stream = socket.create_connection((server.host, server.port), timeout=30)
        head = f"GET /api/v1/executions/{exec_id}/events HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n"
        stream.sendall(f"{head}Authorization: Bearer {shown}\r\n\r\n".encode())
        return stream, stream.recv(12)

    with serving(desk, "server", "--rate", "0") as server, contextlib.ExitStack() as open_:
        streams = []
        for _ in range(256):
            stream, status = opened(server, one)
            streams.append(open_.enter_context(stream))
            assert status == b"HTTP/1.1 200"
        refused, status = opened(server, one)
        open_.enter_context(refused)
        assert status == b"HTTP/1.1 429"
        another, status = opened(server, other)
        open_.enter_context(another)
        assert status == b"HTTP/1.1 200"
        streams[0].close()
        until = time.monotonic() + 30
        while True:
            again, status = opened(server, one)
            open_.enter_context(again)
            if status == b"HTTP/1.1 200":
                break
            assert time.monotonic() < until, "a place that was given back is not free"


def test_who_begins_no_tls_is_left(desk: Lab) -> None:
    token(desk)
    cert, key = certificate(desk.folder, "localhost")
    with serving(desk, "server", "--tls-cert", cert, "--tls-key", key) as server:
        begun = time.monotonic()
        with socket.create_connection((server.host, server.port), timeout=60) as silent:
            assert silent.recv(100) == b""
        assert 5 < time.monotonic() - begun < 25
        # A server that is stopped does not wait for those.
        with socket.create_connection((server.host, server.port), timeout=60):
            stopping = time.monotonic()
            assert server.stop()[0] == 0
            assert time.monotonic() - stopping < 8
