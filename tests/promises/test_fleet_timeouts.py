"""`gather` and `wait_for` wait no longer than they were told to, from when they first waited, and that is on record."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from promises.test_fleet import WORKERS, master

if TYPE_CHECKING:
    from lab import Lab

LATE = {
    "gather": "kitaru.gather([one], timeout=0.3)",
    "gather, exceptions": "kitaru.gather([one], return_exceptions=True, timeout=0.3)",
    "wait_for": "kitaru.wait_for([one], timeout=0.3)",
}


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("call", LATE)
def test_time_that_ran_out_is_told_and_told_again(lab: Lab, asynchronous: bool, call: str) -> None:
    word = "await " if asynchronous else ""
    body = f"""
        one = worker.run("slow")
        try:
            got = {word}{LATE[call]}
        except kitaru.KitaruWaitTimeoutError as late:
            got = [str(late).replace(one.exec_id[-8:], "ID")]
            did("hurry")
        last = {word}kitaru.gather([one])
        if not count("again"):
            did("again")
            os.kill(os.getpid(), 9)
        return got + last
    """
    master(lab, body, asynchronous=asynchronous)
    lab.kitaru("run", "master.py:master").ok(-9)
    done = lab.kitaru(
        "resume", next(one["id"] for one in lab.items("ls") if one["flow"] == "master"), "--output", "json"
    )
    name = call.partition(",")[0]
    assert done.ok().json["item"]["result"] == [f"{name}: 0 of 1 executions have come within 0.3 s; not ID", "SLOW"]
    assert lab.done().count("work slow") == 1, "nobody was stopped"


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_no_process_runs_until_time_is_out_and_it_does_not_begin_anew(lab: Lab, asynchronous: bool) -> None:
    word = "await " if asynchronous else ""
    body = f"""
        try:
            return {word}kitaru.gather(worker.run("ask"), timeout=float(os.environ.get("LONG", "3600")))
        except kitaru.KitaruWaitTimeoutError:
            return "late"
    """
    master(lab, body, asynchronous=asynchronous)
    lab.kitaru("run", "master.py:master").ok(75)
    one = lab.item("show", "latest") if lab.item("show", "latest")["flow"] == "master" else _master(lab)
    assert one["status"] == "waiting" and one["wake_at"] is not None
    lab.kitaru("resume", "--due").ok()
    lab.kitaru("resume", one["id"])
    assert (_master(lab)["status"], _master(lab)["wake_at"]) == ("waiting", one["wake_at"])
    child = next(row["id"] for row in lab.items("ls") if row["flow"] == "worker")
    lab.kitaru("input", child, "--value", '"!"').ok()
    assert _master(lab)["result"] == ["ASK!"], "what comes in time is the result"


def test_whoever_looks_for_what_is_due_finds_it(lab: Lab) -> None:
    body = """
        one = worker.run("ask")
        try:
            return kitaru.wait_for([executions.handle(one.exec_id), worker.run("nap")], "all", timeout=1.5)
        except kitaru.KitaruWaitTimeoutError:
            for child in KitaruClient().executions.list(flow="worker"):
                KitaruClient().executions.cancel(child.id)
            return "late"
    """
    master(lab, body)
    lab.kitaru("run", "master.py:master").ok(75)
    until = time.monotonic() + 20
    while _master(lab)["status"] != "completed" and time.monotonic() < until:
        lab.kitaru("resume", "--due").ok()
    assert _master(lab)["result"] == "late"
    assert {row["status"] for row in lab.items("ls") if row["flow"] == "worker"} == {"cancelled"}


def test_a_flow_that_failed_of_it_waits_anew_when_it_is_resumed(lab: Lab) -> None:
    master(lab, "return kitaru.gather(worker.run('ask'), timeout=2)")
    lab.kitaru("run", "master.py:master").ok(75)
    first = _master(lab)["wake_at"]
    until = time.monotonic() + 20
    while _master(lab)["status"] != "failed" and time.monotonic() < until:
        lab.kitaru("resume", "--due")
    assert _master(lab)["error"]["type"].endswith("KitaruWaitTimeoutError")
    lab.kitaru("resume", _master(lab)["id"]).ok(75)
    assert (_master(lab)["status"], _master(lab)["wake_at"] > first) == ("waiting", True)


def test_outside_a_flow_too(lab: Lab) -> None:
    lab.write("workers.py", WORKERS)
    program = """
import asyncio
from workers import *
one = worker.run("slow")
def tell(call):
    try:
        print(call())
    except kitaru.KitaruWaitTimeoutError as late:
        print(late.code, isinstance(late, TimeoutError))
async def soon(call):
    return await call()
tell(lambda: kitaru.gather(one, timeout=0.1))
tell(lambda: kitaru.wait_for([one], timeout=0))
tell(lambda: asyncio.run(soon(lambda: kitaru.gather([one], timeout=0.1))))
tell(lambda: asyncio.run(soon(lambda: kitaru.wait_for([one], timeout=0.1))))
for wrong in (-1, float("inf"), float("nan")):
    for call in (lambda: kitaru.gather(one, timeout=wrong), lambda: kitaru.wait_for([one], timeout=wrong)):
        try:
            call()
        except kitaru.KitaruUsageError as error:
            print(str(error).partition(":")[0])
did("hurry")
print(kitaru.gather(one, timeout=60), len(kitaru.wait_for([one], timeout=60).done))
"""
    told = lab.python("-c", program).ok().out.splitlines()
    assert told[:4] == ["wait-timeout True"] * 4
    assert told[4:-1] == ["timeout=-1", "timeout=-1", "timeout=inf", "timeout=inf", "timeout=nan", "timeout=nan"]
    assert told[-1] == "['SLOW'] 1"


def _master(lab: Lab) -> Any:
    return lab.item("show", next(one["id"] for one in lab.items("ls") if one["flow"] == "master"))
