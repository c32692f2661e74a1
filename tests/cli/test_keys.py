"""`kitaru keys`: a store is sealed, its keys change, and it is refused without them, copied and restored."""

from __future__ import annotations

import pathlib

import pytest

from lab import Lab

SECRET = "xSECRETx"

FLOW = f"""
    from kitaru import checkpoint, flow, save, wait
    from world import did

    @checkpoint
    def search(topic: str) -> list[str]:
        did("search")
        print("{SECRET} line")
        return [topic + "{SECRET} found", "{SECRET}" * 2000]

    @checkpoint
    def write(sources: list[str]) -> str:
        did("write")
        save("kept", sources[0])
        return sources[0]

    @flow
    def report(topic: str) -> str:
        sources = search(topic)
        wait(schema=bool, name="go", question="{SECRET}: go on?")
        return write(sources)
"""


def stands_in(folder: pathlib.Path) -> list[str]:
    """The files in which something secret stands."""
    return [file.name for file in folder.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]


@pytest.fixture
def desk(tmp_path: pathlib.Path) -> Lab:
    """A desk with a flow to run."""
    lab = Lab(tmp_path, store="local")
    lab.write("agent.py", FLOW)
    return lab


def keys(desk: Lab) -> dict[str, str]:
    """A file with a key, as the environment names it."""
    file = desk.folder / "secret" / "keys"
    desk.kitaru("keys", "new", "--file", str(file)).ok()
    assert file.stat().st_mode & 0o077 == 0
    return {"KITARU_KEYS": str(file)}


def finish(desk: Lab, **env: str) -> str:
    """Answers the question. Returns the result."""
    (wait,) = desk.kitaru("waits", "list", "--output", "json", **env).ok().json["items"]
    assert wait["question"] == f"{SECRET}: go on?"
    desk.kitaru("input", wait["execution_id"], "--value", "true", **env).ok()
    item = desk.kitaru("show", wait["execution_id"], "--output", "json", **env).ok().json["item"]
    assert item["status"] == "completed"
    return str(item["result"])


def test_a_flow_runs_suspends_and_finishes_in_a_sealed_store_of_which_nothing_can_be_read(desk: Lab) -> None:
    env = keys(desk)
    desk.kitaru("run", "agent.py:report", "--input", f"topic={SECRET}", **env).ok(75)
    refused = desk.kitaru("ls").ok(1)
    assert "error[store-sealed]" in refused.err and "KITARU_KEYS" in refused.err
    assert SECRET in finish(desk, **env)
    assert stands_in(desk.home) == []
    assert desk.done() == ["search", "write"]
    (key,) = desk.kitaru("keys", "list", "--output", "json", **env).ok().json["items"]
    assert key["use"] == "writes"


def test_a_plain_store_is_sealed_and_its_key_changed_while_a_question_is_open(desk: Lab) -> None:
    desk.kitaru("run", "agent.py:report", "--input", f"topic={SECRET}").ok(75)
    assert stands_in(desk.home)
    env = keys(desk)
    # To look does not seal it.
    assert desk.kitaru("store", "status", "--output", "json", **env).ok().json["item"]["sealed"] == "no"
    assert "plain" in desk.kitaru("keys", "list", **env).ok().err
    first = desk.kitaru("keys", "rotate", "--output", "json", **env).ok().json["item"]
    assert first["sealed"] > 10
    assert stands_in(desk.home) == []
    second = desk.kitaru("keys", "rotate", "--output", "json", **env).ok().json["item"]
    assert second["id"] != first["id"]
    uses = {
        item["id"]: item["use"] for item in desk.kitaru("keys", "list", "--output", "json", **env).ok().json["items"]
    }
    assert uses == {first["id"]: "unused", second["id"]: "writes"}
    assert SECRET in finish(desk, **env)
    acts = desk.kitaru("audit", "--output", "json", **env).ok().json["items"]
    assert [act["act"] for act in acts].count("rotateKeys") == 2


def test_a_key_that_was_made_before_is_the_one_that_rotate_takes(desk: Lab) -> None:
    env = keys(desk)
    desk.kitaru("run", "agent.py:report", "--input", "topic=bees", **env).ok(75)
    made = desk.kitaru("keys", "new", "--output", "json", **env).ok().json["item"]
    assert made["keys"] == 2
    assert desk.kitaru("keys", "rotate", "--output", "json", **env).ok().json["item"]["id"] == made["id"]


def test_a_sealed_store_is_backed_up_restored_and_copied(desk: Lab) -> None:
    env = keys(desk)
    desk.kitaru("run", "agent.py:report", "--input", f"topic={SECRET}", **env).ok(75)
    desk.kitaru("backup", "kept", **env).ok()
    assert stands_in(desk.folder / "kept") == []
    assert "error[store-sealed]" in desk.kitaru("restore", "kept", "--force").ok(1).err
    desk.kitaru("restore", "kept", "--force", **env).ok()
    source, plain, again = (
        str(desk.home / "kitaru.db"),
        str(desk.folder / "p" / "plain.db"),
        str(desk.folder / "s" / "s.db"),
    )
    copied = desk.kitaru("store", "copy", "--from", source, "--to", plain, "--to-plain", **env).ok()
    assert "the copy is plain" in copied.err
    assert stands_in(desk.folder / "p")
    copied = desk.kitaru("store", "copy", "--from", plain, "--to", again, **env).ok()
    assert "the copy is sealed with key" in copied.err
    assert stands_in(desk.folder / "s") == []
    assert SECRET in finish(desk, KITARU_STORE=again, **env)
    # What was copied from stays as it was.
    assert desk.kitaru("store", "status", "--output", "json", KITARU_STORE=plain).ok().json["item"]["sealed"] == "no"


def test_a_file_of_keys_that_cannot_be_used_is_told_with_a_way_out(desk: Lab) -> None:
    env = keys(desk)
    desk.kitaru("run", "agent.py:report", "--input", "topic=bees", **env).ok(75)
    file = pathlib.Path(env["KITARU_KEYS"])
    file.chmod(0o644)
    assert "error[key-file]" in desk.kitaru("ls", **env).ok(1).err
    file.chmod(0o600)
    whole = file.read_text()
    file.write_text(whole[:-5])
    told = desk.kitaru("ls", **env).ok(1).err
    assert "error[key-file]" in told and "is no key" in told and whole.split()[-1][:8] not in told
    assert "KITARU_KEYS is not set" in desk.kitaru("keys", "list").ok(2).err
    missing = desk.kitaru("ls", KITARU_KEYS=str(desk.folder / "none")).ok(1).err
    assert "kitaru keys new" in missing
