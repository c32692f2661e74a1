"""Executions that the first version of the store holds are read by this one, go on from where they stood, and pay for
nothing again.

``format_1/store.sql`` is such a store, as its version wrote it, with its places left open. Not here: what the tables
look like after (the store's own tests).
"""

from __future__ import annotations

import pathlib
import shutil
import sqlite3
import sys

import pytest

from lab import Lab

STORE = pathlib.Path(__file__).parent / "format_1"
APPLICATION = 0x4B747275


@pytest.fixture
def old(lab: Lab) -> Lab:
    """A desk with such a store."""
    text = (STORE / "store.sql").read_text().replace("@HERE@", str(lab.folder)).replace("@PYTHON@", sys.executable)
    shutil.copy(STORE / "agent.py.txt", lab.folder / "agent.py")
    lab.home.mkdir()
    db = sqlite3.connect(lab.home / "kitaru.db")
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(text)
    db.executescript(f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 1")
    db.close()
    return lab


def of(lab: Lab, flow: str) -> str:
    """The identifier of the execution of that flow."""
    return str(lab.query("SELECT id FROM executions WHERE flow = ?", flow)[0][0])


def test_all_of_it_is_shown(old: Lab) -> None:
    health = old.item("doctor", "--deep")["store"]
    assert (health["format"], health["integrity_check"], health["value_check"]) == ("7", "ok", "ok")
    listed = {row["flow"]: row["status"] for row in old.items("ls")}
    assert listed == {
        "completes": "completed",
        "child": "completed",
        "fails": "failed",
        "asks": "waiting",
        "sleeps": "sleeping",
        "drifts": "paused",
        "interrupted": "interrupted",
        "killed": "interrupted",
        "in_doubt": "interrupted",
        "cancelled": "cancelled",
    }
    item = old.item("show", of(old, "completes"))
    assert item["result"] == "tea 109 20000"
    assert [call["key"] for call in item["calls"]] == [
        "outer",
        "outer/step",
        "outer/step#2",
        "second_try",
        "child",
        "refuses",
        "large",
    ]
    assert "about tea" in old.kitaru("logs", of(old, "completes")).ok().out


@pytest.mark.parametrize(
    ("flow", "command", "result", "done"),
    [
        ("fails", ["resume"], 12, ["unless mended 2"]),
        ("interrupted", ["resume"], 12, ["branch 9"]),
        ("killed", ["resume"], 60, ["step 3"]),
        ("asks", ["input", "--wait", "approve", "--value", "true"], "yes 20", ["step 2"]),
        ("drifts", ["resume", "--on-drift", "reuse"], 40, ["step 3"]),
        ("drifts", ["resume", "--on-drift", "rerun"], 50, ["step 2", "step 3"]),
        ("sleeps", ["resume"], 30, ["step 2"]),
    ],
)
def test_it_goes_on_from_where_it_stood(
    old: Lab, flow: str, command: list[str], result: object, done: list[str]
) -> None:
    execution = of(old, flow)
    old.kitaru(command[0], execution, *command[1:], MENDED="1").ok()
    item = old.item("show", execution)
    assert (item["status"], item["result"]) == ("completed", result)
    assert old.done() == done


def test_what_may_have_happened_is_asked_about(old: Lab) -> None:
    execution = of(old, "in_doubt")
    told = old.kitaru("resume", execution, MENDED="1")
    assert told.code == 75 and "may have happened" in told.err, told
    assert old.done() == []
    old.kitaru("resume", execution, "--rerun", "charge", MENDED="1").ok()
    assert old.item("show", execution)["result"] == 12
    assert old.done() == ["charge 2"]
