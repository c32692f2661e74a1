"""A wait beside paid work: the work ends and is recorded before the process leaves."""

import asyncio

from world import paid

import kitaru
from kitaru import checkpoint, flow


@checkpoint
async def work(i):
    await asyncio.sleep(0.002)
    return paid(i)


async def four():
    return [await work(i) for i in range(4)]


@flow
async def main():
    return await asyncio.gather(kitaru.wait(schema=str, name="ask"), work(9), four(), return_exceptions=True)


ANSWERS = {"ask": "yes"}
EXPECT = {"inline": ["yes", 9, [0, 1, 2, 3]]}
CALLS = 5
