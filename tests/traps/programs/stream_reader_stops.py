"""Streams under `open_call`: read to their end, or left by the reader once the result is known; never paid twice."""

import asyncio

from world import paid

import kitaru
from kitaru import checkpoint, flow


def sync_stream(name):
    with kitaru.open_call("sync", name) as call:
        if call.recorded:
            yield call.value
            return
        paid()
        call.finish(f"{name} whole")
        yield call.value


async def async_stream(name):
    async with kitaru.open_call("async", name) as call:
        if call.recorded:
            yield call.value
            return
        paid()
        await asyncio.sleep(0.001)
        call.finish(f"{name} whole")
        yield call.value


@checkpoint
async def after(text):
    return paid(text)


async def left(name):
    stream = async_stream(name)
    try:
        return await stream.__anext__()
    finally:
        await stream.aclose()


@flow
async def main():
    got = list(sync_stream("a"))
    stopped = sync_stream("b")
    got.append(next(stopped))
    stopped.close()
    got += [text async for text in async_stream("c")]
    got += await asyncio.gather(left("d"), left("e"))
    return await after("; ".join(got))


EXPECT = {"inline": "a whole; b whole; c whole; d whole; e whole"}
CALLS = 6
SAME_KEYS = True
RECORDED = 6
