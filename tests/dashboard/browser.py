"""A browser for tests, and pages of it that watch what must never happen: errors, blocked content, other hosts.

Not here: any expectation about what a page shows.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect, sync_playwright

# What a browser does by itself is nobody's test.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Milliseconds: a machine that does other things too is slow, and not wrong.
PATIENCE = 20_000

# Runs before the page's own scripts: what a page may not do is written down, with how far its content has jumped.
WATCH = """
window.__seen = {blocked: [], jumped: [], shift: 0};
document.addEventListener('securitypolicyviolation', event =>
  window.__seen.blocked.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    window.__seen.shift += entry.value;
    for (const source of entry.sources) {
      const html = source.node && source.node.outerHTML || '';
      window.__seen.jumped.push(`${entry.value.toFixed(4)} ${html.slice(0, 160)}`);
    }
  }
}).observe({type: 'layout-shift', buffered: true});
"""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's browser, with a profile that is new and gone afterwards."""
    path = shutil.which("chromium")
    assert path is not None, "chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page of a server, and all that went wrong on it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        page.add_init_script(WATCH)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        # Of the whole context: of pages that were opened from this one too.
        page.context.on("request", self._request)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if not any(known.search(message.text) for known in self._expected):
            self.wrong.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        self.asked.append(request.url)
        own, other = urlsplit(self.url), urlsplit(request.url)
        if other.scheme not in ("data", "blob") and (own.scheme, own.netloc) != (other.scheme, other.netloc):
            self.wrong.append(f"request to another host: {request.url}")

    @contextlib.contextmanager
    def expecting(self, said: str) -> Iterator[None]:
        """Within it the browser may say that; a refused request is said by itself, whatever the page makes of it."""
        known = re.compile(said)
        self._expected.append(known)
        try:
            yield
            # What was said last has to arrive before it is not expected any more.
            self.page.evaluate("1")
        finally:
            self._expected.remove(known)

    def open(self, path: str) -> None:
        """Goes to an address of the server."""
        self.page.goto(self.url + path)

    def shift(self) -> float:
        """How far content has jumped since the page was opened."""
        return float(self.page.evaluate("window.__seen.shift"))

    def jumped(self) -> list[str]:
        """What jumped."""
        told: list[str] = self.page.evaluate("window.__seen.jumped")
        return told

    def check(self) -> None:
        """Fails if anything went wrong up to now."""
        blocked: list[str] = self.page.evaluate("window.__seen ? window.__seen.blocked : []")
        assert self.wrong + blocked == []


@contextlib.contextmanager
def looking(browser: Browser, url: str, **options: Any) -> Iterator[Watched]:
    """A page of a server in a context of its own; nothing may have gone wrong on it by the end."""
    context = browser.new_context(locale="en-GB", timezone_id="UTC", **options)
    try:
        context.set_default_timeout(PATIENCE)
        watched = Watched(context.new_page(), url)
        yield watched
        watched.check()
    finally:
        context.close()


class Pointer:
    """Somebody with a mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, what: Locator) -> None:
        """Presses a button or a link."""
        what.click()

    def write(self, what: Locator, text: str) -> None:
        """Puts a text in place of what stands in a field."""
        what.fill(text)

    def pick(self, within: Locator, name: str) -> None:
        """Chooses the option of a list that has that name."""
        within.get_by_role("option", name=name).click()


class Keyboard:
    """Somebody who has nothing but a keyboard."""

    # Steps after which whatever was looked for cannot be reached.
    MOST = 150

    def __init__(self, page: Page) -> None:
        self.page = page

    def _reach(self, what: Locator) -> None:
        expect(what).to_be_visible()
        for _ in range(self.MOST):
            if what.evaluate("one => one === document.activeElement"):
                # Who sees must see where one is.
                assert what.evaluate("one => one.matches(':focus-visible')"), what
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{what} is not reached by {self.MOST} tabs")

    def press(self, what: Locator) -> None:
        """The same as with a mouse."""
        expect(what).to_be_enabled()
        self._reach(what)
        self.page.keyboard.press("Enter")

    def write(self, what: Locator, text: str) -> None:
        """The same."""
        self._reach(what)
        self.page.keyboard.press("Control+A")
        # As a whole, as an input method does it.
        self.page.keyboard.insert_text(text)

    def pick(self, within: Locator, name: str) -> None:
        """The same, by arrows."""
        self._reach(within)
        self.page.keyboard.press("Home")
        for _ in range(self.MOST):
            chosen = within.get_by_role("option", selected=True)
            expect(chosen).to_be_visible()
            told = chosen.inner_text()
            if name in told:
                return
            self.page.keyboard.press("ArrowDown")
            expect(within.get_by_role("option", selected=True)).not_to_have_text(told, use_inner_text=True)
        raise AssertionError(f"{name} is not among the options")


Hand = Pointer | Keyboard
