"""Async children beside each other, one of which waits."""

import asyncio

from world import paid

import kitaru
from kitaru import checkpoint, flow


@checkpoint
async def work(x):
    await asyncio.sleep(0.002)
    return paid(x)


@flow
async def child(n):
    got = await work(n)
    if n == 1:
        got += await kitaru.wait(schema=int, name="more")
    return await work(got)


@flow
async def main():
    return await asyncio.gather(child(1), child(20), work(3))


ANSWERS = {"more": 5}
EXPECT = {"inline": [6, 20, 3]}
CALLS = 5
