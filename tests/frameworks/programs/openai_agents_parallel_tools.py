"""An async agent: two async and two sync tools at once, then a final answer."""

import asyncio
import time

from agents import Agent, Runner, function_tool
from durable_openai_agents import Durable, Scripted, durable
from world import paid

from kitaru import flow


def think(items):
    found = [item["output"] for item in items if item.get("type") == "function_call_output"]
    if not found:
        return [
            ("weather", '{"city": "Oslo"}'),
            ("price", '{"item": "tea"}'),
            ("weather", '{"city": "Rome"}'),
            ("price", '{"item": "ink"}'),
        ]
    return " ".join(found)


@function_tool
@durable
async def weather(city: str) -> str:
    await asyncio.sleep(0.004 if city == "Oslo" else 0.001)
    return paid(f"sun in {city}")


@function_tool
@durable
def price(item: str) -> str:
    time.sleep(0.004 if item == "tea" else 0.001)
    return paid(f"{item} costs 3")


agent = Agent(name="a", model=Durable(Scripted(think)), tools=[weather, price])


@flow
async def main(task="report"):
    return (await Runner.run(agent, task)).final_output


EXPECT = {"inline": "sun in Oslo tea costs 3 sun in Rome ink costs 3"}
CALLS = 6
SAME_KEYS = True
