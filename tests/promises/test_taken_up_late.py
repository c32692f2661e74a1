"""Whoever is about to carry an execution on may come late: another had it meanwhile, and it failed or was paused. What
failed is paid for again, and what was paused goes on, only if somebody says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lab import PYTHON

if TYPE_CHECKING:
    from lab import Lab

FLOWS = """
import kitaru
from kitaru import checkpoint, flow
from world import count, paid

@checkpoint
def costly(name):
    paid(name)
    if not count("mended"):
        raise ValueError("not yet")
    return name

@flow
def asks():
    name = kitaru.wait(schema=str, name="name", question="Who?")
    return costly(name)
"""

CARRY = """
import json, sys
from kitaru import _runner
from kitaru.errors import KitaruError
try:
    _runner.execute(json.loads(sys.argv[1]))
except KitaruError as refusal:
    print(refusal.code)
"""


def asked(lab: Lab) -> Any:
    """An execution that was answered and that nobody has carried on, as a carrier sees it."""
    lab.write("flows.py", FLOWS)
    lab.write("carry.py", CARRY)
    lab.kitaru("run", "flows.py:asks").ok(75)
    lab.kitaru("input", "latest", "--value", '"Ada"', "--no-resume").ok()
    ((exec_id, entry, epoch),) = lab.query("SELECT id, entry, epoch FROM executions")
    return {"id": exec_id, "entry": json.loads(str(entry)), "epoch": epoch}


def carry(lab: Lab, seen: Any, why: str) -> str:
    """Carries it on as it was seen. What that is refused for."""
    resume = {"id": seen["id"], "entry": seen["entry"], "why": why}
    if why in ("resume", "child"):
        resume["epoch"] = seen["epoch"]
    return lab.run(PYTHON, "carry.py", json.dumps({"resume": resume})).ok().out.strip()


@pytest.mark.parametrize("late", ["answer", "due", "awaited", "worker", "resume"])
def test_a_call_that_failed_meanwhile_is_not_made_again(lab: Lab, late: str) -> None:
    seen = asked(lab)
    assert carry(lab, seen, "answer") == ""
    assert carry(lab, seen, late) == "conflict"
    assert lab.item("show", seen["id"])["status"] == "failed"
    assert len(lab.done()) == 1
    lab.world.open("a").write("mended\n")
    assert lab.item("retry", seen["id"])["result"] == "Ada"


@pytest.mark.parametrize("late", ["answer", "due", "awaited", "worker"])
def test_what_was_paused_meanwhile_stays_so(lab: Lab, late: str) -> None:
    seen = asked(lab)
    lab.kitaru("pause", seen["id"]).ok()
    assert carry(lab, seen, late) == "conflict"
    assert lab.item("show", seen["id"])["status"] == "paused"
    assert lab.done() == []
    lab.world.open("a").write("mended\n")
    assert lab.item("resume", seen["id"])["result"] == "Ada"
