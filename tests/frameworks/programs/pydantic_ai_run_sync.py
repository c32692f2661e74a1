"""A sync flow that runs agents with `run_sync`, whose inner event loop comes and goes, with a question between."""

import asyncio

from durable_pydantic_ai import Durable, durable
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel
from world import paid

import kitaru
from kitaru import checkpoint, flow


def think(messages, info):
    found = [part.content for one in messages for part in one.parts if isinstance(part, ToolReturnPart)]
    if not found:
        return ModelResponse(parts=[ToolCallPart("weather", {"city": "Oslo"}), ToolCallPart("price", {"item": "tea"})])
    return ModelResponse(parts=[TextPart(" ".join(found))])


@durable
async def weather(city: str) -> str:
    await asyncio.sleep(0.002)
    return paid(f"sun in {city}")


@durable
def price(item: str) -> str:
    return paid(f"{item} costs 3")


@checkpoint
def publish(text):
    return paid(text.upper())


agent = Agent(Durable(FunctionModel(think)), tools=[weather, price])


@flow
def main():
    first = agent.run_sync("one").output
    if not kitaru.wait(schema=bool, name="again"):
        return first
    second = agent.run_sync("two").output
    return publish(f"{first}; {second}")


ANSWERS = {"again": True}
EXPECT = {"inline": "SUN IN OSLO TEA COSTS 3; SUN IN OSLO TEA COSTS 3"}
CALLS = 9
SAME_KEYS = True
