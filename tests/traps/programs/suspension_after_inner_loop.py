"""A sync flow whose code runs event loops of its own asks between them, submits beside one, and goes on."""

import asyncio
import time

from world import paid

import kitaru
from kitaru import checkpoint, flow


@checkpoint
async def fetch(x):
    await asyncio.sleep(0.001)
    return paid(x)


@checkpoint
def ask(name):
    return kitaru.wait(schema=int, name=name)


@checkpoint
def after(x):
    return paid(x)


async def both(x):
    return sum(await asyncio.gather(fetch(x), fetch(x + 1)))


@flow
def main():
    loop = asyncio.new_event_loop()
    got = loop.run_until_complete(both(1))
    got += kitaru.wait(schema=int, name="open")
    got += loop.run_until_complete(both(1))
    loop.close()
    got += kitaru.wait(schema=int, name="closed")
    got += asyncio.run(both(10))
    handle = ask.submit("submitted")
    time.sleep(0.05)
    got += after(5)
    return got + handle.result()


ANSWERS = {"open": 100, "closed": 200, "submitted": 300}
EXPECT = {"inline": 632}
CALLS = 7
