"""The set-up that the guide shows works: each configuration starts a server, and each tool is in the set that it says."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest

from lab import Lab
from server.assistant import ROOT, assistant

PAGE = (ROOT / "docs" / "guide" / "mcp.md").read_text()


def configured() -> list[dict[str, Any]]:
    """What each block of the page has a client start."""
    found: list[dict[str, Any]] = []
    for language, text in re.findall(r"^```(json|toml)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        if language == "json":
            told = json.loads(text)
        else:
            if sys.version_info < (3, 11):
                continue
            import tomllib

            told = tomllib.loads(text)
        (servers,) = told.values()
        found.append(servers["kitaru"])
    return found


def test_each_configuration_starts_it(lab: Lab) -> None:
    servers = configured()
    assert len(servers) >= 3
    for server in servers:
        assert server["command"] == "/path/to/kitaru"
        command, *flags = server["args"]
        assert command == "mcp"
        with assistant(lab, "1", *flags) as client:
            assert "kitaru_find_stuck" in client.tools()


@pytest.mark.parametrize("allow", ["read", "answer", "operate", "admin"])
def test_each_tool_is_in_the_set_that_the_page_says(lab: Lab, allow: str) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    named: set[str] = set()
    for row, tools in rows.items():
        named |= set(re.findall(r"kitaru_\w+", tools))
        if row == allow:
            break
    with assistant(lab, "2", "--allow", allow) as client:
        assert set(client.tools()) == named
