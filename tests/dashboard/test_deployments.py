"""Deployments on their page: versions and tags, moved and rolled back, and a start of what a tag names."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.test_stories import section, somebody, state
from lab import Lab
from server.served import serving

PROGRAM = """
from kitaru import checkpoint, flow
from world import did

WORD = {word!r}


@checkpoint
def say(n: int) -> str:
    return did(f"{{WORD}} {{n}}")


@flow
def agent(n: int = 0) -> str:
    return say(n)
"""


def deploy(lab: Lab, word: str, *argv: str) -> None:
    """Deploys a flow that says that word."""
    (lab.folder / "project").mkdir(exist_ok=True)
    lab.write("project/pyproject.toml", "")
    lab.write("project/requirements.txt", "pydantic==2.0\n")
    lab.write("project/world.py", (lab.folder / "world.py").read_text())
    lab.write("project/agent.py", PROGRAM.format(word=word))
    lab.kitaru("deploy", "project/agent.py:agent", *argv, USER="ada").ok()


@pytest.fixture
def desk(lab: Lab) -> Lab:
    """A lab with two versions of a flow that has never run; the first was prod, the second is."""
    deploy(lab, "one", "--tag", "prod")
    deploy(lab, "two", "--tag", "prod", "--tag", "canary")
    return lab


def row(page: Page, name: str) -> Locator:
    """What the page says of a version."""
    return page.get_by_role("listitem", name=f"agent@{name}", exact=True)


def named(lab: Lab) -> dict[str, list[str]]:
    """The tags of each version."""
    return {one["version"]: sorted(one["tags"]) for one in lab.items("deployments", "list")}


def test_nothing_is_deployed_and_the_page_says_how(browser: Browser, lab: Lab, by: str) -> None:
    with serving(lab, "server") as server, somebody(browser, server.url, by) as (watched, page, hand):
        watched.open("/executions")
        hand.press(page.get_by_role("link", name="Deployments"))
        expect(page.get_by_text("Nothing was deployed.")).to_be_visible()
        expect(page.get_by_role("button", name="Copy: kitaru deploy FILE.py:FLOW --tag prod")).to_be_visible()
        # What is deployed comes by itself.
        deploy(lab, "one", "--tag", "prod")
        expect(row(page, "v1")).to_contain_text("prod")
        expect(row(page, "v1")).to_contain_text("deployed by ada")
        expect(row(page, "v1")).to_contain_text("from agent.py:agent, packages pinned by requirements.txt")


def test_a_tag_is_moved_and_rolled_back(browser: Browser, desk: Lab, by: str) -> None:
    with serving(desk, "server") as server, somebody(browser, server.url, by) as (watched, page, hand):
        watched.open("/deployments")
        expect(row(page, "v2")).to_contain_text("newest")
        expect(row(page, "v2").get_by_role("button", name="Roll agent@prod back")).to_be_visible()
        hand.press(page.get_by_role("button", name="Tag agent@v1"))
        dialog = page.get_by_role("dialog")
        hand.write(dialog.get_by_label("Tag"), "canary")
        expect(dialog.get_by_role("status")).to_contain_text("canary names v2 now.")
        hand.press(dialog.get_by_role("button", name="Move the tag"))
        expect(dialog).not_to_be_visible()
        expect(row(page, "v1").get_by_role("button", name="Roll agent@canary back")).to_be_visible()
        assert named(desk) == {"v1": ["canary"], "v2": ["prod"]}
        hand.press(page.get_by_role("button", name="Tag agent@v1"))
        hand.write(dialog.get_by_label("Tag"), "canary")
        expect(dialog.get_by_role("button", name="Tag it")).to_be_disabled()
        with watched.expecting("status of 4"):
            hand.write(dialog.get_by_label("Tag"), "latest")
            hand.press(dialog.get_by_role("button", name="Tag it"))
            expect(dialog.get_by_role("alert")).to_contain_text("Code: usage")
        hand.write(dialog.get_by_label("Tag"), "best")
        hand.press(dialog.get_by_role("button", name="Tag it"))
        expect(row(page, "v1").get_by_role("button", name="Roll agent@best back")).to_be_visible()
        hand.press(page.get_by_role("button", name="Roll agent@prod back"))
        expect(dialog).to_contain_text("prod names v2 now")
        hand.press(dialog.get_by_role("button", name="Back", exact=True))
        assert named(desk)["v2"] == ["prod"], "it was only asked about"
        hand.press(page.get_by_role("button", name="Roll agent@prod back"))
        hand.press(dialog.get_by_role("button", name="Roll it back"))
        expect(dialog.get_by_role("status")).to_contain_text("prod names v1 now, in place of v2.")
        hand.press(dialog.get_by_role("button", name="Good"))
        assert named(desk) == {"v1": ["best", "canary", "prod"], "v2": []}
        expect(row(page, "v1").get_by_role("button", name="Roll agent@prod back")).to_be_visible()
        with watched.expecting("status of 4"):
            hand.press(page.get_by_role("button", name="Roll agent@best back"))
            hand.press(dialog.get_by_role("button", name="Roll it back"))
            expect(dialog.get_by_role("alert")).to_contain_text("Code: unknown-deployment")
        assert named(desk) == {"v1": ["best", "canary", "prod"], "v2": []}


def test_what_a_tag_names_is_started(browser: Browser, desk: Lab, by: str) -> None:
    desk.kitaru("deployments", "rollback", "agent").ok()
    with serving(desk) as server, somebody(browser, server.url, by) as (watched, page, hand):
        watched.open("/deployments")
        hand.press(page.get_by_role("button", name="Start agent@v2"))
        dialog = page.get_by_role("dialog")
        version = dialog.get_by_label("Version")
        expect(version).to_have_value("v2")
        expect(version.get_by_role("option")).to_have_text(
            ["the newest version: v2", "canary: v2", "prod: v1", "v2", "v1"]
        )
        expect(dialog).to_contain_text("It has not run here yet")
        hand.write(dialog.get_by_label("Inputs, as JSON"), '{"n": 3}')
        hand.press(dialog.get_by_role("button", name="Start", exact=True))
        expect(state(page)).to_contain_text("Completed.")
        expect(section(page, "Result")).to_contain_text("two 3")
        hand.press(page.get_by_role("link", name="agent@v2"))
        page.wait_for_url("**/deployments?flow=agent")
        hand.press(page.get_by_role("link", name="Executions of agent"))
        expect(page.get_by_role("row").filter(has_text="completed")).to_have_count(1)
        # And from the flow's own page, with the inputs of that execution.
        watched.open("/flows/agent")
        hand.press(page.get_by_role("button", name="Start"))
        expect(version).to_have_value("")
        version.select_option("prod")
        expect(dialog.get_by_label("Inputs, as JSON")).to_have_value('{\n  "n": 3\n}')
        hand.press(dialog.get_by_role("button", name="Start", exact=True))
        expect(state(page)).to_contain_text("Completed.")
        expect(page.get_by_role("link", name="agent@v1")).to_be_visible()
        expect(section(page, "Result")).to_contain_text("one 3")
    assert desk.done() == ["two 3", "one 3"]
