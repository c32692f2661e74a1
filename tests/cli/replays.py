"""The agents that the tests of replay, diff and delete run.

``searcher.py`` fails at its third analysis while the file ``down`` is there, and says on a file of the world what it
really did.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cli.story import settled

if TYPE_CHECKING:
    from lab import Lab

SEARCHER = """
    import os
    import kitaru
    from kitaru import checkpoint, flow
    from world import did

    def clean(text):
        return text.strip()

    @checkpoint
    def search(topic: str) -> list[str]:
        did("search")
        return [f"{topic} source {n}" for n in (1, 2, 3)]

    @checkpoint
    def analyze(source: str, provider: str = "alpha") -> str:
        did(f"analyze {source} {provider}")
        kitaru.usage(model="m-1", input_tokens=10, output_tokens=2, cost_usd=0.25)
        if provider == "alpha" and source.endswith("3") and os.path.exists("down"):
            raise RuntimeError("the provider is down")
        return clean(f"{provider} on {source}")

    @checkpoint(effect="once")
    def publish(text: str) -> str:
        did("publish")
        return f"published {text}"

    @flow
    def research(topic: str = "tea", style: str = "plain") -> str:
        parts = [analyze(one) for one in search(topic)]
        if not kitaru.wait(schema=bool, name="approve", question="Publish?"):
            return "held back"
        return publish(f"{style}: " + "; ".join(parts))
"""

KINDS = """
    import dataclasses
    import kitaru
    from kitaru import checkpoint, flow
    from world import did

    @dataclasses.dataclass
    class Config:
        model: str
        limit: int = 3

    class Opaque:
        def __init__(self):
            self.held = object()

    @checkpoint
    def ask(config: Config, question: str) -> str:
        did(f"ask {config.model} {question}")
        assert isinstance(config, Config)
        return f"{config.model}: {question}"

    @checkpoint
    def outer(n: int) -> int:
        did(f"outer {n}")
        return inner(n) + inner(n + 1)

    @checkpoint
    def inner(n: int) -> int:
        did(f"inner {n}")
        return n * 10

    @checkpoint
    def take(thing) -> str:
        did("take")
        return "taken"

    @flow
    def asking(config: Config, question: str = "why") -> str:
        assert isinstance(config, Config)
        return ask(config, question)

    @flow
    def nested(n: int = 1) -> int:
        return outer(n) + inner(n)

    @flow
    def opaque() -> str:
        return take(Opaque())

    @flow
    def child(n: int) -> int:
        return inner(n)

    @flow
    def parent() -> int:
        return child(1) + child(2)
"""


def broken(lab: Lab) -> str:
    """A run that failed at its third analysis. Returns the end of its identifier."""
    lab.write("searcher.py", SEARCHER)
    lab.write("down", "")
    lab.kitaru("run", "searcher.py:research").ok(1)
    return latest(lab)


def whole(lab: Lab, topic: str = "tea") -> str:
    """A run that completed. Returns the end of its identifier."""
    lab.write("searcher.py", SEARCHER)
    lab.kitaru("run", "searcher.py:research", "--input", f"topic={topic}").ok(75)
    lab.kitaru("input", "latest", "--value", "true").ok()
    return latest(lab)


def latest(lab: Lab) -> str:
    """The end of the newest execution's identifier."""
    return str(lab.item("show", "latest")["id"])[-8:]


def done(lab: Lab) -> list[str]:
    """What was really done since this was last asked."""
    found = lab.done()
    lab.world.unlink(missing_ok=True)
    return found


def timeless(text: str) -> str:
    """Output without identifiers, times and durations; what cost nothing but time is left out with it."""
    text = re.sub(r"(saves|took) [\d.]+ m?s and ", r"\1 ", text)
    text = re.sub(r", (saves|took) [\d.]+ m?s( when recorded)?$", "", text, flags=re.MULTILINE)
    return settled(text)


def fates(plan: dict[str, object]) -> dict[str, str]:
    """What becomes of each call of a plan."""
    calls = plan["calls"]
    assert isinstance(calls, list)
    return {call["key"]: call["fate"] for call in calls}
