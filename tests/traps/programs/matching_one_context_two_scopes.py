"""Two tasks that share one context are two scopes."""

import asyncio
import contextvars
import sys

from world import paid

from kitaru import checkpoint, flow


@checkpoint
async def tick():
    await asyncio.sleep(0.002)
    return paid("t")


async def f():
    return [await tick(), await tick()]


async def g():
    return [await tick()]


@flow
async def main():
    context = contextvars.copy_context()
    options = {"context": context} if sys.version_info >= (3, 11) else {}
    a, b = asyncio.create_task(f(), **options), asyncio.create_task(g(), **options)
    return [await a, await b]


EXPECT = {"inline": [["t", "t"], ["t"]]}
CALLS = 3
