"""A generator that waits inside."""

from world import paid

import kitaru
from kitaru import checkpoint, flow


@checkpoint
async def use(x):
    return paid(x)


async def questions():
    for name in ("a", "b"):
        yield await kitaru.wait(schema=int, name=name)


@flow
async def main():
    return [await use(x) async for x in questions()]


ANSWERS = {"a": 1, "b": 2}
EXPECT = {"inline": [1, 2]}
CALLS = 2
