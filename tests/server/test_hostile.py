"""Bytes that no honest client sends, at a real server: it refuses or closes, stays up and small, and serves the next.

Seeded. ``KITARU_HOSTILE`` says how many messages are tried, ``KITARU_SEED`` which.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import random
import re
import socket
import sys
import time
from collections.abc import Iterator

import pytest

from lab import Lab
from remote.between import packed
from server.served import Served, serving

MANY = int(os.environ.get("KITARU_HOSTILE", "400"))
SEED = os.environ.get("KITARU_SEED", "hostile")
# What would show that it was given back as it came.
MARK = "<i>kitaru-mark</i>\x1b[31m"
MOST = 250 << 20

PROGRAM = """
import kitaru
from kitaru import flow

@flow
def research():
    return kitaru.wait(schema=bool, name="go", question="Go on?")
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all: what one test does to it the next would see."""
    lab = Lab(tmp_path_factory.mktemp("hostile"), store="local")
    lab.write("agent.py", PROGRAM)
    lab.kitaru("run", "agent.py:research").ok(75)
    with serving(lab, "server", "--rate", "0") as served:
        yield served
        must_serve(served)
        status, said = served.stop()
        assert status == 0, said
        assert "panicked" not in said, said
    lab.close()


def must_serve(server: Served) -> None:
    """The next honest request is served, and the server has not grown."""
    assert server.process.poll() is None
    (one,) = server.get("/executions")["items"]
    assert one["status"] == "waiting"
    if sys.platform == "linux":
        told = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        (kib,) = re.findall(r"VmRSS:\s+(\d+) kB", told)
        assert int(kib) << 10 < MOST


def said(server: Served, message: bytes, *, half: bool = False, parts: int = 1, seconds: float = 20) -> bytes:
    """All that is answered to those bytes before the connection ends, or before it answers nothing more."""
    with socket.create_connection((server.host, server.port), timeout=seconds) as one:
        answered = b""
        with contextlib.suppress(ConnectionError):
            size = max(1, len(message) // parts)
            for at in range(0, len(message), size):
                one.sendall(message[at : at + size])
            if half:
                end(one)
            one.settimeout(0.3)
            with contextlib.suppress(TimeoutError):
                while more := one.recv(65536):
                    answered += more
        return answered


def end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other end may have gone first
        one.shutdown(socket.SHUT_WR)


def statuses(answered: bytes) -> list[int]:
    return [int(one) for one in re.findall(rb"(?:^|\n|\}|\])HTTP/1\.[01] (\d{3})", answered)]


def must_be_refused(answered: bytes) -> None:
    """A 4xx, or nothing at all. Nothing of it is given back raw."""
    assert all(400 <= one < 500 for one in statuses(answered)), answered[:500]
    assert b"kitaru-mark</i>" not in answered and b"\x1b" not in answered, answered[:500]


HOST = "Host: 127.0.0.1:{port}"


def head(server: Served, *lines: str, first: str = "GET /api/v1/version HTTP/1.1") -> bytes:
    return "\r\n".join([first, HOST.format(port=server.port), *lines, "", ""]).encode("latin-1", "replace")


REFUSED = {
    "no protocol": "GET /api/v1/version",
    "another protocol": "GET /api/v1/version HTTP/9.9",
    "http/2 by prior knowledge": "PRI * HTTP/2.0",
    "no method": " /api/v1/version HTTP/1.1",
    "a method of its own": "G\x00T /api/v1/version HTTP/1.1",
    "nul in the path": "GET /api/v1/ver\x00sion HTTP/1.1",
    "space in the path": "GET /api/v1/ver sion HTTP/1.1",
    "a mark in the path": f"GET /api/v1/{MARK} HTTP/1.1",
    "two spaces": "GET  /api/v1/version HTTP/1.1",
    "a tab": "GET\t/api/v1/version\tHTTP/1.1",
    "another's address": "GET http://elsewhere.example/api/v1/version HTTP/1.1",
    "connect": "CONNECT elsewhere.example:443 HTTP/1.1",
    "long": "GET /" + "a" * 100_000 + " HTTP/1.1",
    "only a newline in": "GET /api/v1/version\nHTTP/1.1",
}
HEADERS = {
    "nul": ["X-A: \x00"],
    "no colon": ["X-A"],
    "no name": [": a"],
    "a space before the colon": ["X-A : a"],
    "a folded line": ["X-A: a", " b"],
    "a bare return": ["X-A: a\rb"],
    "two hosts": ["Host: elsewhere.example"],
    "a negative length": ["Content-Length: -1"],
    "a length that is none": ["Content-Length: 1e3"],
    "a length with a sign": ["Content-Length: +5"],
    "two lengths": ["Content-Length: 5", "Content-Length: 6"],
    "a list of lengths": ["Content-Length: 5, 6"],
    "a length of a kind that does not fit": ["Content-Length: 99999999999999999999999"],
    "an encoding that is none": ["Transfer-Encoding: kitaru"],
    "chunked and then something": ["Transfer-Encoding: chunked, gzip"],
    "one long header": ["X-A: " + "a" * 100_000],
    "many headers": [f"X-{n}: {MARK}" for n in range(2000)],
    "a mark": [f"X-A: {MARK}", "Content-Length: x"],
    "a mark in an authorization": [f"Authorization: Bearer {MARK}"],
    "a mark in an origin": [f"Origin: http://{MARK}"],
}


@pytest.mark.parametrize("first", REFUSED.values(), ids=REFUSED.keys())
def test_a_broken_request_line_is_refused(server: Served, first: str) -> None:
    for half in (False, True):
        must_be_refused(said(server, head(server, first=first), half=half))
    must_serve(server)


@pytest.mark.parametrize("lines", HEADERS.values(), ids=HEADERS.keys())
@pytest.mark.parametrize("first", ["GET /api/v1/version HTTP/1.1", "POST /api/v1/executions/latest/input HTTP/1.1"])
def test_broken_headers_are_refused(server: Served, first: str, lines: list[str]) -> None:
    answered = said(server, head(server, *lines, "Content-Type: application/json", first=first) + b"null")
    must_be_refused(answered)
    must_serve(server)


# A request that must never be taken for one: what stands behind it in the same bytes would be another's.
INNER = "\r\n".join(
    [
        "POST /api/v1/executions/latest/input HTTP/1.1",
        "Host: {host}",
        "Content-Type: application/json",
        "Content-Length: 14",
        "",
        '{{"value":true}}',
    ]
)


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 4", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 4"],
        ["Content-Length: 0", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding: xchunked", "Content-Length: 4"],
        ["Transfer-Encoding : chunked", "Content-Length: 4"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding:\tchunked", "Content-Length: 4"],
        ["X-A: a\nTransfer-Encoding: chunked", "Content-Length: 4"],
        ["Content-Length: 4", "Content-Length: 0"],
    ],
    ids=lambda lines: " and ".join(lines),
)
def test_no_request_is_smuggled_in_another(server: Served, lines: list[str]) -> None:
    """Two ends that disagree about where a request ends: the inner one is a body, or is refused."""
    inner = INNER.format(host=f"127.0.0.1:{server.port}").encode()
    for body in (b"0\r\n\r\n" + inner, b"4\r\nnull\r\n0\r\n\r\n" + inner, b"null" + inner):
        first = "POST /api/v1/executions/none/cancel HTTP/1.1"
        answered = said(server, head(server, "Content-Type: application/json", *lines, first=first) + body)
        # At most one request of those is answered, and the connection ends with it.
        assert len(statuses(answered)) <= 1, answered
        must_be_refused(answered)
    must_serve(server)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"4\r\nnu",
        b"4\r\nnull",
        b"4\r\nnull\r\n",
        b"ffffffffffffffff\r\nnull\r\n0\r\n\r\n",
        b"7fffffff\r\nnull\r\n0\r\n\r\n",
        b"-1\r\nnull\r\n0\r\n\r\n",
        b"4 4\r\nnull\r\n0\r\n\r\n",
        b"x\r\nnull\r\n0\r\n\r\n",
        b"2\r\nnull\r\n0\r\n\r\n",
        b"4;" + b"a" * 100_000 + b"\r\nnull\r\n0\r\n\r\n",
        b"4\r\nnull\r\n0\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n",
        b"1\r\n" + b"1\r\n".join([b"a\r\n"] * 20_000),
        b"\0" * 10_000,
    ],
)
def test_chunks_that_are_cut_or_lie_are_refused(server: Served, body: bytes) -> None:
    first = "POST /api/v1/executions/latest/input HTTP/1.1"
    lines = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    for half in (False, True):
        must_be_refused(said(server, head(server, *lines, first=first) + body, half=half, parts=3))
    must_serve(server)


def test_pipelined_requests_are_answered_in_order_and_none_twice(server: Served) -> None:
    paths = ["version", "none", "version", "executions/none", "version"] * 20
    message = b"".join(head(server, first=f"GET /api/v1/{path} HTTP/1.1") for path in paths)
    answered = said(server, message, seconds=30)
    assert statuses(answered) == [200 if path == "version" else 404 for path in paths]
    # What is broken ends the connection: nothing behind it is answered.
    answered = said(server, head(server) + b"\0\0\0\r\n\r\n" + head(server))
    assert statuses(answered) in ([200], [200, 400])
    must_serve(server)


def test_who_closes_half_or_says_nothing_is_let_go(server: Served) -> None:
    first = "POST /api/v1/executions/latest/input HTTP/1.1"
    cut = head(server, "Content-Type: application/json", "Content-Length: 10", first=first) + b"1234"
    for message in (b"", b"G", b"GET /api", head(server)[:-2], cut):
        must_be_refused(said(server, message, half=True))
    must_serve(server)


def honest(server: Served) -> list[bytes]:
    """Messages as programs send them."""
    mcp = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "kitaru_list_waits", "arguments": {}}},
    ]
    store = [
        ("connect", {"protocol": 1, "version": "1"}),
        ("read", [{"Execution": "latest"}, False]),
        ("read", [{"Load": ["a", 0, 10]}, True]),
        ("read", [{"Chunks": [[0] * 32]}, True]),
        ("write", {"writer": "w", "number": 1, "writes": [], "values": []}),
        ("write", {"writer": "w", "number": 2, "writes": [{"Renew": [[["a", 1]], 5]}], "values": []}),
        ("write", {"writer": "w", "number": 3, "writes": [{"Post": ["a", 1, "NotFinal", []]}], "values": []}),
    ]
    # Whoever is answered is let go, so that nothing is waited for.
    last = "Connection: close"
    found = [head(server, last)]
    for body in mcp:
        text = json.dumps(body).encode()
        lines = (last, "Content-Type: application/json", "Accept: application/json, text/event-stream")
        found.append(head(server, *lines, f"Content-Length: {len(text)}", first="POST /mcp HTTP/1.1") + text)
    for path, message in store:
        text = packed(message)
        lines = (last, "Content-Type: application/vnd.kitaru.store", f"Content-Length: {len(text)}")
        found.append(head(server, *lines, first=f"POST /api/v1/store/{path} HTTP/1.1") + text)
    return found


PIECES: list[bytes] = [
    *(b"\0", b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\xff\xfe", b"{", b"[" * 5000, b'"', b"\\ud800", b"1e999", b"-0"),
    *(b"9" * 400, MARK.encode(), b"\x00" * 8, b"\xff" * 8, b"\x00\x00\x00\x00\x00\x00\x00\x80", b"null", b"%00"),
    *(b"..%2f", b"Content-Length: 7\r\n"),
]


def mutated(message: bytes, dice: random.Random) -> bytes:
    """A message with some of it gone, doubled, moved or replaced. Often only behind its head, whose length is right."""
    before, between, body = message.partition(b"\r\n\r\n")
    inside = bool(body) and dice.random() < 0.7
    text = body if inside else message
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(text) + 1)
        to = min(len(text), at + dice.choice([0, 1, 2, 8, 40]))
        made = dice.choice([b"", dice.choice(PIECES), text[at:to] * 3, bytes(dice.randrange(256) for _ in range(4))])
        text = text[:at] + made + text[to:]
    if not inside:
        return text
    return re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(text), before) + between + text


@pytest.mark.parametrize("part", range(4))
def test_whatever_messages_are_made_of_them_it_stays_up(server: Served, part: int) -> None:
    dice = random.Random(f"{SEED} {part}")
    known = honest(server)
    begun = time.monotonic()
    for _ in range(MANY // 4):
        message = mutated(dice.choice(known), dice)
        with socket.create_connection((server.host, server.port), timeout=20) as one:
            answered = b""
            with contextlib.suppress(ConnectionError):
                one.sendall(message)
                one.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    while more := one.recv(65536):
                        answered += more
                # No more comes: whoever waits for the rest must end.
                end(one)
                one.settimeout(20)
                while more := one.recv(65536):
                    answered += more
        assert not any(status >= 500 for status in statuses(answered)), (message, answered[:300])
        assert b"kitaru-mark</i>\x1b" not in answered, message
    assert time.monotonic() - begun < 100
    must_serve(server)
