"""Limits by name hold for all processes of a store: how many calls run at once, how fast they begin, who is next."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from lab import KITARU, PYTHON

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab import Lab

HEAD = """
import asyncio, os, sys, time
import kitaru
from kitaru import checkpoint, flow
from world import did
"""

# Each call says when it began and when it ended.
ASKS = (
    HEAD
    + """
@checkpoint(limit="gpt")
def ask(i: int) -> int:
    did(f"begin {time.time()}")
    time.sleep(float(os.environ.get("NAP", "0.05")))
    did(f"end {time.time()}")
    return i

@flow
def asks(n: int) -> int:
    return sum(ask.map(range(n)))

@checkpoint(limit="gpt")
async def ask_async(i: int) -> int:
    did(f"begin {time.time()}")
    await asyncio.sleep(float(os.environ.get("NAP", "0.05")))
    did(f"end {time.time()}")
    return i

@flow
async def asks_async(n: int) -> int:
    return sum(await asyncio.gather(*(ask_async(i) for i in range(n))))

if __name__ == "__main__":
    n = int(sys.argv[1])
    print(asyncio.run(asks_async(n)) if os.environ.get("ASYNC") else asks(n))
"""
)


def most_at_once(done: list[str]) -> int:
    """How many bodies ran at the same time."""
    steps = sorted((float(at), {"begin": 1, "end": -1}[what]) for what, at in (line.split() for line in done))
    most = now = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Returns when that holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never did"
        time.sleep(0.01)


def limit(lab: Lab, name: str) -> dict[str, Any]:
    """A limit as the command shows it."""
    nothing = {"name": name, "waiting": 0, "running": 0, "given": 0, "closed_until": None}
    return next((item for item in lab.items("limits", "list") if item["name"] == name), nothing)


@pytest.mark.parametrize("kind", ["threads", "tasks"])
def test_no_more_than_so_many_run_at_once_in_all_processes(lab: Lab, kind: str) -> None:
    lab.write("asks.py", ASKS)
    lab.kitaru("limits", "set", "gpt", "--at-once", "3").ok()
    env = {"ASYNC": "1"} if kind == "tasks" else {}
    processes = [lab.spawn(PYTHON, "asks.py", "8", **env) for _ in range(4)]
    assert [process.communicate(timeout=60)[0].strip() for process in processes] == ["28"] * 4
    done = lab.done()
    assert len(done) == 64
    assert most_at_once(done) == 3
    left = limit(lab, "gpt")
    assert (left["at_once"], left["running"], left["waiting"], left["given"]) == (3, 0, 0, 32)


# Each call says which turn it was given: when it is due, by the schedule, and not when this machine came to it.
SCHEDULE = (
    HEAD
    + """
from kitaru import _native

def told(ask):
    def asked(*arguments):
        standing = ask(*arguments)
        if standing[0] == "begins":
            did(f"{standing[1]} {time.time()}")
        return standing
    return asked

_native.ask_turn, _native.confirm_turn = told(_native.ask_turn), told(_native.confirm_turn)

@checkpoint(limit="gpt")
def ask(i: int) -> int:
    return i

@flow
def asks(n: int) -> int:
    return sum(ask.map(range(n)))

if __name__ == "__main__":
    print(asks(int(sys.argv[1])))
"""
)


def test_a_rate_of_50_a_second_is_held_by_20_processes(lab: Lab) -> None:
    if lab.store == "killed":
        pytest.skip("a server that is away gives no turns")
    lab.write("asks.py", SCHEDULE)
    lab.kitaru("limits", "set", "gpt", "--rate", "50/s").ok()
    # While it is given out somebody waits for each turn.
    lab.kitaru("limits", "close", "gpt", "--for", "50s").ok()
    processes = [lab.spawn(PYTHON, "asks.py", "10") for _ in range(20)]
    until(lambda: limit(lab, "gpt")["waiting"] == 200, 45)
    lab.kitaru("limits", "open", "gpt").ok()
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert out.strip() == "45", err
    turns = [(int(due), float(now)) for due, now in (line.split() for line in lab.done())]
    assert len(turns) == 200
    # Nobody begins before its turn.
    assert all(now >= due / 1000 - 0.002 for due, now in turns)
    # The schedule is exact: 20 ms apart at the least, and few turns are lost while somebody waits.
    times = sorted(due for due, _ in turns)
    assert min(last - first for first, last in zip(times, times[1:], strict=False)) == 20, [
        b - a for a, b in zip(times, times[1:], strict=False)
    ]
    assert times[-1] - times[0] <= 199 * 20 * 1.05, times
    assert limit(lab, "gpt")["given"] == 200


def test_who_names_a_limit_that_nobody_has_set_is_not_held_back_and_seen(lab: Lab) -> None:
    lab.write("asks.py", ASKS)
    assert lab.python("asks.py", "12", NAP="0.2").ok().out.strip() == "66"
    assert most_at_once(lab.done()) > 3
    found = limit(lab, "gpt")
    assert (found["at_once"], found["rate"], found["set_by"], found["given"]) == (None, None, None, 12)


RETRY = (
    HEAD
    + """
class TooMany(Exception):
    def __init__(self, seconds):
        super().__init__("429")
        self.status_code = 429
        self.retry_after = seconds

@checkpoint(limit="gpt", retries=2, backoff=0.01, retry_on="transient")
def ask(who: str) -> str:
    if who == "first" and not os.path.exists("refused"):
        open("refused", "w").close()
        did(f"refused {time.time()}")
        raise TooMany(1.5)
    did(f"{who} {time.time()}")
    return who

@flow
def asks(who: str) -> str:
    return ask(who)

if __name__ == "__main__":
    print(asks(sys.argv[1]))
"""
)


def test_a_retry_after_that_one_process_sees_quiets_all(lab: Lab) -> None:
    lab.write("asks.py", RETRY)
    first = lab.spawn(PYTHON, "asks.py", "first")
    until(lambda: any(line.startswith("refused") for line in lab.done()))
    until(lambda: limit(lab, "gpt")["closed_until"] is not None)
    closed = limit(lab, "gpt")
    assert "429" in closed["closed_why"] or "Retry-After" in closed["closed_why"]
    others = [lab.spawn(PYTHON, "asks.py", f"other{i}") for i in range(3)]
    for process in (first, *others):
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
    times = {line.split()[0]: float(line.split()[1]) for line in lab.done()}
    assert len(times) == 5
    refused = times.pop("refused")
    assert all(at >= refused + 1.5 for at in times.values()), {who: at - refused for who, at in times.items()}
    assert limit(lab, "gpt")["closed_until"] is None


KILLED = (
    HEAD
    + """
@checkpoint(limit="gpt")
def ask(who: str) -> str:
    did(f"begin {who}")
    if who == "killed" and not os.path.exists("again"):
        time.sleep(600)
    return who

@flow
def asks(who: str) -> str:
    return ask(who)

if __name__ == "__main__":
    print(asks(sys.argv[1]))
"""
)


def test_a_turn_of_a_process_that_is_killed_is_free_again(lab: Lab) -> None:
    lab.write("asks.py", KILLED)
    lab.kitaru("limits", "set", "gpt", "--at-once", "1").ok()
    killed = lab.spawn(PYTHON, "asks.py", "killed")
    lab.wait_for("begin killed")
    waits = lab.spawn(PYTHON, "asks.py", "waits")
    until(lambda: limit(lab, "gpt")["waiting"] == 1)
    assert lab.done() == ["begin killed"]
    # Nothing is silent: it says what it waits for.
    running = [item for item in lab.items("ls") if item["status"] == "running"]
    assert len(running) == 2
    whys = [str(lab.item("show", item["id"])["diagnosis"]["why"]) for item in running]
    assert any("ask waits for its turn at gpt, it is next, as many run as may" in why for why in whys), whys
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    out, err = waits.communicate(timeout=30)
    assert out.strip() == "waits", err
    # It goes on, and takes a turn of its own.
    (lab.folder / "again").touch()
    stopped = next(item for item in lab.items("ls") if item["status"] == "interrupted")
    lab.kitaru("resume", stopped["id"]).ok()
    assert lab.done() == ["begin killed", "begin waits", "begin killed"]
    assert limit(lab, "gpt")["running"] == 0


ORDER = (
    HEAD
    + """
from kitaru import _native

@checkpoint(limit="gpt")
def ask(what: str) -> str:
    did(what)
    return what

@checkpoint(limit="gpt", priority=int(os.environ.get("PRIORITY", "0")))
def urgent(what: str) -> str:
    did(what)
    return what

@flow
def many(name: str, n: int) -> int:
    return len(ask.map([f"{name}{i}" for i in range(n)]))

@flow(priority=5)
def first(name: str) -> str:
    return ask(name)

@flow
def own(name: str) -> str:
    return urgent(name)

if __name__ == "__main__":
    globals()[sys.argv[1]](*(json_or(text) for text in sys.argv[2:]))
"""
).replace(
    "from world import did",
    "from world import did\nimport json\n\ndef json_or(text):\n    return int(text) if text.isdigit() else text",
)


def test_executions_take_turns_and_priority_goes_first(lab: Lab) -> None:
    lab.write("order.py", ORDER)
    lab.kitaru("limits", "set", "gpt", "--at-once", "1").ok()
    lab.kitaru("limits", "close", "gpt", "--for", "50s", "--why", "for the test").ok()
    waiting = 0
    processes = []
    for argv, more in [(("many", "a", "6"), 6), (("many", "b", "2"), 2), (("own", "late"), 1), (("first", "now"), 1)]:
        env = {"PRIORITY": "-5"} if argv[1] == "late" else {}
        processes.append(lab.spawn(PYTHON, "order.py", *argv, **env))
        waiting += more
        until(lambda: limit(lab, "gpt")["waiting"] == waiting)
    lab.kitaru("limits", "open", "gpt").ok()
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
    done = lab.done()
    assert done[0] == "now", done
    assert done[-1] == "late", done
    # The second execution came when the first had six waiting, and is served in turn with it.
    assert {done.index(one) for one in done if one.startswith("b")} <= {1, 2, 3, 4}, done


LONG = (
    HEAD
    + """
@checkpoint(limit="gpt")
def ask(who: str) -> str:
    return did(who)

@flow
def asks(who: str) -> str:
    return ask(who)

@flow
async def beside(who: str) -> str:
    return await asyncio.to_thread(ask, who)
"""
)


def test_a_call_whose_turn_is_far_away_holds_no_process_and_keeps_its_place(lab: Lab) -> None:
    lab.write("asks.py", LONG)
    lab.kitaru("limits", "close", "gpt", "--for", "1h").ok()
    left = lab.item("run", "asks.py:asks", "--input", "who=left", code=75)
    assert left["status"] == "sleeping"
    shown = lab.item("show", left["id"])
    why = shown["diagnosis"]["why"]
    assert "ask waits for its turn at gpt, it is next, the limit is closed" in why, why
    assert shown["diagnosis"]["wake_at"] is not None
    assert limit(lab, "gpt")["waiting"] == 1
    lab.kitaru("limits", "set", "gpt", "--at-once", "1").ok()
    lab.kitaru("limits", "open", "gpt").ok()
    # Nobody sleeps on for a limit that is open.
    lab.kitaru("resume", "--due").ok()
    assert lab.done() == ["left"]
    assert (limit(lab, "gpt")["waiting"], limit(lab, "gpt")["running"]) == (0, 0)


GIVEN_UP = (
    HEAD
    + """
@checkpoint(limit="gpt")
async def ask(who: str) -> str:
    return did(who)

@checkpoint(timeout=0.3)
def outer(who: str) -> str:
    return inner(who)

@checkpoint(limit="gpt")
def inner(who: str) -> str:
    return did(who)

@flow
async def gives_up(who: str) -> str:
    try:
        async with asyncio.timeout(0.3):
            return await ask(who)
    except TimeoutError:
        return "given up"

@flow
def patient(who: str) -> str:
    return outer(who)
"""
)


def test_a_call_that_is_given_up_leaves_the_queue(lab: Lab) -> None:
    lab.write("gives_up.py", GIVEN_UP)
    lab.kitaru("limits", "close", "gpt", "--for", "30s").ok()
    given_up = lab.item("run", "gives_up.py:gives_up", "--input", "who=x")
    assert given_up["result"] == "given up"
    assert lab.done() == []
    assert (limit(lab, "gpt")["waiting"], limit(lab, "gpt")["running"]) == (0, 0)


def test_timeouts_stand_still_while_a_call_waits_for_its_turn(lab: Lab) -> None:
    lab.write("gives_up.py", GIVEN_UP)
    lab.kitaru("limits", "close", "gpt", "--for", "2s").ok()
    assert lab.item("run", "gives_up.py:patient", "--input", "who=x")["result"] == "x"


def test_a_call_that_was_recorded_takes_no_turn(lab: Lab) -> None:
    lab.write("asks.py", LONG)
    made = lab.item("run", "asks.py:asks", "--input", "who=x")
    assert limit(lab, "gpt")["given"] == 1
    lab.kitaru("limits", "close", "gpt", "--for", "1h").ok()
    lab.kitaru("replay", made["id"], "--reuse", "unchanged").ok()
    assert lab.done() == ["x"]
    assert limit(lab, "gpt")["given"] == 1


def test_what_is_no_limit_is_refused(lab: Lab) -> None:
    for argv in (
        ("set", "gpt"),
        ("set", "gpt", "--rate", "fast"),
        ("set", "gpt", "--at-once", "0"),
        ("set", "g p t", "--at-once", "1"),
        ("set", "gpt", "--rate", "50/s", "--burst", "0"),
    ):
        refused = lab.kitaru("limits", *argv, "--output", "json").ok(1)
        assert json.loads(refused.out)["error"]["code"] == "bad-limit", argv
    for verb in ("open", "remove"):
        refused = lab.kitaru("limits", verb, "gpt", "--output", "json").ok(1)
        assert json.loads(refused.out)["error"]["code"] == "unknown-limit"
    lab.write("bad.py", HEAD + "\n@checkpoint(limit='g p t')\ndef ask(): ...\n")
    assert "the name of a limit has no spaces" in lab.python("bad.py").ok(1).err
    lab.write("bad.py", HEAD + "\n@checkpoint(limit='gpt', priority='high')\ndef ask(): ...\n")
    assert "it is a whole number from -1000 to 1000" in lab.python("bad.py").ok(1).err


def test_a_client_sets_and_sees_limits_and_a_flow_does_so_once(lab: Lab) -> None:
    lab.write(
        "client.py",
        HEAD
        + """
from kitaru.client import KitaruClient

@flow
def sets() -> list[str]:
    client = KitaruClient()
    client.limits.set("web", rate="10/s", burst=2)
    client.limits.close("web", "1h", why="by a flow")
    return [f"{one.name} {one.rate} {one.closed_why}" for one in client.limits.list()]

client = KitaruClient()
one = client.limits.set("gpt", at_once=4)
assert (one.name, one.at_once, one.rate, one.running) == ("gpt", 4, None, 0), one
assert client.limits.close("gpt", "15m").closed_until is not None
assert client.limits.open("gpt").closed_until is None
client.limits.remove("gpt")
assert client.limits.list() == []
print(sets())
""",
    )
    assert lab.python("client.py").ok().out.strip() == "['web 10/s by a flow']"
    # A server has what else is started there.
    sql = "SELECT act FROM audit WHERE act LIKE '%Limit' ORDER BY id DESC"
    acts = [act for (act,) in lab.query(sql)]
    assert acts == ["closeLimit", "setLimit", "removeLimit", "openLimit", "closeLimit", "setLimit"], acts


def test_a_stopped_process_that_comes_back_goes_on_in_the_queue(lab: Lab) -> None:
    lab.write("asks.py", KILLED)
    lab.kitaru("limits", "set", "gpt", "--at-once", "1").ok()
    lab.kitaru("limits", "close", "gpt", "--for", "30s").ok()
    stopped = lab.spawn(PYTHON, "asks.py", "stopped")
    until(lambda: limit(lab, "gpt")["waiting"] == 1)
    os.kill(stopped.pid, signal.SIGSTOP)
    try:
        lab.kitaru("limits", "open", "gpt").ok()
        other = lab.spawn(PYTHON, "asks.py", "other")
        # It is first, and lives: it holds the turn as it holds its execution.
        until(lambda: (limit(lab, "gpt")["running"], limit(lab, "gpt")["waiting"]) == (1, 1))
    finally:
        os.kill(stopped.pid, signal.SIGCONT)
    for process, who in ((stopped, "stopped"), (other, "other")):
        out, err = process.communicate(timeout=60)
        assert out.strip() == who, err
    assert lab.done() == ["begin stopped", "begin other"]


def test_limits_are_shown_as_a_table(lab: Lab) -> None:
    assert lab.run(KITARU, "limits", "list").ok().out.strip() == "no limits"
    lab.kitaru("limits", "set", "openai:gpt", "--at-once", "10", "--rate", "50/s", "--burst", "5").ok()
    lab.kitaru("limits", "close", "web", "--for", "15m", "--why", "they asked").ok()
    text = lab.run(KITARU, "limits", "list").ok().out
    assert "10 at once; 50/s, 5 together after a pause" in text
    assert "not set, holds nothing back; closed until" in text
    assert "they asked" in text
