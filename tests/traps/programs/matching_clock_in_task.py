"""A clock among a task's arguments: its recorded calls are found all the same."""

import asyncio
import time

from world import paid

from kitaru import checkpoint, flow


@checkpoint
async def work(i):
    await asyncio.sleep(0.002)
    return paid(i)


async def branch(deadline, i):
    return [await work(i), await work(i + 10)]


@flow
async def main():
    tasks = [asyncio.create_task(branch(time.time() + 60, i)) for i in range(3)]
    return [await task for task in tasks]


EXPECT = {"inline": [[0, 10], [1, 11], [2, 12]]}
CALLS = 6
