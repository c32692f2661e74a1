"""A human is asked inside an async tool and inside a sync one, while another tool works beside them."""

import asyncio

from durable_pydantic_ai import Durable, durable
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel
from world import paid

import kitaru
from kitaru import flow


def think(messages, info):
    found = [part.content for one in messages for part in one.parts if isinstance(part, ToolReturnPart)]
    if not found:
        asked = [("ask_async", {"about": "a"}), ("work", {"n": 1}), ("ask_sync", {"about": "b"})]
        return ModelResponse(parts=[ToolCallPart(name, arguments) for name, arguments in asked])
    return ModelResponse(parts=[TextPart(" ".join(found))])


@durable
async def ask_async(about: str) -> str:
    return await kitaru.wait(schema=str, name="asynchronous", question=f"What about {about}?")


def ask_sync(about: str) -> str:
    return kitaru.wait(schema=str, name="synchronous", question=f"What about {about}?")


@durable
async def work(n: int) -> str:
    await asyncio.sleep(0.002)
    return paid(f"worked {n}")


agent = Agent(Durable(FunctionModel(think)), tools=[ask_async, ask_sync, work])


@flow
async def main():
    return (await agent.run("go")).output


ANSWERS = {"asynchronous": "yes", "synchronous": "no"}
EXPECT = {"inline": "yes worked 1 no"}
CALLS = 3
SAME_KEYS = True
