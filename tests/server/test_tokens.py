"""Tokens as they come and go, where a server may listen, and that no secret is anywhere but with who has it."""

from __future__ import annotations

import http.client
import json
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import time
from typing import Any

import pytest
import trustme

from lab import Lab
from server.served import Served, serving

PROGRAM = """
import kitaru
from kitaru import checkpoint, flow

@checkpoint
def gather(topic: str):
    return topic

@flow
def research(topic: str):
    gather(topic)
    return kitaru.wait(schema=bool, name="go", question="Go on?")
"""


def waiting(lab: Lab) -> str:
    lab.write("agent.py", PROGRAM)
    return str(lab.item("run", "agent.py:research", "--input", "topic=bees", code=75)["id"])


def made(lab: Lab, scope: str, *more: str) -> tuple[str, str]:
    """A token and its identifier."""
    item = lab.item("tokens", "create", f"t-{scope}", "--scope", scope, *more)
    return item["token"], item["id"]


def shown(server: Served, path: str, token: str | None, **headers: str) -> tuple[int, Any]:
    """Status and JSON of what is answered to that token."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        named["Authorization"] = f"Bearer {token}"
    status, _, text = server.ask("GET", f"/api/v1{path}", headers=named)
    return status, json.loads(text)


def test_a_token_is_printed_once_and_listed_without_its_secret(lab: Lab) -> None:
    told = lab.kitaru("tokens", "create", "ci", "--scope", "operate", "--expires", "30d").ok()
    token = told.out.strip()
    assert token.startswith("ktr_") and len(token) == 81
    assert token not in told.err and "shown once" in told.err
    (item,) = lab.items("tokens", "list")
    assert (item["name"], item["scope"], item["state"], item["by"]) == ("ci", "operate", "live", "cli")
    assert token[17:] not in json.dumps(item)
    # The whole token does as well as its identifier, and is not kept for that.
    revoked = lab.item("tokens", "revoke", token)
    assert (revoked["id"], revoked["state"]) == (item["id"], "revoked")
    assert lab.items("tokens", "list")[0]["state"] == "revoked"
    assert "error[unknown-token]" in lab.kitaru("tokens", "revoke", "ci").ok(1).err


@pytest.mark.parametrize(
    "words",
    [
        ("", "--scope", "read"),
        ("cli", "--scope", "read"),
        ("HTTP", "--scope", "read"),
        ("a b", "--scope", "read"),
        ("a\x1b", "--scope", "read"),
        ("<b>", "--scope", "read"),
        ("a" * 65, "--scope", "read"),
        ("a", "--scope", "root"),
        ("a",),
        ("a", "--scope", "read", "--expires", "0d"),
        ("a", "--scope", "read", "--expires", "soon"),
        ("a", "--scope", "read", "--expires=-1d"),
    ],
)
def test_what_is_no_token_is_not_made(lab: Lab, words: tuple[str, ...]) -> None:
    assert "error[usage]" in lab.kitaru("tokens", "create", *words).ok(2).err
    assert lab.items("tokens", "list") == []


def test_this_machine_needs_none_and_a_bad_one_is_refused_all_the_same(lab: Lab) -> None:
    waiting(lab)
    token, _ = made(lab, "read")
    with serving(lab, "server") as server:
        assert shown(server, "/executions", None)[0] == 200
        assert shown(server, "/executions", token)[0] == 200
        status, told = shown(server, "/executions", token[:-1] + "x")
        assert (status, told["code"]) == (401, "unauthorized")
        # What was passed on is not from this machine.
        for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Host"):
            status, told = shown(server, "/executions", None, **{name: "127.0.0.1"})
            assert (status, told["code"]) == (401, "unauthorized"), name
            assert shown(server, "/executions", token, **{name: "127.0.0.1"})[0] == 200
        # Said twice is said by two.
        connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
        connection.putrequest("GET", "/api/v1/executions")
        for _ in range(2):
            connection.putheader("Authorization", f"Bearer {token}")
        connection.endheaders()
        assert connection.getresponse().status == 401
        connection.close()


def test_what_is_done_with_a_token_stands_under_its_name(lab: Lab) -> None:
    exec_id = waiting(lab)
    token, id_ = made(lab, "answer")
    with serving(lab, "up", "--require-token", token=token) as server:
        server.post(f"/executions/{exec_id}/input", {"value": True})
        server.until(exec_id, "completed")
        assert server.post(f"/executions/{exec_id}/cancel", {}, 403)["code"] == "forbidden"
    assert lab.query("SELECT answered_by FROM waits") == [("t-answer",)]
    (item,) = lab.items("audit", "--by", id_)
    assert (item["by"], item["token"], item["from"], item["act"]) == ("t-answer", id_, "http 127.0.0.1", "answerWait")
    assert lab.items("tokens", "list")[0]["used_at"] is not None


def test_a_revoked_token_lets_nobody_in_from_then_on_and_ends_what_it_reads(lab: Lab) -> None:
    exec_id = waiting(lab)
    token, id_ = made(lab, "read")
    other = lab.item("tokens", "create", "other", "--scope", "read")["token"]
    with serving(lab, "server", "--require-token") as server:
        server.token = other
        with server.events(exec_id) as stays:
            while next(stays)[0] != "status":
                pass
            server.token = token
            with server.events(exec_id) as events:
                while next(events)[0] != "status":
                    pass
                lab.kitaru("tokens", "revoke", id_).ok()
                status, told = shown(server, "/executions", token)
                assert (status, told["code"], "revoked" in told["detail"]) == (401, "unauthorized", True)
                # It is ended, and not told that the server stops.
                assert [event for event, _, _ in events] == []
            server.token = other
            lab.kitaru("cancel", exec_id).ok()
            assert next(event for event, _, _ in stays) == "journal", "another's goes on"


def test_an_expired_token_ends_what_it_reads(lab: Lab) -> None:
    exec_id = waiting(lab)
    with serving(lab, "server") as server:
        server.token = made(lab, "read", "--expires", "2s")[0]
        with server.events(exec_id) as events:
            seen = [event for event, _, _ in events]
        assert "status" in seen and "closing" not in seen
        status, told = shown(server, "/executions", server.token)
        assert (status, "expired" in told["detail"]) == (401, True)


def test_a_token_is_made_listed_and_revoked_over_http(lab: Lab) -> None:
    waiting(lab)
    with serving(lab, "server", "--require-token", token=made(lab, "admin")[0]) as server:
        new = server.post("/tokens", {"name": "ci", "scope": "read", "expires": "1h"}, 201)
        assert shown(server, "/executions", new["token"])[0] == 200
        assert shown(server, "/tokens", new["token"])[0] == 403
        listed = server.get("/tokens")["items"]
        assert [(one["name"], one["by"]) for one in listed] == [("ci", "t-admin"), ("t-admin", "cli")]
        assert new["token"] not in json.dumps(listed)
        assert server.delete(f"/tokens/{new['id']}")["state"] == "revoked"
        assert shown(server, "/executions", new["token"])[0] == 401
        assert server.delete("/tokens/nobody", 404)["code"] == "unknown-token"
        assert server.post("/tokens", {"name": "a b", "scope": "read"}, 400)["code"] == "usage"
        assert server.post("/tokens", {"name": "a", "scope": "root"}, 400)["code"] == "bad-json"


@pytest.mark.parametrize(
    ("words", "code", "way"),
    [
        (("--host", "0.0.0.0"), "not-loopback", "--tls-cert"),
        (("--host", "::"), "not-loopback", "--tls-cert"),
        (("--host", "192.0.2.1"), "not-loopback", "--behind-proxy"),
        (("--host", "0.0.0.0", "--behind-proxy"), "not-loopback", "--allow-host"),
        (("--host", "0.0.0.0", "--behind-proxy", "--allow-host", "a"), "no-token", "kitaru tokens create"),
        (("--require-token",), "no-token", "kitaru tokens create"),
        (("--behind-proxy",), "no-token", "kitaru tokens create"),
        (("--tls-cert", "none.pem", "--tls-key", "none.pem"), "bad-certificate", "PEM"),
    ],
)
def test_a_server_that_is_not_safe_does_not_start(lab: Lab, words: tuple[str, ...], code: str, way: str) -> None:
    # One that lets nobody in any more is none.
    lab.kitaru("tokens", "revoke", made(lab, "admin")[1]).ok()
    refused = lab.kitaru("server", "--port", "0", *words).ok(1)
    assert f"error[{code}]" in refused.err and way in refused.err


def test_localhost_is_an_address(lab: Lab) -> None:
    with serving(lab, "server", "--host", "localhost") as server:
        assert server.get("/version")["version"]
    for host in ("kitaru.example", "", "localhost.evil.example"):
        assert "error[usage]" in lab.kitaru("server", "--host", host).ok(2).err


def test_behind_a_proxy_the_last_word_on_who_asks_is_the_proxys(lab: Lab) -> None:
    exec_id = waiting(lab)
    token, id_ = made(lab, "operate")
    with serving(lab, "server", "--behind-proxy", "--allow-host", "kitaru.example") as server:
        assert shown(server, "/executions", None)[0] == 401
        for host in ("kitaru.example", "KITARU.example:8443"):
            assert shown(server, "/executions", token, Host=host)[0] == 200
        assert shown(server, "/executions", token, Host="evil.example")[0] == 421
        assert shown(server, "/executions", token, Host="kitaru.example", Origin="https://kitaru.example")[0] == 200
        assert shown(server, "/executions", token, Host="kitaru.example", Origin="http://kitaru.example")[0] == 403
        headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
        assert server.ask("POST", f"/api/v1/executions/{exec_id}/cancel", {}, headers)[0] == 200
    assert [item["from"] for item in lab.items("audit", "--by", id_)] == ["http 198.51.100.7"]


def certificate(folder: pathlib.Path, name: str) -> tuple[str, str]:
    """A certificate for this machine, and its key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    authority = trustme.CA()
    made = authority.issue_cert("localhost", "127.0.0.1", common_name=name)
    key.write_bytes(made.private_key_pem.bytes())
    cert.write_bytes(b"".join(pem.bytes() for pem in [*made.cert_chain_pems, authority.cert_pem]))
    return str(cert), str(key)


def test_tls_by_files_that_are_read_again(lab: Lab) -> None:
    waiting(lab)
    token, _ = made(lab, "read")
    cert, key = certificate(lab.folder, "first")
    # Its key is not this one's.
    _, other = certificate(lab.folder, "other")
    assert "bad-certificate" in lab.kitaru("server", "--port", "0", "--tls-cert", cert, "--tls-key", other).ok(1).err
    words = ("--host", "0.0.0.0", "--allow-host", "localhost", "--tls-cert", cert, "--tls-key", key)
    with serving(lab, "server", *words) as server:
        assert server.url.startswith("https://")

        def ask(trusted: str, bearer: str | None) -> tuple[int, str]:
            context = ssl.create_default_context(cafile=trusted)
            connection = http.client.HTTPSConnection("localhost", server.port, timeout=30, context=context)
            connection.request(
                "GET", "/api/v1/executions", headers={"Authorization": f"Bearer {bearer}"} if bearer else {}
            )
            response = connection.getresponse()
            told = response.status, response.read().decode()
            connection.close()
            return told

        assert ask(cert, token)[0] == 200
        assert ask(cert, None)[0] == 401
        # Who speaks no TLS is told nothing.
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as plain:
            plain.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"HTTP" not in plain.recv(1000)
        new_cert, new_key = certificate(lab.folder, "second")
        pathlib.Path(key).write_text("no key")
        assert server.process.stderr is not None
        server.process.send_signal(signal.SIGHUP)
        assert "error[bad-certificate]" in server.process.stderr.readline()
        assert ask(cert, token)[0] == 200, "the old one stays"
        shutil.copy(new_cert, cert)
        shutil.copy(new_key, key)
        server.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 30
        while True:
            try:
                assert ask(new_cert, token)[0] == 200
                break
            except ssl.SSLCertVerificationError:
                assert time.monotonic() < until, "the new one is not read"


def test_a_secret_is_nowhere_but_with_who_has_it(lab: Lab) -> None:
    exec_id = waiting(lab)
    token, id_ = made(lab, "admin")
    secret = token.split("_")[2]
    said = []
    with serving(lab, "server", "--require-token", token=token) as server:
        link = server.post(f"/executions/{exec_id}/links", {}, 201)["url"]
        answer = link.rsplit("_", 1)[1]
        new = server.post("/tokens", {"name": "more", "scope": "read"}, 201)["token"]
        server.delete(f"/tokens/{new}")
        for path in (f"/{token}", f"/a/{token}", f"/a/kta_{token[4:]}", f"/api/v1/executions/{token}"):
            for bearer in (token, token[:-1]):
                headers = {"Authorization": f"Bearer {bearer}"}
                _, _, text = server.ask("GET", path, headers=headers)
                said.append(text)
        assert (
            server.ask("PUT", f"/a/kta_{link.rsplit('kta_', 1)[1]}", {}, {"Content-Type": "application/json"})[0] == 405
        )
        for words in (("tokens", "list"), ("audit",), ("doctor",), ("show", exec_id), ("logs", exec_id)):
            told = lab.kitaru(*words)
            said += [told.out, told.err]
        processes = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
        said.append(processes)
        _, complained = server.stop()
        said.append(complained)
    secrets = (secret, answer, new.split("_")[2])
    for one in secrets:
        assert not any(one in text for text in said)
        for file in lab.home.rglob("*"):
            if file.is_file():
                assert one.encode() not in file.read_bytes(), file
    assert lab.query("SELECT count(*) FROM tokens WHERE id = ?", id_) == [(1,)]


LOADED = """
import kitaru
from kitaru import checkpoint, flow
from world import did

did("loaded")

@checkpoint
def step(n: int):
    return n

@flow
def plans(n: int = 1):
    return step(n)
"""


def test_a_plan_for_who_may_only_look_loads_no_code(lab: Lab) -> None:
    lab.write("plans.py", LOADED)
    exec_id = lab.item("run", "plans.py:plans")["id"]
    read, operate = (lab.item("tokens", "create", f"t-{one}", "--scope", one)["token"] for one in ("read", "operate"))
    loaded = lab.done().count("loaded")
    with serving(lab, "up", "--require-token", token=read) as server:
        plan = server.post(f"/executions/{exec_id}/plan", {"from": "step"})
        assert any("wants the scope operate" in note for note in plan["notes"]), plan["notes"]
        assert lab.done().count("loaded") == loaded
        server.token = operate
        plan = server.post(f"/executions/{exec_id}/plan", {"from": "step"})
        assert not any("wants the scope" in note for note in plan["notes"])
        assert lab.done().count("loaded") == loaded + 1
