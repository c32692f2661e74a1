"""The shape of a flow over HTTP: which calls its latest executions made, how often, how long, how often failing."""

from __future__ import annotations

from lab import Lab
from server.served import serving

PROGRAM = """
import kitaru
from kitaru import checkpoint, flow

@checkpoint
def gather(topic: str):
    kitaru.usage(input_tokens=10, cost_usd=0.5)
    return topic

@checkpoint(retries=1, backoff=0.01)
def write(text):
    if text == "bad":
        raise ValueError("bad topic")
    return text

@flow
def research(topic: str):
    text = gather(topic)
    gather(topic + "!")
    return write(text)
"""


def test_a_flow_has_the_shape_that_its_executions_show(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    for topic, status in (("bees", 0), ("tea", 0), ("bad", 1)):
        lab.kitaru("run", "agent.py:research", "--input", f"topic={topic}").ok(status)
    with serving(lab) as server:
        told = server.get("/flows/research")
        assert told["executions"] == {"completed": 2, "failed": 1} and told["looked_at"] == 3
        shape = {one["name"]: one for one in told["shape"]}
        assert (shape["gather"]["calls"], shape["gather"]["executions"]) == (6, 3)
        assert (shape["write"]["calls"], shape["write"]["failed"], shape["write"]["retried"]) == (3, 1, 1)
        assert shape["gather"]["usage"]["cost_usd"] == 3.0
        assert 0 <= shape["gather"]["median_ms"] <= shape["gather"]["p95_ms"]


def test_what_a_replay_has_from_its_source_counts_there_alone(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    lab.kitaru("run", "agent.py:research", "--input", "topic=bees").ok(0)
    lab.kitaru("replay", "latest", "--from", "write").ok(0)
    with serving(lab) as server:
        told = server.get("/flows/research")
        shape = {one["name"]: (one["calls"], one["executions"]) for one in told["shape"]}
        assert told["looked_at"] == 2 and shape == {"gather": (2, 1), "write": (2, 2)}


def test_a_flow_that_has_not_run_is_not_known(lab: Lab) -> None:
    with serving(lab) as server:
        assert server.get("/flows/nothing", 404)["code"] == "unknown-flow"
