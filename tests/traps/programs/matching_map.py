"""A map with a limit, of calls that call others."""

import time

from world import paid

from kitaru import checkpoint, flow


@checkpoint
def part(i):
    time.sleep(0.001)
    return paid(i)


@checkpoint
def whole(i):
    return part(i) + part(0)


@flow
def main():
    return whole.map(range(5), limit=2)


EXPECT = {"inline": [0, 1, 2, 3, 4]}
CALLS = 10
