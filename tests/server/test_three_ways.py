"""The seed's question is approved three ways: on the command line, over HTTP, and by an AI assistant over MCP, whichever
version of the protocol's official client it is built on and however it is connected. Each carries the flow to its end."""

from __future__ import annotations

import contextlib
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab import Lab
from server.assistant import VERSIONS, Assistant, assistant
from server.served import serving

PROMISES = pathlib.Path(__file__).parents[1] / "promises"

HELPERS = """
from world import did

def search_academic_papers(topic):
    did("search")
    return [f"{topic} {n}" for n in range(12)]

def call_llm(prompt):
    did("llm")
    return f"analysis of {len(prompt)} characters"

if __name__ == "__main__":
    print(research_agent("flow"))
"""


@pytest.fixture
def asking(lab: Lab) -> Lab:
    """A lab where the seed's program has asked its question, and no process runs."""
    lab.write("agent.py", (PROMISES / "seed_program.py.txt").read_text() + HELPERS)
    lab.python(str(lab.folder / "agent.py")).ok(75)
    assert lab.done() == ["search"]
    return lab


def completed(lab: Lab, by: str) -> None:
    """Fails unless the flow has come to its end, having done everything once."""
    until = time.monotonic() + 30
    while (item := lab.item("show", lab.only()))["status"] != "completed":
        assert time.monotonic() < until, item
        time.sleep(0.02)
    assert item["result"].startswith("analysis of")
    assert lab.done() == ["search", "llm"]
    (journal,) = [event for event in lab.query("SELECT kind FROM journal") if event[0] == "wait_answered"]
    assert journal
    ((answered_by,),) = lab.query("SELECT answered_by FROM waits")
    assert answered_by == by


def test_on_the_command_line(asking: Lab) -> None:
    asking.kitaru("input", asking.only()[-8:], "--value", "true").ok(0)
    completed(asking, "cli")


def test_over_http(asking: Lab) -> None:
    with serving(asking) as server:
        (wait,) = server.get("/waits")["items"]
        assert wait["question"] == "Found 12 sources. Continue?"
        server.post(f"/executions/{wait['execution_id']}/input", {"value": True, "wait": wait["key"]})
        completed(asking, "http")


@contextlib.contextmanager
def over_stdio(lab: Lab, version: str) -> Iterator[Assistant]:
    with assistant(lab, version) as one:
        yield one


@contextlib.contextmanager
def over_http(lab: Lab, version: str) -> Iterator[Assistant]:
    with serving(lab) as server, assistant(lab, version, url=f"{server.url}/mcp") as one:
        yield one


WAYS = {"stdio": over_stdio, "http": over_http}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("way", WAYS)
def test_by_an_assistant(asking: Lab, way: str, version: str) -> None:
    connect: Callable[[Lab, str], Any] = WAYS[way]
    with connect(asking, version) as one:
        (stuck,) = one.call("kitaru_find_stuck")["data"]["stuck"]
        assert stuck["who"] == "person"
        (call,) = stuck["to_go_on"]
        assert call["tool"] == "kitaru_answer"
        (wait,) = one.call("kitaru_list_waits")["data"]["waits"]
        assert (wait["question"], wait["schema"]) == ("Found 12 sources. Continue?", {"type": "boolean"})
        assert one.refused(call["tool"], **{**call["arguments"], "value": "yes"})["code"] == "bad-answer"
        told = one.call(call["tool"], **{**call["arguments"], "value": True})
        assert told["data"]["answered"] == wait["wait"]
        completed(asking, "mcp")
        assert one.refused(call["tool"], **{**call["arguments"], "value": True})["code"] == "already-answered"
