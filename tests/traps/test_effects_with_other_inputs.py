"""An effect that must happen once, and that stands elsewhere or has other inputs when the flow comes there again."""

from __future__ import annotations

import pytest

from lab import Lab

SOURCE = """
import asyncio, os
import kitaru
from kitaru import checkpoint, flow
from world import did

EDITED = os.path.exists("edited")

@checkpoint(effect="once"{options})
def charge(order, cents):
    did(f"charge {order} {cents}")
    if not EDITED:
        os._exit(9)
    return "ok"

@flow{policy}
{kind} main():
    return {call}
"""

CALLS = {
    "direct": ("def", "charge('A', 4300 if EDITED else 4200)"),
    "submitted": ("def", "charge.submit('A', 4300 if EDITED else 4200).result()"),
    "in a thread": ("async def", "await asyncio.to_thread(charge, 'A', 4300 if EDITED else 4200)"),
}


def crashed(lab: Lab, how: str, options: str = "", policy: str = "") -> str:
    kind, call = CALLS[how]
    source = SOURCE.replace("{kind}", kind).replace("{options}", options).replace("{policy}", policy)
    lab.write("agent.py", source.replace("{call}", call))
    lab.kitaru("run", "agent.py:main").ok(9)
    (lab.folder / "edited").write_text("")
    return lab.only()


@pytest.mark.parametrize("policy", ["", "(on_drift='rerun')", "(on_drift='reuse')"])
@pytest.mark.parametrize("how", CALLS)
def test_it_is_asked_about_before_it_happens_again(lab: Lab, how: str, policy: str) -> None:
    exec_id = crashed(lab, how, policy=policy)
    told = lab.kitaru("resume", exec_id).ok(75)
    assert "4200 -> 4300" in told.err and "this may have happened" in told.err, told.err
    assert lab.done() == ["charge A 4200"]
    # It is the same effect, and it did happen.
    told = lab.kitaru("resume", exec_id, "--on-drift", "reuse").ok(75)
    assert "--set output=VALUE" in told.err
    lab.kitaru("resume", exec_id, "--set", "output=paid").ok()
    assert lab.done() == ["charge A 4200"]
    assert "paid" in str(lab.item("show", exec_id)["result"])


def test_another_one_happens_when_somebody_says_so(lab: Lab) -> None:
    exec_id = crashed(lab, "direct")
    lab.kitaru("resume", exec_id).ok(75)
    lab.kitaru("resume", exec_id, "--on-drift", "rerun").ok()
    assert lab.done() == ["charge A 4200", "charge A 4300"]


def test_it_happens_with_the_new_inputs_when_the_first_did_not(lab: Lab) -> None:
    exec_id = crashed(lab, "direct")
    lab.kitaru("resume", exec_id).ok(75)
    told = lab.kitaru("resume", exec_id, "--on-drift", "reuse").ok(75)
    assert "--rerun charge" in told.err
    lab.kitaru("resume", exec_id, "--rerun", "charge").ok()
    assert lab.done() == ["charge A 4200", "charge A 4300"]


def test_reconcile_is_not_asked_about_an_effect_with_other_inputs(lab: Lab) -> None:
    options = ", reconcile=lambda order, cents: did(f'reconcile {cents}') and kitaru.NOT_DONE"
    exec_id = crashed(lab, "direct", options)
    lab.kitaru("resume", exec_id).ok(75)
    lab.kitaru("resume", exec_id, "--on-drift", "reuse").ok(75)
    assert lab.done() == ["charge A 4200"]


CLOCKED = """
import asyncio, os, time
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint(effect="once")
def charge(order):
    return did(f"charge {order}")

@checkpoint
def pack(order):
    return did(f"pack {order}")

@checkpoint
def process(order, at):
    found = charge(order)
    if not os.path.exists("mended"):
        os._exit(9)
    return found

async def work(at, order):
    return [pack(order), charge(order)] if FIRST else [charge(order), pack(order)]

@flow
async def tasks():
    found = await asyncio.gather(work(time.time(), "A"), work(time.time(), "B"))
    if not os.path.exists("mended"):
        os._exit(9)
    return found

@flow
def nested():
    return process("A", time.time())
"""


@pytest.mark.parametrize("first", [True, False])
def test_in_a_task_with_a_clock_it_does_not_happen_again_unasked(lab: Lab, first: bool) -> None:
    lab.write("agent.py", f"FIRST = {first}\n{CLOCKED}")
    lab.kitaru("run", "agent.py:tasks").ok(9)
    (lab.folder / "mended").write_text("")
    exec_id = lab.only()
    for _ in ("A", "B"):
        told = lab.kitaru("resume", exec_id, "--on-drift", "reuse").ok(75)
        assert "this may have happened" in told.err
    lab.kitaru("resume", exec_id, "--on-drift", "reuse").ok()
    assert sorted(lab.done()) == ["charge A", "charge B", "pack A", "pack B"]


def test_in_a_task_with_a_clock_another_one_happens_when_somebody_says_so(lab: Lab) -> None:
    lab.write("agent.py", f"FIRST = True\n{CLOCKED}")
    lab.kitaru("run", "agent.py:tasks").ok(9)
    (lab.folder / "mended").write_text("")
    exec_id = lab.only()
    lab.kitaru("resume", exec_id).ok(75)
    lab.kitaru("resume", exec_id, "--on-drift", "rerun").ok(75)
    # About the other order's, and about the one that has just happened: each pass has its own clock.
    lab.kitaru("resume", exec_id, "--on-drift", "reuse").ok(75)
    lab.kitaru("resume", exec_id, "--on-drift", "reuse").ok()
    done = lab.done()
    assert done.count("charge A") + done.count("charge B") == 3, done


def test_in_a_body_that_is_entered_with_other_inputs_it_does_not_happen_again_unasked(lab: Lab) -> None:
    lab.write("agent.py", f"FIRST = True\n{CLOCKED}")
    lab.kitaru("run", "agent.py:nested").ok(9)
    (lab.folder / "mended").write_text("")
    exec_id = lab.only()
    told = lab.kitaru("resume", exec_id).ok(75)
    assert "this may have happened" in told.err
    lab.kitaru("resume", exec_id, "--on-drift", "reuse").ok()
    assert lab.done() == ["charge A"]
    assert lab.item("show", exec_id)["result"] == "charge A"
