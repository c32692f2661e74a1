"""Every screen can be used by everybody: axe finds nothing at AA, in both themes, wide and narrow, full and empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard import gallery
from dashboard.browser import looking
from dashboard.judge import COLOURS, settled, too_wide, violations
from lab import Lab
from server.served import Served, serving

# Addresses of screens; in braces what stands in the store by that name.
FULL = {
    "inbox": "/inbox",
    "a form": "/inbox?wait={review}/review",
    "executions": "/executions",
    "executions of a kind": "/executions?status=failed&flow=invoice_agent",
    "no such executions": "/executions?search=nothing-is-called-that",
    "an execution": "/executions/{published}",
    "a call": "/executions/{published}?call=write_report",
    "a table": "/executions/{published}?call=search",
    "a question": "/executions/{review}?call=review",
    "a failure": "/executions/{failed}?call=convert",
    "tries": "/executions/{refund}?call=classify",
    "a pause": "/executions/{paused}",
    "a replay": "/executions/{fixed}",
    "no such execution": "/executions/00000000",
    "replaying": "/executions/{failed}/replay?from=convert",
    "comparing": "/compare?ids={failed},{fixed}",
    "comparing a call": "/compare?ids={failed},{fixed}&call=convert",
    "comparing three": "/compare?ids={failed},{fixed},{invoice 2033}",
    "flows": "/flows",
    "a flow": "/flows/research_agent",
    "fleet": "/fleet",
    "a family": "/fleet?of={family}",
    "deployments": "/deployments",
    "deployments of a flow": "/deployments?flow=support_agent",
    "deployments of none": "/deployments?flow=nobody",
    "schedules": "/schedules",
    "breakpoints": "/breakpoints",
    "limits": "/limits",
    "workers": "/workers",
    "tokens": "/tokens",
    "audit": "/audit",
    "no such screen": "/executions/a/b/c",
}
EMPTY = [
    "/inbox",
    "/executions",
    "/compare",
    "/flows",
    "/flows/none",
    "/fleet",
    "/deployments",
    "/schedules",
    "/breakpoints",
    "/limits",
    "/workers",
    "/tokens",
    "/audit",
]


def _break(page: Page) -> None:
    page.get_by_role("button", name="Break before").click()


def _choose(page: Page) -> None:
    page.get_by_role("checkbox", name="Choose all that are loaded").check()


def _replay(page: Page) -> None:
    _choose(page)
    page.get_by_role("button", name="Replay", exact=True).click()


def _pressing(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("button", name=name, exact=True).click()


def _add_schedule(page: Page) -> None:
    _pressing("Add a schedule")(page)
    page.get_by_role("dialog").get_by_label("Inputs, as JSON").fill("{")


def _open_ticks(page: Page) -> None:
    for one in page.get_by_text("Ticks, inputs and executions").all():
        one.click()


def _move_tag(page: Page) -> None:
    _pressing("Tag support_agent@v1")(page)
    page.get_by_role("dialog").get_by_label("Tag").fill("prod")


# What is opened on a screen.
OPENED: dict[str, tuple[str, Callable[[Page], None]]] = {
    "a breakpoint to set": ("/executions/{published}?call=search", _break),
    "whether to cancel": ("/executions/{review}", lambda page: page.get_by_role("button", name="Cancel").click()),
    "several chosen": ("/executions", _choose),
    "several to replay": ("/executions?status=failed", _replay),
    "a limit to set": ("/limits", _pressing("Set a limit")),
    "a limit to close": ("/limits", _pressing("Close openai:gpt")),
    "a schedule to add": ("/schedules", _add_schedule),
    "ticks of a schedule": ("/schedules", _open_ticks),
    "a tag to move": ("/deployments", _move_tag),
    "a tag to roll back": ("/deployments", _pressing("Roll support_agent@prod back")),
    "a version to start": ("/deployments", _pressing("Start support_agent@v2")),
    "a palette": ("/executions", lambda page: page.keyboard.press("Control+K")),
    "an answer that is none": (
        "/inbox?wait={review}/review",
        lambda page: page.get_by_role("button", name="Send the answer").click(),
    ),
}

# The first test of a worker fills its store.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, str]]]:
    """A server with content, and the identifiers of that by name."""
    lab = Lab(tmp_path_factory.mktemp("full"), store="local")
    known = gallery.fill(lab)
    with serving(lab, "server") as server:
        yield server, known


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server without any."""
    with serving(Lab(tmp_path_factory.mktemp("empty"), store="local"), "server") as server:
        yield server


def look(browser: Browser, server: Served, path: str, then: Callable[[Page], None] | None = None) -> None:
    """Judges a screen in both themes and both widths."""
    found: list[str] = []
    with looking(browser, server.url, viewport={"width": 1280, "height": 900}) as watched:
        page = watched.page
        # What there is not is a refusal, which a browser tells by itself.
        with watched.expecting("status of 404"):
            watched.open(path)
            settled(page)
            if then is not None:
                then(page)
            for width in (1280, 360):
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme="light")
                found += [f"{width}, light: {one}" for one in violations(page)]
                page.emulate_media(color_scheme="dark")
                found += [f"{width}, dark: {one}" for one in violations(page, *COLOURS)]
                found += [f"{width} is too narrow for {one}" for one in too_wide(page)]
    assert found == []


@pytest.mark.parametrize("name", FULL)
def test_a_screen_with_content(browser: Browser, full: tuple[Served, dict[str, str]], name: str) -> None:
    server, known = full
    look(browser, server, FULL[name].format_map(known))


@pytest.mark.parametrize("name", OPENED)
def test_what_is_opened_on_a_screen(browser: Browser, full: tuple[Served, dict[str, str]], name: str) -> None:
    server, known = full
    path, then = OPENED[name]
    look(browser, server, path.format_map(known), then)


@pytest.mark.parametrize("path", EMPTY)
def test_a_screen_without_content(browser: Browser, empty: Served, path: str) -> None:
    look(browser, empty, path)


def test_a_small_screen_has_a_menu(browser: Browser, empty: Served) -> None:
    with looking(browser, empty.url, viewport={"width": 360, "height": 740}) as watched:
        watched.open("/executions")
        menu = watched.page.get_by_role("button", name="Menu")
        menu.click()
        expect(watched.page.get_by_role("link", name="Breakpoints")).to_be_visible()
        assert violations(watched.page) == []
        watched.page.get_by_role("link", name="Breakpoints").click()
        watched.page.wait_for_url("**/breakpoints")
        expect(menu).to_have_attribute("aria-expanded", "false")
