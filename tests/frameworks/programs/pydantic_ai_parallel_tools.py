"""An async agent: two async and two sync tools at once, then a final answer."""

import asyncio
import time

from durable_pydantic_ai import Durable, durable
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel
from world import paid

from kitaru import flow


def think(messages, info):
    found = [part.content for one in messages for part in one.parts if isinstance(part, ToolReturnPart)]
    if not found:
        asked = [
            ("weather", {"city": "Oslo"}),
            ("price", {"item": "tea"}),
            ("weather", {"city": "Rome"}),
            ("price", {"item": "ink"}),
        ]
        return ModelResponse(parts=[ToolCallPart(name, arguments) for name, arguments in asked])
    return ModelResponse(parts=[TextPart(" ".join(found))])


@durable
async def weather(city: str) -> str:
    await asyncio.sleep(0.004 if city == "Oslo" else 0.001)
    return paid(f"sun in {city}")


@durable
def price(item: str) -> str:
    time.sleep(0.004 if item == "tea" else 0.001)
    return paid(f"{item} costs 3")


agent = Agent(Durable(FunctionModel(think)), tools=[weather, price])


@flow
async def main(task="report"):
    return (await agent.run(task)).output


EXPECT = {"inline": "sun in Oslo tea costs 3 sun in Rome ink costs 3"}
CALLS = 6
SAME_KEYS = True
