"""Results, inputs, failures and artifacts that somebody holds on to and changes: every pass sees the same of them."""

from world import paid

import kitaru
from kitaru import checkpoint, flow

KEPT = []


class Stopped(Exception):
    def __init__(self, *, seen):
        super().__init__("stopped")
        self.seen = seen


@checkpoint
def keep(n):
    paid()
    KEPT.append(n)
    return KEPT


@checkpoint
def same(messages):
    paid()
    return messages


@checkpoint
def stop(messages):
    paid()
    raise Stopped(seen=messages)


@checkpoint
def store(n):
    paid()
    kitaru.save("plan", {"n": n})


@flow
def child(messages):
    messages.append("child")
    return same(messages)


@flow
def main(messages):
    messages.append("main")
    got = [keep(1), keep(2)]
    kept = [list(one) for one in got]
    answer = same(messages)
    answer.append("answer")
    inner = child(messages)
    inner.append("inner")
    try:
        stop(messages)
    except Stopped as stopped:
        stopped.seen.append("handled")
    plans = []
    for n in range(2):
        store(n)
        plans.append(kitaru.load("plan"))
    # What a body keeps in its module is its own affair, and empty after a crash: only one result has both.
    return [len(kept[0]), messages, answer, inner, plans, same(messages)]


INPUTS = {"messages": ["a"]}
EXPECT = {
    "inline": [
        1,
        ["a", "main"],
        ["a", "main", "answer"],
        ["a", "main", "child", "inner"],
        [{"n": 0}, {"n": 1}],
        ["a", "main"],
    ]
}
CALLS = 8
SAME_KEYS = True
