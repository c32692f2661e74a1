"""Submitted items run in threads; a call after each belongs to the flow."""

import time
from concurrent.futures import as_completed

from world import paid

from kitaru import checkpoint, flow


@checkpoint
def fetch(i):
    time.sleep((3 - i) * 0.004)
    return paid(i)


@checkpoint
def after(x):
    return paid(x + 100)


@flow
def main():
    handles = [fetch.submit(i) for i in range(4)]
    return sorted(after(handle.result()) for handle in as_completed(handles))


EXPECT = {"inline": [100, 101, 102, 103]}
CALLS = 8
