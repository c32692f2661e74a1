"""Who asks a server that it cannot use is told why, in a line with a code, and no token gets anywhere else."""

from __future__ import annotations

import json
import os
import pathlib

import pytest

from lab import Lab
from remote.between import answering, counting, packed

SECRET = "kitaru-a-token-that-nobody-shall-see"

ONE = """
import kitaru

@kitaru.checkpoint
def step():
    return 1

@kitaru.flow
def flow():
    return step()

flow()
"""


def ls(lab: Lab, url: str, **env: str) -> str:
    """What the command says when it looks there, and fails."""
    told = lab.kitaru("ls", KITARU_STORE=url, KITARU_HOME=str(lab.folder / "client"), KITARU_PATIENCE="0.2", **env)
    assert told.code in (1, 2), told.out
    assert SECRET not in told.err + told.out
    return told.err


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (403, "forbidden")])
def test_a_token_that_is_not_good_is_told_so(lab: Lab, status: int, code: str) -> None:
    problem = {"code": code, "detail": "not with that", "status": status}
    with answering(status, json.dumps(problem).encode(), content_type="application/problem+json") as (url, asked):
        said = ls(lab, url, KITARU_TOKEN=SECRET)
    assert said.startswith(f"error[{code}]: "), said
    assert "not with that" in said
    # It was shown the token, once: what is refused is not tried again.
    assert [one["authorization"] for one in asked] == [f"Bearer {SECRET}"]


def test_another_protocol_is_told_with_both_versions(lab: Lab) -> None:
    hello = {"protocol": 99, "version": "9.9.9", "inline": 2048, "now": 0}
    with answering(200, packed(hello), x_kitaru_now="1000") as (url, _):
        said = ls(lab, url)
    assert said.startswith("error[server-version]: "), said
    assert "9.9.9" in said
    assert "upgrade kitaru here" in said


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"", b"\0" * 64, packed([1, 2])])
def test_what_is_no_server_is_told_so(lab: Lab, body: bytes) -> None:
    for headers in ({}, {"x_kitaru_now": "1000"}):
        with answering(200, body, **headers) as (url, _):
            assert ls(lab, url).startswith("error[server-protocol]: ")
    with answering(404, body) as (url, _):
        assert ls(lab, url).startswith("error[server-protocol]: ")


def test_a_server_that_is_about_to_go_is_waited_for(lab: Lab) -> None:
    with answering(503, b"") as (url, asked):
        assert ls(lab, url).startswith("error[server-away]: ")
    assert len(asked) > 1


def test_a_redirect_gets_no_token(lab: Lab) -> None:
    with answering(200, b"") as (elsewhere, asked):
        with answering(307, b"", location=f"{elsewhere}/api/v1/store/connect") as (url, _):
            assert "error[" in ls(lab, url, KITARU_TOKEN=SECRET)
        assert asked == []


def test_a_token_is_not_sent_where_others_can_read_it(lab: Lab) -> None:
    said = ls(lab, "http://kitaru.invalid:7733", KITARU_TOKEN=SECRET)
    assert said.startswith("error[token-over-http]: "), said
    assert "https://" in said
    allowed = ls(lab, "http://kitaru.invalid:7733", KITARU_TOKEN=SECRET, KITARU_ALLOW_HTTP="1")
    assert allowed.startswith("error[server-away]: "), allowed


def test_a_password_in_an_address_is_refused_and_not_shown(lab: Lab) -> None:
    said = ls(lab, f"http://me:{SECRET}@127.0.0.1:1")
    assert said.startswith("error[store-address]: "), said


def test_a_setting_that_means_nothing_is_told_so(lab: Lab) -> None:
    told = lab.kitaru("ls", KITARU_STORE="http://127.0.0.1:1", KITARU_PATIENCE="soon")
    assert (told.code, told.err.splitlines()[0]) == (
        2,
        'error[usage]: KITARU_PATIENCE="soon": it is a number of seconds',
    )
    told = lab.kitaru("ls", KITARU_STORE="http://127.0.0.1:1", KITARU_TOKEN="two words\n")
    assert told.code == 2
    assert "two words" not in told.err


def test_a_token_comes_from_a_file_that_nobody_else_may_read(lab: Lab) -> None:
    file = lab.folder / "token"
    problem = {"code": "unauthorized", "detail": "not with that", "status": 401}

    def shown(*argv: str, code: str = "unauthorized", **env: str) -> list[str | None]:
        body = json.dumps(problem).encode()
        with answering(401, body, content_type="application/problem+json") as (url, asked):
            place = {"KITARU_STORE": url, "KITARU_HOME": str(lab.folder / "client")}
            told = lab.kitaru(*argv, "ls", **place, **env)
        assert told.err.startswith(f"error[{code}]: "), told.err
        assert SECRET not in told.err + told.out and "two words" not in told.err
        return [one.get("authorization") for one in asked]

    by_option, by_name = ("--token-file", str(file)), {"KITARU_TOKEN_FILE": str(file)}
    assert shown(*by_option, code="token-file") == []
    for content in (SECRET, f"{SECRET}\n", f"  {SECRET}\r\n"):
        file.write_text(content)
        for mode in (0o600, 0o400):
            file.chmod(mode)
            assert shown(*by_option) == shown(**by_name) == [f"Bearer {SECRET}"]
    for mode in (0o640, 0o604, 0o620, 0o666):
        file.chmod(mode)
        assert shown(*by_option, code="token-file") == shown(**by_name, code="token-file") == []
    file.chmod(0o600)
    # What is said for this command counts before what is said for all.
    assert shown(*by_option, KITARU_TOKEN="another") == [f"Bearer {SECRET}"]
    assert shown(KITARU_TOKEN="another", code="usage", **by_name) == []
    for wrong in ("", "\n", f"{SECRET} two words", f"{SECRET}\n{SECRET}", "x" * 5000, "\0", "ü"):
        file.write_text(wrong)
        assert shown(*by_option, code="token-file") == []
    file.write_bytes(b"\xff\xfe")
    assert shown(*by_option, code="token-file") == []
    assert shown("--token-file", str(lab.folder), code="token-file") == []
    os.mkfifo(lab.folder / "pipe", 0o600)
    assert shown("--token-file", str(lab.folder / "pipe"), code="token-file") == []


def test_the_token_goes_with_every_message_and_is_on_no_disk(tmp_path: pathlib.Path) -> None:
    lab = Lab(tmp_path, store="remote")
    try:
        lab.write("one.py", ONE)
        home = {"KITARU_STORE": str(lab.home / "kitaru.db"), "KITARU_HOME": str(lab.home)}
        made = lab.kitaru("tokens", "create", "worker", "--scope", "operate", "--output", "json", **home).ok()
        token = made.json["item"]["token"]
        with counting(lab.server.port) as counted:
            lab.python("one.py", **{**lab.env(), "KITARU_STORE": counted.url, "KITARU_TOKEN": token}).ok()
        assert counted.seen.count(token.encode()) == len(counted.requests) > 3
    finally:
        lab.close()
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or token.encode() not in file.read_bytes(), file
