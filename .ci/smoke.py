"""Tries an installed wheel from the outside: import, the command, the program that the project springs from, the page.

Run it with the interpreter that the wheel is installed in, from any folder. Standard library only, so that it says
something about the wheel and not about a test suite. Not here: what the tests promise.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import pathlib
import re
import subprocess
import sys
import sysconfig
import tempfile
import urllib.request

AGENT = """
import pathlib

import kitaru
from kitaru import checkpoint, flow


@checkpoint
def gather_sources(topic: str) -> list[str]:
    with pathlib.Path("gathered.txt").open("a") as count:
        count.write("once\\n")
    return [f"{topic} {number}" for number in range(3)]


@checkpoint
def analyze(sources: list[str]) -> str:
    return f"read {len(sources)} sources"


@flow
def research_agent(topic: str) -> str:
    sources = gather_sources(topic)
    approved = kitaru.wait(schema=bool, question=f"Found {len(sources)} sources. Continue?")
    if not approved:
        return "Stopped by reviewer."
    return analyze(sources)


if __name__ == "__main__":
    print(research_agent("durable execution"))
"""


def main() -> None:
    """Runs every try; the first that fails ends it with what was seen."""
    with tempfile.TemporaryDirectory() as folder:
        here = pathlib.Path(folder)
        environment = {**os.environ, "KITARU_HOME": str(here / "home"), "PYTHONPATH": ""}
        environment.pop("KITARU_STORE", None)

        def run(*words: str | pathlib.Path, status: int = 0) -> str:
            done = subprocess.run(
                words, cwd=here, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
            )
            if done.returncode != status:
                said = f"{words}: status {done.returncode}, expected {status}\n{done.stdout}{done.stderr}"
                raise SystemExit(said)
            return done.stdout

        command = pathlib.Path(sysconfig.get_path("scripts")) / ("kitaru.exe" if os.name == "nt" else "kitaru")
        version = importlib.metadata.version("kitaru")
        expect(run(sys.executable, "-c", "import kitaru"), "", "import prints nothing")
        expect(run(command, "version").strip(), f"kitaru {version}", "the command knows its version")

        agent = here / "agent.py"
        agent.write_text(AGENT, encoding="utf-8")
        expect(run(sys.executable, agent, status=75), "", "the agent asks and leaves")
        waiting = json.loads(run(command, "ls", "--output", "json"))["items"]
        expect([one["status"] for one in waiting], ["waiting"], "its execution waits")
        run(command, "input", waiting[0]["id"], "--value", "true")
        ended = json.loads(run(command, "show", waiting[0]["id"], "--output", "json"))["item"]
        expect((ended["status"], ended["result"]), ("completed", "read 3 sources"), "the answer completes it")
        expect((here / "gathered.txt").read_text(), "once\n", "a recorded call did not run again")

        server = subprocess.Popen(
            [command, "server", "--port", "0", "--output", "json"],
            cwd=here, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            told = "" if server.stdout is None else server.stdout.readline()
            url = json.loads(told)["item"]["url"]
            page = get(f"{url}/")
            needed = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)
            expect(len(needed) >= 3, True, "the page names its scripts and styles")
            expect([name for name in needed if not get(url + name)], [], "and they are served")
        finally:
            server.terminate()
            server.communicate(timeout=30)
    sys.stdout.write(f"smoke: kitaru {version} on Python {sys.version.split()[0]}, {sysconfig.get_platform()}: well\n")


def get(url: str) -> str:
    """What is served there; anything but success ends the program."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


def expect(found: object, wanted: object, promise: str) -> None:
    """Ends the program unless both are equal."""
    if found != wanted:
        raise SystemExit(f"smoke: broken: {promise}: {found!r} and not {wanted!r}")


if __name__ == "__main__":
    main()
