"""What users wrote is text on every screen, however it is shown: nothing of it runs, and nothing is fetched for it."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard import hostile
from dashboard.browser import Watched, looking
from dashboard.judge import settled
from lab import Lab
from server.served import Served, serving

# What stands in a page that must not: elements that run or fetch, handlers, links and pictures of other kinds.
PLANTED = """() => {
  const wrong = []
  const own = location.origin + '/assets/'
  for (const one of document.querySelectorAll('*')) {
    const html = one.outerHTML.slice(0, 200)
    const name = one.localName
    if (['iframe', 'object', 'embed', 'base', 'style'].includes(name)) wrong.push(html)
    if (name === 'script' && !one.src.startsWith(own)) wrong.push(html)
    if (name === 'link' && !one.href.startsWith(own)) wrong.push(html)
    if (name === 'meta' && one.httpEquiv) wrong.push(html)
    if (name === 'form' && one.hasAttribute('action')) wrong.push(html)
    if (name === 'img' && !/^data:image\\/(png|jpeg|gif|webp);base64,/.test(one.src)) wrong.push(html)
    if (name === 'a' && one.hasAttribute('href') && !/^(https?:|mailto:)/.test(one.href)) wrong.push(html)
    for (const attribute of one.attributes) if (attribute.name.startsWith('on')) wrong.push(html)
  }
  return wrong
}"""
LOOKS = "JSON", "Table", "Markdown", "Text", "Image"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, list[str]]]:
    """A server of a store full of it, and the executions there."""
    lab = Lab(tmp_path_factory.mktemp("hostile"), store="local")
    ids = hostile.fill(lab)
    with serving(lab, "server") as server:
        flow = server.get(f"/executions/{ids[0]}")["flow"]
        server.post(f"/limits/{quote(hostile.NAME, safe='')}", {"at_once": 2, "rate": None, "burst": None})
        server.post(f"/limits/{quote(hostile.NAME, safe='')}/close", {"for": "24h", "why": hostile.NASTY})
        server.post("/breakpoints", {"flow": flow, "before": hostile.NASTY[:120], "when": None, "every": True}, 201)
        yield server, ids


def harmless(watched: Watched) -> None:
    """Fails if anything of it came to life."""
    page = watched.page
    assert page.evaluate("window.__ran") is None
    assert page.evaluate(PLANTED) == []
    assert (
        page.evaluate(
            "[...document.querySelectorAll('[style]')].filter(one => /url\\(/.test(one.style.cssText)).length"
        )
        == 0
    )
    watched.check()


def open_all(page: Page) -> None:
    """Opens what is closed, and what is shown in part."""
    closed = page.locator("details:not([open]) > summary")
    for _ in range(200):
        if closed.count() == 0:
            break
        closed.first.click()
    else:
        raise AssertionError("there is always more to open")
    whole = page.get_by_role("button", name="characters")
    for _ in range(200):
        if whole.count() == 0:
            return
        whole.first.click()
    raise AssertionError("there is always more to show")


def look_everywhere(watched: Watched, path: str) -> None:
    """Looks at a screen in every way that it has."""
    page = watched.page
    watched.open(path)
    settled(page)
    harmless(watched)
    open_all(page)
    harmless(watched)
    for look in LOOKS:
        buttons = page.get_by_role("button", name=look, exact=True)
        for at in range(buttons.count()):
            buttons.nth(at).click()
            expect(buttons.nth(at)).to_have_attribute("aria-pressed", "true")
            harmless(watched)
        open_all(page)
        harmless(watched)
    fields = page.get_by_role("searchbox", name="Search in ")
    for at in range(fields.count()):
        fields.nth(at).fill("__ran")
        harmless(watched)


@pytest.mark.parametrize("of", [0, 1])
@pytest.mark.parametrize("at", [None, 0, 1, 2, 3, 4])
def test_an_execution_and_its_calls(
    browser: Browser, attacked: tuple[Served, list[str]], of: int, at: int | None
) -> None:
    server, ids = attacked
    path = f"/executions/{ids[of]}"
    if at is not None:
        calls = server.get(f"{path}/calls")["items"]
        assert len(calls) == 5, "each call is looked at"
        path += f"?call={quote(calls[at]['key'], safe='')}"
    with looking(browser, server.url) as watched:
        look_everywhere(watched, path)
        # As the text that it is.
        expect(watched.page.locator("body")).to_contain_text("<script>")


@pytest.mark.parametrize("of", ["failure", "start", "call"])
def test_replaying(browser: Browser, attacked: tuple[Served, list[str]], of: str) -> None:
    server, ids = attacked
    key = server.get(f"/executions/{ids[1]}/calls")["items"][0]["key"] if of == "call" else of
    with looking(browser, server.url) as watched:
        look_everywhere(watched, f"/executions/{ids[1]}/replay?from={quote(key, safe='')}")
        expect(watched.page.get_by_role("region", name="Plan")).to_contain_text("<script>")


@pytest.mark.parametrize(
    "path",
    [
        "/inbox",
        "/executions",
        f"/executions?search={quote('<script>')}",
        "/executions?status=failed",
        "/compare?ids={0},{1}",
        "/compare?ids={0},{1}&call={call}",
        "/flows",
        "/flows/{flow}",
        "/fleet",
        "/fleet?of={0}",
        "/deployments",
        "/schedules",
        "/breakpoints",
        "/limits",
        "/workers",
        "/tokens",
        "/audit",
    ],
)
def test_a_screen(browser: Browser, attacked: tuple[Served, list[str]], path: str) -> None:
    server, ids = attacked
    flow = quote(server.get(f"/executions/{ids[0]}")["flow"], safe="")
    call = quote(server.get(f"/executions/{ids[0]}/calls")["items"][0]["key"], safe="")
    with looking(browser, server.url) as watched:
        look_everywhere(watched, path.replace("{0}", ids[0]).replace("{1}", ids[1]).format(flow=flow, call=call))


def test_an_answer_that_is_refused_and_an_address_that_is_none(
    browser: Browser, attacked: tuple[Served, list[str]]
) -> None:
    server, ids = attacked
    evil = quote(f"<img src=x onerror={hostile.RUN}>", safe="")
    with looking(browser, server.url) as watched, watched.expecting("status of 4"):
        for path in (
            f"/executions/{evil}",
            f"/executions/{ids[0]}?call={evil}",
            f"/flows/{evil}",
            f"/inbox?wait={evil}",
        ):
            watched.open(path)
            settled(watched.page)
            harmless(watched)
        watched.open(f"/executions?status={evil}&since={evil}&flow={evil}&tag={evil}&min_cost=1")
        expect(watched.page.get_by_role("alert")).to_be_visible()
        harmless(watched)
        watched.open("/inbox")
        form = watched.page.get_by_role("form", name="Answer")
        form.get_by_role("button", name="Send the answer").click()
        expect(form.get_by_role("alert")).to_be_visible()
        harmless(watched)
        assert len(server.get("/waits")["items"]) == 1, "it is still asked"


def test_nobody_is_misled_by_controls(browser: Browser, attacked: tuple[Served, list[str]]) -> None:
    server, ids = attacked
    with looking(browser, server.url) as watched:
        page = watched.page
        watched.open("/inbox")
        settled(page)
        # What is pasted into a terminal is one command, with the name as one word of it.
        command = page.get_by_role("button", name="Copy: ").get_attribute("aria-label")
        (wait,) = server.get("/waits")["items"]
        assert command == f"Copy: {wait['next']}"
        assert not [letter for letter in command if unicodedata.category(letter) == "Cc"]
        words = shlex.split(command)
        assert words[1:3] == ["kitaru", "input"] and words[-2] == "--wait"
        # A text that turns the direction of reading turns none but its own.
        watched.open("/executions")
        settled(page)
        inline = page.locator("main :is(span, a, code, button)").filter(has_text="drowssap")
        assert inline.count() > 0
        for at in range(inline.count()):
            expect(inline.nth(at)).to_have_css("unicode-bidi", "isolate")
