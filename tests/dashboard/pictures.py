"""Pictures of every screen, in both themes: ``python tests/dashboard/pictures.py FOLDER`` (``make screenshots``).

What they show is really in a store and really served; its times are set, the browser's clock stands still, and the
machine is named for somebody's. Not here: what is in the store (``gallery``).
"""

from __future__ import annotations

import io
import os
import pathlib
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable

sys.path.insert(0, os.fspath(pathlib.Path(__file__).parents[1]))

from PIL import Image
from playwright.sync_api import Page, Route, expect

from dashboard import gallery
from dashboard.browser import PATIENCE, Watched, chromium, looking
from dashboard.judge import settled
from lab import Lab
from server.served import serving

SIZE = {"width": 1280, "height": 800}
# Where the agents are said to be, and on which machine.
PLACE, MACHINE = "/srv/agents", "studio"
# All of them together, in bytes: they are part of every copy of the project.
MOST = 2_000_000

SCREENS = {
    "inbox": "/inbox?wait={review}/review",
    "executions": "/executions",
    "execution": "/executions/{published}?call=write_report",
    "failed": "/executions/{failed}?call=convert",
    "paused": "/executions/{paused}",
    "replay": "/executions/{failed}/replay?from=convert",
    "compare": "/compare?ids={failed},{fixed}&call=convert",
    "flows": "/flows",
    "flow": "/flows/invoice_agent",
    "fleet": "/fleet?of={family}",
    "deployments": "/deployments",
    "schedules": "/schedules",
    "breakpoints": "/breakpoints",
    "limits": "/limits",
    "workers": "/workers",
    "tokens": "/tokens",
    "audit": "/audit",
}


def named(folder: str) -> Callable[[Route], None]:
    """Names folder, machine and process in what the server answers as they could be anywhere."""

    def answer(route: Route) -> None:
        if "/events" in route.request.url:
            # It goes on, and names none of them.
            route.fallback()
            return
        response = route.fetch()
        text = response.text().replace(folder, PLACE).replace(platform.node(), MACHINE)
        route.fulfill(response=response, body=re.sub(r'"pid":\d+', '"pid":4711', text))

    return answer


def prepare(page: Page, name: str) -> None:
    """Does what somebody would have done by then."""
    if name == "replay":
        page.get_by_role("textbox", name="total").fill("1240.50")
        expect(page.get_by_role("region", name="Plan")).to_contain_text("1240.50")
    if name == "flow":
        expect(page.locator("canvas")).to_have_count(3)
    if name == "schedules":
        page.get_by_text("Ticks, inputs and executions").last.click()
    if name == "inbox":
        page.get_by_role("radio", name="publish").check(force=True)


def take(watched: Watched, name: str, path: str) -> bytes:
    """A picture of a screen, as small as it can be without being seen."""
    page = watched.page
    watched.open(path)
    settled(page)
    prepare(page, name)
    expect(page.locator("[data-link=live]")).to_be_attached()
    page.evaluate("document.activeElement && document.activeElement.blur()")
    page.mouse.move(0, 0)
    shot = Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide")))
    kept = io.BytesIO()
    # Without loss: type stays sharp, and it is smaller than as a PNG.
    shot.convert("RGB").save(kept, "WEBP", lossless=True, quality=100, method=6)
    return kept.getvalue()


def main(folder: pathlib.Path) -> None:
    """Takes all of them."""
    expect.set_options(timeout=PATIENCE)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    now = int(time.time())
    with tempfile.TemporaryDirectory() as home:
        lab = Lab(pathlib.Path(home), store="local")
        known = gallery.fill(lab, now)
        with serving(lab, "up") as server, chromium() as browser:
            for theme in ("light", "dark"):
                scheme = "dark" if theme == "dark" else "light"
                with looking(browser, server.url, viewport=SIZE, color_scheme=scheme) as watched:
                    watched.page.clock.set_fixed_time(now)
                    watched.page.context.route("**/api/v1/**", named(home))
                    for name, path in SCREENS.items():
                        file = folder / f"{name}-{theme}.webp"
                        file.write_bytes(take(watched, name, path.format_map(known)))
    sizes = [file.stat().st_size for file in folder.iterdir()]
    print(f"{len(sizes)} pictures, {sum(sizes):,} bytes")
    if sum(sizes) > MOST:
        raise SystemExit(f"pictures: more than {MOST:,} bytes")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
