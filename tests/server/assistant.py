"""An assistant of a test's own: a real MCP client in a process of its own, and what it asks. Not here: any expectation."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

from lab import KITARU, Lab

ROOT = pathlib.Path(__file__).parents[2]
CLIENT = pathlib.Path(__file__).with_name("mcp_client.py")
# Major versions of the official client.
VERSIONS = ("1", "2")


class Assistant:
    """A client with a server."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, do: str, **more: Any) -> Any:
        """What came of it: ``{"result": ...}`` or ``{"error": ...}``."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()
        return self.told()

    def told(self) -> Any:
        """The next thing that the client says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the client has ended"
        return json.loads(line)

    def got(self, do: str, **more: Any) -> Any:
        """The result of something that must not fail."""
        told = self.ask(do, **more)
        assert "result" in told, told
        return told["result"]

    def tools(self) -> dict[str, Any]:
        """The tools that it is offered, by name."""
        return {tool["name"]: tool for tool in self.got("tools")["tools"]}

    def call(self, tool: str, /, **arguments: Any) -> Any:
        """What a tool tells: ``summary``, ``data`` and so on; its text says the same."""
        result = self.got("call", tool=tool, arguments=arguments)
        assert not result.get("isError"), result
        told = result["structuredContent"]
        (block,) = result["content"]
        assert block["text"].startswith(told["summary"])
        if told.get("data") is not None:
            assert json.loads(block["text"].split("\n")[-2]) == told["data"]
        return told

    def refused(self, tool: str, /, **arguments: Any) -> Any:
        """The error of a tool that must refuse: ``code``, ``message``, ``hint``."""
        result = self.got("call", tool=tool, arguments=arguments)
        assert result.get("isError"), result
        (block,) = result["content"]
        error = result["structuredContent"]["error"]
        assert block["text"].startswith(f"error[{error['code']}]")
        return error

    def server(self) -> int:
        """The process identifier of its server, over stdio."""
        return children(self.process.pid)[0]

    def close(self) -> str:
        """Ends it, and returns what it and its server complained of."""
        _, said = self.process.communicate(timeout=30)
        return said


def children(pid: int) -> list[int]:
    """Processes that a process started."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return sorted(found)


@contextlib.contextmanager
def assistant(lab: Lab, version: str, *flags: str, url: str | None = None, **env: str) -> Iterator[Assistant]:
    """A client of ``kitaru mcp`` with those flags, or of the server at ``url``."""
    python = ROOT / f".venv-mcp{version}" / "bin" / "python"
    assert python.exists(), f"{python} is missing: make .venv-mcp{version}/.ready"
    asked: dict[str, Any] = {"url": url}
    if url is None:
        asked = {"command": [KITARU, "mcp", *flags], "env": lab.env(**env), "cwd": str(lab.folder)}
    process = subprocess.Popen(
        [str(python), str(CLIENT), json.dumps(asked)],
        cwd=lab.folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Assistant(process)
    finally:
        if process.poll() is None:
            process.communicate(timeout=30)
