"""What a flow asks of other executions and does to them is on its record: entered again, it takes the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import KITARU

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab import Lab

OTHERS = """
import kitaru
from kitaru import checkpoint, flow
from world import did, count

@checkpoint
def pay(what):
    did(what)
    kitaru.save("bill", what)
    return what

@flow(tags=("other",))
def asks(name: str):
    pay(f"{name} begins")
    first = kitaru.wait(schema=int, name="ask", question=f"{name}: how much?")
    pay(f"{name} heard {first}")
    second = kitaru.wait(schema=int, name="ask", question=f"{name}: and now?")
    kitaru.save("bill", first + second)
    return first + second

@flow
def fails(name: str):
    pay(f"{name} tries")
    if not count("mended"):
        raise ValueError(name)
    return f"{name} is fine"
"""


def test_whatever_a_flow_looked_at_it_sees_again(lab: Lab) -> None:
    lab.write("others.py", OTHERS)
    lab.write(
        "master.py",
        """
        import json, kitaru
        from kitaru import KitaruClient, flow
        from world import did, count
        @flow
        def master(other: str):
            executions, artifacts = KitaruClient().executions, KitaruClient().artifacts
            one, short = executions.get(other), executions.get(other[-8:])
            (wait,) = one.waits
            listed = executions.list(flow="asks", status=["waiting", "completed"], tag="other")
            seen = [
                one.status, one.id == short.id, one.tags, one.inputs, one.result, one.calls[0].key, one.usage.cost_usd,
                wait.question, wait.schema, [each.status for each in listed], len(executions.list()),
                executions.latest("asks").status, executions.handle(other[:13]).exec_id == other,
                [each.question for each in executions.waiting()],
                [(line.call, line.text) for line in executions.logs(other)],
                [each.name for each in artifacts.list(other)], artifacts.get(other, "bill").value,
                artifacts.load(other, "bill"), executions.handle(other).status, executions.handle(other).done(),
                [node.status for node in executions.tree(other).walk()],
                type(one).__name__, type(wait).__name__, one == short, str(one.created_at.tzinfo),
            ]
            for wrong in (lambda: executions.get("nobody"), lambda: artifacts.load(other, "none")):
                try:
                    seen.append(wrong())
                except kitaru.KitaruNotFoundError as error:
                    seen.append([error.code, error.hint])
            did(json.dumps(seen))
            if not count("go on"):
                raise RuntimeError("not yet")
            return executions.get(other).result
        """,
    )
    other = lab.item("run", "others.py:asks", "--input", 'name="x"', code=75)["id"]
    lab.kitaru("run", "master.py:master", "--input", f'other="{other}"').ok(1)
    lab.kitaru("input", other, "--value", "1").ok(75)
    lab.kitaru("input", other, "--value", "2").ok()
    lab.world.open("a").write("go on\n")
    done = lab.kitaru("resume", "latest").ok()
    assert done.out == "3\n"
    first, second = (line for line in lab.done() if line.startswith("["))
    assert first == second
    assert '"waiting", true, ["other"], {"name": "x"}, null, "pay"' in first, first
    assert '["unknown-execution", "kitaru executions list"]' in first
    shown = [call["key"] for call in lab.item("show", "latest")["calls"] if call["reused"]]
    assert {"executions.get", "executions.list", "artifacts.load", "executions.tree", "executions.find"} <= set(shown)


def test_a_status_that_was_read_is_read_again(lab: Lab) -> None:
    lab.write(
        "master.py",
        """
        import kitaru
        from kitaru import flow
        from world import did, count
        @flow
        def child():
            return kitaru.wait(name="ask")
        @flow
        def master():
            handle = child.run()
            kitaru.wait_for([handle])
            seen = handle.status
            did(seen)
            return [seen, handle.get()]
        """,
    )
    master = lab.item("run", "master.py:master", code=75)["id"]
    lab.kitaru("input", master, "--value", "1").ok()
    seen = lab.done()
    # Whether the child had left its process yet when it was first looked at is open.
    assert seen in (["running"] * 2, ["waiting"] * 2)
    assert lab.item("show", master)["result"] == [seen[0], 1]
    assert "kitaru.status" not in str(lab.item("show", master)["calls"])


# Ends the process right after an act has happened, before the flow that did it has that on record.
KILLED = """
import os, kitaru.client.executions as module
from world import did, count
_get = module.Executions._get
def killed(self, id):
    if count("armed") and not count("killed"):
        did("killed")
        os.kill(os.getpid(), 9)
    return _get(self, id)
module.Executions._get = killed
"""


def armed(lab: Lab, body: str, between: Callable[[], object] = lambda: None) -> str:
    """A master that is killed at the first act after `did("armed")`, and goes on. Returns what it returned."""
    lab.write("others.py", OTHERS)
    lab.write("killing.py", KILLED)
    lines = "\n".join("    " + line for line in body.strip("\n").split("\n"))
    lab.write(
        "master.py",
        f"""
import killing, kitaru
from kitaru import KitaruClient, flow
from others import asks, fails
from world import did, count
executions = KitaruClient().executions
@flow
def master():
{lines}
if __name__ == "__main__":
    print(master())
""",
    )
    assert lab.python("master.py").code == -9, lab.done()
    assert lab.done().count("killed") == 1
    id = next(one["id"] for one in lab.items("ls") if one["flow"] == "master")
    between()
    return lab.kitaru("resume", id).ok().out


def test_an_answer_given_before_a_crash_is_not_given_again(lab: Lab) -> None:
    """Neither refused as already answered, nor given to the next question of the same name."""
    out = armed(
        lab,
        """
handle = asks.run("x")
kitaru.wait_for([handle])
if not count("armed"):
    did("armed")
executions.input(handle.exec_id, 10)
kitaru.wait_for([handle])
executions.input(handle.exec_id, 5)
return handle.get()
""",
    )
    assert out == "15\n"
    assert lab.done() == ["x begins", "armed", "killed", "x heard 10"]
    answers = lab.query("SELECT answered_by, answer FROM waits ORDER BY opened_at")
    (master,) = (one["id"] for one in lab.items("ls") if one["flow"] == "master")
    assert [by.startswith(f"execution {master}, executions.input") for by, _ in answers] == [True, True]


def test_an_answer_to_another_flow_is_given_once_and_that_one_goes_on(lab: Lab) -> None:
    lab.write("others.py", OTHERS)
    other = lab.item("run", "others.py:asks", "--input", 'name="x"', code=75)["id"]
    out = armed(
        lab,
        f"""
if not count("armed"):
    did("armed")
asked = executions.input({other!r}, 10)
return [asked.status, executions.input({other!r}, 5).result]
""",
    )
    assert out.split() == ["[", '"waiting",', "15", "]"]
    assert lab.done() == ["x begins", "armed", "x heard 10", "killed"]


def test_a_child_resumed_before_a_crash_is_not_resumed_again(lab: Lab) -> None:
    out = armed(
        lab,
        """
handle = fails.run("x")
try:
    handle.get()
except ValueError as error:
    if not count("armed"):
        did("armed")
    if count("killed"):
        did("mended")
    executions.resume(handle.exec_id)
return handle.get()
""",
    )
    assert out == "x is fine\n"
    # Its first try is on record as finished; the flow's own failure is what runs again.
    assert lab.done() == ["x tries", "armed", "killed", "mended"]
    assert lab.query("SELECT count(*) FROM journal WHERE kind = 'resumed'") == [(1,)]


@pytest.mark.parametrize("mended", [True, False])
def test_another_flow_resumed_before_a_crash_is_not_resumed_again(lab: Lab, mended: bool) -> None:
    lab.write("others.py", OTHERS)
    lab.kitaru("run", "others.py:fails", "--input", "name=x").ok(1)
    out = armed(
        lab,
        f"""
if not count("armed"):
    did("armed")
    if {mended}:
        did("mended")
other = executions.list(flow="fails")[0]
resumed = executions.resume(other.id, rerun=[call.key for call in other.calls])
return resumed.status
""",
    )
    # What it resumed had ended again before the crash: it is neither refused nor paid for once more.
    assert out == ("completed\n" if mended else "failed\n")
    assert lab.done().count("x tries") == 2


def test_another_flow_that_a_crash_kept_from_going_on_goes_on(lab: Lab) -> None:
    lab.write("others.py", OTHERS)
    lab.kitaru("run", "others.py:fails", "--input", "name=x").ok(1)
    out = armed(
        lab,
        """
if not count("armed"):
    did("armed")
else:
    did("mended")
module = killing.module
carry_on = module.carry_on
def killed(*given, **how):
    if not count("killed"):
        did("killed")
        os.kill(os.getpid(), 9)
    return carry_on(*given, **how)
module.carry_on = killed
other = executions.list(flow="fails")[0]
return executions.resume(other.id).status
""".replace("module = killing", "import os; module = killing"),
    )
    assert out == "completed\n"


def test_a_childs_failure_that_cannot_be_stored_whole_is_served_as_it_stands_on_record(lab: Lab) -> None:
    """As anybody else would have it from the child; nobody is asked, whatever became of the child since."""
    lab.write(
        "master.py",
        """
        import kitaru
        from kitaru import KitaruClient, checkpoint, flow
        from world import did, count
        class Refused(Exception):
            pass
        @checkpoint
        def ask():
            did("ask")
            if count("mended"):
                return
            refused = Refused("429")
            refused.connection = open("world.py")
            raise refused
        @flow
        def child():
            return ask()
        @flow
        def master():
            told = []
            handle = child.run()
            apart = child.options(detached=True).run()
            while not apart.done():
                pass
            for get in (handle.get, apart.get):
                try:
                    get()
                except Refused as refused:
                    told.append(str(refused))
            if not count("mended"):
                did("mended")
                KitaruClient().executions.resume(handle.exec_id)
                handle.get()
            if not count("go on"):
                did("go on")
                raise RuntimeError("a mistake of the master")
            return told
        """,
    )
    lab.kitaru("run", "master.py:master").ok(1)
    assert lab.kitaru("resume", "latest").ok().out.split() == ["[", '"429",', '"429"', "]"]
    assert lab.done() == ["ask", "ask", "mended", "ask", "go on"]


@pytest.mark.parametrize("how", ["cancel", "pause"])
def test_a_stop_before_a_crash_is_not_made_again(lab: Lab, how: str) -> None:
    lab.write("others.py", OTHERS)
    other = lab.item("run", "others.py:asks", "--input", 'name="x"', code=75)["id"]
    out = armed(
        lab,
        f"""
if not count("armed"):
    did("armed")
return executions.{how}({other!r}).status
""",
    )
    assert out == {"cancel": "cancelled", "pause": "paused"}[how] + "\n"
    word = {"cancel": "cancelled", "pause": "paused"}[how]
    assert lab.query("SELECT count(*) FROM journal WHERE kind = ?", word) == [(1,)]


def test_an_act_that_was_refused_is_refused_again_without_being_tried(lab: Lab) -> None:
    lab.write("others.py", OTHERS)
    lab.write(
        "master.py",
        """
        import kitaru
        from kitaru import KitaruClient, flow
        from world import did, count
        @flow
        def master(other: str):
            executions, codes = KitaruClient().executions, []
            for act in (
                lambda: executions.input(other, "much"), lambda: executions.input(other, 1, wait="nothing"),
                lambda: executions.resume(other), lambda: executions.input("nobody", 1),
                lambda: executions.resume("nobody"), lambda: executions.cancel("nobody"),
                lambda: executions.handle("nobody"), lambda: executions.waiting("nobody"),
                lambda: executions.tree("nobody"), lambda: executions.waiting(recursive=True),
            ):
                try:
                    codes.append(str(act()))
                except kitaru.KitaruError as error:
                    codes.append(error.code)
            did(" ".join(codes))
            if not count("go on"):
                raise RuntimeError("not yet")
            return codes
        """,
    )
    other = lab.item("run", "others.py:asks", "--input", 'name="x"', code=75)["id"]
    lab.kitaru("run", "master.py:master", "--input", f'other="{other}"').ok(1)
    lab.kitaru("input", other, "--value", "1").ok(75)
    lab.world.open("a").write("go on\n")
    lab.kitaru("resume", "latest").ok()
    codes = "bad-answer unknown-wait waiting" + " unknown-execution" * 6 + " usage"
    assert [line for line in lab.done() if "bad-answer" in line] == [codes] * 2


def test_latest_is_the_same_execution_after_a_crash(lab: Lab) -> None:
    newer: list[str] = []

    def between() -> None:
        newer.append(lab.item("run", "others.py:asks", "--input", 'name="newer"', code=75)["id"])

    out = armed(
        lab,
        f"""
import subprocess
if not count("armed"):
    subprocess.run([{KITARU!r}, "run", "others.py:asks", "--input", "name=x"])
    did("armed")
return executions.cancel("latest").inputs
""",
        between,
    )
    assert out.split() == ["{", '"name":', '"x"', "}"]
    assert lab.item("show", newer[0])["status"] == "waiting"


def test_breakpoints_are_set_and_removed_once(lab: Lab) -> None:
    lab.write(
        "master.py",
        """
        import warnings
        from kitaru import KitaruClient, flow
        from world import count, did
        warnings.simplefilter("ignore")
        @flow
        def other():
            pass
        @flow
        def master():
            places = KitaruClient().breakpoints
            one, two = places.add(other, "a"), places.add(other, "b", every=True)
            places.remove(one.id)
            told = [one.before, two.every, [each.before for each in places.list()]]
            if not count("go on"):
                did("go on")
                raise RuntimeError("not yet")
            return told
        """,
    )
    lab.kitaru("run", "master.py:master").ok(1)
    assert lab.item("resume", "latest")["result"] == ["a", True, ["b"]]
    assert [one["before"] for one in lab.items("breakpoints", "list")] == ["b"]


def test_in_async_code_and_in_checkpoints_verbs_are_recorded_where_they_stand(lab: Lab) -> None:
    lab.write("others.py", OTHERS)
    lab.write(
        "master.py",
        """
        import asyncio, kitaru
        from kitaru import KitaruClient, checkpoint, flow
        from others import asks
        executions = KitaruClient().executions
        @checkpoint
        async def look(id):
            return executions.get(id).status
        @flow
        async def master():
            handle = asks.run("x")
            done, asking, pending = await kitaru.wait_for([handle])
            # It asks a moment before it is left.
            while handle.status != "waiting":
                await asyncio.sleep(0.01)
            words = await asyncio.gather(look(handle.exec_id), look(handle.exec_id))
            await asyncio.to_thread(executions.input, handle.exec_id, 1)
            await kitaru.wait_for([handle])
            executions.input(handle.exec_id, 2)
            return [words, len(asking), await handle]
        """,
    )
    done = lab.item("run", "master.py:master")
    assert done["result"] == [["waiting", "waiting"], 1, 3]
    assert "look/executions.get" in [call["key"] for call in done["calls"]]
