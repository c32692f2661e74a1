"""What a flow sees on its first run, and what it sees when it is entered again: for tests that compare the two.

Not here: crashes (``lab.sweep``); the first pass ends at the flow's own ``kitaru.wait(schema=bool, name="on")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab import Lab

HEAD = """
import asyncio
import kitaru
from kitaru import checkpoint, flow
from world import count, did

def saw(*what):
    did("saw " + " ".join(map(str, what)))

def go_on():
    return kitaru.wait(schema=bool, name="on")

"""


def seen(lab: Lab, source: str) -> tuple[list[str], list[str]]:
    """Runs ``main()`` of a program to its wait and answers it. What ``saw(...)`` said in each of the two passes."""
    lab.write("agent.py", HEAD + source)
    called = "asyncio.run(agent.main())" if "async def main" in source else "agent.main()"
    lab.python("-c", f"import agent, asyncio; {called}").ok(75)
    first = said(lab)
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    return first, said(lab)[len(first) :]


def said(lab: Lab) -> list[str]:
    """All that ``saw(...)`` said."""
    return [line for line in lab.done() if line.startswith("saw ")]
