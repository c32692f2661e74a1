"""What the second version of the store holds is found by this one: what is due, what is asked, and what happens from
then on.

``format_2/store.sql`` is such a store, as its version wrote it, with its places left open. Not here: that of the first
version (``test_format_1``).
"""

from __future__ import annotations

import pathlib
import shutil
import sqlite3
import sys

import pytest

from lab import Lab
from server.served import serving

STORE = pathlib.Path(__file__).parent / "format_2"
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
    db.executescript(f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 2")
    db.close()
    return lab


def test_what_is_due_in_it_goes_on_and_nothing_else(old: Lab) -> None:
    old.kitaru("resume", "--due").ok()
    health = old.item("doctor", "--deep")["store"]
    assert (health["format"], health["integrity_check"]) == ("7", "ok")
    # What was answered and what has slept enough; one of them by the execution above it.
    assert sorted(old.done()) == ["step 5"]
    results = {row["flow"]: row["result"] for row in old.items("ls") if row["status"] == "completed"}
    assert results["above"] == "above True 70"
    counts = old.query("SELECT flow, status, count(*) FROM executions GROUP BY flow, status ORDER BY flow, status")
    assert counts == [
        ("above", "completed", 1),
        ("above", "waiting", 1),
        ("asks", "cancelled", 1),
        ("asks", "completed", 2),
        ("asks", "waiting", 2),
        ("completes", "completed", 1),
        ("sleeps", "completed", 1),
    ]
    old.kitaru("resume", "--due").ok()
    assert sorted(old.done()) == ["step 5"]


def test_its_questions_are_asked_and_what_happens_from_now_on_is_told(old: Lab) -> None:
    with serving(old, "server") as server:
        page = server.get("/waits?limit=1")
        assert [wait["question"] for wait in page["items"]] == ["Approve 2?"]
        rest = server.get(f"/waits?limit=1&cursor={page['next']}")
        assert ([wait["question"] for wait in rest["items"]], rest["next"]) == (["Approve 6?"], None)
        asked = page["items"][0]["execution_id"]
        with server.stream("/events?after=0") as events:
            server.post(f"/executions/{asked}/input", {"value": True})
            event, _, data = next(events)
            assert (event, data["execution"], data["kind"]) == ("journal", asked, "wait_answered")
        with server.events(asked) as events:
            kinds = [data["kind"] for event, _, data in (next(events) for _ in range(6)) if event == "journal"]
            assert kinds[:2] == ["created", "taken"], "its own stream tells all of it"
