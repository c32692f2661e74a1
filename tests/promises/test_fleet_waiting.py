"""Executions that others run are waited for without a process, and whoever ends them carries the waiter on; cycles of
waits are named before anybody waits in one."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from lab import KITARU, PYTHON

if TYPE_CHECKING:
    from lab import Lab

FLOWS = """
import asyncio, os, kitaru
from kitaru import KitaruClient, checkpoint, flow
from world import did, count
executions = KitaruClient().executions

@checkpoint
def work(name):
    did(f"work {name}")
    if name.startswith("slow"):
        while not count("hurry"):
            pass
    if name.startswith("bad"):
        raise ValueError(name)
    return name.upper()

@flow
def other(name: str):
    if name.startswith("ask"):
        name += kitaru.wait(schema=str, name="more", question=f"{name}: what else?")
    return work(name)

@flow
def awaits(id: str):
    return executions.handle(id).get()

@flow
async def aawaits(id: str):
    return await executions.handle(id)

@flow
def gathers(ids: list):
    return kitaru.gather([executions.handle(id) for id in ids], return_exceptions=True)

@flow
def first(ids: list, until: int = 1):
    parts = kitaru.wait_for([executions.handle(id) for id in ids], until)
    return [[executions.get(one.exec_id).inputs["name"] for one in part] for part in parts]

@flow
def above(id: str):
    return "above " + awaits(id)
"""


def desk(lab: Lab) -> Lab:
    lab.write("flows.py", FLOWS)
    return lab


def run(lab: Lab, flow: str, code: int = 0, **inputs: Any) -> Any:
    import json

    pairs = [word for name, value in inputs.items() for word in ("--input", f"{name}={json.dumps(value)}")]
    return lab.item("run", f"flows.py:{flow}", *pairs, code=code)


def until(lab: Lab, id: str, status: str = "completed") -> Any:
    """The execution once it has that status. Another process has it."""
    give_up = time.monotonic() + 30
    while (item := lab.item("show", id))["status"] != status:
        assert time.monotonic() < give_up, item
    return item


@pytest.mark.parametrize("flow", ["awaits", "aawaits", "above"])
def test_the_answer_that_ends_another_carries_the_waiter_on(lab: Lab, flow: str) -> None:
    desk(lab)
    asked = run(lab, "other", 75, name="ask")["id"]
    left = run(lab, flow, 75, id=asked)
    assert (left["status"], left["owner"]) == ("waiting", None)
    shown = "awaits" if flow == "above" else f"1 execution ({asked[-8:]})"
    assert left["reason"]["text"] == f"waiting for {shown}"
    told = lab.kitaru("input", asked, "--value", '"!"').ok()
    assert told.out == "ASK!\n"
    assert f"{left['flow']} {left['id'][-8:]} waited for it, and is completed now" in told.err
    word = "above ASK!" if flow == "above" else "ASK!"
    assert lab.item("show", left["id"])["result"] == word
    assert lab.done() == ["work ask!"]


def test_a_failure_and_a_cancellation_reach_the_waiter(lab: Lab) -> None:
    desk(lab)
    asked = [run(lab, "other", 75, name=name)["id"] for name in ("ask a", "ask b")]
    left = run(lab, "gathers", 75, ids=asked)
    lab.world.open("a").write("hurry\n")
    lab.kitaru("cancel", asked[0]).ok()
    assert lab.item("show", left["id"])["status"] == "waiting", "one of two is not enough"
    told = lab.kitaru("input", asked[1], "--value", '"!"').ok()
    assert "waited for it, and is completed now" in told.err
    found = lab.item("show", left["id"])["result"]
    assert found[1] == "ASK B!" and "was cancelled" in str(found[0])


def test_a_plain_program_that_ends_another_leaves_the_waiter_to_a_process_of_its_own(lab: Lab) -> None:
    desk(lab)
    asked = run(lab, "other", 75, name="ask")["id"]
    left = run(lab, "awaits", 75, id=asked)
    program = f"""
from flows import *
executions.input({asked!r}, "!", resume=False)
print(other.resume({asked!r}))
"""
    assert lab.python("-c", program).ok().out == "ASK!\n"
    assert until(lab, left["id"])["result"] == "ASK!"
    assert lab.done() == ["work ask!"]


def test_a_client_that_ends_another_carries_the_waiter_on(lab: Lab) -> None:
    desk(lab)
    asked = [run(lab, "other", 75, name=name)["id"] for name in ("ask a", "ask b", "ask c")]
    left = [run(lab, "awaits", 75, id=one)["id"] for one in asked]
    program = f"""
from flows import *
import os
executions.input({asked[0]!r}, "!")
executions.cancel({asked[1]!r})
os.chdir("/")
executions.input({asked[2]!r}, "!")
print(*[executions.get(id).status for id in {left!r}])
"""
    assert lab.python("-c", program).ok().out == "completed failed completed\n"


def test_a_running_one_is_waited_for_in_place_or_without_a_process(lab: Lab) -> None:
    desk(lab)
    running = lab.spawn(KITARU, "run", "flows.py:other", "--input", "name=slow")
    lab.wait_for("work slow")
    (slow,) = (one["id"] for one in lab.items("ls"))
    left = run(lab, "awaits", 75, id=slow)
    assert lab.kitaru("resume", "--due").ok().out == "nothing is due\n"
    assert lab.kitaru("resume", left["id"]).ok(75).err.startswith("error[waiting]")
    lab.world.open("a").write("hurry\n")
    assert running.wait(30) == 0
    assert "waited for it, and is completed now" in (running.stderr.read() if running.stderr else "")
    assert lab.item("show", left["id"])["result"] == "SLOW"


def test_one_whose_carrier_was_killed_is_due(lab: Lab) -> None:
    desk(lab)
    running = lab.spawn(KITARU, "run", "flows.py:other", "--input", "name=slow")
    lab.wait_for("work slow")
    (slow,) = (one["id"] for one in lab.items("ls"))
    left = run(lab, "awaits", 75, id=slow)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert lab.kitaru("resume", "--due").ok().out == "nothing is due\n"
    lab.world.open("a").write("hurry\n")
    program = f"import kitaru._wake as wake; wake.after = print; from flows import *; other.resume({slow!r})"
    lab.python("-c", program).ok()
    assert lab.item("show", left["id"])["status"] == "waiting"
    assert [one["id"] for one in lab.item("doctor")["open"]] == [left["id"]]
    assert lab.kitaru("resume", "--due").ok().out.split()[1:] == ["awaits", "completed"]


def test_wait_for_wakes_when_enough_have_come_and_tells_who_needs_somebody(lab: Lab) -> None:
    desk(lab)
    running = lab.spawn(KITARU, "run", "flows.py:other", "--input", "name=slow")
    lab.wait_for("work slow")
    (slow,) = (one["id"] for one in lab.items("ls"))
    asked = run(lab, "other", 75, name="ask")["id"]
    assert run(lab, "first", ids=[slow, asked])["result"] == [[], ["ask"], ["slow"]]
    left = run(lab, "first", 75, ids=[slow, asked], until=2)
    lab.kitaru("input", asked, "--value", '"!"').ok()
    assert lab.item("show", left["id"])["status"] == "waiting"
    running.send_signal(signal.SIGKILL)
    running.wait()
    # Nobody works on it any more: somebody is needed.
    assert lab.kitaru("resume", "--due").ok().out.split()[1:] == ["first", "completed"]
    assert lab.item("show", left["id"])["result"] == [["ask"], ["slow"], []]


def test_a_waiter_in_a_living_process_goes_on_there(lab: Lab) -> None:
    desk(lab)
    asked = run(lab, "other", 75, name="ask")["id"]
    program = f"""
from flows import *
@flow
async def both():
    async def busy():
        did("both")
        while not count("ended"):
            await asyncio.sleep(0.01)
    return (await asyncio.gather(busy(), executions.handle({asked!r})))[1]
print(asyncio.run(both()))
"""
    living = lab.spawn(PYTHON, "-c", program)
    lab.wait_for("both")
    told = lab.kitaru("input", asked, "--value", '"!"').ok()
    assert "waited for it" not in told.err
    lab.world.open("a").write("ended\n")
    out, err = living.communicate(timeout=30)
    assert (living.returncode, out) == (0, "ASK!\n"), err


CYCLES = """
from flows import *

@flow
def waits(key: str, on: str):
    did(f"{key} begins")
    while not count("go"):
        pass
    try:
        return executions.handle(on).get()
    except kitaru.KitaruStateError as error:
        return f"{error.code} {error}"

@flow
def parent():
    def mine():
        return kitaru.current_execution().id
    return [grandchild(mine())]

@flow
def grandchild(of: str):
    return child(of)

@flow
def child(of: str):
    told = []
    for id in (of, kitaru.current_execution().id):
        try:
            executions.handle(id).get()
        except kitaru.KitaruStateError as error:
            told.append(f"{error.code} {error}")
    return told

@flow
def siblings():
    slow = other.run("slow")
    one = awaits.run(slow.exec_id)
    did("hurry")
    return kitaru.gather(one, slow)
"""


def test_those_that_wait_for_each_other_are_told_and_not_left_waiting(lab: Lab) -> None:
    desk(lab).write("cycles.py", CYCLES)
    program = """
from cycles import *
from kitaru import _native
ids = {key: _native.keyed_id("waits", key) for key in ("a", "b", "c")}
handles = [waits.options(key=key).run(key, ids[on]) for key, on in ("ab", "bc", "ca")]
while sum(count(f"{key} begins") for key in "abc") < 3:
    pass
did("go")
kitaru.gather(handles, return_exceptions=True)
print(*[ids[key] for key in "abc"])
"""
    ids = lab.python("-c", program).ok().out.split()
    # Whoever comes last is told; the others get what that one returned, here or after they had left.
    for told in {until(lab, id)["result"] for id in ids}:
        assert told.startswith("wait-cycle these executions wait for each other: waits ")
        assert sorted(told.count(id) for id in ids) == [1, 1, 2] and told.count("which waits for") == 2, told


def test_two_processes_that_wait_for_each_other_are_told(lab: Lab) -> None:
    desk(lab).write("cycles.py", CYCLES)
    program = "from kitaru import _native; print(_native.keyed_id('waits', 'a'), _native.keyed_id('waits', 'b'))"
    a, b = lab.python("-c", program).ok().out.split()
    started = [
        lab.spawn(KITARU, "run", "cycles.py:waits", "--input", f"key={key}", "--input", f'on="{on}"', "--key", key)
        for key, on in (("a", b), ("b", a))
    ]
    lab.wait_for("a begins")
    lab.wait_for("b begins")
    lab.world.open("a").write("go\n")
    for one in started:
        assert one.wait(30) in (0, 75)
    told = [until(lab, id)["result"] for id in (a, b)]
    assert all(text.startswith("wait-cycle ") for text in told), told


def test_a_child_that_waits_for_its_parent_is_told_the_way_round(lab: Lab) -> None:
    desk(lab).write("cycles.py", CYCLES)
    ((told, itself),) = lab.item("run", "cycles.py:parent")["result"]
    assert told.startswith("wait-cycle these executions wait for each other: child ")
    assert ", which waits for grandchild " in told and " waits for parent " in told, told
    assert itself.count("child") == 2, itself


def test_siblings_may_wait_for_each_other_one_way(lab: Lab) -> None:
    desk(lab).write("cycles.py", CYCLES)
    assert lab.item("run", "cycles.py:siblings")["result"] == ["SLOW", "SLOW"]


def test_what_it_waits_for_is_said(lab: Lab) -> None:
    desk(lab)
    asked = run(lab, "other", 75, name="ask")["id"]
    program = f"""
from flows import *
try:
    above({asked!r})
except kitaru.KitaruSuspended as left:
    print(left.executions, left.waits)
    print(left)
"""
    lines = lab.python("-c", program).ok().out.splitlines()
    assert lines[0] == "[] []"
    assert lines[1].startswith("above (") and lines[1].endswith(
        ") waits for other executions. No process needs to run."
    )
    assert lines[2].strip() == f"result: {asked[-8:]}"
    doctor = lab.kitaru("doctor").ok().out
    assert f"waiting for 1 execution ({asked[-8:]})" in doctor and "waiting for awaits" in doctor, doctor


SLOW_TO_BEGIN = """
import os, threading, time
import kitaru
from kitaru import KitaruClient, checkpoint, flow
from world import did

begin = threading.Thread.run

def late(self):
    # As on a busy machine: it has been started, and does not run yet.
    if self.name.startswith("kitaru-"):
        time.sleep(0.3)
    begin(self)

threading.Thread.run = late

@flow
def bad():
    if not os.path.exists("mended"):
        raise ValueError("not yet")
    return did("mended")

@flow
def main():
    one = bad.run()
    first = kitaru.wait_for([one])
    open("mended", "w").close()
    KitaruClient().executions.resume(one.exec_id)
    return [[len(found) for found in seen] for seen in (first, kitaru.wait_for([one]))]
"""


def test_what_is_resumed_is_not_found_left_alone_before_it_has_begun(lab: Lab) -> None:
    lab.write("agent.py", SLOW_TO_BEGIN)
    assert lab.item("run", "agent.py:main")["result"] == [[1, 0, 0], [1, 0, 0]]
    assert lab.done() == ["mended"]
