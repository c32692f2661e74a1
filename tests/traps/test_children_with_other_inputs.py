"""A child execution that has not ended, and that its flow calls with other inputs when it comes there again."""

from __future__ import annotations

import pytest

from lab import Lab

SOURCE = """
import asyncio, os
import kitaru
from kitaru import checkpoint, flow
from world import did

EDITED = os.path.exists("edited")

@checkpoint
def read(topic, page):
    did(f"{topic} {page}")
    return page

@flow
{kind} research(topic: str) -> str:
    read(topic, 1)
    {leaves}
    read(topic, 2)
    return f"about {topic}"

@flow{policy}
{kind} main():
    return {call}
"""

CALLS = {
    "direct": ("def", "research('wasps' if EDITED else 'bees')"),
    "beside": ("def", "research.run('wasps' if EDITED else 'bees').result()"),
    "async": ("async def", "await research('wasps' if EDITED else 'bees')"),
}
CRASHES = "if not EDITED: os._exit(9)"
ASKS = "kitaru.wait(schema=bool, name='go')"


def left(lab: Lab, how: str, leaves: str = CRASHES, policy: str = "") -> str:
    """The flow whose child was left half done, and that is edited since."""
    kind, call = CALLS[how]
    does = f"await {leaves}" if how == "async" and leaves == ASKS else leaves
    source = SOURCE.replace("{kind}", kind).replace("{leaves}", does).replace("{policy}", policy)
    lab.write("agent.py", source.replace("{call}", call))
    lab.kitaru("run", "agent.py:main").ok(75 if leaves == ASKS else 9)
    (lab.folder / "edited").write_text("")
    return lab.only()


def children(lab: Lab) -> dict[str, str]:
    """Each child's topic, and how it is."""
    shown = [lab.item("show", exec_id) for exec_id in ids(lab)]
    return {one["inputs"]["topic"]: one["status"] for one in shown}


def ids(lab: Lab) -> list[str]:
    return [str(row[0]) for row in lab.query("SELECT id FROM executions WHERE parent IS NOT NULL ORDER BY n")]


@pytest.mark.parametrize("leaves", [CRASHES, ASKS], ids=["crashes", "asks"])
@pytest.mark.parametrize("how", CALLS)
def test_it_is_asked_about_before_another_begins(lab: Lab, how: str, leaves: str) -> None:
    exec_id = left(lab, how, leaves)
    goes_on = ("input", exec_id, "--value", "true") if leaves == ASKS else ("resume", exec_id)
    told = lab.kitaru(*goes_on).ok(75)
    assert '"bees" -> "wasps"' in told.err and "has not come to its end" in told.err, told.err
    assert lab.done() == ["bees 1"]
    assert list(children(lab)) == ["bees"]
    # It is the same: it goes on with what it began with.
    lab.kitaru("resume", exec_id, "--on-drift", "reuse").ok()
    assert lab.done() == ["bees 1", "bees 2"]
    assert lab.item("show", exec_id)["result"] == "about bees"
    assert children(lab) == {"bees": "completed"}


def test_another_begins_beside_it_when_somebody_says_so(lab: Lab) -> None:
    exec_id = left(lab, "direct")
    lab.kitaru("resume", exec_id).ok(75)
    lab.kitaru("resume", exec_id, "--on-drift", "rerun").ok()
    assert lab.done() == ["bees 1", "wasps 1", "wasps 2"]
    assert lab.item("show", exec_id)["result"] == "about wasps"
    assert children(lab)["wasps"] == "completed"


def test_a_flow_that_says_so_in_its_code_is_not_asked(lab: Lab) -> None:
    exec_id = left(lab, "direct", policy="(on_drift='rerun')")
    lab.kitaru("resume", exec_id).ok()
    assert lab.done() == ["bees 1", "wasps 1", "wasps 2"]


def test_one_that_was_cancelled_is_not_asked_about(lab: Lab) -> None:
    exec_id = left(lab, "direct")
    (child,) = ids(lab)
    lab.kitaru("cancel", child).ok()
    lab.kitaru("resume", exec_id).ok()
    assert lab.done() == ["bees 1", "wasps 1", "wasps 2"]
    assert children(lab) == {"bees": "cancelled", "wasps": "completed"}
