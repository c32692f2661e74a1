"""`kitaru check` of a master over other executions names those, and what they would do; it touches none of them."""

from __future__ import annotations

import pathlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lab import Lab

FLEET = pathlib.Path(__file__).parents[2] / "examples" / "fleet"

FLOWS = """
    import asyncio, os, sys, kitaru
    from kitaru import KitaruClient, checkpoint, flow
    from world import count, did

    @checkpoint
    def work(name: str) -> str:
        did(f"work {name}")
        if name == "killed":
            os.kill(os.getpid(), 9)
        if name == "bad":
            raise ValueError(name)
        return name

    @checkpoint
    def sum_up(parts: list) -> str:
        did("sum_up")
        return ",".join(map(str, parts))

    @flow
    def agent(name: str) -> str:
        if name == "asks":
            name += kitaru.wait(schema=str, name="which", question="Which?")
        if name == "sleeps":
            kitaru.sleep(3600)
        return work(name)

    @flow
    def above(name: str) -> str:
        return agent(name)

    @flow
    def gathers(names: list) -> str:
        return sum_up(kitaru.gather([agent.run(name) for name in names]))

    @flow
    async def agathers(names: list) -> str:
        return sum_up(await kitaru.gather([above.run(name) for name in names]))

    @flow
    def calls(names: list) -> str:
        return sum_up([agent(name) for name in names])

    @flow
    def waits(names: list) -> str:
        done, asking, _ = kitaru.wait_for([agent.run(name) for name in names], "all")
        executions = KitaruClient().executions
        seen = [executions.get(one.exec_id).status for one in asking]
        kitaru.wait(schema=bool, name="first")
        for one in asking:
            executions.input(one.exec_id, "!")
        return sum_up(seen)

    @flow
    def others(ids: list) -> str:
        executions = KitaruClient().executions
        return sum_up(kitaru.gather([executions.handle(id) for id in ids]))

    @flow
    def resumes(name: str) -> str:
        one = agent.run(name)
        try:
            one.get()
        except ValueError:
            KitaruClient().executions.resume(one.exec_id)
        kitaru.wait(schema=bool, name="first")
        return sum_up([one.get()])

    if __name__ == "__main__":
        name, *given = sys.argv[1:]
        one = globals()[name]
        one = one(given[0] if name in ("agent", "resumes") else given)
        print(asyncio.run(one) if hasattr(one, "__await__") else one)
"""


@pytest.fixture
def desk(lab: Lab) -> Lab:
    lab.write("flows.py", FLOWS)
    return lab


def whole(lab: Lab) -> list[str]:
    connection = sqlite3.connect(lab.home / "kitaru.db")
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def met(lab: Lab, target: str) -> dict[str, Any]:
    """What the one open execution of a flow would go on with, after a look that nothing was written or run."""
    before, done = whole(lab), lab.done()
    (one,) = lab.kitaru("check", target, "--output", "json").ok().json["item"]["executions"]
    assert (whole(lab), lab.done()) == (before, done)
    assert one["clean"], one
    return {name: sorted(one[name]) for name in ("runs", "waits", "sleeps") if one[name]}


@pytest.mark.parametrize("flow", ["gathers", "agathers", "calls"])
def test_children_that_are_waited_for_are_named_with_what_they_ask(desk: Lab, flow: str) -> None:
    desk.python("flows.py", flow, "good", "asks", "sleeps").ok(75)
    child = "above" if flow == "agathers" else "agent"
    expected = {"waits": [f"{child}#2: which"], "sleeps": [f"{child}#3"]}
    if flow == "calls":
        # The third is not called before the second has come.
        expected = {"waits": ["agent#2: which"]}
    assert met(desk, f"flows.py:{flow}") == expected
    text = desk.kitaru("check", f"flows.py:{flow}").ok().out
    assert f"waits for {child}#2: which" in text and "gather" not in text


def test_children_that_would_go_on_run(desk: Lab) -> None:
    desk.python("flows.py", "gathers", "asks", "killed").ok(-9)
    child = next(one["id"] for one in desk.items("ls") if one["inputs"]["name"] == "asks")
    if desk.item("show", child)["status"] == "waiting":
        desk.kitaru("input", child, "--value", '"!"', "--no-resume").ok()
    assert met(desk, "flows.py:gathers") == {"runs": ["agent", "agent#2"]}


def test_children_that_have_ended_since_are_their_outcome(desk: Lab) -> None:
    """What the master would find of them is told apart from what they would do."""
    desk.python("flows.py", "waits", "asks", "good").ok(75)
    assert met(desk, "flows.py:waits") == {"waits": ["agent: which", "first"]}
    desk.kitaru("input", "latest", "--value", "true", "--wait", "first", "--no-resume").ok()
    assert met(desk, "flows.py:waits") == {"runs": ["executions.input"], "waits": ["agent: which"]}


def test_executions_of_others_are_named_by_their_identifier(desk: Lab) -> None:
    desk.python("flows.py", "agent", "asks").ok(75)
    one = desk.only()
    desk.python("flows.py", "others", one).ok(75)
    assert met(desk, "flows.py:others") == {"waits": [f"gather: {one[-8:]}"]}


def test_a_child_that_the_flow_resumed_goes_on_in_a_resume_only(desk: Lab) -> None:
    desk.python("flows.py", "resumes", "bad").ok(75)
    found = met(desk, "flows.py:resumes")
    assert found["waits"] == ["first"], found


def test_the_fleets_master_is_rehearsed(lab: Lab) -> None:
    """The example, killed when it was about to answer."""
    (lab.folder / "corpus").mkdir()
    lab.write("corpus/tea.md", "# Tea\n\nTea is a drink. Retries of tea are fine.\n")
    lab.write("corpus/coffee.md", "# Coffee\n\nCoffee is a drink too. Timeouts of coffee matter.\n")
    code = (
        "import os, sys; sys.path.insert(0, {fleet!r}); import master\n"
        "def decide(*given): os.kill(os.getpid(), 9)\n"
        "master.decide = decide\n"
        "master.fleet(['drinks', 'retries of tea', 'timeouts of coffee'], {corpus!r})\n"
    )
    lab.python("-c", code.format(fleet=str(FLEET), corpus=str(lab.folder / "corpus"))).ok(-9)
    found = met(lab, f"{FLEET / 'master.py'}:fleet")
    assert "decide" in found["runs"], found
    # Killed before it was left to its question it goes on first.
    asks = "research: which" in found.get("waits", []) or "research" in found["runs"]
    assert asks, found
    assert not [key for keys in found.values() for key in keys if "wait_for" in key], found
    lab.kitaru("resume", next(one["id"] for one in lab.items("ls") if one["flow"] == "fleet")).ok()
