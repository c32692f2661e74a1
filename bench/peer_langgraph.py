"""The same steps with LangGraph: SQLite saver, ``durability="sync"``. Runs in an environment of its own.

A checkpoint is what LangGraph keeps after a node (a superstep); a step of a loop is a node that leads to itself.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph


def saver(home: str) -> SqliteSaver:
    """The saver as its documentation opens it; it sets WAL by itself."""
    made = SqliteSaver(sqlite3.connect(os.path.join(home, "graph.db"), check_same_thread=False))
    made.setup()
    return made


class State(TypedDict):
    """What the loop carries."""

    i: int
    value: Any


def loop(body: Any, until: int, checkpointer: Any) -> Any:
    """A graph that calls ``body`` until ``i`` reaches ``until``."""

    def step(state: State) -> dict[str, Any]:
        return {"i": state["i"] + 1, "value": body(state["i"], state["value"])}

    graph = StateGraph(State)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", lambda state: END if state["i"] >= until else "step")
    return graph.compile(checkpointer=checkpointer)


def settings(thread: object, count: int) -> dict[str, Any]:
    """A thread, and room for the loop."""
    return {"configurable": {"thread_id": str(thread)}, "recursion_limit": count + 10}


def timed_loop(home: str, body: Any, count: int) -> float:
    """Seconds per step."""
    graph = loop(body, count, saver(home))
    begun = time.perf_counter()
    graph.invoke({"i": 0, "value": None}, settings(1, count), durability="sync")
    return (time.perf_counter() - begun) / count


def steps(home: str, count: str) -> float:
    """Seconds per step that does nothing."""
    return timed_loop(home, lambda i, value: i, int(count))


def large(home: str, count: str) -> float:
    """Seconds per step that returns 1 MiB."""
    from large import SIZE, text

    texts = [text(SIZE) for _ in range(int(count))]
    return timed_loop(home, lambda i, value: texts[i], int(count))


def restart(home: str, count: str) -> float:
    """Seconds of a whole process that goes on after so many steps."""
    import subprocess

    environment = {**os.environ}
    subprocess.run([sys.executable, __file__, "record", home, count], check=True, env=environment, capture_output=True)
    begun = time.perf_counter()
    subprocess.run([sys.executable, __file__, "go_on", home, count], check=True, env=environment, capture_output=True)
    return time.perf_counter() - begun


def record(home: str, count: str) -> int:
    """Stops at the step after ``count``."""

    def body(i: int, value: Any) -> int:
        if i == int(count):
            raise KeyboardInterrupt
        return i

    try:
        graph = loop(body, int(count) + 1, saver(home))
        graph.invoke({"i": 0, "value": None}, settings(1, int(count) + 1), durability="sync")
    except KeyboardInterrupt:
        pass
    return 0


def go_on(home: str, count: str) -> int:
    """Runs the step that is left."""
    graph = loop(lambda i, value: i, int(count) + 1, saver(home))
    graph.invoke(None, settings(1, int(count) + 1), durability="sync")
    return 0


def flows(home: str, count: str) -> float:
    """Flows of three steps per second, on as many threads as its own batch takes."""
    graph = loop(lambda i, value: i, 3, saver(home))
    given = [{"i": 0, "value": None} for _ in range(int(count))]
    each = [{**settings(n, 3), "max_concurrency": 32} for n in range(int(count))]
    begun = time.perf_counter()
    graph.batch(given, each, durability="sync")
    return int(count) / (time.perf_counter() - begun)


def concurrent(home: str, count: str) -> float:
    """Seconds for so many steps of 50 ms at once."""
    import asyncio

    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
    from langgraph.func import entrypoint, task

    async def main() -> float:
        async with AsyncSqliteSaver.from_conn_string(os.path.join(home, "async.db")) as checkpointer:

            @task
            async def step(i: int) -> int:
                await asyncio.sleep(0.05)
                return i

            @entrypoint(checkpointer=checkpointer)
            async def flow(n: int) -> int:
                return len(await asyncio.gather(*[step(i) for i in range(n)]))

            await flow.ainvoke(1, settings("warm", 10), durability="sync")
            begun = time.perf_counter()
            await flow.ainvoke(int(count), settings(1, 10), durability="sync")
            return time.perf_counter() - begun

    return asyncio.run(main())


def transcript(home: str, count: str) -> float:
    """Bytes of the store after steps that each take and return a growing transcript."""
    from transcript import on_disk, turn

    timed_loop(home, lambda i, value: [*(value or []), turn(i)], int(count))
    return on_disk(home)


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
