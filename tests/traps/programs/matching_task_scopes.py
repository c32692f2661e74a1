"""Calls of one name without inputs belong to the task that makes them."""

import asyncio

from world import paid

from kitaru import checkpoint, flow

RATES = {0: 0.006, 1: 0.001, 2: 0.003}


@checkpoint(ignore=("i",))
async def balance(i, when):
    await asyncio.sleep(RATES[i])
    return paid(f"{when} {i}")


@checkpoint
async def pay(i):
    await asyncio.sleep(RATES[2 - i])
    return paid(i)


async def one(i):
    before = await balance(i, "before")
    await pay(i)
    return [before, await balance(i, "after")]


@flow
async def main():
    return await asyncio.gather(one(0), one(1), one(2))


EXPECT = {"inline": [["before 0", "after 0"], ["before 1", "after 1"], ["before 2", "after 2"]]}
