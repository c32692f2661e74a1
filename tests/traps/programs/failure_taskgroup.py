"""a failed and took b with it; when a succeeds, b runs and nothing hangs."""

import asyncio

from world import count, did, paid

from kitaru import checkpoint, flow


@checkpoint
async def a():
    await asyncio.sleep(0.003)
    did("a")
    if count("a") == 1:
        raise ValueError("first time")
    return "a"


@checkpoint
async def b():
    await asyncio.sleep(0.03)
    return paid("b")


async def group():
    first, second = asyncio.ensure_future(a()), asyncio.ensure_future(b())
    try:
        return [await first, await second]
    except ValueError:
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        raise


@flow
async def main():
    return await group()


RETRIED = True
EXPECT = {"inline": ["a", "b"]}
