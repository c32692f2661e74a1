"""The loser of a race is cancelled; on re-entry it is parked, not run again."""

import asyncio

from world import paid

from kitaru import checkpoint, flow


@checkpoint
async def ask(x):
    if x == "slow":
        await asyncio.sleep(30)
    await asyncio.sleep(0.005)
    return paid(x)


@checkpoint
async def after(x):
    return paid(f"after {x}")


@flow
async def main():
    tasks = {asyncio.ensure_future(ask("slow")), asyncio.ensure_future(ask("quick"))}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return await after(done.pop().result())


EXPECT = {"inline": "after quick"}
CALLS = 2
