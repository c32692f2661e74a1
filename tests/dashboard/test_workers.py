"""Workers on their page: what each serves, as it comes and goes."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from dashboard.browser import looking
from lab import KITARU, Lab
from server.served import serving


def test_a_worker_says_what_it_serves(browser: Browser, lab: Lab) -> None:
    with serving(lab) as server, looking(browser, server.url) as watched:
        page = watched.page
        watched.open("/workers")
        own = page.get_by_role("listitem").filter(has_text="This server")
        expect(own).to_contain_text("Pool")
        expect(own).to_contain_text("default")
        expect(own).to_contain_text("whichever")
        worker = lab.spawn(KITARU, "worker", "--pool", "gpu", "--pool", "<b>large</b>", "--flows", "research_agent")
        try:
            other = page.get_by_role("listitem").filter(has_text="kitaru worker")
            expect(other).to_contain_text("gpu, <b>large</b>")
            expect(other).to_contain_text("research_agent")
        finally:
            worker.terminate()
            worker.communicate(timeout=30)
        expect(other).to_have_count(0)
