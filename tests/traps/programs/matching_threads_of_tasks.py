"""A thread that a task starts belongs to that task: calls without inputs in it are never another task's."""

import asyncio
import contextvars
import random
import time

from world import paid

from kitaru import checkpoint, flow

who = contextvars.ContextVar("who")


@checkpoint
def look():
    time.sleep(random.random() * 0.004)
    return paid(who.get())


def twice():
    return [look(), look()]


async def one(i):
    who.set(i)
    return await asyncio.to_thread(twice)


@flow
async def main():
    return await asyncio.gather(one(0), one(1), one(2))


EXPECT = {"inline": [[0, 0], [1, 1], [2, 2]]}
CALLS = 6
SAME_KEYS = True
