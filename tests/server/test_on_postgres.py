"""``kitaru up`` on a store in PostgreSQL: it lists, carries on, answers and tells what happens, as on a file."""

from __future__ import annotations

import pathlib

from lab import Lab
from server.served import serving

FLOW = """
    from kitaru import checkpoint, flow, wait
    from world import did

    @checkpoint
    def before(n: int) -> int:
        did("before")
        return n

    @checkpoint
    def after(n: int) -> int:
        did("after")
        return n + 1

    @flow
    def asks(n: int) -> int:
        known = before(n)
        wait(schema=bool, name="go", question="Go on?")
        return after(known)
"""


def test_a_server_carries_on_what_is_in_postgres(tmp_path: pathlib.Path) -> None:
    lab = Lab(tmp_path, store="postgres")
    lab.write("agent.py", FLOW)
    lab.kitaru("run", "agent.py:asks", "--input", "n=4").ok(75)
    with serving(lab) as server:
        (one,) = server.get("/executions")["items"]
        assert one["status"] == "waiting"
        (question,) = server.get("/waits")["items"]
        assert question["question"] == "Go on?"
        with server.stream("/events", "0") as events:
            server.post(f"/executions/{one['id']}/input", {"wait": "go", "value": True})
            for event, _, data in events:
                if event == "status" and data["status"] == "completed":
                    break
        assert server.get(f"/executions/{one['id']}")["status"] == "completed"
        assert server.stop()[0] == 0
    assert lab.done() == ["before", "after"]
    assert lab.item("show", one["id"])["result"] == 5
