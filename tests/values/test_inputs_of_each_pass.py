"""Every pass of an execution is given its inputs as they were at the call, whatever an earlier pass did to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.passes import HEAD, seen

if TYPE_CHECKING:
    from lab import Lab


def test_what_a_pass_does_to_its_inputs_is_not_seen_by_the_next(lab: Lab) -> None:
    first, again = seen(
        lab,
        """
@flow
def agent(messages, options=[]):
    saw(messages, options)
    messages.append("thought")
    options.append("x")
    go_on()

def main():
    agent(["a"])
""",
    )
    assert first == again == ["saw ['a'] []"]


# The second pass begins in the same process: a failure that was only read from its record is run again there.
AGAIN = """
@checkpoint
def tool():
    if count("fixed") == 0:
        raise RuntimeError("not yet")
    return 1

@{flow}
{define} agent(messages, more=None):
    saw(messages, more)
    messages.append("thought")
    try:
        tool()
    except RuntimeError:
        if count("first") == 0:
            did("first")
            {wait}
        raise

{define} main():
    {run}agent(["a"], more={{"k": []}})
"""


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_nor_by_the_next_in_the_same_process(lab: Lab, asynchronous: bool) -> None:
    words = (
        {"define": "async def", "run": "await ", "wait": "await go_on()"}
        if asynchronous
        else {"define": "def", "run": "", "wait": "go_on()"}
    )
    source = AGAIN.format(flow="flow", **words)
    lab.write("agent.py", HEAD + source)
    call = "asyncio.run(agent.main())" if asynchronous else "agent.main()"
    lab.python("-c", f"import agent, asyncio; {call}").ok(75)
    (lab.folder / "world.log").open("a").write("fixed\n")
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    # One before the wait, one that meets the recorded failure, and one that runs it again.
    assert [line for line in lab.done() if line.startswith("saw")] == ["saw ['a'] {'k': []}"] * 3


def test_the_callers_own_objects_stay_as_they_are(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
@checkpoint
def look(messages):
    return len(messages)

@flow
def agent(messages):
    messages.append("thought")
    return look(messages)

@flow
async def later(messages):
    return look(messages)

def main():
    mine = ["a"]
    saw(agent(mine), mine)
    handle = agent.run(mine)
    mine.append("changed after the call")
    saw(handle.get())
    waiting = later(mine)
    mine.append("changed before it was awaited")
    saw(asyncio.run(waiting))
""",
    )
    lab.python("-c", "import agent; agent.main()").ok(0)
    assert lab.done() == ["saw 2 ['a']", "saw 2", "saw 2"]


def test_a_child_is_given_its_own(lab: Lab) -> None:
    first, again = seen(
        lab,
        """
@flow
def child(messages):
    messages.append("thought")
    return len(messages)

@flow
def main():
    messages = ["a"]
    saw(child(messages), messages)
    go_on()
""",
    )
    assert first == again == ["saw 2 ['a']"]


def test_a_child_has_them_as_of_its_call(lab: Lab) -> None:
    first, again = seen(
        lab,
        """
@flow
async def child(messages):
    return list(messages)

@flow
async def main():
    messages = ["a"]
    made = child(messages)
    messages.append("b")
    saw(await made)
    await go_on()
""",
    )
    assert first == again == ["saw ['a']"]


def test_the_first_pass_sees_no_more_of_an_input_than_a_later_one(lab: Lab) -> None:
    first, again = seen(
        lab,
        """
class Money:
    def __init__(self, cents):
        self.cents, self.note = cents, None

kitaru.codec(Money, encode=lambda money: money.cents, decode=Money)

@flow
def agent(money):
    saw(money.note)
    go_on()

def main():
    money = Money(5)
    money.note = "not stored"
    agent(money)
""",
    )
    assert first == again == ["saw None"]


def test_self_stays_the_callers(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
class Agent:
    def __init__(self):
        self.seen = []

    @flow
    def run(self, messages):
        self.seen.append(messages[0])
        messages.append("x")

def main():
    mine, agent = ["a"], Agent()
    agent.run(mine)
    saw(agent.seen, mine)
""",
    )
    lab.python("-c", "import agent; agent.main()").ok(0)
    assert lab.done() == ["saw ['a'] ['a']"]


def test_what_cannot_be_changed_is_given_as_it_is(lab: Lab) -> None:
    first, _ = seen(
        lab,
        """
TEXT = "x" * (1 << 20)

@flow
def agent(text, pair):
    saw(text is TEXT, pair)
    go_on()

def main():
    agent(TEXT, pair=(1, "b"))
""",
    )
    assert first == ["saw True (1, 'b')"]


def test_an_input_that_cannot_be_given_again_is_refused_before_anything_runs(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
class Money:
    pass

def broken(cents):
    raise LookupError("no currency")

kitaru.codec(Money, encode=lambda money: 1, decode=broken)

@flow
def agent(money):
    did("ran")

def main():
    agent([Money()])
""",
    )
    said = lab.python("-c", "import agent; agent.main()").ok(1).err
    assert "KitaruEncodeError" in said and "Money" in said and "no currency" in said
    assert lab.done() == []
