"""A flow that catches everything around a wait: its return is discarded, the execution waits."""

from world import paid

import kitaru
from kitaru import checkpoint, flow


@checkpoint
def use(x):
    return paid(x)


@flow
def main():
    try:
        got = kitaru.wait(schema=str, name="ask")
    except:  # noqa: E722
        return "fallback"
    return use(got)


ANSWERS = {"ask": "yes"}
EXPECT = {"inline": "yes"}
CALLS = 1
