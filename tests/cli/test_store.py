"""`kitaru store`: what a store is, and one that is copied into PostgreSQL and back with its questions open."""

from __future__ import annotations

import pathlib

import pytest

from lab import PYTHON, Lab, cluster

FLOW = """
    from kitaru import checkpoint, flow, wait
    from world import did

    @checkpoint
    def search(topic: str) -> list[str]:
        did("search")
        return [topic * 3000]

    @checkpoint
    def write(sources: list[str]) -> str:
        did("write")
        return f"{len(sources[0])} characters"

    @flow
    def report(topic: str) -> str:
        sources = search(topic)
        wait(schema=bool, name="go", question="Go on?")
        return write(sources)
"""


@pytest.fixture
def desk(tmp_path: pathlib.Path) -> Lab:
    """A desk whose store is a file, with a flow that waits."""
    lab = Lab(tmp_path, store="local")
    lab.write("agent.py", FLOW)
    lab.kitaru("run", "agent.py:report", "--input", "topic=bees").ok(75)
    return lab


def status(desk: Lab, address: str) -> dict[str, object]:
    """What `kitaru store status` says of a store."""
    item = desk.kitaru("store", "status", "--output", "json", KITARU_STORE=address).ok().json["item"]
    assert isinstance(item, dict)
    return item


def test_a_store_with_an_open_question_is_copied_and_answered_there_and_back(desk: Lab) -> None:
    there = cluster.shared().address(cluster.shared().fresh())
    here = str(desk.home / "kitaru.db")
    copied = desk.item("store", "copy", "--from", here, "--to", there)
    assert (copied["executions"], copied["values"]) == (1, 1)
    assert "secret" not in str(copied)
    one = desk.only()
    # The question is there as it was, and its answer carries the flow on from what was copied.
    done = desk.kitaru("input", one, "--value", "true", "--wait", "go", KITARU_STORE=there).ok()
    assert "12000 characters" in done.out
    assert desk.done() == ["search", "write"]
    assert desk.kitaru("ls", "--status", "waiting", "--output", "json").ok().json["items"], "the source is as it was"
    back = str(desk.folder / "back.db")
    desk.kitaru("store", "copy", "--from", there, "--to", back).ok()
    row = desk.kitaru("show", one, "--output", "json", KITARU_STORE=back).ok().json["item"]
    assert row["status"] == "completed"


def test_a_copy_into_what_is_not_empty_or_of_what_runs_is_refused(desk: Lab) -> None:
    there = cluster.shared().address(cluster.shared().fresh())
    here = str(desk.home / "kitaru.db")
    desk.kitaru("store", "copy", "--from", here, "--to", there).ok()
    refused = desk.kitaru("store", "copy", "--from", here, "--to", there).ok(1)
    assert "error[conflict]" in refused.err and "not empty" in refused.err
    assert "error[usage]" in desk.kitaru("store", "copy", "--from", "nothing.db", "--to", there).ok(2).err
    desk.write(
        "slow.py",
        """
        import time
        from kitaru import checkpoint, flow
        from world import did

        @checkpoint
        def step() -> None:
            did("began")
            time.sleep(60)

        @flow
        def slow() -> None:
            step()

        slow()
        """,
    )
    running = desk.spawn(PYTHON, "slow.py")
    try:
        desk.wait_for("began")
        empty = cluster.shared().address(cluster.shared().fresh())
        refused = desk.kitaru("store", "copy", "--from", here, "--to", empty).ok(1)
        assert "error[conflict]" in refused.err and "kitaru pause" in refused.err
        assert status(desk, empty)["executions"] == 0
    finally:
        running.kill()
        running.communicate()


def test_a_store_says_what_it_is_without_its_password(desk: Lab) -> None:
    schema = cluster.shared().fresh()
    there = cluster.shared().address(schema)
    assert desk.item("store", "status")["kind"] == "sqlite"
    assert status(desk, there)["state"] == "empty"
    assert status(desk, there)["state"] == "empty", "a look does not fill it"
    assert "filled" in desk.kitaru("store", "migrate", KITARU_STORE=there).ok().out
    found = status(desk, there)
    assert (found["kind"], found["state"], found["executions"]) == ("postgres", "ready", 0)
    shown = desk.kitaru("doctor", KITARU_STORE=there).ok().out
    assert shown.startswith("path") and f"/postgres?schema={schema}" in shown and "server_version" in shown
    for text in (shown, str(found)):
        assert "secret" not in text
    cluster.shared().query(schema, "UPDATE kitaru_format SET version = 1000")
    assert "error[store-newer]" in desk.kitaru("ls", KITARU_STORE=there).ok(1).err
    cluster.shared().query(schema, "UPDATE kitaru_format SET version = 0")
    refused = desk.kitaru("ls", KITARU_STORE=there).ok(1).err
    assert "error[store-older]" in refused and "kitaru store migrate" in refused
    wrong = there.replace("secret", "guess")
    refused = desk.kitaru("ls", KITARU_STORE=wrong).ok(1).err
    assert "error[unauthorized]" in refused and "guess" not in refused
