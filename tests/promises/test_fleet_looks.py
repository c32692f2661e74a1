"""What a master sees of a child between two looks at the store, with the threads of both held where it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import PYTHON

if TYPE_CHECKING:
    from lab import Lab

PROGRAM = """
import threading
import kitaru
from kitaru import KitaruClient, _children, _fleet, _native, checkpoint, flow
from world import count, did

looked, ended = threading.Event(), threading.Event()
describe, standings, carrying = _children.describe, _native.manage_standings, _children.is_carried

class Native:
    # What it saw is given when what it saw has ended.
    def __getattr__(self, name):
        return getattr(_native, name)

    def manage_standings(self, engine, ids):
        seen = standings(engine, ids)
        if not looked.is_set():
            assert seen[0][1] == "interrupted", seen
            looked.set()
            for thread in threading.enumerate():
                if thread.name.endswith(ids[0][-8:]):
                    thread.join(20)
            assert not carrying(ids[0])
            did("seen")
        return seen

def after_a_look(exec_id):
    assert looked.wait(20)
    return describe(exec_id)

@checkpoint
def fails(name):
    if not count("mended"):
        raise ValueError(name)
    return name

@flow
def child():
    return fails("a")

@flow
def master():
    one = child.run()
    try:
        one.get()
    except ValueError:
        did("mended")
    _children.describe = after_a_look
    _fleet._native = Native()
    KitaruClient().executions.resume(one.exec_id)
    done, asking, pending = kitaru.wait_for([one])
    return [len(done), len(asking), one.get()]

if __name__ == "__main__":
    print(master())
"""


def test_a_resumed_child_that_ends_while_it_is_looked_at_asks_nothing(lab: Lab) -> None:
    lab.write("program.py", PROGRAM)
    assert lab.run(PYTHON, "program.py").ok().out == "[1, 0, 'a']\n"
    assert lab.done() == ["mended", "seen"]


PAUSED = """
import kitaru
from kitaru import KitaruClient, KitaruPaused, _config, _fleet, _native, checkpoint, flow
from world import did

news = _fleet._Waited.news

def paused_meanwhile(self):
    found = news(self)
    if found:
        _fleet._Waited.news = news
        _native.manage_stop(_config.engine(), self.run.id, "pause", "somebody", False)
        did("paused")
    return found

@checkpoint
def work():
    did("work")

@flow
def child():
    kitaru.sleep(0.2)

@flow
def master():
    one = child.run()
    _fleet._Waited.news = paused_meanwhile
    done, asking, pending = kitaru.wait_for([one])
    work()
    return [len(done), len(asking)]

if __name__ == "__main__":
    try:
        print(master())
    except KitaruPaused as paused:
        print(KitaruClient().executions.get(paused.exec_id).status)
"""


def test_a_pause_that_comes_with_what_is_waited_for_is_a_pause(lab: Lab) -> None:
    lab.write("program.py", PAUSED)
    assert lab.run(PYTHON, "program.py").ok().out == "paused\n"
    assert lab.done() == ["paused"]
    assert lab.kitaru("resume", "latest").ok().out
    assert lab.done() == ["paused", "work"]


ANSWERED = """
import time
import kitaru
from kitaru import KitaruClient, _config, flow
from kitaru.client import executions as module

@flow
def asks():
    return kitaru.wait(schema=int, name="n", question="How many?")

held = module.is_held_here

def left_meanwhile(engine, exec_id):
    found = held(engine, exec_id)
    assert found
    go.append(True)
    while '"held": true' in engine.describe(exec_id) or '"held":true' in engine.describe(exec_id):
        time.sleep(0.01)
    return found

go = []
suspend = kitaru._run.Run.suspend

def when_told(self):
    return bool(go) and suspend(self)

if __name__ == "__main__":
    kitaru._run.Run.suspend = when_told
    module.is_held_here = left_meanwhile
    one = asks.run()
    client = KitaruClient()
    while not client.executions.waiting():
        time.sleep(0.01)
    client.executions.input(one.exec_id, 3)
    print(client.executions.get(one.exec_id).status)
"""


def test_an_answer_to_a_flow_that_is_just_left_is_gone_on_with(lab: Lab) -> None:
    lab.write("program.py", ANSWERED)
    assert lab.run(PYTHON, "program.py", timeout=60).ok().out == "completed\n"


WAKING = """
import threading, time
import kitaru
from kitaru import KitaruClient, KitaruSuspended, flow
from world import count, did

released = threading.Event()
executions = KitaruClient().executions

@flow
def slow():
    kitaru.wait(schema=int, name="n", question="How many?")
    did("slow begins")
    assert released.wait(60)

@flow
def quick():
    kitaru.wait(schema=int, name="n", question="How many?")

@flow
def waits(exec_id: str):
    return executions.handle(exec_id).get()

def left(start):
    try:
        start()
    except KitaruSuspended as suspended:
        return suspended.exec_id

if __name__ == "__main__":
    busy, ends = left(slow), left(quick)
    waiter = left(lambda: waits(ends))
    long = threading.Thread(target=executions.input, args=(busy, 1))
    long.start()
    while not count("slow begins"):
        time.sleep(0.01)
    executions.input(ends, 2, resume=False)
    quick.resume(ends)
    until = time.monotonic() + 30
    while executions.get(waiter).status != "completed" and time.monotonic() < until:
        time.sleep(0.02)
    print(executions.get(waiter).status)
    released.set()
    long.join()
"""


def test_who_waits_is_woken_while_something_else_is_carried_on(lab: Lab) -> None:
    lab.write("program.py", WAKING)
    assert lab.run(PYTHON, "program.py", timeout=100).ok().out == "completed\n"


FAILING = """
import threading, time
import kitaru
from kitaru import KitaruClient, _resumed, checkpoint, flow
from world import count, did

may_fail = threading.Event()
describe = _resumed.describe

def fails_meanwhile(exec_id):
    seen = describe(exec_id)
    if not may_fail.is_set():
        assert seen["status"] == "running"
        may_fail.set()
        while describe(exec_id)["status"] != "failed":
            time.sleep(0.001)
        did("mended")
    return seen

@checkpoint
def fails():
    may_fail.wait(20)
    if not count("mended"):
        raise ValueError("not yet")
    return "fine"

@flow
def child():
    return fails()

@flow
def master():
    one = child.run()
    while describe(one.exec_id)["status"] != "running":
        time.sleep(0.001)
    _resumed.describe = fails_meanwhile
    KitaruClient().executions.resume(one.exec_id)
    done, asking, pending = kitaru.wait_for([one])
    return [len(done), one.get()]

if __name__ == "__main__":
    print(master())
"""


def test_a_child_that_fails_while_it_is_resumed_goes_on(lab: Lab) -> None:
    lab.write("program.py", FAILING)
    assert lab.run(PYTHON, "program.py", timeout=60).ok().out == "[1, 'fine']\n"
