"""Whether a page can be used by everybody: axe's rules, and nothing that has to be scrolled sideways."""

from __future__ import annotations

import functools
import importlib.resources
from typing import Any

from playwright.sync_api import Page, expect

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@functools.cache
def _axe() -> str:
    return (importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text()


def settled(page: Page) -> None:
    """Returns when a screen shows what it has to show."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("Loading ")).to_have_count(0)


# Rules that a theme can break.
COLOURS = ("color-contrast", "link-in-text-block")


def violations(page: Page, *only: str) -> list[str]:
    """What axe finds: the rule, and where. ``only``: rules, in place of all."""
    # By the debugger: the page's own policy lets no script in, which is as it should be.
    page.evaluate(f"() => {{ {_axe()} }}")
    options: dict[str, Any] = {"runOnly": {"type": "rule", "values": list(only)}}
    if not only:
        options = {"runOnly": {"type": "tag", "values": RULES}, "rules": {"target-size": {"enabled": True}}}
    found: Any = page.evaluate("options => window.axe.run(document, options)", options)
    assert only or len(found["passes"]) > 5, "axe looked at hardly anything"
    return [
        f"{one['id']}: {node['html'][:200]} {(node.get('failureSummary') or '').splitlines()[1:2]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def too_wide(page: Page) -> list[str]:
    """What makes the page wider than its window, once what is drawn to its width is drawn."""
    for _ in range(60):
        if (over := _over(page)) == []:
            break
        page.evaluate("new Promise(requestAnimationFrame)")
    return over


def _over(page: Page) -> list[str]:
    over: list[str] = page.evaluate(
        """() => {
          const wide = document.documentElement.clientWidth
          if (document.documentElement.scrollWidth <= wide) return []
          const scrolls = one => one !== document.body && one !== null &&
            (getComputedStyle(one).overflowX !== 'visible' || scrolls(one.parentElement))
          return [...document.querySelectorAll('body *')]
            .filter(one => one.getBoundingClientRect().right > wide + 1 && !scrolls(one.parentElement))
            .map(one => one.outerHTML.slice(0, 200))
            .slice(0, 8)
        }"""
    )
    return over
