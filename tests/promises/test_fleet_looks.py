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
