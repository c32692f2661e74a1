"""Results that come in racing order are summarised in that order again."""

import asyncio

from world import paid

from kitaru import checkpoint, flow


@checkpoint
async def fetch(i):
    await asyncio.sleep((3 - i) * 0.004)
    return paid(i)


@checkpoint
async def summarise(x):
    return paid(f"s{x}")


@checkpoint
async def publish(x):
    return paid(x)


@flow
async def main():
    got = []
    for one in asyncio.as_completed([fetch(i) for i in range(4)]):
        got.append(await publish(await summarise(await one)))
    return sorted(got)


EXPECT = {"inline": ["s0", "s1", "s2", "s3"]}
