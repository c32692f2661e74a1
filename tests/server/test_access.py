"""Each route of the server's own document by each kind of caller: nothing gets in, and nothing is reflected raw.

Routes that are new are among them by themselves. What a token must never do stands here once more, so that a scope that
is wrong in the document is seen. Not here: tokens as they come and go (``test_tokens``), links (``test_links``).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from lab import Lab
from server.served import Served, document, serving

SCOPES = ["read", "answer", "operate", "admin"]

PROGRAM = """
import kitaru
from kitaru import checkpoint, flow

@checkpoint
def gather(topic: str):
    print(topic)
    return topic

@flow
def research(topic: str):
    text = gather(topic)
    kitaru.save("draft", {"text": text})
    return kitaru.wait(schema=bool, name="go", question=f"{text}?")
"""

# What is in each of these is shown by a list, a page, a stream or a refusal.
NASTY = "<script>alert(1)</script>\x1b]0;owned\x07\x1b[2J\u202e\"'&"

# What must not be done with less, whatever the document says.
NEVER = {
    "read": ["answerWait", "startExecution", "resumeExecution", "retryExecution", "replayExecution", "pauseExecution"],
    "answer": [
        "startExecution",
        "resumeExecution",
        "replayExecution",
        "cancelExecution",
        "pauseExecution",
        "createLink",
    ],
    "operate": ["deleteExecution", "createToken", "revokeToken", "listTokens", "listChanges"],
}


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each route."""
    paths = document()["paths"].items()
    return [(method.upper(), path, one) for path, methods in paths for method, one in methods.items()]


class World:
    """A server that wants tokens, with one of each kind."""

    def __init__(self, lab: Lab, server: Served, exec_id: str, tokens: dict[str, str]) -> None:
        self.lab = lab
        self.server = server
        self.exec_id = exec_id
        self.tokens = tokens

    def state(self) -> list[Any]:
        """All that a request could have changed."""
        tables = ("journal", "tokens", "links", "breakpoints", "limits", "schedules", "releases", "audit")
        # When a token was used is not changed by whoever asks.
        hidden = {"tokens": "id, name, scope, expires_at, revoked_at"}
        return [self.lab.query(f"SELECT {hidden.get(table, '*')} FROM {table}") for table in tables]

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        """What is answered to a request with these headers, and nothing else."""
        body = {} if method == "POST" else None
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if path.split("?")[0].endswith("/events"):
            # A stream has no end.
            connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=30)
            with contextlib.closing(connection):
                connection.request(method, path, headers=named)
                response = connection.getresponse()
                text = "" if response.status == 200 else response.read().decode()
                return response.status, dict(response.getheaders()), text
        return self.server.ask(method, path, body, named)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Used by all: none of what is asked here changes anything."""
    lab = Lab(tmp_path_factory.mktemp("access"))
    lab.write("agent.py", PROGRAM)
    exec_id = lab.item("run", "agent.py:research", "--input", f"topic={NASTY}", "--tag", NASTY, code=75)["id"]
    lab.kitaru("breakpoints", "add", "research", "--before", "gather").ok()
    lab.kitaru("limits", "close", "openai:gpt", "--for", "1h", "--why", NASTY).ok()
    made = {scope: lab.item("tokens", "create", f"t-{scope}", "--scope", scope) for scope in SCOPES}
    tokens = {scope: item["token"] for scope, item in made.items()}
    for state in ("expired", "revoked"):
        item = lab.item("tokens", "create", f"t-{state}", "--scope", "admin", "--expires", "1h")
        tokens[state] = item["token"]
        made[state] = item
    lab.kitaru("tokens", "revoke", made["revoked"]["id"]).ok()
    lab.change(f"UPDATE tokens SET expires_at = 1 WHERE id = '{made['expired']['id']}'")
    with serving(lab, "server", "--require-token", "--rate", "0") as server:
        yield World(lab, server, exec_id, tokens)


def filled(path: str, exec_id: str) -> str:
    """A path with something in each of its places."""
    known = {"id": exec_id, "key": "gather", "name": "draft", "flow": "research", "tag": "prod"}
    path = path.replace("/breakpoints/{id}", "/breakpoints/1").replace("/limits/{name}", "/limits/openai:gpt")
    return re.sub(r"\{(\w+)\}", lambda found: known[found[1]], path)


ALL = [pytest.param(method, path, one, id=one["operationId"]) for method, path, one in operations()]


@pytest.mark.parametrize(("method", "path", "one"), ALL)
def test_a_route_lets_in_who_may_and_nobody_else(world: World, method: str, path: str, one: dict[str, Any]) -> None:
    before = world.state()
    asked = filled(path, world.exec_id)
    good = world.tokens["admin"]
    id_, secret = good.split("_")[1:]
    nobodies = {
        "no token": {},
        "an empty one": {"Authorization": ""},
        "no scheme": {"Authorization": good},
        "another scheme": {"Authorization": f"Basic {good}"},
        "half of one": {"Authorization": f"Bearer {good[:-1]}"},
        "its identifier": {"Authorization": f"Bearer ktr_{id_}_{'0' * 64}"},
        "another's secret": {"Authorization": f"Bearer ktr_{world.tokens['read'].split('_')[1]}_{secret}"},
        "upper case": {"Authorization": f"Bearer {good.upper()}"},
        "a link's kind": {"Authorization": f"Bearer {good.replace('ktr_', 'kta_')}"},
        "expired": {"Authorization": f"Bearer {world.tokens['expired']}"},
        "revoked": {"Authorization": f"Bearer {world.tokens['revoked']}"},
        "in the query": {},
    }
    for who, headers in nobodies.items():
        query = f"?token={good}&access_token={good}" if who == "in the query" else ""
        status, answered, text = world.ask(method, asked + query, **headers)
        # So many bad ones are too many: that they let nobody in is the same.
        assert status in (401, 429), (who, text)
        assert json.loads(text)["code"] == ("unauthorized" if status == 401 else "rate-limited")
        assert status == 429 or answered["www-authenticate"].startswith("Bearer")
        assert secret not in text and world.exec_id not in text.replace(asked, "")
    needed = SCOPES.index(one["x-scope"])
    for scope in SCOPES[:needed]:
        status, _, text = world.ask(method, asked, Authorization=f"Bearer {world.tokens[scope]}")
        assert (status, json.loads(text)["code"]) == (403, "forbidden"), scope
    for name, value in {"Host": "evil.example", "Origin": "https://evil.example"}.items():
        status, _, text = world.ask(method, asked, **{name: value}, Authorization=f"Bearer {good}")
        assert status == (421 if name == "Host" else 403), text
    assert world.state() == before, "nobody who was refused has changed anything"
    # What is not there is refused by the route itself.
    for scope in SCOPES[needed:]:
        there = filled(path, "nobody").replace("/breakpoints/1", "/breakpoints/99")
        there = there.replace("/limits/openai:gpt", "/limits/nobody")
        status, _, text = world.ask(method, there, Authorization=f"bearer {world.tokens[scope]}")
        assert status not in (401, 403, 421, 429), (scope, text)


def test_the_document_gives_nobody_what_they_must_never_have() -> None:
    scopes = {one["operationId"]: one["x-scope"] for _, _, one in operations()}
    for scope, forbidden in NEVER.items():
        for name in forbidden:
            assert SCOPES.index(scopes[name]) > SCOPES.index(scope), name
    for method, _, one in operations():
        if method != "GET" and one["operationId"] != "planReplay":
            assert one["x-scope"] != "read", one["operationId"]
    assert {one["x-scope"] for _, _, one in operations()} == set(SCOPES)


@pytest.mark.parametrize(
    "path", ["/nothing", "/assets", "/mcp", "/metrics", "/api/v1", "/api/v2/executions", "//api/v1/waits"]
)
def test_what_is_not_in_the_document_lets_nobody_in_either(world: World, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "PUT", "OPTIONS"):
        headers = {"Content_Type": "application/json"} if method in ("PUT", "OPTIONS") else {}
        status, _, text = world.ask(method, path, **headers)
        assert status in (401, 429), text
        assert "research" not in text


def test_the_store_for_engines_elsewhere_wants_a_token_that_allows_it(world: World) -> None:
    for path, needed in (("connect", "read"), ("read", "read"), ("write", "operate")):
        asked = f"/api/v1/store/{path}"
        for headers in ({}, {"Authorization": f"Bearer {world.tokens['expired']}"}):
            assert world.ask("POST", asked, **headers)[0] in (401, 429)
        for scope in SCOPES:
            status, _, text = world.ask("POST", asked, Authorization=f"Bearer {world.tokens[scope]}")
            forbidden = SCOPES.index(scope) < SCOPES.index(needed)
            # What it is sent here is no message of a store.
            assert (status == 403) == forbidden and (forbidden or status in (400, 415)), (path, scope, text)


def test_what_is_open_to_all_says_nothing(world: World) -> None:
    pages = ("/", "/inbox", "/executions", f"/executions/{world.exec_id}", "/tokens")
    for path in ("/health/live", "/health/ready", "/style.css", *pages):
        status, _, text = world.ask("GET", path)
        assert status == 200
        assert "research" not in text and world.exec_id not in text
        for method in ("POST", "DELETE", "PUT"):
            status, _, text = world.ask(method, path)
            assert status in (401, 404, 405, 415, 429) and "research" not in text


NAMES = [
    "../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "..\\..\\etc\\passwd",
    "/etc/passwd",
]


@pytest.mark.parametrize("name", [*NAMES, "%00", "draft%00", "draft/../draft", "%ff", "a" * 5000])
def test_a_name_leads_to_what_was_saved_and_nowhere_else(world: World, name: str) -> None:
    for kind in ("artifacts", "downloads", "calls"):
        path = f"/api/v1/executions/{world.exec_id}/{kind}/{name}"
        status, headers, text = world.ask("GET", path, Authorization=f"Bearer {world.tokens['read']}")
        assert status in (400, 404), text
        assert headers["content-type"] == "application/problem+json"
        assert "root:" not in text and len(text) < 3000


def test_what_users_wrote_is_never_a_page_and_drives_no_terminal(world: World) -> None:
    token = world.tokens["admin"]
    paths = [f"/api/v1/executions/{world.exec_id}{more}" for more in ("", "/calls", "/logs", "/journal")]
    paths += ["/api/v1/waits", "/api/v1/tags", "/api/v1/executions?status=<script>alert(1)</script>"]
    paths += ["/api/v1/executions/<script>alert(1)</script>", "/<script>alert(1)</script>"]
    shown = 0
    for path in paths:
        quoted = path.replace("<", "%3C").replace(">", "%3E")
        status, headers, text = world.ask("GET", quoted, Authorization=f"Bearer {token}")
        kind = headers["content-type"].split(";")[0]
        assert headers["x-content-type-options"] == "nosniff"
        assert "script" not in headers["content-security-policy"]
        assert "\x1b" not in text and "\x07" not in text, path
        if kind == "text/html":
            assert "<script" not in text
            shown += "&lt;script&gt;alert(1)" in text
        else:
            assert kind in ("application/json", "application/problem+json"), path
            shown += "script" in text
    assert shown >= 7, "they show what was written"
    commands = [
        ("ls",),
        ("show", world.exec_id),
        ("logs", world.exec_id),
        ("waits", "list"),
        ("audit",),
        ("tokens", "list"),
    ]
    for command in [
        *commands,
        ("show", NASTY),
        ("tokens", "revoke", NASTY),
        ("audit", "--by", NASTY),
        ("explain", NASTY),
    ]:
        told = world.lab.kitaru(*command)
        for text in (told.out, told.err):
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\x9b\u202a-\u202e]", text), command
