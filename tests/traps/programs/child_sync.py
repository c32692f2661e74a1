"""A child flow that waits suspends its parent; both go on after the answer."""

from world import paid

import kitaru
from kitaru import checkpoint, flow


@checkpoint
def work(x):
    return paid(x)


@flow
def child(n):
    got = work(n)
    if kitaru.wait(schema=bool, name="go"):
        return work(got + 1)
    return 0


@flow
def main():
    return [work(0), child(10), child(10), work(1)]


ANSWERS = {"go": True}
EXPECT = {"inline": [0, 11, 11, 1]}
CALLS = 6
