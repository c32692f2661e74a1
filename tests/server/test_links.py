"""Links that answer one wait, once, and nothing else: by people without a token, in a browser, from a mail."""

from __future__ import annotations

import html
import json
import re
import threading
import urllib.parse
from typing import Any

import pytest

from lab import Lab
from server.served import Served, serving

PROGRAM = """
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint
def publish(what: str):
    return did(f"publish {what}")

@flow
def research(kind: str = "bool"):
    schema = {
        "bool": bool, "text": str, "number": int,
        "choice": {"enum": ["red", "<b>blue</b>", 3]}, "none": None,
    }[kind]
    draft = {"draft": "<script>alert(2)</script>\\x1b[2J", "n": 1}
    answer = kitaru.wait(schema=schema, name="go", question="<img src=x onerror=alert(1)>\\x1b Publish?", metadata=draft)
    if answer is False:
        return "no"
    return publish(str(answer))

@flow
def twice():
    first = kitaru.wait(schema=bool, name="go", question="First?")
    second = kitaru.wait(schema=bool, name="go", question="Second?")
    return [first, second]
"""

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def desk(lab: Lab) -> Lab:
    """A lab with the program."""
    lab.write("agent.py", PROGRAM)
    return lab


def asking(lab: Lab, flow: str = "research", *more: str) -> str:
    return str(lab.item("run", f"agent.py:{flow}", *more, code=75)["id"])


def sent(
    server: Served, path: str, form: dict[str, str] | str, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """Status and page of what is answered to a form, as a browser sends it."""
    text = form if isinstance(form, str) else urllib.parse.urlencode(form)
    # Which is what a browser says for a page that sends no referrer.
    status, answered, page = server.raw("POST", path, text.encode(), {**FORM, "Origin": "null", **(headers or {})})
    assert "set-cookie" not in answered
    return status, page


def link(server: Served, exec_id: str, **asked: Any) -> str:
    """The path of a new link."""
    made = server.post(f"/executions/{exec_id}/links", asked, 201)
    assert made["url"].startswith(f"{server.url}/a/kta_")
    return str(made["url"].removeprefix(server.url))


def test_a_link_answers_one_question_once_and_the_flow_goes_on(desk: Lab) -> None:
    exec_id = asking(desk)
    token = desk.item("tokens", "create", "boss", "--scope", "operate")["token"]
    with serving(desk, "up", "--require-token", token=token) as server:
        path = link(server, exec_id)
        server.token = None
        before = desk.query("SELECT * FROM journal")
        # Programs that scan mail look, as often as they like.
        for method in ("GET", "HEAD", "GET"):
            status, headers, page = server.ask(method, path)
            assert status == 200
        assert desk.query("SELECT * FROM journal") == before
        assert headers["content-type"] == "text/html; charset=utf-8"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "form-action 'self'" in policy and "script" not in policy
        assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")
        assert "<script" not in page and "<img" not in page and "\x1b" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page and "&lt;script&gt;alert(2)" in page
        assert re.findall(r'<button name=value value="(\w+)">', page) == ["true", "false"]
        status, page = sent(server, path, {"value": "true"})
        assert status == 200 and "recorded" in page
        server.token = token
        server.until(exec_id, "completed")
        server.token = None
        for again in (sent(server, path, {"value": "false"}), server.ask("GET", path)[::2]):
            assert again[0] == 410 and "answered already" in again[1]
    assert desk.done() == ["publish True"]
    ((by,),) = desk.query("SELECT answered_by FROM waits")
    assert re.fullmatch(r"link [0-9a-f]{12} by boss", by)
    act = desk.items("audit")[0]
    assert (act["act"], act["by"], act["from"], act["outcome"]) == ("answerWait", by, "link 127.0.0.1", "done")
    assert (act["given"], act["before"]["status"]) == ({"wait": "go", "value": True}, "waiting")


def test_of_many_who_click_at_once_one_answers(desk: Lab) -> None:
    exec_id = asking(desk)
    with serving(desk, "server") as server:
        path = link(server, exec_id)
        told: list[tuple[int, str]] = []
        begin = threading.Barrier(8)

        def click(value: str) -> None:
            begin.wait()
            told.append(sent(server, path, {"value": value}))

        threads = [threading.Thread(target=click, args=(value,)) for value in ["true", "false"] * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    answers = desk.query("SELECT payload FROM journal WHERE kind = 'wait_answered'")
    assert len(answers) == 1
    # Those who gave the answer that stands may be told so; nobody else is told that theirs does.
    assert {status for status, _ in told} == {200, 410}
    assert 1 <= sum(status == 200 for status, _ in told) <= 4


def test_a_link_answers_no_other_question_of_its_execution(desk: Lab) -> None:
    exec_id = asking(desk, "twice")
    with serving(desk, "up") as server:
        first, again = link(server, exec_id), link(server, exec_id)
        assert sent(server, first, {"value": "true"})[0] == 200
        with server.events(exec_id) as events:
            opened = 0
            for kind, _, data in events:
                opened += kind == "journal" and data["kind"] == "wait_opened"
                if opened == 2 and kind == "status" and data["status"] == "waiting":
                    break
        for path in (first, again):
            status, page = sent(server, path, {"value": "false"})
            assert status == 410, page
            assert "Second" not in server.ask("GET", path)[2]
        second = link(server, exec_id)
        assert "Second?" in server.ask("GET", second)[2]
        assert sent(server, second, {"value": "false"})[0] == 200
        server.until(exec_id, "completed")
        assert server.get(f"/executions/{exec_id}")["result"] == [True, False]


def test_a_link_is_for_the_question_that_it_was_made_for(desk: Lab) -> None:
    exec_id = asking(desk)
    with serving(desk, "server") as server:
        path = link(server, exec_id)
        desk.change("UPDATE waits SET question = 'Publish draft 2?'")
        for status, page in (server.ask("GET", path)[::2], sent(server, path, {"value": "true"})):
            assert status == 410 and "another question" in page and "draft 2" not in page
    assert desk.query("SELECT count(*) FROM journal WHERE kind = 'wait_answered'") == [(0,)]


def test_a_link_ends_with_its_time_and_with_its_question(desk: Lab) -> None:
    exec_id, other = asking(desk), asking(desk)
    with serving(desk, "server") as server:
        expired, answered, cancelled = link(server, exec_id), link(server, exec_id), link(server, other)
        desk.change("UPDATE links SET expires_at = 1 WHERE id = '" + expired.split("_")[1] + "'")
        for status, page in (server.ask("GET", expired)[::2], sent(server, expired, {"value": "true"})):
            assert status == 410 and "expired" in page
        server.post(f"/executions/{exec_id}/input", {"value": False})
        assert sent(server, answered, {"value": "true"})[0] == 410
        desk.kitaru("cancel", other).ok()
        assert sent(server, cancelled, {"value": "true"})[0] == 410
        desk.kitaru("executions", "delete", "--yes", other).ok()
        assert sent(server, cancelled, {"value": "true"})[0] == 410


@pytest.mark.parametrize("end", ["", "x", "0" * 77, "{id}_" + "0" * 64, "{id}_", "%00", "../tokens", "{id}"])
def test_what_is_no_link_is_none(desk: Lab, end: str) -> None:
    exec_id = asking(desk)
    with serving(desk, "server") as server:
        path = link(server, exec_id)
        wrong = "/a/kta_" + end.format(id=path.split("_")[1])
        for status, page in (server.ask("GET", wrong)[::2], sent(server, wrong, {"value": "true"})):
            assert status == 404 and "Publish" not in page
        # A token is no link, and a link is no token.
        headers = {"Authorization": f"Bearer ktr_{path.removeprefix('/a/kta_')}"}
        assert server.ask("GET", "/api/v1/waits", headers=headers)[0] == 401


@pytest.mark.parametrize(
    ("form", "headers", "status"),
    [
        ({"value": "perhaps"}, {}, 422),
        ({"value": "1"}, {}, 422),
        ({"value": ""}, {}, 422),
        ({"text": "true"}, {}, 422),
        ({}, {}, 422),
        ("value=true&value=true", {}, 422),
        ("value=%ff", {}, 400),
        ("value=" + "a" * 300_000, {}, 413),
        ({"value": "true"}, {"Content-Type": "text/plain"}, 415),
        ({"value": "true"}, {"Content-Type": "multipart/form-data; boundary=a"}, 415),
        ({"value": "true"}, {"Host": "evil.example"}, 421),
    ],
)
def test_what_is_no_answer_is_refused_and_the_link_stays(
    desk: Lab, form: dict[str, str] | str, headers: dict[str, str], status: int
) -> None:
    exec_id = asking(desk)
    with serving(desk, "server") as server:
        path = link(server, exec_id)
        seen, page = sent(server, path, form, headers)
        assert seen == status, page
        assert desk.query("SELECT count(*) FROM journal WHERE kind = 'wait_answered'") == [(0,)]
        assert sent(server, path, {"value": "true"})[0] == 200


@pytest.mark.parametrize(
    ("kind", "form", "given"),
    [
        ("text", {"text": "no <b>way</b>\r\nat all"}, "no <b>way</b>\nat all"),
        ("text", {"value": '"quoted"'}, "quoted"),
        ("number", {"value": "7"}, 7),
        ("choice", {"value": '"<b>blue</b>"'}, "<b>blue</b>"),
        ("none", {"value": '{"any": [1, null]}'}, {"any": [1, None]}),
    ],
)
def test_a_form_fits_the_question(desk: Lab, kind: str, form: dict[str, str], given: Any) -> None:
    exec_id = asking(desk, "research", "--input", f"kind={kind}")
    with serving(desk, "server") as server:
        path = link(server, exec_id)
        page = server.ask("GET", path)[2]
        assert "<b>blue" not in page
        (name,) = set(re.findall(r"name=(\w+)", page)) - {"viewport", "robots"}
        assert name == ("text" if kind == "text" else "value")
        if kind == "choice":
            offered = [html.unescape(one) for one in re.findall(r'value="([^"]+)"', page)]
            assert [json.loads(one) for one in offered] == ["red", "<b>blue</b>", 3]
        assert sent(server, path, form)[0] == 200
        assert server.get(f"/executions/{exec_id}/journal")["items"][-1]["event"]["value"] == {"inline": given}


def test_a_link_is_made_where_the_store_is(desk: Lab) -> None:
    exec_id = asking(desk)
    with serving(desk, "server") as server:
        url = desk.kitaru("waits", "link", exec_id[-8:], "--url", server.url, "--expires", "1h").ok().out.strip()
        assert sent(server, url.removeprefix(server.url), {"value": "false"})[0] == 200
        assert "error[already-answered]" in desk.kitaru("waits", "link", exec_id, "--wait", "go").ok(1).err
        assert "error[unknown-wait]" in desk.kitaru("waits", "link", exec_id, "--wait", "other").ok(1).err
        for words in (("--url", "javascript:alert(1)"), ("--expires", "0s")):
            assert "error[usage]" in desk.kitaru("waits", "link", exec_id, *words).ok(2).err


def test_whoever_tries_many_is_made_to_wait(desk: Lab) -> None:
    with serving(desk, "server") as server:
        tried = [server.ask("GET", f"/a/kta_{n:012x}_{n:064x}")[0] for n in range(40)]
    assert tried[0] == 404 and tried[-1] == 429 and sorted(tried) == tried
