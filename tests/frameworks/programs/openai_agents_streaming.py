"""Streamed replies with a tool between; the whole reply from the record on re-entry."""

from agents import Agent, Runner, function_tool
from durable_openai_agents import Durable, Scripted, durable
from world import paid

from kitaru import checkpoint, flow


def think(items):
    found = [item["output"] for item in items if item.get("type") == "function_call_output"]
    return f"It is {found[0]}" if found else [("weather", '{"city": "Oslo"}')]


@function_tool
@durable
async def weather(city: str) -> str:
    return paid(f"sun in {city}")


@checkpoint
async def publish(text):
    return paid(text)


agent = Agent(name="a", model=Durable(Scripted(think)), tools=[weather])


@flow
async def main():
    result = Runner.run_streamed(agent, "go")
    async for _ in result.stream_events():
        pass
    return await publish(result.final_output)


EXPECT = {"inline": "It is sun in Oslo"}
CALLS = 4
SAME_KEYS = True
