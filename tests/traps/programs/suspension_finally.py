"""No call starts while a suspension unwinds."""

from world import paid

import kitaru
from kitaru import checkpoint, flow


@checkpoint
def clean(x):
    return paid(x)


@flow
def main():
    try:
        got = kitaru.wait(schema=str, name="ask")
    finally:
        clean("up")
    return got


ANSWERS = {"ask": "yes"}
EXPECT = {"inline": "yes"}
CALLS = 1
