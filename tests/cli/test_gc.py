"""``kitaru gc`` and ``POST /gc``: what ended long ago goes, with the values of its own; what something needs stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from server.served import serving

if TYPE_CHECKING:
    from lab import Lab

PROGRAM = """
import random
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint
def big(seed):
    return did("".join(random.Random(seed).choices("abcdefghijklmnop", k=200_000)))[:200_000]

@checkpoint
def small(n):
    return n

@flow
def work(seed, fail=False):
    text = big(seed)
    small(len(text))
    if fail:
        raise ValueError("no")
    return len(text)

@flow
def asks(seed):
    text = big(seed)
    kitaru.wait(schema=bool, name="go", question="Go on?")
    return len(text)

@flow
def above(seed):
    return work(seed)
"""


def ran(lab: Lab, flow: str, code: int = 0, **inputs: Any) -> str:
    lab.write("more.py", PROGRAM)
    given = [word for name, value in inputs.items() for word in ("--input", f"{name}={json.dumps(value)}")]
    exec_id: str = lab.item("run", f"more.py:{flow}", *given, code=code)["id"]
    return exec_id


def gc(lab: Lab, *more: str) -> Any:
    return lab.item("gc", "--older-than", "0s", *more)


def on_record(lab: Lab) -> set[str]:
    return {row[0] for row in lab.query("SELECT id FROM executions")}


def is_sound(lab: Lab) -> None:
    told = lab.item("doctor", "--deep")
    assert told["sound"] is True, told["store"]


def test_what_has_ended_goes_with_its_values_and_what_can_go_on_stays(lab: Lab) -> None:
    ended, failed = ran(lab, "work", seed=1), ran(lab, "work", code=1, seed=2, fail=True)
    waiting = ran(lab, "asks", code=75, seed=3)
    assert lab.item("gc", "--older-than", "1h")["executions"] == 0
    would = gc(lab, "--dry-run")
    assert (would["dry_run"], would["executions"], would["values"]) == (True, 1, 1)
    assert would["value_bytes"] > 50_000
    assert on_record(lab) == {ended, failed, waiting}
    did = gc(lab)
    assert did == {**would, "dry_run": False}
    assert on_record(lab) == {failed, waiting}
    acts = [one["outcome"] for one in lab.items("audit") if one["act"] == "removeOld"]
    assert acts == ["done", "done"], "a dry run changes nothing"
    is_sound(lab)
    assert lab.item("input", waiting, "--value", "true")["result"] == 200_000
    assert len(lab.done()) == 3, "what was kept did not run again"
    assert gc(lab, "--flow", "asks")["executions"] == 1
    assert gc(lab, "--status", "failed")["executions"] == 1
    assert on_record(lab) == set()
    assert lab.query("SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM blobs)") == [(0, 0)]
    assert lab.query("SELECT count(*) FROM chunks") == [(0,)]
    assert lab.kitaru("gc", "--older-than", "0s").ok().out == (
        "removed 0 executions of 0 B, and 0 values of 0 B that nothing refers to\n"
    )


def test_what_a_replay_was_made_of_stays_as_long_as_the_replay(lab: Lab) -> None:
    source = ran(lab, "asks", code=75, seed=1)
    lab.item("input", source, "--value", "true")
    replay = lab.item("replay", source, "--from", "go", code=75)["id"]
    found = gc(lab)
    assert (found["executions"], found["kept"], found["values"]) == (0, 1, 0)
    assert lab.item("input", replay, "--value", "true")["result"] == 200_000
    assert len(lab.done()) == 1
    # Both are over: the replay goes first, and then what it read.
    assert gc(lab, "--dry-run")["executions"] == 2
    assert (gc(lab)["executions"], on_record(lab)) == (2, set())


def test_a_child_goes_with_its_parent(lab: Lab) -> None:
    ran(lab, "above", seed=1)
    assert gc(lab, "--flow", "work")["executions"] == 0, "it belongs to another"
    assert gc(lab, "--flow", "above")["executions"] == 2
    assert on_record(lab) == set()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--older-than", "3y"], "a whole number and s, m, h, d or w"),
        ([], "--older-than"),
        (["--older-than", "1d", "--status", "running"], "never removed"),
        (["--older-than", "1d", "--status", "tired"], "there is no status"),
    ],
)
def test_what_cannot_be_meant_is_refused(lab: Lab, words: list[str], says: str) -> None:
    assert says in lab.kitaru("gc", *words).ok(2).err


def test_the_same_over_http(lab: Lab) -> None:
    ran(lab, "work", seed=1)
    with serving(lab, "server") as server:
        asked: dict[str, Any] = {"older_than": "0s", "status": ["completed"]}
        assert server.post("/gc", {**asked, "dry_run": True})["executions"] == 1
        told = server.post("/gc", asked)
        assert (told["executions"], told["values"], told["values_put_off"]) == (1, 1, None)
        assert server.get("/executions")["items"] == []
        assert server.post("/gc", {"older_than": "soon"}, 400)["code"] in ("bad-json", "usage")
        assert server.post("/gc", {}, 400)["code"] == "bad-json"
        assert server.post("/gc", {"older_than": "1d", "status": ["running"]}, 400)["code"] == "bad-json"


LOUD = """
from kitaru import flow

@flow
def loud():
    for n in range(200):
        print(f"{n:04} " * 8000)

if __name__ == "__main__":
    loud()
"""


def test_the_database_shrinks_after_much_was_removed_and_others_write_meanwhile(lab: Lab) -> None:
    lab.write("loud.py", LOUD)
    lab.python("loud.py").ok()
    file = lab.home / "kitaru.db"
    before = file.stat().st_size
    assert before > 7_000_000
    told = gc(lab)
    assert told["bytes_given_back"] > 6_000_000
    # What was given back leaves the file when the log is moved into it, which some commits later it is.
    lab.python("loud.py").ok()
    gc(lab)
    lab.change("PRAGMA wal_checkpoint(TRUNCATE)")
    assert file.stat().st_size < before / 4
    assert lab.item("doctor", "--deep")["sound"] is True


def test_little_is_not_given_back(lab: Lab) -> None:
    ran(lab, "work", seed=1)
    assert gc(lab)["bytes_given_back"] == 0


def test_who_comes_back_after_what_was_forgotten_is_told_so(lab: Lab) -> None:
    for seed in range(3):
        ran(lab, "work", seed=seed)
    blocks = lab.query("SELECT DISTINCT block FROM feed ORDER BY block")
    assert len(blocks) >= 3
    with serving(lab, "server") as server:
        gc(lab, "--status", "cancelled")
        assert lab.query("SELECT DISTINCT block FROM feed ORDER BY block")[: len(blocks)] == blocks, "of the last week"
        with server.stream("/events?after=0") as events:
            first = next(place for _, place, _ in events)
        lab.change("UPDATE feed SET at = at - 8 * 86400000 WHERE block < (SELECT max(block) FROM feed)")
        gc(lab, "--status", "cancelled")
        left = [block for (block,) in lab.query("SELECT DISTINCT block FROM feed ORDER BY block")]
        assert left[0] > blocks[0][0] and len(left) >= 2, "the last that was begun before may have later ones"
        oldest = left[0] * 1024
        with server.stream("/events", last=first) as events:
            event, place, _ = next(events)
            assert (event, place) == ("reset", str(oldest - 1))
            _, place, _ = next(events)
            assert int(place.removesuffix(".0")) >= oldest
        # Who comes with what is kept, and who begins at the beginning of what is, misses nothing.
        for last, path in ((str(oldest - 1), "/events"), (None, "/events?after=0")):
            with server.stream(path, last=last) as events:
                event, place, _ = next(events)
                assert event != "reset" and int(place.removesuffix(".0")) >= oldest


def test_a_deletion_is_told_until_it_is_forgotten(lab: Lab) -> None:
    ran(lab, "work", seed=1)
    gc(lab)
    assert lab.query("SELECT count(*) FROM gone") == [(1,)]
    ran(lab, "work", seed=2)
    lab.change("UPDATE feed SET at = 0")
    ran(lab, "work", seed=3)
    gc(lab, "--status", "cancelled")
    assert lab.query("SELECT count(*) FROM gone") == [(0,)]
