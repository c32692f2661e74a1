"""Ways of mixing results up or of paying twice that a hostile reader found."""

from __future__ import annotations

import contextlib
import sqlite3
import time

import pytest

from lab import PYTHON, Lab

HEAD = """
import asyncio, os, time
import kitaru
from kitaru import checkpoint, flow
from world import count, did

FIXED = os.path.exists("fixed")

"""


def run(lab: Lab, source: str, code: int) -> str:
    lab.write("agent.py", HEAD + source)
    call = "asyncio.run(agent.main())" if "async def main" in source else "agent.main()"
    lab.python("-c", f"import agent, asyncio; {call}").ok(code)
    return lab.only()


def test_before_a_flow_begins_again_what_is_still_under_way_ends_and_is_recorded(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint
async def bad(n):
    did(f"bad {n}")
    await asyncio.sleep(0.01)
    if not FIXED:
        raise ValueError(n)
    return n

@checkpoint
async def paid(n):
    did(f"paid {n}")
    await asyncio.sleep(0.2)
    return did(f"ended {n}")

@flow
async def main():
    return await asyncio.gather(bad(1), bad(2), paid(3))
""",
        code=1,
    )
    (lab.folder / "fixed").write_text("")
    before = len(lab.done())
    # `bad(2)` fails from its record while `paid(3)` runs: the flow begins again.
    lab.kitaru("resume", exec_id, "--rerun", "paid").ok(0)
    assert lab.item("show", exec_id)["result"] == [1, 2, "ended 3"]
    assert lab.done()[before:].count("paid 3") == 1, lab.done()
    assert sorted(lab.done()[before:]) == ["bad 1", "bad 2", "ended 3", "paid 3"]


def test_an_argument_without_a_codec_does_not_hide_the_others(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
class Shop:
    def __init__(self):
        self.socket = open("/dev/null")

    @checkpoint
    def charge(self, order):
        return did(f"receipt of {order}")

@flow(on_drift="rerun")
def main():
    shop = Shop()
    receipts = {order: shop.charge(order) for order in open("orders").read().split()} if os.path.exists("orders") \\
        else {order: shop.charge(order) for order in ("o1", "o2")}
    kitaru.wait(schema=bool, name="go")
    return receipts
""",
        code=75,
    )
    lab.write("orders", "o2 o3")
    lab.kitaru("input", exec_id, "--value", "true").ok(0)
    assert lab.item("show", exec_id)["result"] == {"o2": "receipt of o2", "o3": "receipt of o3"}


def test_an_effect_that_was_cut_off_by_a_timeout_is_asked_about(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint(effect="once")
async def charge():
    did("charged")
    await asyncio.sleep(0.4 if not FIXED else 0)
    return "receipt"

@flow
async def main():
    return await asyncio.wait_for(charge(), 0.1 if not FIXED else 60)
""",
        code=75,
    )
    (lab.folder / "fixed").write_text("")
    asked = lab.kitaru("resume", exec_id).ok(75)
    assert "may have happened" in asked.err
    assert lab.done() == ["charged"]


def test_a_reconciled_value_without_a_codec_leaves_the_doubt(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
def look():
    return object() if not FIXED else "found"

@checkpoint(effect="once", reconcile=look)
def charge():
    did("charged")
    os._exit(9)

@flow
def main():
    return charge()
""",
        code=9,
    )
    lab.kitaru("resume", exec_id).ok(1)
    assert lab.kitaru("resume", exec_id).code != 9
    assert lab.done() == ["charged"]
    (lab.folder / "fixed").write_text("")
    lab.kitaru("resume", exec_id).ok(0)
    assert lab.done() == ["charged"]


def test_a_command_that_answered_one_question_does_not_answer_the_next(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@flow
def main():
    for n in (1, 2):
        if kitaru.wait(schema=bool, name="approve", question=f"Publish draft {n}?"):
            return did(f"published draft {n}")
    return "nothing"
""",
        code=75,
    )
    lab.kitaru("input", exec_id, "--value", "false", "--wait", "approve").ok(75)
    refused = lab.kitaru("input", exec_id, "--value", "true", "--wait", "approve").ok(1)
    assert "already-answered" in refused.err
    assert lab.done() == []
    lab.kitaru("input", exec_id, "--value", "true", "--wait", "approve#2").ok(0)
    assert lab.done() == ["published draft 2"]


def test_two_different_checkpoints_of_one_name_are_refused(lab: Lab) -> None:
    lab.write("a.py", "from kitaru import checkpoint\n@checkpoint\ndef ask(q):\n    return 'a ' + q\n")
    lab.write("b.py", "from kitaru import checkpoint\n@checkpoint\ndef ask(q):\n    return 'b ' + q\n")
    lab.write(
        "agent.py", "import a, b\nfrom kitaru import flow\n@flow\ndef main():\n    return [a.ask('q'), b.ask('q')]\n"
    )
    left = lab.python("-c", "import agent; agent.main()").ok(1)
    assert "two different checkpoints are named 'ask'" in left.err


def test_a_body_that_ran_out_of_its_time_starts_nothing_more(lab: Lab) -> None:
    run(
        lab,
        """
@checkpoint
def page(n):
    time.sleep(0.15)
    return did(f"page {n}")

@checkpoint(timeout=0.2)
def book():
    return page.map(range(6), limit=1)

@flow
def main():
    try:
        book()
    except kitaru.KitaruTimeoutError:
        did("timeout")
    time.sleep(0.8)
""",
        code=0,
    )
    done = lab.done()
    assert len(done[done.index("timeout") + 1 :]) <= 1, done


def test_a_body_waits_for_a_recorded_uuid_that_another_thread_is_writing(lab: Lab) -> None:
    """The heart takes it along, and its commit takes long: nobody uses the key before."""
    if lab.store not in ("local", "sealed"):
        pytest.skip("what takes long is a commit to a file of the process's own")
    program = (
        HEAD
        + """
@checkpoint(ignore=("key",))
def charge(key):
    return did(str(key))

@flow
def main():
    did("begun")
    while not os.path.exists("locked"):
        time.sleep(0.01)
    key = kitaru.uuid()
    did("made")
    time.sleep(0.5)
    return charge(key)
"""
    )
    lab.write("agent.py", program)
    process = lab.spawn(PYTHON, "-c", "import agent; agent.main()")
    lab.wait_for("begun")
    # What the heart had to write of its own is written.
    time.sleep(0.3)
    with contextlib.closing(sqlite3.connect(lab.home / "kitaru.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (lab.folder / "locked").touch()
        lab.wait_for("made")
        time.sleep(1.2)
        assert lab.done() == ["begun", "made"]
        other.execute("ROLLBACK")
    assert process.wait(30) == 0, process.stderr and process.stderr.read()
    assert len(lab.done()) == 3


def test_a_recorded_uuid_is_durable_before_a_body_uses_it(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
@checkpoint(ignore=("key",))
def charge(key):
    did(str(key))
    if not FIXED:
        os._exit(9)
    return str(key)

@flow
def main():
    return charge(kitaru.uuid())
""",
        code=9,
    )
    (lab.folder / "fixed").write_text("")
    lab.kitaru("resume", exec_id).ok(0)
    assert len(set(lab.done())) == 1, "both tries used the same key"


def test_a_handled_failure_that_cannot_be_stored_is_asked_about_before_it_costs_again(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
import threading

class HttpError(Exception):
    def __init__(self, text):
        super().__init__(text)
        self.lock = threading.Lock()

@checkpoint
def big():
    did("big")
    if count("big") == 1:
        raise HttpError("too large")
    return "big"

@checkpoint
def small():
    return did("small")

@flow
def main():
    try:
        model = big()
    except HttpError:
        model = small()
    return [model, kitaru.wait(schema=bool, name="go")]
""",
        code=75,
    )
    asked = lab.kitaru("input", exec_id, "--value", "true").ok(75)
    assert "could not be stored" in asked.err and "--rerun big" in asked.err
    assert lab.done() == ["big", "small"]


def test_an_answer_that_fits_the_schema_and_not_the_type_leaves_the_question_open(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
from pydantic import BaseModel, field_validator

class Order(BaseModel):
    n: int

    @field_validator("n")
    @classmethod
    def even(cls, value):
        if value % 2:
            raise ValueError("must be even")
        return value

@flow
def main():
    return kitaru.wait(schema=Order, name="order").n
""",
        code=75,
    )
    refused = lab.kitaru("input", exec_id, "--value", '{"n": 3}').ok(75)
    assert "must be even" in refused.err
    assert [wait["status"] for wait in lab.item("show", exec_id)["waits"]] == ["open"]
    lab.kitaru("input", exec_id, "--value", '{"n": 4}').ok(0)
    assert lab.item("show", exec_id)["result"] == 4
