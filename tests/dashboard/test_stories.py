"""What people come for, from its begin to its end: with a mouse, and with a keyboard alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard import programs
from dashboard.browser import Hand, Keyboard, Pointer, Watched, looking
from lab import KITARU, Lab
from lab.served import Server
from promises.test_seed import seed
from server.served import serving


@pytest.fixture
def desk(lab: Lab) -> Lab:
    """A lab with the agents."""
    return programs.at(lab)


@contextlib.contextmanager
def somebody(browser: Browser, url: str, by: str) -> Iterator[tuple[Watched, Page, Hand]]:
    """Who looks at a server's pages, and with what."""
    with looking(browser, url) as watched:
        hand = Pointer(watched.page) if by == "mouse" else Keyboard(watched.page)
        yield watched, watched.page, hand


def state(page: Page) -> Locator:
    """Where an execution's page says how it stands."""
    return page.get_by_role("region", name="State")


def calls(page: Page) -> Locator:
    """The waterfall."""
    return page.get_by_role("listbox", name="Calls in time")


def section(page: Page, title: str) -> Locator:
    """A part of a panel."""
    return page.locator("section").filter(has=page.get_by_role("heading", name=title, exact=True))


def test_a_question_is_answered_from_the_inbox_and_the_flow_ends(browser: Browser, lab: Lab, by: str) -> None:
    lab.python(seed(lab)).ok(75)
    with serving(lab) as server, somebody(browser, server.url, by) as (watched, page, hand):
        watched.open("/")
        hand.press(page.get_by_role("link", name="Inbox"))
        expect(page.get_by_role("heading", name="Found 12 sources. Continue?")).to_be_visible()
        expect(page.get_by_role("link", name="gather_sources")).to_be_visible()
        hand.press(page.get_by_role("form", name="Answer").get_by_role("button", name="Yes"))
        expect(page.get_by_text("Nobody is asked anything.")).to_be_visible()
        hand.press(page.get_by_role("link", name="Executions"))
        hand.press(page.get_by_role("link", name="research_agent"))
        expect(state(page)).to_contain_text("Completed.")
        expect(section(page, "Result")).to_contain_text("analysis of")
    assert lab.done() == ["search", "llm"]


def test_a_failing_agent_is_found_corrected_replayed_and_compared(browser: Browser, desk: Lab, by: str) -> None:
    desk.kitaru("run", "agents.py:support_agent", "--input", "customer=Ada").ok()
    desk.kitaru("run", "agents.py:invoice_agent", "--input", "number=INV-7").ok(1)
    with serving(desk) as server, somebody(browser, server.url, by) as (watched, page, hand):
        watched.open("/executions")
        expect(page.get_by_role("row")).to_have_count(3)
        hand.press(page.get_by_role("group", name="Status").get_by_role("button", name="failed"))
        expect(page.get_by_role("row")).to_have_count(2)
        hand.press(page.get_by_role("link", name="invoice_agent"))
        expect(state(page)).to_contain_text("could not convert string to float: '1.240,50'")
        hand.pick(calls(page), "convert")
        expect(section(page, "Error")).to_contain_text("ValueError")
        hand.press(page.get_by_role("link", name="Replay from here"))
        plan = page.get_by_role("region", name="Plan")
        expect(plan).to_contain_text("Reused, not paid for again")
        hand.write(page.get_by_role("textbox", name="total"), "1240.50")
        expect(plan).to_contain_text("1.240,50 → 1240.50")
        expect(plan.get_by_role("listitem").filter(has_text="read_invoice")).to_contain_text("reused")
        hand.press(page.get_by_role("button", name="Start the replay"))
        page.wait_for_url("**/compare?ids=*")
        expect(page.get_by_role("main")).to_contain_text("completed")
        expect(page.get_by_role("main")).to_contain_text("convert")
    assert desk.done()[-2:] == ["convert 1240.50", "book 1339.74"]


def test_a_breakpoint_is_set_met_and_passed_with_another_input(browser: Browser, desk: Lab, by: str) -> None:
    desk.kitaru("run", "agents.py:support_agent", "--input", "customer=Ada").ok()
    with serving(desk) as server, somebody(browser, server.url, by) as (watched, page, hand):
        watched.open(f"/executions/{desk.only()}")
        hand.pick(calls(page), "draft_reply")
        hand.press(page.get_by_role("button", name="Break before"))
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("textbox", name="Before")).to_have_value("draft_reply")
        hand.press(dialog.get_by_role("button", name="Set the breakpoint"))
        expect(dialog).not_to_be_visible()
        server.post("/executions", {"flow": "support_agent", "inputs": {"customer": "Grace"}}, 201)
        hand.press(page.get_by_role("link", name="Executions"))
        hand.press(page.get_by_role("row").filter(has_text="paused").get_by_role("link", name="support_agent"))
        expect(state(page)).to_contain_text("Next: draft_reply")
        hand.write(state(page).get_by_role("textbox", name="tone"), "warm")
        hand.press(page.get_by_role("button", name="Run it and go on"))
        expect(state(page)).to_contain_text("Completed.")
        expect(section(page, "Result")).to_contain_text("A warm reply to Grace.")
    assert desk.done()[-2:] == ["draft warm", "sent: A warm reply to Grace."]


def test_a_run_is_watched_to_its_end_and_nothing_jumps(browser: Browser, desk: Lab, by: str) -> None:
    gates = programs.Gates(desk, *programs.steps(6))
    process = desk.spawn(KITARU, "run", "agents.py:long_agent", "--input", "steps=6")
    with serving(desk) as server, somebody(browser, server.url, by) as (watched, page, hand):
        watched.open("/executions")
        hand.press(page.get_by_role("link", name="long_agent"))
        expect(state(page)).to_contain_text("Running")
        expect(calls(page).get_by_role("option")).to_have_count(1)
        page.evaluate("window.__same = true")
        jumped = watched.shift()
        for n in range(1, 6):
            gates.open(f"step-{n}")
            expect(calls(page).get_by_role("option")).to_have_count(n + 1)
            if n == 3:
                hand.pick(calls(page), "step#2")
                expect(section(page, "Output")).to_contain_text("4")
                expect(page.get_by_role("log")).to_contain_text("step 2 is done")
        gates.open("step-6")
        expect(state(page)).to_contain_text("Completed.")
        assert page.evaluate("window.__same"), "the page was loaded again"
        assert watched.shift() - jumped < 0.005, watched.jumped()
        hand.press(page.get_by_role("link", name="Look at the flow instead"))
        expect(section(page, "Result")).to_contain_text("91")
    process.communicate(timeout=30)


def test_a_lost_connection_is_said_and_nothing_is_missed(browser: Browser, desk: Lab, by: str) -> None:
    gates = programs.Gates(desk, *programs.steps(5))
    desk.home.mkdir()
    server = Server(desk.home, desk.env(), "up")
    process = desk.spawn(KITARU, "run", "agents.py:long_agent", "--input", "steps=5")
    lost = "The connection to the server is lost."
    try:
        with somebody(browser, server.url, by) as (watched, page, hand):
            watched.open("/executions")
            hand.press(page.get_by_role("link", name="long_agent"))
            expect(calls(page).get_by_role("option")).to_have_count(1)
            with watched.expecting("net::ERR_"):
                server.stop()
                expect(page.get_by_text(lost)).to_be_visible()
                for n in (1, 2, 3):
                    gates.open(f"step-{n}")
                hand.pick(calls(page), "step")
                server.start()
                expect(page.get_by_text(lost)).not_to_be_visible()
            expect(calls(page).get_by_role("option")).to_have_count(4)
            expect(page.get_by_role("log")).to_contain_text("step 1 is done")
            hand.press(page.get_by_role("link", name="Look at the flow instead"))
            for n in (1, 2, 3):
                expect(page.get_by_role("log")).to_contain_text(f"step {n} is done")
            for n in (4, 5):
                gates.open(f"step-{n}")
            expect(state(page)).to_contain_text("Completed.")
            expect(calls(page).get_by_role("option")).to_have_count(5)
            expect(section(page, "Result")).to_contain_text("55")
    finally:
        server.stop()
        process.communicate(timeout=30)
