"""A question that the flow gave up is given up again on re-entry, not asked again."""

import asyncio

from world import paid

import kitaru
from kitaru import checkpoint, flow


@checkpoint
async def fallback():
    return paid("fallback")


async def pause():
    await asyncio.sleep(0.03)


@flow
async def main():
    try:
        await asyncio.wait_for(kitaru.wait(schema=str, name="ask"), 0.03)
    except asyncio.TimeoutError:
        pass
    try:
        await asyncio.wait_for(kitaru.sleep(30), 0.03)
    except asyncio.TimeoutError:
        pass
    got = await fallback()
    return [got, await kitaru.wait(schema=str, name="real")]


ANSWERS = {"real": "yes"}
EXPECT = {"inline": ["fallback", "yes"]}
CALLS = 1
ASKED = {"ask": 1, "real": 1}
