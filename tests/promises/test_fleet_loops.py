"""An async flow that moves executions of others does not stand still meanwhile, and is not left in the middle of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promises.test_fleet import WORKERS, master

if TYPE_CHECKING:
    from lab import Lab

OTHERS = """
import os
from workers import *

@flow
def other():
    # It ends when a task of the master has worked meanwhile.
    first = kitaru.wait(schema=bool, name="go")
    return meets("other waits", "master works")

@checkpoint
def meets(mine, theirs):
    did(mine)
    while not count(theirs):
        pass
    return mine
"""

VERBS = {
    "input": "executions.input, ID, True",
    "resume": "executions.resume, ID",
    "replay": "executions.replay, ID, from_='meets'",
}


def _waiting(lab: Lab, verb: str) -> str:
    """An execution of nobody's, so far as it has to be for that verb."""
    lab.write("workers.py", WORKERS)
    lab.write("others.py", OTHERS)
    lab.kitaru("run", "others.py:other").ok(75)
    one = str(lab.only())
    if verb != "input":
        lab.kitaru("input", one, "--value", "true", "--no-resume").ok()
    if verb == "replay":
        lab.world.open("a").write("master works\n")
        lab.kitaru("resume", one).ok()
    return one


@pytest.mark.parametrize("verb", ["input", "resume"])
def test_in_a_thread_the_flows_other_tasks_go_on(lab: Lab, verb: str) -> None:
    one = _waiting(lab, verb)
    body = f"""
        from others import meets
        async def works():
            while not count("other waits"):
                await asyncio.sleep(0.01)
            did("master works")
        moved, *_ = await asyncio.gather(
            asyncio.to_thread({VERBS[verb].replace("ID", repr(one))}), works(), kitaru.wait(schema=bool, name="beside")
        )
        return [moved.status, moved.result]
    """
    master(lab, body, asynchronous=True)
    # It waits for what it moves however long that takes, and is left to its own question then.
    left = lab.kitaru("run", "master.py:master", KITARU_GRACE="0.1").ok(75)
    assert "left behind" not in left.err
    (own,) = [row for row in lab.items("ls") if row["flow"] == "master"]
    result: Any = lab.kitaru("input", own["id"], "--value", "true", "--output", "json").ok().json["item"]
    assert lab.item("show", own["id"])["result"] == ["completed", "other waits"], result


@pytest.mark.parametrize("call", ["worker, 'ask'", "kitaru.gather, worker.run('ask')"])
def test_who_waits_for_others_in_a_thread_is_left_like_any_other(lab: Lab, call: str) -> None:
    """Nothing is paid for there."""
    master(lab, f"return await asyncio.to_thread({call})", asynchronous=True)
    lab.kitaru("run", "master.py:master", KITARU_GRACE="0.1").ok(75)
    (own,) = [row for row in lab.items("ls") if row["flow"] == "master"]
    lab.kitaru("input", own["id"], "--value", '"!"').ok()
    assert lab.item("show", own["id"])["result"] in ("ASK!", ["ASK!"])


@pytest.mark.parametrize("verb", VERBS)
def test_on_the_loop_it_is_refused_before_anything_is_done(lab: Lab, verb: str) -> None:
    one = _waiting(lab, verb)
    before = lab.query("SELECT last_seq FROM executions WHERE id = ?", one)
    call = VERBS[verb].replace("ID", repr(one)).replace(", ", "(", 1) + ")"
    body = f"""
        try:
            {call}
        except kitaru.KitaruSyncOnLoopError as error:
            return [error.code, "asyncio.to_thread(executions.{verb}" in str(error)]
    """
    master(lab, body, asynchronous=True)
    assert lab.item("run", "master.py:master")["result"] == ["sync-on-loop", True]
    assert lab.query("SELECT last_seq FROM executions WHERE id = ?", one) == before
    assert sum(row["flow"] == "other" for row in lab.items("ls")) == 1


def test_whoever_waits_for_what_it_cancels_goes_on_beside_it(lab: Lab) -> None:
    one = _waiting(lab, "input")
    lab.write(
        "watch.py",
        "from others import *\n@flow\ndef watch(id: str):\n"
        "    try:\n        return executions.handle(id).get()\n"
        "    except kitaru.KitaruCancelledError:\n        return meets('other waits', 'master works')\n",
    )
    lab.kitaru("run", "watch.py:watch", "--input", f'id="{one}"').ok(75)
    body = f"""
        executions.cancel({one!r})
        while not count("other waits"):
            await asyncio.sleep(0.01)
        did("master works")
        return "free"
    """
    master(lab, body, asynchronous=True)
    assert lab.item("run", "master.py:master")["result"] == "free"
    (watch,) = [row for row in lab.items("ls") if row["flow"] == "watch"]
    assert lab.item("show", watch["id"])["result"] == "other waits"
