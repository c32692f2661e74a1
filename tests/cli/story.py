"""The agents that the command line's tests run, and output without what differs from run to run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab import Lab

AGENT = """
    import logging, sys
    import kitaru
    from kitaru import checkpoint, flow
    from world import did

    @checkpoint
    def gather(topic: str) -> list:
        did("gather")
        print("gathering", topic)
        print("careful", file=sys.stderr)
        logging.getLogger("web").warning("slow")
        kitaru.usage(model="m-1", input_tokens=10, output_tokens=2, cost_usd=0.5)
        return [topic, "b"]

    @checkpoint
    def analyze(sources: list) -> str:
        did("analyze")
        kitaru.save("report", {"sources": len(sources)})
        return "analysis of " + ",".join(sources)

    @flow
    def research(topic: str = "tea") -> str:
        sources = gather(topic)
        if not kitaru.wait(schema=bool, name="approve", question=f"Found {len(sources)}. Continue?"):
            return "stopped"
        return analyze(sources)
"""

MORE = """
    import asyncio, os, sys
    import kitaru
    from kitaru import checkpoint, flow
    from world import did

    @checkpoint
    async def double(i: int) -> int:
        return i * 2

    @checkpoint
    def shaky() -> str:
        did("shaky")
        if not os.path.exists("mended"):
            raise ValueError("the provider said no")
        return "fine"

    @flow
    async def fan(n: int = 3) -> list:
        return list(await asyncio.gather(*(double(i) for i in range(n))))

    @flow
    def fails() -> str:
        return shaky()

    @flow
    def collects() -> str:
        bad = []
        try:
            shaky()
        except ValueError as error:
            bad.append(str(error))
        if bad:
            raise RuntimeError(f"{len(bad)} failed")
        return "all fine"

    @flow
    def child(question: str) -> str:
        return kitaru.wait(schema=str, name="answer", question=question)

    @flow
    def parent() -> str:
        return "the child heard: " + child("What?")

    @flow
    async def async_parent() -> str:
        return "the child heard: " + await async_child()

    @flow
    async def async_child() -> str:
        return await kitaru.wait(schema=str, name="answer", question="What?")

    @flow
    def naps(seconds: float = 3600) -> str:
        kitaru.sleep(seconds)
        return "woke"

    @flow
    async def two() -> list:
        return list(await asyncio.gather(
            kitaru.wait(schema=int, name="a", question="A?"), kitaru.wait(schema=str, name="b", question="B?")
        ))

    @flow
    def leaves() -> str:
        double_sync(1)
        sys.exit(3)

    @checkpoint
    def double_sync(i: int) -> int:
        did("double_sync")
        return i * 2
"""


def desk(lab: Lab) -> Lab:
    """A desk with the agents on it."""
    lab.write("agent.py", AGENT)
    lab.write("more.py", MORE)
    return lab


def settled(text: str) -> str:
    """Text without identifiers, times and durations, with the columns that they shift."""
    text = re.sub(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<id>", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{3}Z)?", "<time>", text)
    text = re.sub(r"\b\d\d:\d\d:\d\d(\.\d{3})?\b", "<clock>", text)
    text = re.sub(r"\b\d+ ms\b *", "<took> ", text)
    return re.sub(r"\b[0-9a-f]{8}\b", "<short>", text)


def settled_json(value: Any) -> Any:
    """JSON without identifiers and times."""
    if isinstance(value, dict):
        return {key: settled_json(field) for key, field in value.items()}
    if isinstance(value, list):
        return [settled_json(one) for one in value]
    return settled(value) if isinstance(value, str) else value
