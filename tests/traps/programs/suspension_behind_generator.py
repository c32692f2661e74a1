"""A task that waits for another through a generator, a class's `__await__` or a shield is seen to wait for it."""

import asyncio
import contextlib

from world import paid

import kitaru
from kitaru import checkpoint, flow


@checkpoint
async def work(x):
    return paid(x)


async def ask(name):
    return await work(await kitaru.wait(schema=int, name=name))


async def answers(name):
    task = asyncio.create_task(ask(name))
    await asyncio.wait({task})
    yield task.result()


@contextlib.asynccontextmanager
async def until_answered(name):
    task = asyncio.create_task(ask(name))
    yield task
    await asyncio.wait({task})


class Behind:
    def __init__(self, name):
        self.name = name

    def __await__(self):
        return self.inner().__await__()

    async def inner(self):
        async with until_answered(self.name) as task:
            pass
        return task.result()


async def behind(name):
    return await Behind(name)


async def first(name):
    async for one in answers(name):
        return one
    return None


async def shielded(name):
    return await asyncio.shield(asyncio.create_task(ask(name)))


@flow
async def main():
    return await work(sum(await asyncio.gather(first("a"), behind("b"), shielded("c"))))


ANSWERS = {"a": 1, "b": 2, "c": 4}
EXPECT = {"inline": 7}
CALLS = 4
