"""Limits on their page: set, changed, closed, opened and removed, with turns as they are taken and given back."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator

from playwright.sync_api import Browser, Locator, Page, expect

from dashboard import programs
from dashboard.test_stories import somebody
from lab import KITARU, Lab
from server.served import serving

PROGRAM = """
import os
from kitaru import checkpoint, flow
from world import did


@checkpoint(limit="slow/one")
def work(n: int) -> int:
    did(f"begins {n}")
    with open(os.path.join(os.path.dirname(os.environ["WORLD"]), f"work-{n}")) as gate:
        gate.read()
    return n


@flow
def many() -> list[int]:
    return work.map([1, 2, 3])
"""


def row(page: Page, name: str) -> Locator:
    """What the page says of a limit."""
    return page.get_by_role("listitem", name=name, exact=True)


def begun(lab: Lab, number: int) -> list[str]:
    """The calls that have begun, when there are so many."""
    until = time.monotonic() + 30
    while len(lab.done()) < number:
        assert time.monotonic() < until, lab.done()
        time.sleep(0.01)
    return [line.removeprefix("begins ") for line in lab.done()]


@contextlib.contextmanager
def running(lab: Lab) -> Iterator[subprocess.Popen[str]]:
    """The flow, run by a process that ends with the test."""
    process = lab.spawn(KITARU, "run", "many.py:many")
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_limit_is_set_changed_and_removed(browser: Browser, lab: Lab, by: str) -> None:
    with serving(lab, "server") as server, somebody(browser, server.url, by) as (watched, page, hand):
        watched.open("/executions")
        hand.press(page.get_by_role("link", name="Limits"))
        expect(page.get_by_text("No limit is set, and no call has named one.")).to_be_visible()
        expect(page.get_by_role("button", name="Copy: kitaru limits set openai:gpt --at-once")).to_be_visible()
        hand.press(page.get_by_role("button", name="Set a limit"))
        dialog = page.get_by_role("dialog")
        hand.write(dialog.get_by_label("Name"), "openai:gpt")
        hand.press(dialog.get_by_role("button", name="Set the limit"))
        expect(dialog.get_by_role("alert")).to_contain_text("Say how many run at once")
        hand.write(dialog.get_by_label("Run at once"), "2")
        hand.press(dialog.get_by_role("button", name="Set the limit"))
        expect(dialog).not_to_be_visible()
        expect(row(page, "openai:gpt")).to_contain_text("2 at once")
        expect(row(page, "openai:gpt")).to_contain_text("set by http")
        hand.press(page.get_by_role("button", name="Change openai:gpt"))
        # What it is stands there: what is not changed stays.
        expect(dialog.get_by_label("Run at once")).to_have_value("2")
        with watched.expecting("status of 4"):
            hand.write(dialog.get_by_label("Begin in a time"), "5/parsec")
            hand.press(dialog.get_by_role("button", name="Set the limit"))
            expect(dialog.get_by_role("alert")).to_contain_text("Code: bad-limit")
        hand.write(dialog.get_by_label("Begin in a time"), "50/s")
        hand.press(dialog.get_by_role("button", name="Set the limit"))
        expect(row(page, "openai:gpt")).to_contain_text("2 at once · 50/s")
        (one,) = server.get("/limits")["items"]
        assert (one["name"], one["at_once"], one["rate"]) == ("openai:gpt", 2, "50/s")
        hand.press(page.get_by_role("button", name="Remove openai:gpt"))
        expect(dialog).to_contain_text("Calls that name it are held back no more")
        hand.press(dialog.get_by_role("button", name="Back"))
        assert server.get("/limits")["items"], "it was only asked about"
        hand.press(page.get_by_role("button", name="Remove openai:gpt"))
        hand.press(dialog.get_by_role("button", name="Remove it"))
        expect(page.get_by_text("2 at once")).to_have_count(0)
        assert [one for one in server.get("/limits")["items"] if one["at_once"] is not None] == []


def test_turns_are_seen_as_they_are_taken_and_a_closed_limit_lets_nobody_begin(
    browser: Browser, lab: Lab, by: str
) -> None:
    lab.write("many.py", PROGRAM)
    gates = programs.Gates(lab, "work-1", "work-2", "work-3")
    lab.kitaru("limits", "set", "slow/one", "--at-once", "2").ok()
    with (
        contextlib.ExitStack() as open_,
        serving(lab, "server") as server,
        somebody(browser, server.url, by) as (watched, page, hand),
    ):
        watched.open("/limits")
        one = row(page, "slow/one")
        expect(one).to_contain_text("0 of 2 run")
        expect(one).to_contain_text("nobody waits")
        page.evaluate("window.__same = true")
        process = open_.enter_context(running(lab))
        expect(one).to_contain_text("2 of 2 run")
        expect(one).to_contain_text("1 waits")
        hand.press(page.get_by_role("button", name="Close slow/one"))
        dialog = page.get_by_role("dialog")
        # Not for longer: an execution is left whose turn is more than a minute away.
        dialog.get_by_label("For").select_option("a minute")
        hand.write(dialog.get_by_label("Why"), "they <b>asked</b> us to")
        hand.press(dialog.get_by_role("button", name="Close it"))
        expect(one).to_contain_text("closed, opens in")
        expect(one).to_contain_text("Closed by http: they <b>asked</b> us to")
        first, second = begun(lab, 2)
        for n in (first, second):
            gates.open(f"work-{n}")
        expect(one).to_contain_text("0 of 2 run")
        expect(one).to_contain_text("1 waits")
        assert len(lab.done()) == 2, "nobody begins at a closed limit"
        hand.press(page.get_by_role("button", name="Open slow/one"))
        expect(one).not_to_contain_text("closed")
        expect(one).to_contain_text("1 of 2 run")
        gates.open(f"work-{begun(lab, 3)[2]}")
        expect(one).to_contain_text("0 of 2 run")
        expect(one).to_contain_text("3 turns given so far")
        assert page.evaluate("window.__same"), "the page was loaded again"
        assert process.wait(timeout=30) == 0
