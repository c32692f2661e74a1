"""A human is asked inside a sync tool, then inside an async one, in a sync flow with `run_sync`."""

import asyncio

from agents import Agent, Runner, function_tool
from durable_openai_agents import Durable, Scripted, durable
from world import paid

import kitaru
from kitaru import checkpoint, flow


def think(items):
    found = [item["output"] for item in items if item.get("type") == "function_call_output"]
    if not found:
        return [("work", '{"n": 1}'), ("ask_sync", '{"about": "b"}')]
    if len(found) == 2:
        return [("ask_async", '{"about": "a"}')]
    return " ".join(found)


@function_tool
@durable
async def ask_async(about: str) -> str:
    return await kitaru.wait(schema=str, name="asynchronous", question=f"What about {about}?")


@function_tool
def ask_sync(about: str) -> str:
    return kitaru.wait(schema=str, name="synchronous", question=f"What about {about}?")


@function_tool
@durable
async def work(n: int) -> str:
    await asyncio.sleep(0.002)
    return paid(f"worked {n}")


@checkpoint
def publish(text):
    return paid(text.upper())


agent = Agent(name="a", model=Durable(Scripted(think)), tools=[ask_async, ask_sync, work])


@flow
def main():
    return publish(Runner.run_sync(agent, "go").final_output)


ANSWERS = {"asynchronous": "yes", "synchronous": "no"}
EXPECT = {"inline": "WORKED 1 NO YES"}
CALLS = 5
SAME_KEYS = True
