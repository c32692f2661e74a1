"""What a type checker says of programs: checked by mypy --strict, never run. Each ignore names a needed error."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from typing_extensions import assert_type

import kitaru
from kitaru import FlowHandle, checkpoint, flow
from kitaru._handles import Handle


@checkpoint
def bare(a: int, *, b: str = "x") -> float:
    return a + len(b)


@checkpoint(retries=3, timeout=5.0, retry_on="transient")
def optioned(a: int) -> list[str]:
    return [str(a)]


@checkpoint
async def bare_async(a: int) -> bytes:
    return bytes(a)


@checkpoint(idle_timeout=1.0)
async def optioned_async(a: str, b: int = 2) -> dict[str, int]:
    return {a: b}


class Agent:
    @checkpoint
    def ask(self, question: str) -> int:
        return len(question)

    @checkpoint(retries=1)
    async def ask_async(self, question: str, n: int = 1) -> str:
        return question * n

    @flow
    def work(self, topic: str) -> list[int]:
        return [self.ask(topic)]

    @flow(on_drift="fail")
    async def work_async(self, topic: str) -> str:
        return await self.ask_async(topic)


@flow
def plain(topic: str, depth: int = 1) -> tuple[str, int]:
    return topic, depth


@flow(tags=("nightly",), strict=True)
def tagged(topic: str) -> int:
    return len(topic)


@flow
async def asynchronous(topic: str) -> set[str]:
    return {topic}


def calls_are_seen_with_the_users_own_signature() -> None:
    assert_type(bare(1, b="y"), float)
    assert_type(optioned(a=1), list[str])
    bare("1")  # type: ignore[arg-type]
    bare(1, "y")  # type: ignore[call-arg]
    bare()  # type: ignore[call-arg]
    bare(1, c=2)  # type: ignore[call-arg]
    optioned([1])  # type: ignore[arg-type]
    wrong: int = bare(1)  # type: ignore[assignment]
    later: Coroutine[Any, Any, bytes] = bare_async(1)
    print(wrong, later)


async def async_calls_are_awaited_for_their_result() -> None:
    assert_type(await bare_async(1), bytes)
    assert_type(await optioned_async("a", b=3), dict[str, int])
    assert_type(await asyncio.gather(bare_async(1), optioned_async("a")), tuple[bytes, dict[str, int]])
    await bare_async("1")  # type: ignore[arg-type]
    await optioned_async(1)  # type: ignore[arg-type]
    await bare(1)  # type: ignore[misc]


async def methods_are_seen_without_self() -> None:
    agent = Agent()
    assert_type(agent.ask("q"), int)
    assert_type(agent.ask.submit("q"), Handle[int])
    assert_type(agent.ask.map(["q"]), list[int])
    assert_type(await agent.ask_async("q", n=2), str)
    assert_type(await agent.ask_async.submit("q"), str)
    assert_type(Agent.ask(agent, "q"), int)
    assert_type(agent.work("t"), list[int])
    assert_type(agent.work.run("t").wait(), list[int])
    assert_type(await agent.work_async("t"), str)
    assert_type(agent.work_async.run("t").get(), str)
    agent.ask(1)  # type: ignore[arg-type]
    agent.ask()  # type: ignore[call-arg]
    agent.ask.submit(1)  # type: ignore[arg-type]
    agent.work(1)  # type: ignore[arg-type]
    agent.work.run(1)  # type: ignore[arg-type]


async def submit_and_map_give_handles_or_tasks_of_the_result() -> None:
    assert_type(bare.submit(1, b="y"), Handle[float])
    assert_type(bare.submit(1).result(), float)
    assert_type(optioned.map([1, 2], limit=2), list[list[str]])
    assert_type(bare_async.submit(1), asyncio.Task[bytes])
    assert_type(await bare_async.submit(1), bytes)
    assert_type(await bare_async.map([1, 2]), list[bytes])
    assert_type(await optioned_async.map(["a"]), list[dict[str, int]])
    bare.submit("1")  # type: ignore[arg-type]
    bare.submit(1, c=2)  # type: ignore[call-arg]
    bare_async.submit("1")  # type: ignore[call-overload]
    optioned.map([1], limit="2")  # type: ignore[arg-type]


async def flows_and_their_handles() -> None:
    assert_type(plain("t"), tuple[str, int])
    assert_type(plain.run("t", depth=2), FlowHandle[tuple[str, int]])
    assert_type(plain.run("t").wait(timeout=1.0), tuple[str, int])
    assert_type(await plain.run("t"), tuple[str, int])
    assert_type(tagged("t"), int)
    assert_type(plain.resume("id"), tuple[str, int])
    assert_type(plain.resumed("id").get(), tuple[str, int])
    assert_type(await asynchronous("t"), set[str])
    assert_type(asynchronous.run("t").wait(), set[str])
    assert_type(await asynchronous.run("t"), set[str])
    assert_type(await asynchronous.resume("id"), set[str])
    assert_type(asynchronous.resumed("id").wait(), set[str])
    assert_type(plain.run("t").exec_id, str)
    plain(1)  # type: ignore[arg-type]
    plain("t", width=1)  # type: ignore[call-arg]
    plain.run(1)  # type: ignore[arg-type]
    plain.run()  # type: ignore[call-arg]
    asynchronous.run(1)  # type: ignore[call-overload]
    tagged.run("t").wait("1")  # type: ignore[arg-type]


def model(prompt: str, n: int) -> list[str]:
    return [prompt] * n


async def model_async(prompt: str) -> str:
    return prompt


async def call_has_the_bodys_arguments_and_result() -> None:
    assert_type(kitaru.call("model", model, "p", 2), list[str])
    assert_type(kitaru.call("model", lambda: 1.5, identity=["p"], retries=2), float)
    assert_type(await kitaru.call("model", model_async, "p", id="first"), str)
    kitaru.call("model", model, "p", 2, codec=(str, eval))
    kitaru.call("model", model, "p")  # type: ignore[arg-type]
    kitaru.call("model", model, 1, 2)  # type: ignore[arg-type]
    kitaru.call(model, "p", 2)  # type: ignore[arg-type]
    kitaru.call("model", lambda: 1, retrys=2)  # type: ignore[call-arg]
    kitaru.call("model", lambda: 1, effect="twice")  # type: ignore[arg-type]
    with kitaru.open_call("stream", "p", timeout=2.0) as call:
        assert_type(call.recorded, bool)
        call.finish("x")
    kitaru.open_call("stream", "p", timeout="2")  # type: ignore[arg-type]


checkpoint(retires=3)  # type: ignore[call-overload]
checkpoint(retries="3")  # type: ignore[call-overload]
flow(on_drift=1)  # type: ignore[call-overload]
flow("name")  # type: ignore[call-overload]
