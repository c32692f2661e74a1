"""A server that wants tokens: the page asks for one, keeps it in its tab alone, and says what it does not allow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.browser import Watched, looking
from lab import Lab
from promises.test_seed import seed
from server.served import Served, serving

# A browser says by itself what was refused.
REFUSED = "status of 40[13]"


@pytest.fixture
def served(lab: Lab) -> Iterator[tuple[Served, dict[str, str]]]:
    """A server with a question in its inbox, and a token of each kind."""
    lab.python(seed(lab)).ok(75)
    tokens = {scope: lab.item("tokens", "create", scope, "--scope", scope)["token"] for scope in ("read", "admin")}
    with serving(lab, "up", "--require-token", token=tokens["admin"]) as server:
        yield server, tokens


def enter(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Go on").click()


def kept(watched: Watched, token: str) -> None:
    """The token is in this tab, and nowhere else."""
    page = watched.page
    everywhere = page.evaluate("JSON.stringify([Object.entries(localStorage), document.cookie, location.href])")
    assert token not in everywhere and token not in page.content()
    assert [url for url in watched.asked if token in url] == []
    assert token in page.evaluate("JSON.stringify(Object.entries(sessionStorage))")


def test_the_page_asks_and_refuses_a_wrong_one_in_words(
    browser: Browser, served: tuple[Served, dict[str, str]]
) -> None:
    server, tokens = served
    with looking(browser, server.url) as watched, watched.expecting(REFUSED):
        page = watched.page
        watched.open("/inbox")
        expect(page.get_by_label("Token")).to_be_visible()
        assert "12 sources" not in page.content()
        enter(page, "ktk_wrong")
        expect(page.get_by_text("This server does not know that token.")).to_be_visible()
        enter(page, tokens["admin"])
        expect(page.get_by_role("heading", name="Found 12 sources. Continue?")).to_be_visible()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        kept(watched, tokens["admin"])
        page.reload()
        expect(page.get_by_role("heading", name="Found 12 sources. Continue?")).to_be_visible()
        page.get_by_role("form", name="Answer").get_by_role("button", name="Yes").click()
        expect(page.get_by_text("Nobody is asked anything.")).to_be_visible()
        kept(watched, tokens["admin"])
        # Another tab is somebody else.
        other = page.context.new_page()
        other.goto(f"{server.url}/inbox")
        expect(other.get_by_label("Token")).to_be_visible()


def test_who_may_look_is_told_that_it_is_no_more(browser: Browser, served: tuple[Served, dict[str, str]]) -> None:
    server, tokens = served
    with looking(browser, server.url) as watched, watched.expecting(REFUSED):
        page = watched.page
        watched.open("/inbox")
        enter(page, tokens["read"])
        form = page.get_by_role("form", name="Answer")
        form.get_by_role("button", name="Yes").click()
        refused = form.get_by_role("alert")
        expect(refused).to_contain_text("this wants the scope answer")
        expect(refused).to_contain_text("Code: ")
        page.get_by_role("link", name="Executions").click()
        page.get_by_role("link", name="research_agent").click()
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.get_by_role("button", name="Cancel it").click()
        expect(page.get_by_role("alert")).to_contain_text("operate")
        # What may be looked at is shown; what is done there is refused with its reason, and not done.
        server.post("/limits/openai:gpt", {"at_once": 2, "rate": None, "burst": None})
        watched.open("/limits")
        page.get_by_role("button", name="Remove openai:gpt").click()
        page.get_by_role("button", name="Remove it").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("this wants the scope operate")
        page.get_by_role("button", name="Back").click()
        watched.open("/schedules")
        page.get_by_role("button", name="Add a schedule").click()
        page.get_by_role("dialog").get_by_label("Flow").fill("research_agent")
        page.get_by_role("textbox", name="When").fill("@daily")
        page.get_by_role("button", name="Add the schedule").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("this wants the scope operate")
        page.get_by_role("button", name="Back").click()
        watched.open("/deployments")
        expect(page.get_by_text("Nothing was deployed.")).to_be_visible()
        for screen in ("tokens", "audit"):
            watched.open(f"/{screen}")
            expect(page.get_by_text("This page wants the scope admin.")).to_be_visible()
        kept(watched, tokens["read"])
        assert server.get("/waits")["items"], "nothing was answered"
        assert server.get("/limits")["items"][0]["at_once"] == 2
        assert server.get("/schedules")["items"] == []


def test_a_token_that_is_revoked_is_asked_for_again(browser: Browser, served: tuple[Served, dict[str, str]]) -> None:
    server, tokens = served
    with looking(browser, server.url) as watched, watched.expecting(REFUSED):
        page = watched.page
        watched.open("/executions")
        enter(page, tokens["read"])
        expect(page.get_by_role("link", name="research_agent")).to_be_visible()
        (known,) = [one["id"] for one in server.get("/tokens")["items"] if one["name"] == "read"]
        server.delete(f"/tokens/{known}")
        page.reload()
        expect(page.get_by_text("This server does not know that token.")).to_be_visible()
