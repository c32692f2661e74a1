"""A wait whose ``timeout=`` has passed: too late for an answer, or marked for whoever watches (``escalate``)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from lab import Lab

AGENT = """
    import kitaru
    from kitaru import flow
    from world import did

    @flow
    def ask(how, seconds=1.5):
        try:
            got = kitaru.wait(
                schema=str, name="title", question="Which title?", timeout=seconds, on_timeout=how, default="Untitled"
            )
        except kitaru.KitaruWaitTimeoutError:
            got = "nobody"
        return did(got)

    @flow
    def family(how):
        return ask(how)

    @flow
    async def two():
        import asyncio
        return await asyncio.gather(
            kitaru.wait(schema=str, name="late", timeout=1.5, on_timeout="default", default="none"),
            kitaru.wait(schema=str, name="open"),
        )
"""


def asked(lab: Lab, flow: str, *inputs: str) -> str:
    lab.write("agent.py", AGENT)
    given = [word for one in inputs for word in ("--input", one)]
    exec_id: str = lab.item("run", f"agent.py:{flow}", *given, code=75)["id"]
    return exec_id


def overdue(lab: Lab) -> list[dict[str, Any]]:
    """The open waits, as soon as one of them is overdue."""
    until = time.monotonic() + 10
    while not any(wait["overdue"] for wait in lab.items("waits", "list")):
        assert time.monotonic() < until
        time.sleep(0.02)
    found: list[dict[str, Any]] = lab.items("waits", "list")
    return found


@pytest.mark.parametrize(("how", "result"), [("default", "Untitled"), ("raise", "nobody")])
def test_an_answer_after_the_deadline_is_refused_and_the_timeout_is_taken(lab: Lab, how: str, result: str) -> None:
    exec_id = asked(lab, "ask", f'how="{how}"')
    (wait,) = overdue(lab)
    assert wait["next"] == f"kitaru resume {exec_id[-8:]}"
    refused = lab.kitaru("input", exec_id, "--value", '"Bees"').ok(1)
    assert "error[already-timed-out]" in refused.err and f"kitaru resume {exec_id[-8:]}" in refused.err
    named = lab.kitaru("input", exec_id, "--value", '"Bees"', "--wait", "title", "--no-resume").ok(1)
    assert "error[already-timed-out]" in named.err
    lab.kitaru("resume", exec_id).ok(0)
    assert lab.item("show", exec_id)["result"] == result
    assert lab.done() == [result]
    assert "already-answered" in lab.kitaru("input", exec_id, "--value", '"Bees"').ok(1).err


def test_the_client_refuses_a_late_answer_too(lab: Lab) -> None:
    exec_id = asked(lab, "ask", 'how="default"')
    overdue(lab)
    lab.write(
        "late.py",
        f"""
        import kitaru
        client = kitaru.KitaruClient()
        (wait,) = client.executions.get({exec_id!r}).waits
        assert wait.overdue
        try:
            client.executions.input({exec_id!r}, "Bees")
        except kitaru.errors.KitaruStateError as error:
            print(error.code)
        """,
    )
    assert lab.python("late.py").ok().out == "already-timed-out\n"


def test_a_question_that_is_still_open_is_answered_beside_one_that_is_not(lab: Lab) -> None:
    exec_id = asked(lab, "two")
    overdue(lab)
    lab.kitaru("input", exec_id, "--value", '"yes"').ok(0)
    assert lab.item("show", exec_id)["result"] == ["none", "yes"]


def test_an_escalated_wait_stays_open_and_every_list_says_that_it_is_overdue(lab: Lab) -> None:
    exec_id = asked(lab, "ask", 'how="escalate"')
    (listed,) = overdue(lab)
    assert listed["next"].startswith(f"kitaru input {exec_id[-8:]}")
    assert "(overdue)" in lab.kitaru("waits", "list").ok().out
    assert "title (overdue): Which title?" in lab.kitaru("show", exec_id).ok().out
    item = lab.item("show", exec_id)
    assert [wait["overdue"] for wait in item["waits"]] == [True]
    assert item["reason"]["overdue"] is True
    assert "waiting for title (overdue)" in lab.kitaru("ls").ok().out
    assert item["reason"]["text"] == "waiting for title (overdue)"
    assert "(overdue)" in lab.kitaru("doctor").ok().out
    lab.kitaru("input", exec_id, "--value", '"Bees"').ok(0)
    assert lab.item("show", exec_id)["result"] == "Bees"


def test_a_wait_that_is_in_time_is_not_overdue(lab: Lab) -> None:
    exec_id = asked(lab, "ask", 'how="escalate"', "seconds=600")
    (wait,) = lab.items("waits", "list")
    assert wait["overdue"] is False
    item = lab.item("show", exec_id)
    assert item["reason"] == {"code": "waiting", "text": "waiting for title", "waits": ["title"]}


def test_a_parent_says_that_its_childs_wait_is_overdue(lab: Lab) -> None:
    exec_id = asked(lab, "family", 'how="escalate"')
    overdue(lab)
    reasons = {item["flow"]: item["reason"] for item in lab.items("ls")}
    assert reasons["ask"]["overdue"] is True
    assert reasons["family"]["text"] == "waiting for ask: title (overdue)"
    lab.kitaru("input", exec_id, "--value", '"Bees"').ok(0)
    assert lab.item("show", exec_id)["result"] == "Bees"


def test_what_stands_for_an_answer_is_recorded(lab: Lab) -> None:
    lab.write(
        "agent.py",
        """
        import uuid
        import kitaru
        from kitaru import flow
        from world import did

        @flow
        def ask():
            late = kitaru.wait(schema=str, name="late", timeout=0, on_timeout="default", default=str(uuid.uuid4()))
            did(late)
            kitaru.wait(schema=bool, name="go")
            return did(late)
        """,
    )
    lab.kitaru("run", "agent.py:ask").ok(75)
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    assert len(set(lab.done())) == 1


def test_what_may_stand_for_an_answer_has_to_be_storable(lab: Lab) -> None:
    lab.write(
        "agent.py",
        """
        import kitaru

        @kitaru.flow
        def ask():
            return kitaru.wait(schema=str, name="late", timeout=0, on_timeout="default", default=object())
        """,
    )
    assert "wait.default" in lab.kitaru("run", "agent.py:ask").ok(1).err
