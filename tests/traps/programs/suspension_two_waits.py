"""Two questions are open at once and answered in any order."""

import asyncio

from world import paid

import kitaru
from kitaru import checkpoint, flow


@checkpoint
async def use(x):
    return paid(x)


@flow
async def main():
    a, b = await asyncio.gather(kitaru.wait(schema=int, name="a"), kitaru.wait(schema=int, name="b"))
    return await use(a * 10 + b)


ANSWERS = {"a": 4, "b": 2}
EXPECT = {"inline": 42}
CALLS = 1
