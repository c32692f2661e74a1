"""What a checkpoint through a server costs: one round trip, over a connection that is kept, and no large value twice."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from lab import Lab
from remote.between import counting

STEPS = """
from kitaru import checkpoint, flow

@checkpoint
def step(n):
    return n

@flow
def agent():
    return sum(step(n) for n in range(200))

if __name__ == "__main__":
    print(agent())
"""

TALK = """
import random
from kitaru import checkpoint, flow

@checkpoint
def say(messages, n):
    luck = random.Random(n)
    return [*messages, "".join(luck.choice("abcdefghij klmnop qrstuvwxyz") for _ in range(10_000))]

@flow
def talk():
    messages = []
    for n in range(20):
        messages = say(messages, n)
    return messages

if __name__ == "__main__":
    print(len(talk()))
"""

AT_ONCE = """
import threading
from kitaru import checkpoint, flow

@checkpoint
def step(n):
    return n

@flow
def one():
    return sum(step(n) for n in range(25))

if __name__ == "__main__":
    threads = [threading.Thread(target=one) for _ in range(16)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""


@pytest.fixture
def far(tmp_path: pathlib.Path) -> Iterator[Lab]:
    """A desk whose store is a server's."""
    lab = Lab(tmp_path, store="remote")
    try:
        yield lab
    finally:
        lab.close()


def through(lab: Lab, url: str) -> dict[str, str]:
    """The environment of a program that goes by another way."""
    return {**lab.env(), "KITARU_STORE": url}


def test_a_checkpoint_is_one_round_trip_over_a_connection_that_is_kept(far: Lab) -> None:
    far.write("agent.py", STEPS)
    with counting(far.server.port) as counted:
        far.python("agent.py", **through(far, counted.url)).ok()
    writes = counted.writes()
    # The creation, the end, and what is kept beside.
    assert 200 <= writes <= 210, writes
    assert len(counted.requests) - writes < 40, "looks, by time"
    assert counted.connections <= 5, counted.connections


def test_what_flows_of_a_process_finish_at_once_goes_out_together(far: Lab) -> None:
    far.write("agent.py", AT_ONCE)
    with counting(far.server.port) as counted:
        far.python("agent.py", **through(far, counted.url)).ok()
    assert far.query("SELECT count(*) FROM calls") == [(16 * 25,)]
    assert counted.writes() < 16 * 25 / 2, counted.writes()


def test_a_conversation_that_grows_is_sent_once(far: Lab) -> None:
    far.write("talk.py", TALK)
    with counting(far.server.port) as counted:
        assert far.python("talk.py", **through(far, counted.url)).ok().out == "20\n"
    sent = sum(counted.bytes)
    # 200 KB are said in all. Sent with each step, as its input and its output, they would be 4 MB.
    assert 200_000 < sent < 900_000, sent
    result = far.item("show", far.only())["result"]
    assert [len(one) for one in result] == [10_000] * 20
