"""Flows of every kind are replayed from every call that they made: what had ended before that call began is reused,
that call and what came after it run, the plan says so beforehand, and the result is the same.

Random flows are judged in the core (``crates/core/tests/random``). Not here: changed inputs, outputs and code.
"""

from __future__ import annotations

import dataclasses
import json
import textwrap
from typing import Any

import pytest

from lab import Lab

MARKS = """
import contextlib
from world import did

@contextlib.contextmanager
def body():
    from kitaru import _context
    frame = _context.frame().body()
    did(f"{frame.run.id} began {frame.key}")
    try:
        yield
    finally:
        did(f"{frame.run.id} ended {frame.key}")
"""

PRELUDE = """
import asyncio
import kitaru
from kitaru import checkpoint, flow
from marks import body

ANSWERS = {}

@checkpoint
def step(n):
    with body():
        return n * 10

@checkpoint
def outer(n):
    with body():
        return step(n) + step(n + 1)

@checkpoint
async def later(n, seconds=0.0):
    with body():
        await asyncio.sleep(seconds)
        return n * 10

@checkpoint
async def nested(n, seconds=0.0):
    with body():
        return await later(n, seconds) + await later(n + 1)

@checkpoint
def refuses(n):
    with body():
        raise ValueError(f"no {n}")
"""

PROGRAMS = {
    "one_after_the_other": """
        @flow
        def main():
            total = step(1) + outer(2)
            for n in range(3):
                total += step(n) if total % 3 else outer(n)
            while total < 400:
                total += step(total)
            return total
    """,
    "handled_failures": """
        @flow
        def main():
            total = 0
            for n in range(3):
                try:
                    total += refuses(n) if n != 1 else outer(n)
                except ValueError as refused:
                    total += len(str(refused))
                    total += step(n)
            return total
    """,
    "retries": """
        seen = set()

        @checkpoint(retries=2, backoff=0.001)
        def third_try(n):
            with body():
                found = step(n)
                if kitaru.current_execution().attempt < 3:
                    raise ConnectionError("again")
                return found + step(n + 1)

        @flow
        def main():
            return step(1) + third_try(2) + step(3)
    """,
    "gathered": """
        async def branch(n):
            first = await later(n, 0.02 * (3 - n))
            return first + await nested(first)

        @flow
        async def main():
            start = await later(0)
            found = await asyncio.gather(branch(1), later(7), branch(2), nested(3))
            return start + sum(found) + await later(sum(found))
    """,
    "as_they_complete": """
        @flow
        async def main():
            total = 0
            for done in asyncio.as_completed([later(n, 0.03 * (3 - n)) for n in range(3)]):
                found = await done
                total += found + await later(100 + found)
            return total
    """,
    "task_group": """
        async def branch(n):
            return await later(n, 0.01 * n) + await later(n + 10)

        @flow
        async def main():
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(branch(n)) for n in range(3)]
            first = sum(task.result() for task in tasks)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(branch(n)) for n in (1, 1, 5)]
            return first + sum(task.result() for task in tasks)
    """,
    "submitted": """
        @flow
        def main():
            handles = [outer.submit(n) for n in range(3)]
            total = step(50) + sum(handle.result() for handle in handles)
            return total + sum(step.map([7, 8, 9])) + step(total)
    """,
    "waits": """
        ANSWERS = {"approve": 5, "amount": 7}

        @flow
        def main():
            total = step(1)
            total += kitaru.wait(schema=int, name="approve", question=f"{total}?")
            total += outer(total)
            total += kitaru.wait(schema=int, name="amount", question=f"{total}?")
            return total + step(total)
    """,
    "waits_beside_calls": """
        ANSWERS = {"approve": 5}

        async def asks(n):
            answer = await kitaru.wait(schema=int, name="approve", question=f"{n}?")
            return answer + await later(answer)

        async def works(n):
            return await later(n) + await nested(n)

        @flow
        async def main():
            found = await asyncio.gather(asks(1), works(2), works(3))
            return sum(found) + await later(sum(found))
    """,
    "children": """
        @flow
        def child(n):
            return step(n) + step(n * 2)

        @flow
        def main():
            total = step(1) + child(2)
            return total + step(total) + child(3)
    """,
    "methods": """
        class Client:
            def __init__(self, name):
                self.name = name

            @checkpoint
            def ask(self, n):
                with body():
                    return len(self.name) * n

            @checkpoint
            def state(self):
                with body():
                    return step(len(self.name))

        @flow
        def main():
            one, other = Client("one"), Client("other")
            total = one.ask(1) + other.ask(1) + one.state()
            for client in (one, other):
                total += client.state() + step(total)
            return total
    """,
    "without_inputs": """
        @checkpoint
        def look():
            with body():
                return 3

        @flow
        def main():
            total = look() + step(1) + look()
            for n in range(2):
                total += look() + step(n)
            return total
    """,
    "called_as_they_are": """
        def plain(n):
            with body():
                return n * 10

        async def slow(n):
            with body():
                return n * 10

        @flow
        async def main():
            total = await kitaru.call("slow", slow, 1) + await kitaru.call("slow", slow, 2, id="named")
            total += kitaru.call("plain", plain, 3)
            found = await asyncio.gather(kitaru.call("slow", slow, 3), kitaru.call("slow", slow, 4))
            return total + sum(found) + await later(5)
    """,
    "readings": """
        @flow
        def main():
            step(kitaru.random())
            outer(int(kitaru.now().timestamp()))
            step(str(kitaru.uuid()))
            return step(4)
    """,
}

DRIVER = """
import json, sys
import agent
from kitaru.client import KitaruClient
from world import WORLD

executions = KitaruClient().executions

def lines():
    with open(WORLD) as log:
        return log.read().splitlines()

def answered(done):
    for _ in range(10):
        waits = [wait for wait in executions.waiting() if wait.execution_id == done.id]
        if done.status != "waiting" or not waits:
            break
        for wait in waits:
            done = executions.input(done.id, agent.ANSWERS[wait.name], wait=wait.key)
    return done

def told(done, before):
    own = [line.split(" ", 2)[1:] for line in lines()[before:] if line.startswith(done.id)]
    return {"status": done.status, "result": done.result if done.status == "completed" else None, "log": own}

source = answered(executions.latest("main"))
report = {"source": told(source, 0), "replays": {}}
calls = executions.replay(source.id, from_="start", dry_run=True).calls
for key in ["start", *(call.key for call in calls)]:
    plan = executions.replay(source.id, from_=key, dry_run=True)
    before = len(lines())
    done = answered(executions.replay(source.id, from_=key))
    fates = {call.key: call.fate for call in plan.calls if call.kind == "checkpoint"}
    report["replays"][key] = {**told(done, before), "fates": fates, "may_run": plan.may_run.calls}
print(json.dumps(report))
"""


@dataclasses.dataclass
class Log:
    """When bodies began and ended, by key: first and last, as places in what was written."""

    began: dict[str, int]
    ended: dict[str, int]

    @classmethod
    def of(cls, lines: list[list[str]]) -> Log:
        log = cls({}, {})
        for place, (what, key) in enumerate(lines):
            if what == "began":
                log.began.setdefault(key, place)
            else:
                log.ended[key] = place
        return log


def times(lines: list[list[str]], key: str) -> int:
    """How often that body began."""
    return sum(line == ["began", key] for line in lines)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_had_ended_is_reused_and_the_rest_runs(lab: Lab, name: str) -> None:
    lab.write("marks.py", MARKS)
    lab.write("world.py", (lab.folder / "world.py").read_text() + "\nWORLD = os.environ['WORLD']\n")
    (lab.folder / "agent.py").write_text(PRELUDE + textwrap.dedent(PROGRAMS[name]))
    lab.kitaru("run", "agent.py:main")
    lab.write("drive.py", DRIVER)
    report: dict[str, Any] = json.loads(lab.python("drive.py", timeout=110).ok().out.splitlines()[-1])
    source, log = report["source"], Log.of(report["source"]["log"])
    assert source["status"] == "completed" and len(report["replays"]) > 3
    for key, replay in report["replays"].items():
        ran = set(Log.of(replay["log"]).began)
        assert (replay["status"], replay["result"]) == ("completed", source["result"]), key
        # What is planned comes true.
        assert replay["may_run"] == 0, key
        fates = replay["fates"]
        assert set(fates.values()) <= {"runs", "reused"}, key
        # But for what a body that fails by itself makes anew in its next try, as it does everywhere.
        tried = [call for call in ran if times(replay["log"], call) > 1]
        anew = {call for call in ran if fates[call] == "reused" and any(call.startswith(f"{one}/") for one in tried)}
        assert ran - anew == {call for call, fate in fates.items() if fate == "runs"}, key
        if key == "start":
            assert ran == set(log.began)
        elif key in log.began:
            # And it is what the order of things in the source says.
            # Beside others one may begin when a body has ended and its end is not recorded yet: it had nothing of that.
            # The random replays of the core judge those by what is recorded.
            beside = any(word in PROGRAMS[name] for word in ("gather", "create_task", "as_completed", "submit"))
            over = {call for call, place in log.ended.items() if place < log.began[key] and not beside}
            after = {call for call, place in log.began.items() if place > log.ended[key] and not beside}
            assert {key} | after <= ran and ran - anew <= set(log.began) - over, key
