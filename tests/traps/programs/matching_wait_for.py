"""A helper task of wait_for changes nothing: the calls inside belong to the flow's own scope."""

import asyncio

from world import paid

from kitaru import checkpoint, flow


@checkpoint
async def cp(n):
    return paid(n)


@flow
async def main():
    return [await asyncio.wait_for(cp(1), 5), await cp(2), await asyncio.wait_for(cp(1), 5)]


EXPECT = {"inline": [1, 2, 1]}
KEYS = ["cp", "cp#2", "cp#3"]
