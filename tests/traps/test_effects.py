"""What must not happen twice is asked about, and a body that promises it runs through at once."""

from __future__ import annotations

import pytest

from lab import Lab
from traps.failing import run


def test_an_effect_that_must_happen_once_asks_after_a_crash_in_between(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint(effect="once")
def charge(order):
    did("charged")
    if not FIXED:
        os._exit(9)
    return "receipt"

@flow
def main():
    return charge("o1")
""",
        code=9,
    )
    assert lab.done() == ["charged"]
    (lab.folder / "fixed").write_text("")
    asked = lab.kitaru("resume", exec_id)
    assert asked.code == 75
    assert "may have happened" in asked.err
    assert lab.done() == ["charged"]
    lab.kitaru("resume", exec_id, "--rerun", "charge").ok(0)
    assert lab.done() == ["charged", "charged"]


def test_reconcile_decides_after_a_crash_in_between(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
def look(order):
    return "receipt found" if count("charged") else kitaru.NOT_DONE

@checkpoint(effect="once", reconcile=look)
def charge(order):
    did("charged")
    os._exit(9)

@flow
def main():
    return charge("o1")
""",
        code=9,
    )
    lab.kitaru("resume", exec_id).ok(0)
    assert lab.done() == ["charged"]
    assert lab.item("show", exec_id)["result"] == "receipt found"


REFUSED = {
    "a wait": 'kitaru.wait(schema=bool, name="go")',
    "a long sleep": "kitaru.sleep(3600)",
    "a short sleep": "kitaru.sleep(0.01)",
    "no sleep at all": "kitaru.sleep(0)",
    "a child": "child()",
    "a sleep in a nested call": "nested()",
}


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("what", REFUSED)
def test_the_body_of_an_effect_must_run_through_at_once(lab: Lab, what: str, kind: str) -> None:
    asynchronous = kind == "async def"
    wait = "await " if asynchronous else ""
    run(
        lab,
        f"""
@flow
{kind} child():
    return did("child")

@checkpoint
{kind} nested():
    {wait}kitaru.sleep(0.01)

@checkpoint(effect="once")
{kind} charge():
    {wait}{REFUSED[what]}
    return did("charged")

@flow
{kind} main():
    try:
        {wait}charge()
    except kitaru.KitaruUsageError as error:
        return str(error)
""",
        code=0,
    )
    item = lab.item("show", lab.only())
    assert "effect='once'" in item["result"] and "is refused" in item["result"]
    assert lab.done() == []
