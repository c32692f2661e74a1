"""A call that asyncio's timeout cancelled is recorded so: the same branch is taken on re-entry."""

import asyncio

from world import did, paid

from kitaru import checkpoint, flow


@checkpoint
async def slow():
    did("slow began")
    await asyncio.sleep(30)


@checkpoint
async def fallback():
    return paid("fallback")


@checkpoint
async def last(x):
    return paid(x)


@flow
async def main():
    try:
        await asyncio.wait_for(slow(), 0.05)
        got = "slow"
    except asyncio.TimeoutError:
        got = await fallback()
    return await last(got)


EXPECT = {"inline": "fallback"}
CALLS = 3
