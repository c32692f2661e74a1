"""A body that changes its argument: no code of the flow can go on from it, on the first run as little as later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.passes import HEAD, said

if TYPE_CHECKING:
    from lab import Lab


def run(lab: Lab, source: str, code: int = 1) -> str:
    """Runs ``main()``. What it said on stderr."""
    lab.write("agent.py", HEAD + source)
    called = "asyncio.run(agent.main())" if "async def main" in source else "agent.main()"
    return lab.python("-c", f"import agent, asyncio; {called}").ok(code).err


def paused_by(lab: Lab, place: str) -> None:
    """Checks that the execution says why it does not go on, and how it could."""
    item = lab.item("show", lab.only())
    assert item["status"] == "paused" and place in item["reason"]["text"], item
    refused = lab.kitaru("resume", lab.only())
    assert refused.code != 0 and place in refused.err
    assert "--on-drift rerun" in refused.err and "--on-drift reuse" in refused.err


SWALLOWED = """
@checkpoint
def step(messages):
    did("step")
    messages.append("thought")
    return "answer"

@flow
def main():
    messages = ["a", "b", "c"]
    try:
        saw(step(messages))
    except {caught}:
        saw("another branch")
    saw("went on with", messages)
"""


@pytest.mark.parametrize("caught", ["Exception", "kitaru.KitaruMutatedArgumentError", "BaseException"])
def test_no_handler_of_the_flow_takes_another_branch(lab: Lab, caught: str) -> None:
    err = run(lab, SWALLOWED.format(caught=caught))
    assert "KitaruMutatedArgumentError" in err and "messages[3]" in err
    if caught != "BaseException":
        assert said(lab) == []
    paused_by(lab, "messages[3]")
    assert lab.done()[:1] == ["step"] and lab.done().count("step") == 1


def test_the_traceback_leads_to_the_call(lab: Lab) -> None:
    err = run(lab, SWALLOWED.format(caught="ValueError"))
    assert "saw(step(messages))" in err and "_calls.py" not in err


def test_its_result_is_not_served_without_the_change_before_somebody_decides(lab: Lab) -> None:
    run(lab, SWALLOWED.format(caught="ValueError"))
    for _ in range(2):
        lab.kitaru("resume", lab.only()).ok(75)
    assert lab.done() == ["step"]


FIXED = """
@checkpoint
def step(messages):
    did("step again")
    return [*messages, "thought"]

@flow
def main():
    messages = step(["a", "b", "c"])
    saw("went on with", messages)
    return messages
"""


def test_after_a_fix_it_is_run_again_when_asked_for(lab: Lab) -> None:
    run(lab, SWALLOWED.format(caught="ValueError"))
    lab.write("agent.py", HEAD + FIXED)
    lab.kitaru("resume", lab.only(), "--on-drift", "rerun").ok(0)
    assert lab.done() == ["step", "step again", "saw went on with ['a', 'b', 'c', 'thought']"]


def test_and_by_its_key(lab: Lab) -> None:
    run(lab, SWALLOWED.format(caught="ValueError"))
    lab.write("agent.py", HEAD + FIXED)
    lab.kitaru("resume", lab.only(), "--rerun", "step").ok(0)
    assert lab.done()[1] == "step again"


def test_or_what_it_returned_is_used_when_asked_for_and_stays_used(lab: Lab) -> None:
    run(lab, SWALLOWED.format(caught="ValueError"))
    lab.write(
        "agent.py",
        HEAD
        + """
@checkpoint
def step(messages):
    did("step again")

@flow
def main():
    messages = ["a", "b", "c"]
    messages.append(step(list(messages)))
    saw(messages)
    go_on()
""",
    )
    lab.kitaru("resume", lab.only(), "--on-drift", "reuse").ok(75)
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    assert lab.done() == ["step", *["saw ['a', 'b', 'c', 'answer']"] * 2], "it was paid for once"


def test_from_python_too(lab: Lab) -> None:
    lab.write("agent.py", HEAD + SWALLOWED.format(caught="ValueError"))
    lab.python(
        "-c",
        """
import agent, kitaru
try:
    agent.main()
except kitaru.KitaruMutatedArgumentError as error:
    client = kitaru.KitaruClient()
    known = client.executions.get(error.exec_id)
    assert known.status == "paused", known
    client.executions.resume(error.exec_id, on_drift="reuse")
""",
    ).ok(0)
    assert lab.done() == ["step", "saw answer", "saw went on with ['a', 'b', 'c']"]


def test_a_crash_before_anything_was_said_changes_nothing(lab: Lab) -> None:
    run(
        lab,
        """
import os
from kitaru import _run

_run.Run.halt = lambda *_: os._exit(9)
"""
        + SWALLOWED.format(caught="Exception"),
        code=9,
    )
    lab.write("agent.py", HEAD + SWALLOWED.format(caught="Exception"))
    assert "messages[3]" in lab.kitaru("resume", lab.only()).err
    assert lab.done() == ["step"]
    paused_by(lab, "messages[3]")


FAILED = """
class ToolError(Exception):
    pass

@checkpoint({options})
{define} step(messages):
    did("step")
    messages.append("half a thought")
    raise ToolError("no")

@flow
{define} main():
    messages = ["a"]
    try:
        {run}step(messages)
    except ToolError:
        saw("handled", messages)
    return messages
"""
PLAIN = {"define": "def", "run": ""}
ASYNC = {"define": "async def", "run": "await "}


@pytest.mark.parametrize("options", ["", "retries=2, backoff=0"])
@pytest.mark.parametrize("words", [PLAIN, ASYNC], ids=["sync", "async"])
def test_a_body_that_fails_after_the_change_is_met_the_same(lab: Lab, words: dict[str, str], options: str) -> None:
    err = run(lab, FAILED.format(options=options, **words))
    assert "KitaruMutatedArgumentError" in err and "messages[1]" in err and "ToolError" in err
    assert lab.done() == ["step"], "neither handled nor tried again with other inputs"
    paused_by(lab, "messages[1]")


def test_a_body_that_is_cancelled_after_the_change_too(lab: Lab) -> None:
    err = run(
        lab,
        """
@checkpoint
async def step(messages):
    messages.append("half a thought")
    await asyncio.sleep(60)

@flow
async def main():
    messages = ["a"]
    try:
        await asyncio.wait_for(step(messages), 0.05)
    except (TimeoutError, asyncio.TimeoutError):
        saw("gave up", messages)
""",
    )
    assert "messages[1]" in err and said(lab) == []
    paused_by(lab, "messages[1]")


def test_a_body_that_ran_out_of_time_too(lab: Lab) -> None:
    err = run(
        lab,
        """
import threading
from kitaru import _drive
began = threading.Event()
left = _drive._time_left
# No time passes before the body has begun, however busy the machine is.
_drive._time_left = lambda *of: left(*of) if began.is_set() else 0.01

@checkpoint(timeout=0.05)
def step(messages):
    messages.append("half a thought")
    began.set()
    threading.Event().wait(30)

@flow
def main():
    messages = ["a"]
    try:
        step(messages)
    except kitaru.KitaruTimeoutError:
        saw("gave up", messages)
""",
    )
    assert "messages[1]" in err and said(lab) == []


def test_a_result_that_is_not_stored_too(lab: Lab) -> None:
    err = run(
        lab,
        """
import threading

@checkpoint(rerunnable=True)
def connect(options):
    options["tried"] = True
    return threading.Lock()

@flow
def main():
    options = {}
    connect(options)
    saw(options)
""",
    )
    assert "options.tried" in err and said(lab) == []
    paused_by(lab, "options.tried")


PLACES = {
    "kitaru.call": """
@flow
def main():
    messages = ["a"]
    kitaru.call("step", lambda given: given.append("x"), messages)
    saw(messages)
""",
    "kitaru.call with identity=": """
@flow
def main():
    messages = ["a"]
    kitaru.call("step", lambda given: given.append("x"), messages, identity="other")
    saw(messages)
""",
    "kitaru.call beside an argument without codec": """
import threading

@flow
def main():
    messages = ["a"]
    kitaru.call("step", lambda lock, given: given.append("x"), threading.Lock(), messages)
    saw(messages)
""",
    "identity=": """
@checkpoint(identity=lambda messages: 1)
def step(messages):
    messages.append("x")

@flow
def main():
    messages = ["a"]
    step(messages)
    saw(messages)
""",
    "submitted": """
@checkpoint
def step(messages):
    messages.append("x")

@flow
def main():
    messages = ["a"]
    try:
        step.submit(messages).result()
    except Exception:
        pass
    saw(messages)
""",
    "mapped": """
@checkpoint
def step(messages):
    messages.append("x")

@flow
def main():
    messages = ["a"]
    try:
        step.map([messages])
    except Exception:
        pass
    saw(messages)
""",
    "a stream": """
@flow
def main():
    messages = ["a"]
    with kitaru.open_call("stream", messages) as call:
        messages.append("x")
        call.finish("answer")
    saw(messages)
""",
    "a nested call": """
@checkpoint
def inner(messages):
    messages.append("x")

@checkpoint
def outer():
    messages = ["a"]
    try:
        inner(messages)
    except Exception:
        pass
    saw(messages)

@flow
def main():
    outer()
""",
    "a dataclass as self": """
import dataclasses

@dataclasses.dataclass
class Agent:
    messages: list

    @checkpoint
    def step(self):
        self.messages.append("x")

@flow
def main():
    agent = Agent(["a"])
    agent.step()
    saw(agent)
""",
    "a model as self": """
import pydantic

class Agent(pydantic.BaseModel):
    model_config = {"ignored_types": (type(checkpoint(lambda: None)),)}
    messages: list

    @checkpoint
    def step(self):
        self.messages.append("x")

@flow
def main():
    agent = Agent(messages=["a"])
    agent.step()
    saw(agent)
""",
}


@pytest.mark.parametrize("place", PLACES)
def test_wherever_the_call_is_made(lab: Lab, place: str) -> None:
    assert "KitaruMutatedArgumentError" in run(lab, PLACES[place])
    assert said(lab) == []
    assert lab.item("show", lab.only())["status"] == "paused"


def test_a_model_as_self_tells_calls_apart(lab: Lab) -> None:
    err = run(
        lab,
        """
import dataclasses

@dataclasses.dataclass
class Agent:
    name: str

    @checkpoint
    def step(self):
        did(self.name)
        return self.name

@flow
def main():
    agent = Agent("a")
    got = [agent.step(), Agent("b").step()]
    go_on()
    return got
""",
        code=75,
    )
    lab.write(
        "agent.py",
        (lab.folder / "agent.py")
        .read_text()
        .replace('[agent.step(), Agent("b").step()]', '[Agent("b").step(), agent.step()]'),
    )
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    assert lab.item("show", lab.only())["result"] == ["b", "a"], err
    assert lab.done() == ["a", "b"]


def test_self_without_codec_is_not_watched_and_its_other_arguments_are(lab: Lab) -> None:
    assert "messages[1]" in run(
        lab,
        """
import threading

class Agent:
    def __init__(self):
        self.lock, self.count = threading.Lock(), 0

    @checkpoint
    def fine(self, messages):
        self.count += 1

    @checkpoint
    def step(self, messages):
        messages.append("x")

@flow
def main():
    agent = Agent()
    agent.fine(["a"])
    agent.step(["a"])
""",
    )


def test_a_child_that_is_paused_so_holds_its_parent(lab: Lab) -> None:
    said_ = run(
        lab,
        """
@checkpoint
def step(messages):
    did("step")
    messages.append("x")
    return "answer"

@flow
def child():
    return step(["a"])

@flow
def main():
    try:
        return child()
    except Exception:
        saw("another branch")
""",
        code=75,
    )
    assert "messages[1]" in said_ and said(lab) == []
    (child,) = lab.query("SELECT id FROM executions WHERE parent IS NOT NULL")
    lab.kitaru("resume", child[0], "--on-drift", "reuse").ok(0)
    assert lab.item("show", lab.only())["result"] == "answer"
    assert lab.done() == ["step"]


DRIFTED = """
import os
from kitaru import _run

@checkpoint(on_drift="reuse")
def step(messages, at):
    did("step")
    messages.append("x")
    return "answer"

@flow
def main():
    messages = ["a"]
    saw(step(messages, 1), messages)
"""


def test_a_policy_about_drift_does_not_decide_about_such_a_record(lab: Lab) -> None:
    # Killed before it could be paused, so that it may be resumed without a decision.
    run(lab, DRIFTED + "\n_run.Run.halt = lambda *_: os._exit(9)\n", code=9)
    lab.write("agent.py", HEAD + DRIFTED.replace("(messages, 1)", "(messages, 2)"))
    assert "messages[1]" in lab.kitaru("resume", lab.only()).ok(75).err
    paused_by(lab, "messages[1]")
    lab.kitaru("resume", lab.only(), "--on-drift", "reuse").ok(0)
    assert lab.done() == ["step", "saw answer ['a']"]
