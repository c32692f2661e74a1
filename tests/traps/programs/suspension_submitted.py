"""A submitted body ends before the process leaves."""

import time

from world import paid

import kitaru
from kitaru import checkpoint, flow


@checkpoint
def work(x):
    time.sleep(0.05)
    return paid(x)


@flow
def main():
    handle = work.submit(7)
    go = kitaru.wait(schema=bool, name="ask")
    return [go, handle.result()]


ANSWERS = {"ask": True}
EXPECT = {"inline": [True, 7]}
CALLS = 1
