"""Streamed replies: text deltas, a tool between, the text again from the record on re-entry."""

from durable_pydantic_ai import Durable, durable
from pydantic_ai import Agent
from pydantic_ai.messages import ToolReturnPart
from pydantic_ai.models.function import DeltaToolCall, FunctionModel
from world import paid

from kitaru import checkpoint, flow


async def think(messages, info):
    found = [part.content for one in messages for part in one.parts if isinstance(part, ToolReturnPart)]
    if not found:
        yield {0: DeltaToolCall(name="weather", json_args='{"city":')}
        yield {0: DeltaToolCall(json_args=' "Oslo"}')}
        return
    for word in ("It ", "is ", found[0]):
        yield word


@durable
async def weather(city: str) -> str:
    return paid(f"sun in {city}")


@checkpoint
async def publish(text):
    return paid(text)


agent = Agent(Durable(FunctionModel(stream_function=think)), tools=[weather])


@flow
async def main():
    last = ""
    async with agent.run_stream("go") as stream:
        async for text in stream.stream_text(debounce_by=None):
            last = text
    return await publish(last)


EXPECT = {"inline": "It is sun in Oslo"}
CALLS = 4
SAME_KEYS = True
