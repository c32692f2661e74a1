"""A program whose calls fail until they are mended, and what is done after that.

Not here: what must hold then; that is what the tests say.
"""

from __future__ import annotations

from lab import Lab

HEAD = """
import asyncio, json, os, sys, time
import kitaru
from kitaru import checkpoint, flow
from world import count, did

FIXED = os.path.exists("fixed")

class ToolError(Exception):
    pass

"""


def run(lab: Lab, source: str, code: int = 1) -> str:
    """Runs the flow ``main`` of a program that begins with ``HEAD``; returns its execution."""
    lab.write("agent.py", HEAD + source)
    call = "asyncio.run(agent.main())" if "async def main" in source else "agent.main()"
    lab.python("-c", f"import agent, asyncio; {call}").ok(code)
    return lab.only()


def fix(lab: Lab) -> int:
    """Mends what fails (``FIXED``). Returns how much was done until then."""
    (lab.folder / "fixed").write_text("")
    return len(lab.done())
