"""What hangs on an exception that a flow handles is what its record holds, from the first run on."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

import pytest

from lab.passes import HEAD, said, seen

if TYPE_CHECKING:
    from lab import Lab

PROGRAMS = {
    "an argument of the call": """
class Stopped(Exception):
    pass

@checkpoint
def step(messages):
    raise Stopped(messages)

@flow
def main():
    messages = ["a"]
    try:
        step(messages)
    except Stopped as stopped:
        stopped.args[0].append("b")
        saw(messages, stopped.args)
    go_on()
""",
    "an attribute that the body keeps": """
KEPT = []

class Stopped(Exception):
    def __init__(self, *, seen):
        super().__init__("stopped")
        self.seen = seen

@checkpoint
def step(n):
    KEPT.append(n)
    raise Stopped(seen=KEPT)

@flow
def main():
    found = []
    for n in (1, 2):
        try:
            step(n)
        except Stopped as stopped:
            found.append(stopped)
    saw([one.seen for one in found])
    go_on()
""",
    "a slot": """
KEPT = []

class Stopped(Exception):
    __slots__ = ("seen",)

@checkpoint
def step(n):
    KEPT.append(n)
    stopped = Stopped("stopped")
    stopped.seen = KEPT
    raise stopped

@flow
def main():
    found = []
    for n in (1, 2):
        try:
            step(n)
        except Stopped as stopped:
            found.append(stopped.seen)
    saw(found)
    go_on()
""",
    "a cause and a member of a group": """
KEPT = []

class Inner(Exception):
    pass

@checkpoint
def step(n):
    KEPT.append(n)
    raise ValueError("outer") from Inner(KEPT)

@checkpoint
def several(n):
    KEPT.append(n)
    raise ExceptionGroup("both", [Inner(KEPT), Inner(KEPT)])

@flow
def main():
    found = []
    for n in (1, 2):
        try:
            step(n)
        except ValueError as error:
            found.append(error.__cause__.args)
        try:
            several(n)
        except ExceptionGroup as group:
            found += [one.args for one in group.exceptions]
    saw(found)
    go_on()
""",
    "a response": """
class Response:
    def __init__(self):
        self.status_code, self.headers, self.text = 429, {"x-id": "7", "set-cookie": "secret"}, '{"a": 1}'
        self.socket = open("/dev/null")

class ApiError(Exception):
    def __init__(self, *, response):
        super().__init__("429")
        self.response = response

@checkpoint
def ask():
    raise ApiError(response=Response())

@flow
def main():
    try:
        ask()
    except ApiError as error:
        r = error.response
        saw(r.status_code, r.headers.get("x-id"), r.headers.get("set-cookie"), r.json(), hasattr(r, "socket"))
    go_on()
""",
    "asynchronous": """
class Stopped(Exception):
    pass

@checkpoint
async def step(messages):
    raise Stopped(messages)

@flow
async def main():
    messages = ["a"]
    (stopped,) = await asyncio.gather(step(messages), return_exceptions=True)
    stopped.args[0].append("b")
    saw(messages, stopped.args)
    await go_on()
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_first_run_and_a_re_entry_are_given_the_same(lab: Lab, name: str) -> None:
    if "ExceptionGroup" in PROGRAMS[name] and not hasattr(builtins, "ExceptionGroup"):
        pytest.skip("groups came with Python 3.11")
    first, again = seen(lab, PROGRAMS[name])
    assert first and again == first


def test_it_is_the_exception_that_was_raised_with_its_traceback_and_notes(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
import traceback

class Stopped(Exception):
    pass

RAISED = Stopped(["a"])

@checkpoint
def step():
    deep()

def deep():
    raise RAISED from KeyError("why")

@flow
def main():
    try:
        step()
    except Stopped as stopped:
        said = traceback.format_exc()
        saw(stopped is RAISED, "in deep" in said, "KeyError" in said)
""",
    )
    lab.python("-c", "import agent; agent.main()").ok(0)
    assert said(lab) == ["saw True True True"]


def test_one_that_cannot_be_recorded_as_it_is_stays_as_it_is(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
import threading

class Stopped(Exception):
    pass

@checkpoint
def step(messages):
    raise Stopped(threading.Lock(), messages)

@flow
def main():
    messages = ["a"]
    try:
        step(messages)
    except Stopped as stopped:
        saw(stopped.args[0].acquire(), stopped.args[1] is messages)
""",
    )
    lab.python("-c", "import agent; agent.main()").ok(0)
    assert said(lab) == ["saw True True"]
