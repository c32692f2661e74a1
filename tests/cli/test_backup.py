"""``kitaru backup`` and ``kitaru restore``: a copy of a store that others write to is whole, and goes on from there."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator

from lab import KITARU, PYTHON, Lab

PROGRAM = """
import random
from kitaru import checkpoint, flow
from world import did

@checkpoint
def page(run, n):
    did(f"{run} {n}")
    return "".join(random.Random(f"{run} {n}").choices("abcdefghijklmnop", k=150_000))

@flow
def reads(run, pages):
    return sum(len(page(run, n)) for n in range(pages))

if __name__ == "__main__":
    import sys
    for turn in range(1_000_000):
        reads(f"{sys.argv[1]}-{turn}", 12)
"""


@contextlib.contextmanager
def writing(lab: Lab, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Scripts that write as fast as they can. Whatever they are at, they are killed at the end."""
    lab.write("agent.py", PROGRAM)
    running = [lab.spawn(PYTHON, "agent.py", f"w{n}") for n in range(count)]
    try:
        for n in range(count):
            lab.wait_for(f"w{n}-0 3")
        yield running
        assert [one.poll() for one in running] == [None] * count, "one of them ended by itself"
    finally:
        for one in running:
            one.kill()
            one.communicate()


def must_be_sound(lab: Lab, home: pathlib.Path) -> None:
    told = lab.kitaru("--home", str(home), "doctor", "--deep", "--output", "json").ok().json["item"]
    assert told["sound"] is True, told["store"]


def recorded(home: pathlib.Path) -> dict[str, int]:
    """How many pages each run has on record, by its name."""
    connection = sqlite3.connect(home / "kitaru.db")
    with contextlib.closing(connection):
        rows = connection.execute(
            "SELECT json_extract(inputs, '$.inline.run'), count(*) FROM executions JOIN calls USING (n)"
            " WHERE calls.status = 'completed' GROUP BY executions.n"
        )
        return dict(rows.fetchall())


def test_a_backup_under_load_is_whole_and_goes_on_without_what_it_has(lab: Lab) -> None:
    copies = [lab.folder / f"copy{n}" for n in range(3)]
    with writing(lab, 3):
        for copy in copies:
            told = lab.item("backup", str(copy))
            assert told["executions"] > 0
            assert told["values"] > 0
            # Removing beside it frees nothing that a copy needs.
            lab.item("gc", "--older-than", "0s")
    for copy in copies:
        assert sorted(path.name for path in copy.iterdir()) == ["kitaru.db", "kitaru.db.packs"]
    home = lab.folder / "elsewhere"
    told = lab.kitaru("--home", str(home), "restore", str(copies[1]), "--output", "json").ok().json["item"]
    must_be_sound(lab, home)
    rows = lab.kitaru("--home", str(home), "ls", "--output", "json", "--limit", "1000").ok().json["items"]
    states = {row["status"] for row in rows}
    assert states <= {"completed", "interrupted"}
    left = [row for row in rows if row["status"] == "interrupted"]
    assert told["interrupted"] == len(left) > 0
    known = recorded(home)
    lab.world.unlink()
    for row in left:
        name = row["inputs"]["run"]
        went = lab.kitaru("--home", str(home), "resume", row["id"], "--output", "json").ok().json["item"]
        assert (went["status"], went["result"]) == ("completed", 12 * 150_000)
        # What the copy has is not done again, and the rest is.
        assert sum(one.startswith(f"{name} ") for one in lab.done()) == 12 - known.get(name, 0)
    must_be_sound(lab, home)


def test_a_store_that_is_there_or_in_use_is_not_replaced(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    first = lab.item("run", "agent.py:reads", "--input", "run=one", "--input", "pages=2")["id"]
    copy = lab.folder / "copy"
    lab.item("backup", str(copy))
    assert "it is there already" in lab.kitaru("backup", str(copy)).ok(1).err
    second = lab.item("run", "agent.py:reads", "--input", "run=two", "--input", "pages=2")["id"]
    told = lab.kitaru("restore", str(copy)).ok(1)
    assert told.err.startswith("error[store-io]: ")
    assert "kitaru restore --force" in told.err
    with writing(lab, 1) as (user,):
        told = lab.kitaru("restore", "--force", str(copy)).ok(1)
        assert told.err.startswith("error[store-busy]: ")
        assert f"process {user.pid} has" in told.err
    before = lab.item("restore", "--force", str(copy))["before"]
    assert [one["act"] for one in lab.items("audit")][0] == "restoreStore"
    assert [row["id"] for row in lab.items("ls")] == [first]
    # What was there can still be opened where it is now.
    rows = lab.kitaru("--store", before, "ls", "--output", "json").ok().json["items"]
    assert {first, second} <= {row["id"] for row in rows}
    assert lab.kitaru("--store", before, "doctor", "--deep", "--output", "json").ok().json["item"]["sound"] is True
    must_be_sound(lab, lab.home)


def test_an_owner_of_before_cannot_write_to_what_was_restored(lab: Lab) -> None:
    with writing(lab, 1):
        copy = lab.folder / "copy"
        lab.item("backup", str(copy))
    home = lab.folder / "elsewhere"
    lab.kitaru("--home", str(home), "restore", str(copy)).ok()
    connection = sqlite3.connect(home / "kitaru.db")
    with contextlib.closing(connection):
        rows = connection.execute("SELECT status, owner, epoch FROM executions WHERE status <> 'completed'").fetchall()
    assert rows
    for status, owner, epoch in rows:
        assert (status, owner) == ("interrupted", None)
        assert epoch >= 1 << 32, "no store of before has given that out"
    with contextlib.closing(sqlite3.connect(home / "kitaru.db")) as connection:
        assert connection.execute("SELECT max(block) FROM feed").fetchone()[0] >= 1 << 20, "nor that number of a commit"


def test_what_is_not_whole_is_no_backup(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    lab.item("run", "agent.py:reads", "--input", "run=one", "--input", "pages=2")
    copy = lab.folder / "copy"
    lab.item("backup", str(copy))
    (pack,) = (copy / "kitaru.db.packs").iterdir()
    with pack.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 8)
    told = lab.kitaru("--home", str(lab.folder / "new"), "restore", str(copy)).ok(1)
    assert told.err.startswith("error[store-damaged]: ")
    assert not (lab.folder / "new" / "kitaru.db").exists()
    # Nor is a backup made of a store that is not.
    shutil.copytree(copy, lab.folder / "damaged")
    told = lab.kitaru("--home", str(lab.folder / "damaged"), "backup", str(lab.folder / "again")).ok(1)
    assert told.err.startswith("error[store-damaged]: ")
    left = [path.name for path in lab.folder.iterdir() if "again" in path.name]
    assert left == [], "half a backup was left behind"
    assert "there is no backup" in lab.kitaru("restore", str(lab.folder)).ok(1).err


def test_a_restore_that_is_killed_leaves_the_store_that_was_there(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    first = lab.item("run", "agent.py:reads", "--input", "run=one", "--input", "pages=40")["id"]
    copy = lab.folder / "copy"
    lab.item("backup", str(copy))
    for delay in (0.01, 0.03, 0.06, 0.1, 0.15, 0.2):
        process = lab.spawn(KITARU, "restore", "--force", str(copy))
        time.sleep(delay)
        process.kill()
        process.communicate()
        told = lab.kitaru("show", first, "--output", "json").ok().json["item"]
        assert told["result"] == 40 * 150_000
    lab.kitaru("restore", "--force", str(copy)).ok()
    must_be_sound(lab, lab.home)


def test_a_token_that_was_revoked_since_comes_back_only_where_that_was_asked_for(lab: Lab) -> None:
    made = {name: lab.item("tokens", "create", name, "--scope", "read")["id"] for name in ("kept", "ended", "before")}
    lab.kitaru("tokens", "revoke", made["before"]).ok()
    copy = lab.folder / "copy"
    lab.item("backup", str(copy))
    lab.kitaru("tokens", "revoke", made["ended"]).ok()

    def restored(name: str, *more: str) -> tuple[str, dict[str, bool]]:
        home = ("--home", str(lab.folder / name))
        said = lab.kitaru(*home, "restore", str(copy), *more).ok().err
        rows = lab.kitaru(*home, "tokens", "list", "--output", "json").ok().json["items"]
        return said, {row["name"]: row["revoked_at"] is None for row in rows}

    said, lives = restored("safe")
    assert lives == {"kept": False, "ended": False, "before": False}
    assert "2 tokens are revoked: " in said and "kitaru tokens create" in said
    said, lives = restored("as-it-was", "--keep-tokens")
    assert lives == {"kept": True, "ended": True, "before": False}
    assert "2 tokens are valid: " in said and "kept" in said and "ended" in said
    assert "kitaru tokens list" in said


def test_a_link_that_has_answered_since_does_not_answer_what_was_restored(lab: Lab) -> None:
    lab.write("asks.py", "import kitaru\n@kitaru.flow\ndef asks():\n    return kitaru.wait(schema=bool, name='go')\n")
    exec_id = lab.item("run", "asks.py:asks", code=75)["id"]
    lab.item("waits", "link", exec_id, "--url", "http://127.0.0.1:1")
    copy = lab.folder / "copy"
    lab.item("backup", str(copy))
    lab.kitaru("--home", str(lab.folder / "new"), "restore", str(copy)).ok()
    with contextlib.closing(sqlite3.connect(lab.folder / "new" / "kitaru.db")) as connection:
        assert connection.execute("SELECT count(*) FROM links WHERE used_at IS NULL").fetchone() == (0,)
