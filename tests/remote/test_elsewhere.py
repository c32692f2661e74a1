"""Work through a server: by the command, by a client in Python, by a worker elsewhere, with a token that allows it."""

from __future__ import annotations

import json
import pathlib
import sqlite3
import time
from collections.abc import Iterator

import pytest

from lab import KITARU, Lab
from server.served import serving

ASKS = """
import kitaru
from world import did

@kitaru.checkpoint
def draft(topic):
    did("draft")
    return topic * 2

@kitaru.flow
def report(topic: str = "bees"):
    text = draft(topic)
    return text if kitaru.wait(schema=bool, name="go", question="Go on?") else None

if __name__ == "__main__":
    report()
"""

CLIENT = """
import kitaru
client = kitaru.KitaruClient()
(one,) = client.executions.list()
print(one.status, [call.name for call in client.executions.get(one.id).calls if call.name == "draft"])
client.executions.input(one.id, True)
one = client.executions.get(one.id)
print(one.status, one.result)
"""


@pytest.fixture
def far(tmp_path: pathlib.Path) -> Iterator[Lab]:
    """A desk whose store is a server's."""
    lab = Lab(tmp_path, store="remote")
    try:
        yield lab
    finally:
        lab.close()


def asks(lab: Lab) -> str:
    """An execution that waits for an answer."""
    lab.write("asks.py", ASKS)
    lab.python("asks.py").ok(75)
    return lab.only()


def until(lab: Lab, exec_id: str, status: str) -> None:
    """Returns when an execution has that status on record."""
    end = time.monotonic() + 30
    while lab.query("SELECT status FROM executions WHERE id = ?", exec_id) != [(status,)]:
        assert time.monotonic() < end, lab.query("SELECT status FROM executions WHERE id = ?", exec_id)
        time.sleep(0.01)


def test_a_client_in_python_does_all_through_a_server(far: Lab) -> None:
    asks(far)
    far.write("client.py", CLIENT)
    assert far.python("client.py").ok().out == "waiting ['draft']\ncompleted beesbees\n"
    assert far.done() == ["draft"]


def test_a_worker_elsewhere_carries_on_what_is_answered(far: Lab) -> None:
    exec_id = asks(far)
    worker = far.spawn(KITARU, "worker", "--output", "json")
    try:
        import urllib.request

        body = json.dumps({"value": True}).encode()
        ask = urllib.request.Request(
            f"{far.server.url}/api/v1/executions/{exec_id}/input", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(ask, timeout=20) as answer:
            assert answer.status == 200
        until(far, exec_id, "completed")
    finally:
        worker.terminate()
        worker.communicate(timeout=30)
    assert far.done() == ["draft"]


def test_what_a_worker_begins_has_the_token_of_the_workers_file(lab: Lab) -> None:
    local = Lab(lab.folder, store="local")
    made = local.item("tokens", "create", "worker", "--scope", "operate")["token"]
    file = local.folder / "token"
    file.write_text(made)
    file.chmod(0o600)
    local.write("asks.py", ASKS)
    with serving(local, "server", "--require-token", token=made) as server:
        place = {"KITARU_STORE": server.url, "KITARU_HOME": str(lab.folder / "client")}
        local.python("asks.py", KITARU_TOKEN_FILE=str(file), **place).ok(75)
        exec_id = local.only()
        # What stands in the environment is not what this worker was told to use.
        argv = (KITARU, "worker", "--output", "json", "--token-file", "token")
        worker = local.spawn(*argv, KITARU_TOKEN="another", **place)
        try:
            server.post(f"/executions/{exec_id}/input", {"value": True})
            until(local, exec_id, "completed")
        finally:
            worker.terminate()
            worker.communicate(timeout=30)
    assert local.done() == ["draft"]


def test_a_server_leaves_alone_what_another_machine_recorded(lab: Lab) -> None:
    local = Lab(lab.folder, store="local")
    with serving(local, "up") as server:
        local.write("asks.py", ASKS)
        local.python("asks.py", KITARU_STORE=server.url, KITARU_HOME=str(lab.folder / "client")).ok(75)
        exec_id = local.only()
        connection = sqlite3.connect(local.home / "kitaru.db")
        with connection:
            found = connection.execute("SELECT json_extract(entry, '$.host') FROM executions").fetchone()
            assert found[0], "it names the machine that it was recorded on"
            connection.execute("UPDATE executions SET entry = json_set(entry, '$.host', 'another')")
        connection.close()
        told = server.post(f"/executions/{exec_id}/input", {"value": True})
        assert "nobody here" in json.dumps(told), told
        time.sleep(0.5)  # it is not to begin, and nothing tells of what does not
        assert server.get(f"/executions/{exec_id}")["status"] == "waiting"


def test_each_scope_may_do_what_it_is_for(lab: Lab) -> None:
    local = Lab(lab.folder, store="local")
    made = {
        scope: local.item("tokens", "create", f"t-{scope}", "--scope", scope)["token"]
        for scope in ("read", "answer", "operate", "admin")
    }
    local.write("asks.py", ASKS)
    with serving(local, "server", "--require-token") as server:

        def through(token: str | None) -> dict[str, str]:
            home = {"KITARU_STORE": server.url, "KITARU_HOME": str(lab.folder / "client")}
            return home if token is None else {**home, "KITARU_TOKEN": token}

        for token in (None, "kitaru_nobody", made["read"][:-1] + "x"):
            refused = local.kitaru("ls", **through(token))
            assert (refused.code, refused.err[:20]) == (1, "error[unauthorized]:"), refused.err
        for scope in ("read", "answer"):
            assert local.kitaru("ls", **through(made[scope])).ok()
            refused = local.python("asks.py", **through(made[scope]))
            assert refused.code == 1
            assert "this wants the scope operate" in refused.err
        assert local.done() == []
        local.python("asks.py", **through(made["operate"])).ok(75)
        exec_id = local.only()
        local.kitaru("input", exec_id, "--value", "true", **through(made["operate"])).ok()
        refused = local.kitaru("executions", "delete", exec_id, "--yes", **through(made["operate"]))
        assert refused.code == 1
        assert refused.err.startswith("error[forbidden]: "), refused.err
        local.kitaru("executions", "delete", exec_id, "--yes", **through(made["admin"])).ok()
    assert local.query("SELECT count(*) FROM executions") == [(0,)]
