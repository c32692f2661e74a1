"""A call's result is what its record holds, from the first run on: nothing that was done to the live value counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.passes import HEAD, seen

if TYPE_CHECKING:
    from lab import Lab

PROGRAMS = {
    "a list that the body keeps": """
KEPT = []

@checkpoint
def step(n):
    KEPT.append(n)
    return KEPT

@flow
def main():
    a, b = step(1), step(2)
    saw(a, b)
    go_on()
""",
    "an argument that is returned": """
@checkpoint
def same(messages):
    return messages

@flow
def main():
    messages = ["a"]
    answer = same(messages)
    answer.append("b")
    saw(messages, answer)
    go_on()
""",
    "one list in two places": """
@checkpoint
def twice():
    row = [0]
    return [row, row]

@flow
def main():
    rows = twice()
    rows[0].append(1)
    saw(rows)
    go_on()
""",
    "in a tuple": """
KEPT = {}

@checkpoint
def step(n):
    KEPT[n] = n
    return (n, "fixed", KEPT)

@flow
def main():
    a, b = step("x"), step("y")
    saw(a, b)
    go_on()
""",
    "a nested call": """
KEPT = []

@checkpoint
def inner(n):
    KEPT.append(n)
    return KEPT

@checkpoint
def outer():
    a = inner(1)
    inner(2)
    saw("inside", a)
    go_on()

@flow
def main():
    outer()
""",
    "asynchronous": """
KEPT = []

@checkpoint
async def step(n):
    KEPT.append(n)
    return KEPT

@flow
async def main():
    saw(*await asyncio.gather(step(1), step(2)))
    await go_on()
""",
    "submitted and mapped": """
KEPT = []

@checkpoint
def step(n):
    KEPT.append(n)
    return KEPT

@flow
def main():
    a = step.submit(1).result()
    b = step.map([2, 3], limit=1)
    saw(a, b)
    go_on()
""",
    "kitaru.call": """
KEPT = []

def step(n):
    KEPT.append(n)
    return KEPT

@flow
def main():
    a, b = kitaru.call("step", step, 1), kitaru.call("step", step, 2)
    saw(a, b)
    go_on()
""",
    "kitaru.call with codec=": """
class Box:
    def __init__(self, held):
        self.held, self.opened = held, 0

BOX = Box([1])

def step(n):
    BOX.opened = n
    return BOX

@flow
def main():
    codec = (lambda box: box.held, Box)
    a, b = kitaru.call("step", step, 1, codec=codec), kitaru.call("step", step, 2, codec=codec)
    saw(a.opened, b.opened, a is b)
    go_on()
""",
    "a registered codec": """
class Money:
    def __init__(self, cents):
        self.cents, self.note = cents, None

kitaru.codec(Money, encode=lambda money: money.cents, decode=Money)

@checkpoint
def price():
    money = Money(5)
    money.note = "not stored"
    return money

@flow
def main():
    saw(price().note)
    go_on()
""",
    "a dataclass": """
import dataclasses, functools

@dataclasses.dataclass
class Plan:
    steps: list

    @functools.cached_property
    def size(self):
        return len(self.steps)

@checkpoint
def plan():
    made = Plan(["a"])
    made.size
    made.steps.append("b")
    return made

@flow
def main():
    saw(plan().size)
    go_on()
""",
    "a subclass of a plain type": """
class Html(str):
    pass

KEPT = Html("<p>")
KEPT.links = []

@checkpoint
def render(n):
    KEPT.links.append(n)
    return KEPT

@flow
def main():
    a, b = render(1), render(2)
    saw(type(a).__name__, a.links, b.links)
    go_on()
""",
    "an array": """
import numpy as np
KEPT = np.zeros(2)

@checkpoint
def step(n):
    KEPT[n] = 1
    return KEPT

@flow
def main():
    a, b = step(0), step(1)
    saw(a.tolist(), b.tolist())
    go_on()
""",
    "pickled": """
class Bag:
    pass

KEPT = Bag()
KEPT.held = []

@checkpoint(pickle=True)
def step(n):
    KEPT.held.append(n)
    return KEPT

@flow
def main():
    a, b = step(1), step(2)
    saw(a.held, b.held)
    go_on()
""",
    "a stream, after its block": """
KEPT = []

@flow
def main():
    got = []
    for n in (1, 2):
        with kitaru.open_call("stream", n) as call:
            if not call.recorded:
                KEPT.append(n)
                call.finish(KEPT)
        got.append(call.value)
    saw(*got)
    go_on()
""",
    "a stream whose reader changes what it is given": """
def stream():
    with kitaru.open_call("stream", 1) as call:
        if not call.recorded:
            call.finish(["word"])
        yield call.value

@flow
def main():
    for words in stream():
        words.append("more")
    saw(words)
    go_on()
""",
    "an asynchronous stream": """
KEPT = []

@flow
async def main():
    got = []
    for n in (1, 2):
        async with kitaru.open_call("stream", n) as call:
            if not call.recorded:
                KEPT.append(n)
                call.finish(KEPT)
        got.append(call.value)
    saw(*got)
    await go_on()
""",
    "a child flow": """
KEPT = []

@flow
def child(n):
    KEPT.append(n)
    return KEPT

@flow
def main():
    a, b = child(1), child(2)
    c = child.run(3).result()
    saw(a, b, c)
    go_on()
""",
    "an asynchronous child flow": """
KEPT = []

@flow
async def child(n):
    KEPT.append(n)
    return KEPT

@flow
async def main():
    a, b = await child(1), await child(2)
    saw(a, b)
    await go_on()
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_first_run_and_a_re_entry_are_given_the_same(lab: Lab, name: str) -> None:
    if name == "an array":
        pytest.importorskip("numpy")
    first, again = seen(lab, PROGRAMS[name])
    assert first and again == first


def test_what_reconcile_found_is_given_as_it_was_recorded(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
import os, sys

def look():
    return FOUND

FOUND = ["receipt"]

@checkpoint(effect="once", reconcile=look)
def charge():
    did("charge")
    os._exit(9)

@flow
def main():
    receipt = charge()
    FOUND.append("changed later")
    saw(receipt)
    go_on()
    return receipt
""",
    )
    lab.python("-c", "import agent; agent.main()").ok(9)
    lab.kitaru("resume", lab.only()).ok(75)
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    assert lab.done() == ["charge", "saw ['receipt']", "saw ['receipt']"]


def test_what_reconcile_found_goes_through_the_calls_own_codec(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
import os

class Receipt:
    def __init__(self, number):
        self.number = number

def charge():
    did("charge")
    os._exit(9)

@flow
def main():
    codec = (lambda receipt: receipt.number, Receipt)
    receipt = kitaru.call("charge", charge, codec=codec, effect="once", reconcile=lambda: Receipt(7))
    saw(type(receipt).__name__, receipt.number)
    go_on()
""",
    )
    lab.python("-c", "import agent; agent.main()").ok(9)
    lab.kitaru("resume", lab.only()).ok(75)
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    assert lab.done() == ["charge", "saw Receipt 7", "saw Receipt 7"]


def test_what_cannot_be_changed_is_handed_on_as_it_is(lab: Lab) -> None:
    first, _ = seen(
        lab,
        """
import datetime
KEPT = ["x" * (1 << 20), b"y" * 100_000, 1 << 80, ("a", (1, 2.5, None)), frozenset({"a"}),
        datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)]

@checkpoint
def step(n):
    return KEPT[n]

@flow
def main():
    saw([step(n) is one for n, one in enumerate(KEPT)])
    go_on()
""",
    )
    assert first == [f"saw {[True] * 6}"]


UNBUILDABLE = """
class Money:
    def __init__(self, cents):
        self.cents = cents

def broken(cents):
    raise LookupError("no currency")

kitaru.codec(Money, encode=lambda money: money.cents, decode=broken)

@checkpoint({options})
def price():
    did("price")
    return {{"all": [Money(5)]}}

@flow
def main():
    saw(price()["all"][0].cents)
    go_on()
"""


def test_a_result_that_is_stored_and_cannot_be_built_again_counts_as_not_stored(lab: Lab) -> None:
    lab.write("agent.py", HEAD + UNBUILDABLE.format(options=""))
    said = lab.python("-c", "import agent; agent.main()").ok(75).err
    assert "Money" in said and "no currency" in said and "built again" in said
    assert lab.done() == ["price", "saw 5"]
    lab.kitaru("input", lab.only(), "--value", "true").ok(75)
    assert lab.done() == ["price", "saw 5"], "a re-entry asks before it pays again"
    assert lab.item("show", lab.only())["status"] == "paused"


def test_and_is_an_error_under_strict(lab: Lab) -> None:
    lab.write("agent.py", HEAD + UNBUILDABLE.format(options="strict=True"))
    said = lab.python("-c", "import agent; agent.main()").ok(1).err
    assert "KitaruEncodeError" in said and "no currency" in said


def test_the_way_back_of_codec_counts_too(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
class Box:
    pass

def broken(data):
    raise LookupError("no box")

@flow
def main():
    box = kitaru.call("pack", Box, codec=(lambda box: 1, broken))
    saw(type(box).__name__)
    go_on()
""",
    )
    said = lab.python("-c", "import agent; agent.main()").ok(75).err
    assert "no box" in said
    assert lab.done() == ["saw Box"]


def test_what_stands_for_a_missing_class_is_passed_on(lab: Lab) -> None:
    first, again = seen(
        lab,
        """
from kitaru import RawValue

@checkpoint
def same(value):
    return [value]

@flow
def main():
    lost = RawValue("gone.Finding", {"$kitaru": "dataclass", "t": "gone:Finding", "v": {}}, "it is gone")
    saw(same(lost) == [lost])
    go_on()
""",
    )
    assert first == again == ["saw True"]
