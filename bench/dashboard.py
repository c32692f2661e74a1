"""The dashboard in a real browser over a large store: when its content is there, and how soon it answers a hand.

Each look is in a browser of its own, with nothing kept from the one before. What is timed is timed by the browser
itself: paints, the time from an input to the next paint, and the longest frame while something is scrolled.
Not here: what the server needs for an answer (``server``).
"""

from __future__ import annotations

import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import server

if TYPE_CHECKING:
    from kit import Bench, Row
    from playwright.sync_api import Page, Response

NAME = "dashboard"
LISTED = 100_000
CALLS = 10_000

AGENT = """
from kitaru import checkpoint, flow

@checkpoint
def step(n: int) -> int:
    return n

@flow
def many(n: int) -> int:
    return sum(step(at) for at in range(n))
"""

# Begins before the page's own scripts: notes when the rows that are looked for are first painted, and each input.
NOTE = """
window.__told = {paint: 0, rows: 0, inputs: [], frame: 0};
new PerformanceObserver(list => {
  for (const one of list.getEntries()) if (one.name === 'first-contentful-paint') __told.paint = one.startTime;
}).observe({type: 'paint', buffered: true});
new PerformanceObserver(list => {
  for (const one of list.getEntries()) if (one.interactionId) __told.inputs.push(one.duration);
}).observe({type: 'event', durationThreshold: 16, buffered: true});
const looked = new MutationObserver(() => {
  if (document.querySelectorAll('[role=row], [role=option]').length < 10) return;
  looked.disconnect();
  requestAnimationFrame(() => setTimeout(() => {
    __told.rows = performance.now();
    document.documentElement.dataset.told = 'rows';
  }));
});
looked.observe(document, {childList: true, subtree: true});
"""

# Scrolls something from its top by a page a frame, and tells the longest frame.
SCROLL = """
async what => {
  const box = what === 'page' ? document.scrollingElement : document.querySelector(what)
  let longest = 0, last = performance.now()
  for (let n = 0; n < 60; n++) {
    box.scrollTop += 600
    await new Promise(requestAnimationFrame)
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  return longest
}
"""


def fill(home: str, calls: int) -> str:
    """The identifier of an execution with so many calls; it is really run."""
    pathlib.Path(home, "long.py").write_text(AGENT)
    done = subprocess.run(
        server.command("run", "long.py:many", "--input", f"n={calls}", "--output", "json"),
        cwd=home,
        env={**os.environ, "KITARU_HOME": home},
        capture_output=True,
        text=True,
        check=True,
    )
    return str(json.loads(done.stdout)["item"]["id"])


def look(home: str, exec_id: str) -> dict[str, float]:
    """Looks at the list and at the execution."""
    from playwright.sync_api import sync_playwright

    told: dict[str, float] = {}
    with server.serving(home) as (port, _, _), sync_playwright() as playwright:
        flags = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(flags))
        # The first look of a browser pays for its own start.
        for _ in range(2):
            for name, path, use in (
                ("list", "/executions", use_list),
                ("execution", f"/executions/{exec_id}", use_execution),
            ):
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.add_init_script(NOTE)
                scripts: list[Response] = []
                page.on("response", lambda one, kept=scripts: kept.append(one) if one.url.endswith(".js") else None)
                page.goto(f"http://127.0.0.1:{port}{path}")
                page.locator("html[data-told]").wait_for(timeout=60_000)
                told[f"{name} paint"] = page.evaluate("__told.paint")
                told[f"{name} rows"] = page.evaluate("__told.rows")
                told[f"{name} script"] = sum(len(gzip.compress(one.body())) for one in scripts) / 1_000
                page.evaluate("__told.inputs = []")
                told[f"{name} frame"] = use(page)
                # Inputs are told when they were painted.
                page.evaluate("new Promise(told => requestAnimationFrame(() => setTimeout(told, 100)))")
                told[f"{name} input"] = max([16.0, *page.evaluate("__told.inputs")])
                page.close()
        browser.close()
    return told


def use_list(page: Page) -> float:
    """Chooses rows, filters and scrolls; the longest frame of that."""
    rows = page.get_by_role("row")
    for at in (1, 2, 3):
        rows.nth(at).get_by_role("checkbox").click()
    page.get_by_role("button", name="Choose none").click()
    page.get_by_role("group", name="Status").get_by_role("button", name="failed").click()
    page.get_by_text("No execution is like that.").wait_for()
    page.get_by_role("group", name="Status").get_by_role("button", name="failed").click()
    rows.nth(9).wait_for()
    search = page.get_by_role("searchbox")
    search.click()
    page.keyboard.type("many")
    page.wait_for_url("**search=many*")
    page.get_by_role("button", name="Clear").click()
    rows.nth(9).wait_for()
    return float(page.evaluate(SCROLL, "page"))


def use_execution(page: Page) -> float:
    """Chooses calls by pointer and by keys, and scrolls."""
    calls = page.get_by_role("listbox", name="Calls in time")
    for at in (1, 4, 8):
        calls.get_by_role("option").nth(at).click()
        page.get_by_role("heading", name="Inputs").wait_for()
    calls.focus()
    for _ in range(10):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    page.keyboard.press("Home")
    return float(page.evaluate(SCROLL, "[role=listbox]"))


def measure(bench: Bench) -> list[Row]:
    """When it is there, how soon it answers, and what it loads."""
    from kit import Row, median

    listed, calls = bench.count(LISTED), bench.count(CALLS)
    with bench.home() as home:
        server.fill(home, "ends", listed)
        exec_id = fill(home, calls)
        rounds: list[Any] = [bench.program(__file__, "look", home, exec_id) for _ in range(bench.rounds)]

    def middle(name: str) -> float:
        return median([one[name] for one in rounds])

    rows = []
    for name, what in (("list", f"a list of {listed:,} executions"), ("execution", f"an execution of {calls:,} calls")):
        there, input_, frame, script = (middle(f"{name} {part}") for part in ("rows", "input", "frame", "script"))
        paint = {"first paint": middle(f"{name} paint")}
        rows += [
            Row(f"{what} is there in a browser", there, "ms", "under 1,000 ms", there < 1_000, paint),
            Row(f"{what}: slowest input until it is painted", input_, "ms", "under 100 ms", input_ < 100),
            Row(f"{what}: longest frame while it is scrolled", frame, "ms", "under 100 ms", frame < 100),
            Row(f"{what}: scripts, compressed", script, "kB", "under 250 kB", script < 250),
        ]
    return rows


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
