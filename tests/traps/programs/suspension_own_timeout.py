"""asyncio's own timeout withdraws a wait, and the fallback is taken again on re-entry."""

import asyncio

from world import paid

import kitaru
from kitaru import checkpoint, flow


@checkpoint
async def fallback():
    return paid("fallback")


@flow
async def main():
    try:
        return await asyncio.wait_for(kitaru.wait(schema=str, name="ask"), 0.05)
    except asyncio.TimeoutError:
        return await fallback()


EXPECT = {"inline": "fallback"}
CALLS = 1
