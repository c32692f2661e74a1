"""Every screen has an address that serves the page: what the router knows, the server knows."""

from __future__ import annotations

import pathlib
import re

from lab import Lab
from server.served import serving

ROOT = pathlib.Path(__file__).parents[2]


def screens() -> list[str]:
    """The addresses that the router has screens for."""
    router = (ROOT / "dashboard" / "src" / "router.tsx").read_text()
    return re.findall(r"^  path: '([^']+)'", router, re.MULTILINE)


def test_the_server_knows_the_screens_of_the_router_and_no_more() -> None:
    source = (ROOT / "crates" / "server" / "src" / "dashboard.rs").read_text()
    found = re.search(r"const SCREENS: \[&str; \d+\] =\s*\[([^\]]*)\]", source)
    assert found is not None
    known = re.findall(r'"(\w+)"', found[1])
    assert known == sorted({path.split("/")[1] for path in screens()} - {""})


def test_every_address_serves_the_page_with_all_that_it_needs(lab: Lab) -> None:
    with serving(lab, "server") as server:
        pages = set()
        assert len(screens()) > 10
        for path in screens():
            status, headers, page = server.ask("GET", path.replace("$id", "0195a1c0").replace("$flow", "a%2Fb"))
            assert status == 200, path
            assert headers["content-type"] == "text/html; charset=utf-8"
            assert headers["cache-control"] == "no-cache"
            pages.add(page)
        (page,) = pages
        needed = re.findall(r'(?:src|href)="(/[^"]+)"', page)
        assert len(needed) >= 3
        for asset in needed:
            status, headers, _ = server.ask("GET", asset)
            assert status == 200 and "immutable" in headers["cache-control"], asset
        for path in ("/screens", "/assets/", "/assets/../index.html", "/index.html", "/inboxes"):
            assert server.ask("GET", path)[0] == 404, path
