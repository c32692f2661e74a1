"""Schedules on their page: added, paused, resumed and removed, and what became of their ticks."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.browser import looking
from dashboard.test_stories import somebody
from lab import Lab
from server.served import serving

PROGRAM = """
from kitaru import checkpoint, flow
from world import did


@checkpoint
def work(topic: str) -> str:
    return did(f"work {topic}")


@flow
def report(topic: str, depth: int = 2) -> str:
    return work(topic)
"""


@pytest.fixture
def desk(lab: Lab) -> Lab:
    """A lab whose flow has run once."""
    lab.write("agent.py", PROGRAM)
    lab.kitaru("run", "agent.py:report", "--input", "topic=first").ok()
    return lab


def row(page: Page, name: str) -> Locator:
    """What the page says of a schedule."""
    return page.get_by_role("listitem", name=name, exact=True)


def test_a_schedule_is_added_paused_resumed_and_removed(browser: Browser, desk: Lab, by: str) -> None:
    with serving(desk) as server, somebody(browser, server.url, by) as (watched, page, hand):
        watched.open("/executions")
        hand.press(page.get_by_role("link", name="Schedules"))
        expect(page.get_by_text("Nothing starts by the clock.")).to_be_visible()
        expect(page.get_by_role("button", name="Copy: kitaru schedules add")).to_be_visible()
        hand.press(page.get_by_role("button", name="Add a schedule"))
        dialog = page.get_by_role("dialog")
        hand.write(dialog.get_by_label("Flow"), "report")
        # What the newest execution was given.
        expect(dialog.get_by_label("Inputs, as JSON")).to_have_value('{\n  "topic": "first",\n  "depth": 2\n}')
        hand.write(dialog.get_by_role("textbox", name="When"), "30 6 * *")
        hand.write(dialog.get_by_label("Time zone"), "Europe/Berlin")
        with watched.expecting("status of 4"):
            hand.press(dialog.get_by_role("button", name="Add the schedule"))
            expect(dialog.get_by_role("alert")).to_contain_text("Code: bad-schedule")
            hand.write(dialog.get_by_role("textbox", name="When"), "30 6 * * mon-fri")
            hand.write(dialog.get_by_label("Inputs, as JSON"), '{"topics": "tea"}')
            hand.press(dialog.get_by_role("button", name="Add the schedule"))
            expect(dialog.get_by_role("alert")).to_contain_text("Code: bad-inputs")
        hand.write(dialog.get_by_label("Inputs, as JSON"), '{"topic": "tea"')
        expect(dialog.get_by_text("This is not JSON")).to_be_visible()
        expect(dialog.get_by_role("button", name="Add the schedule")).to_be_disabled()
        hand.write(dialog.get_by_label("Inputs, as JSON"), '{"topic": "tea"}')
        hand.write(dialog.get_by_label("Labels"), "morning")
        hand.press(dialog.get_by_role("button", name="Add the schedule"))
        expect(dialog).not_to_be_visible()
        one = row(page, "report")
        expect(one).to_contain_text("report at 30 6 * * mon-fri (Europe/Berlin)")
        made = server.get("/schedules/report")
        assert (made["inputs"], made["tags"]) == ({"topic": "tea", "depth": 2}, ["morning"])
        expect(one).to_contain_text(made["next"][0]["local"][:16].replace("T", " "))
        expect(one).to_contain_text("none yet")
        hand.press(one.get_by_text("Ticks, inputs and executions"))
        for tick in made["next"]:
            expect(one).to_contain_text(tick["local"][:16].replace("T", " "))
        hand.press(page.get_by_role("button", name="Pause report"))
        expect(one).to_contain_text("Paused by http")
        expect(one).to_contain_text("when it is resumed")
        assert server.get("/schedules/report")["paused"]["by"] == "http"
        hand.press(page.get_by_role("button", name="Resume report"))
        expect(one).not_to_contain_text("Paused by")
        assert server.get("/schedules/report")["paused"] is None
        hand.press(page.get_by_role("button", name="Remove report"))
        expect(dialog).to_contain_text("Executions that it has started stay")
        hand.press(dialog.get_by_role("button", name="Back"))
        assert server.get("/schedules")["items"], "it was only asked about"
        hand.press(page.get_by_role("button", name="Remove report"))
        hand.press(dialog.get_by_role("button", name="Remove it"))
        expect(page.get_by_text("Nothing starts by the clock.")).to_be_visible()
        assert server.get("/schedules") == {"items": []}


@pytest.mark.timeout(200)
def test_a_tick_is_seen_when_it_starts_and_how_it_went(browser: Browser, desk: Lab) -> None:
    with serving(desk) as server, looking(browser, server.url) as watched:
        page = watched.page
        watched.open("/schedules")
        expect(page.get_by_text("Nothing starts by the clock.")).to_be_visible()
        page.evaluate("window.__same = true")
        asked = {"flow": "report", "cron": "* * * * *", "inputs": {"topic": "<i>tea</i>"}, "name": "often"}
        server.post("/schedules", asked, 201)
        one = row(page, "often")
        # The next minute comes by itself.
        expect(one).to_contain_text("completed", timeout=90_000)
        one.get_by_text("Ticks, inputs and executions").click()
        expect(one).to_contain_text("started")
        expect(one).to_contain_text("<i>tea</i>")
        assert page.evaluate("window.__same"), "the page was loaded again"
        server.post("/schedules/often/pause", {})
        expect(one).to_contain_text("paused")
        more = {"name": "nightly", "cron": "@yearly", "pool": "<i>nights</i>", "deadline_s": 90}
        server.post("/schedules", {**asked, **more}, 201)
        row(page, "nightly").get_by_text("Ticks, inputs and executions").click()
        expect(row(page, "nightly")).to_contain_text("In the pool <i>nights</i>.")
        expect(row(page, "nightly")).to_contain_text("works for 1 min 30 s at the most")
        one.get_by_role("link", name="The last execution of often: completed").click()
        expect(page.get_by_role("region", name="State")).to_contain_text("Completed.")
        watched.open("/schedules")
        row(page, "often").get_by_role("link", name="All executions of often").click()
        expect(page.get_by_role("row").filter(has_text="schedule:often")).not_to_have_count(0)
        # But the heading no row is of anything else: not of what ran by hand.
        expect(page.get_by_role("row").filter(has_not_text="schedule:often")).to_have_count(1)
    assert "work <i>tea</i>" in desk.done()


def test_a_flow_that_cannot_be_scheduled_here_says_why(browser: Browser, desk: Lab) -> None:
    with serving(desk, "server") as server, looking(browser, server.url) as watched:
        page = watched.page
        watched.open("/schedules")
        page.get_by_role("button", name="Add a schedule").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Flow").fill("report")
        dialog.get_by_role("textbox", name="When").fill("@daily")
        with watched.expecting("status of [45]"):
            dialog.get_by_role("button", name="Add the schedule").click()
            # It has no worker that could load the flow.
            expect(dialog.get_by_role("alert")).to_contain_text("Code: ")
        assert server.get("/schedules") == {"items": []}
