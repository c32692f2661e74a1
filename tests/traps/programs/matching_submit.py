"""Submitted items run in threads; a call after each belongs to the flow.

Each item ends when the one before has been dealt with: what has ended when `as_completed` is called, it gives in the
order of a set, which is another one in each process. Such a flow is asked about, and rightly.
"""

import threading
from concurrent.futures import as_completed

from world import paid

from kitaru import checkpoint, flow

turns = [threading.Event() for _ in range(4)]


@checkpoint
def fetch(i):
    turns[i].wait()
    return paid(i)


@checkpoint
def after(x):
    return paid(x + 100)


@flow
def main():
    for turn in turns:
        turn.clear()
    handles = [fetch.submit(i) for i in range(4)]
    turns[3].set()
    found = []
    for handle in as_completed(handles):
        i = handle.result()
        found.append(after(i))
        turns[i - 1].set()
    return sorted(found)


EXPECT = {"inline": [100, 101, 102, 103]}
CALLS = 8
