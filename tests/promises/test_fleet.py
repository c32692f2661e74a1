"""A master over children: it waits for them without a process, answers, resumes and stops them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab import KITARU

if TYPE_CHECKING:
    from lab import Lab

WORKERS = """
import asyncio, os, kitaru
from kitaru import KitaruClient, checkpoint, flow
from world import did, count

@checkpoint
def work(name):
    did(f"work {name}")
    if name.startswith("bad") and not count("mended"):
        raise ValueError(f"{name} broke")
    if name.startswith("slow"):
        while not count("hurry"):
            pass
    return name.upper()

@flow
def worker(name: str):
    if name.startswith("ask"):
        name += kitaru.wait(schema=str, name="more", question=f"{name}: what else?")
    if name.startswith("nap"):
        kitaru.sleep(3600)
    return work(name)

@flow
async def aworker(name: str):
    if name.startswith("ask"):
        name += await kitaru.wait(schema=str, name="more", question=f"{name}: what else?")
    return work(name)

@flow
def boss(names: list):
    return [one.get() for one in [worker.run(name) for name in names]]

executions = KitaruClient().executions
def names(handles):
    return [executions.get(one.exec_id).inputs["name"] for one in handles]
"""


def master(lab: Lab, body: str, *, asynchronous: bool = False) -> Lab:
    """A desk with workers and a master of that body, `master.py:master`."""
    lab.write("workers.py", WORKERS)
    lines = body.strip("\n").split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    lines = ["    " + line[indent:] for line in lines]
    begin = "from workers import *\n@flow\n" + ("async " if asynchronous else "") + "def master():\n"
    lab.write("master.py", begin + "\n".join(lines) + "\n")
    return lab


def run(lab: Lab, code: int = 0) -> Any:
    return lab.item("run", "master.py:master", code=code)


def id_of(lab: Lab, name: str) -> str:
    (found,) = (one["id"] for one in lab.items("ls", "--limit", "100") if one["inputs"].get("name") == name)
    return str(found)


# -- gather ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("kind", ["worker", "aworker"])
def test_gather_waits_without_a_process_and_gives_results_in_order(lab: Lab, asynchronous: bool, kind: str) -> None:
    word = "await " if asynchronous else ""
    master(
        lab,
        f"""
        handles = [{kind}.run(name) for name in ("a", "ask b", "c")]
        return {word}kitaru.gather(*handles), {word}kitaru.gather(handles[::-1])
        """,
        asynchronous=asynchronous,
    )
    left = run(lab, 75)
    assert (left["status"], left["owner"], left["reason"]["waits"]) == ("waiting", None, [f"{kind}#2: more"])
    answered = lab.kitaru("input", left["id"], "--value", '"!"', "--output", "json").ok()
    assert answered.json["item"]["result"] == [["A", "ASK B!", "C"], ["C", "ASK B!", "A"]]
    assert sorted(lab.done()) == ["work a", "work ask b!", "work c"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_gather_raises_the_first_failure_by_order_when_all_have_ended(lab: Lab, asynchronous: bool) -> None:
    word = "await " if asynchronous else ""
    master(
        lab,
        f"""
        handles = [worker.run(name) for name in ("a", "bad b", "bad c")]
        found = {word}kitaru.gather(*handles, return_exceptions=True)
        try:
            {word}kitaru.gather(handles)
        except ValueError as error:
            return [str(one) for one in found] + [str(error)]
        """,
        asynchronous=asynchronous,
    )
    assert run(lab)["result"] == ["A", "bad b broke", "bad c broke", "bad b broke"]


def test_a_childs_failure_reaches_the_parent_and_runs_again_with_it(lab: Lab) -> None:
    master(lab, 'return kitaru.gather(worker.run("a"), worker.run("bad"))')
    failed = run(lab, 1)
    assert failed["error"]["message"] == "bad broke"
    lab.world.open("a").write("mended\n")
    assert lab.item("retry", failed["id"])["result"] == ["A", "BAD"]
    assert sorted(lab.done()) == ["mended", "work a", "work bad", "work bad"]


def test_outside_a_flow_it_gathers_too(lab: Lab) -> None:
    lab.write("workers.py", WORKERS)
    program = """
from workers import *
handles = [worker.run("a"), aworker.run("b"), worker.run("ask")]
print(kitaru.gather(handles[:2]), [len(part) for part in kitaru.wait_for(handles, "all")])
print(kitaru.gather(handles, return_exceptions=True)[2].waits, handles[0] in kitaru.wait_for(handles)[0])
async def main():
    print(await kitaru.gather(handles[:2]), len((await kitaru.wait_for(handles, 3)).asking))
asyncio.run(main())
other = executions.handle(handles[0].exec_id)
print(other.get(), other.status, other.done(), kitaru.gather(other, handles[1]), len(kitaru.wait_for([other]).done))
asked = executions.handle(handles[2].exec_id)
for ask in (asked.get, lambda: asked.wait(1)):
    try:
        ask()
    except kitaru.KitaruSuspended as suspended:
        print(suspended.waits)
executions.input(asked.exec_id, "!")
print(asked.get())
for wrong in (([1],), (["ab"],), (handles, 9), ([], "any"), (handles, "some"), (handles, True)):
    try:
        kitaru.wait_for(*wrong)
    except kitaru.KitaruUsageError as error:
        print(error.code)
print(kitaru.wait_for([], all), kitaru.gather())
"""
    assert lab.python("-c", program).ok().out.splitlines() == [
        "['A', 'B'] [2, 1, 0]",
        "['more'] True",
        "['A', 'B'] 1",
        "A completed True ['A', 'B'] 1",
        "['more']",
        "['more']",
        "ASK!",
        *["usage"] * 6,
        "Standing(done=[], asking=[], pending=[]) []",
    ]


# -- wait_for -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asynchronous", [False, True])
def test_wait_for_tells_who_is_done_who_asks_and_who_works(lab: Lab, asynchronous: bool) -> None:
    word = "await " if asynchronous else ""
    master(
        lab,
        f"""
        handles = [worker.run(name) for name in ("slow", "a", "ask", "bad")]
        parts = {word}kitaru.wait_for(handles, 3)
        did("hurry")
        told = [names(part) for part in parts]
        executions.input(parts.asking[0].exec_id, "?")
        return told + [[len(part) for part in {word}kitaru.wait_for(handles, "all")]]
        """,
        asynchronous=asynchronous,
    )
    assert run(lab)["result"] == [["a", "bad"], ["ask"], ["slow"], [4, 0, 0]]


def test_what_wait_for_told_it_tells_again(lab: Lab) -> None:
    master(
        lab,
        """
        handles = [worker.run(name) for name in ("slow", "a")]
        (first,), _, (slow,) = kitaru.wait_for(handles)
        did(f"first {names([first])}")
        did("hurry")
        if not count("second try"):
            slow.get()
            did("second try")
            raise RuntimeError
        return names(kitaru.wait_for(handles, "all").done)
        """,
    )
    failed = run(lab, 1)
    assert lab.item("retry", failed["id"])["result"] == ["slow", "a"]
    assert lab.done().count("first ['a']") == 2
    assert lab.done().count("work slow") == 1


def test_an_answered_child_does_not_ask_any_more(lab: Lab) -> None:
    """However soon it is waited for again."""
    master(
        lab,
        """
        asked = 0
        left = [worker.run(f"ask {n}") for n in range(4)]
        while left:
            done, asking, pending = kitaru.wait_for(left)
            for one in asking:
                asked += 1
                executions.input(one.exec_id, "!")
            left = asking + pending
        return asked
        """,
    )
    assert run(lab)["result"] == 4


def test_a_master_sleeps_with_its_children(lab: Lab) -> None:
    master(lab, 'return names(kitaru.wait_for([worker.run("nap")]).done)')
    left = run(lab, 75)
    assert (left["owner"], left["wake_at"] is not None) == (None, True)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_master_that_fails_says_so_while_its_children_wait(lab: Lab, asynchronous: bool) -> None:
    """What works still ends; nobody has to answer first."""
    word = "await " if asynchronous else ""
    master(
        lab,
        f"""
        handles = [worker.run(name) for name in ("ask", "slow")]
        {word}kitaru.wait_for(handles)
        did("hurry")
        if not count("mended"):
            raise ValueError("a mistake of the master")
        return {word}kitaru.gather(handles)
        """,
        asynchronous=asynchronous,
    )
    failed = run(lab, 1)
    assert failed["error"]["message"] == "a mistake of the master"
    assert [lab.item("show", id_of(lab, name))["status"] for name in ("ask", "slow")] == ["waiting", "completed"]
    lab.world.open("a").write("mended\n")
    lab.kitaru("retry", failed["id"]).ok(75)
    assert lab.item("input", failed["id"], "--value", '"!"')["result"] == ["ASK!", "SLOW"]
    assert lab.done().count("work slow") == 1


# -- answering and resuming -----------------------------------------------------------------------------


def test_the_master_answers_resumes_and_merges(lab: Lab) -> None:
    master(
        lab,
        """
        left, again = [worker.run(name) for name in ("a", "bad b", "ask", "bad c")], []
        merged = {}
        while left:
            done, asking, pending = kitaru.wait_for(left)
            for wait in executions.waiting(kitaru.current_execution().id):
                executions.input(wait.execution_id, f"/{wait.question}")
            left = asking + pending
            for one in done:
                try:
                    merged[names([one])[0]] = one.get()
                except ValueError as error:
                    did("mended")
                    executions.resume(one.exec_id)
                    left.append(one)
        return [merged[name] for name in ("a", "bad b", "ask", "bad c")], [one.done() for one in left]
        """,
    )
    done = run(lab)
    assert done["result"] == [["A", "BAD B", "ASK/ASK: WHAT ELSE?", "BAD C"], []]
    assert [lab.done().count(f"work {name}") for name in ("a", "bad b", "bad c")] == [1, 2, 2]
    statuses = {call["key"]: call["status"] for call in done["calls"] if call["kind"] == "child"}
    assert sorted(statuses.values()) == ["completed", "completed", "failed", "failed"]


def test_a_resumed_child_that_asks_is_answered_after_the_process_is_gone(lab: Lab) -> None:
    lab.write(
        "late.py",
        """
        from workers import *
        @flow
        def late(name: str):
            work(name)
            return kitaru.wait(schema=int, name="ask", question="?")
        """,
    )
    master(
        lab,
        """
        from late import late
        handle = late.run("bad")
        try:
            handle.get()
        except ValueError:
            did("mended")
            executions.resume(handle.exec_id)
        return [handle.get(), handle.status, handle.done(), handle.exception()]
        """,
    )
    left = run(lab, 75)
    assert left["owner"] is None
    for id in (left["id"], id_of(lab, "bad")):
        assert lab.item("show", id)["status"] == "waiting"
    done = lab.kitaru("input", id_of(lab, "bad"), "--value", "7", "--output", "json").ok().json["item"]
    assert done["result"] == [7, "completed", True, None]
    assert lab.done().count("work bad") == 2


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_paused_child_goes_on_where_its_parent_waits(lab: Lab, asynchronous: bool) -> None:
    word = "await " if asynchronous else ""
    master(
        lab,
        f"""
        handle = worker.run("ask")
        while executions.get(handle.exec_id).status != "waiting":
            kitaru.uuid()
        executions.pause(handle.exec_id)
        done, asking, pending = {word}kitaru.wait_for([handle])
        told = [len(asking), executions.get(handle.exec_id).status]
        executions.resume(handle.exec_id)
        executions.input(handle.exec_id, "!")
        return told + [{word}kitaru.gather(handle)]
        """,
        asynchronous=asynchronous,
    )
    assert run(lab)["result"] == [1, "paused", ["ASK!"]]


def test_a_child_that_was_paused_alone_stays_so_until_somebody_resumes_it(lab: Lab) -> None:
    master(lab, 'return kitaru.gather(worker.run("ask a"), worker.run("ask b"))')
    left = run(lab, 75)
    paused = id_of(lab, "ask a")
    lab.kitaru("pause", paused).ok()
    # The other one's answer carries the master on, and leaves this one alone.
    assert lab.item("input", id_of(lab, "ask b"), "--value", '"!"', code=75)["id"] == left["id"]
    assert lab.item("show", paused)["status"] == "paused"
    assert "paused" in lab.item("show", left["id"])["reason"]["waits"][0]
    assert lab.item("resume", paused, code=75)["status"] == "waiting"
    assert lab.item("input", paused, "--value", '"!"')["result"] == ["ASK A!", "ASK B!"]


def test_what_was_paused_with_its_parent_goes_on_with_it(lab: Lab) -> None:
    master(lab, 'return kitaru.gather(worker.run("ask a"), boss.run(["ask b"]))')
    left = run(lab, 75)
    lab.kitaru("pause", left["id"]).ok()
    statuses = [one["status"] for one in lab.items("ls")]
    assert statuses == ["paused"] * 4
    lab.item("resume", left["id"], code=75)
    assert [one["status"] for one in lab.items("ls")] == ["waiting"] * 4
    lab.kitaru("input", id_of(lab, "ask a"), "--value", '"1"').ok(75)
    assert lab.item("input", id_of(lab, "ask b"), "--value", '"2"')["result"] == ["ASK A1", ["ASK B2"]]


def test_a_failed_child_whose_parent_went_on_is_resumed_by_itself(lab: Lab) -> None:
    master(
        lab,
        """
        handle = worker.run("bad")
        try:
            handle.get()
        except ValueError:
            return kitaru.wait(schema=str, name="so", question="?")
        """,
    )
    left = run(lab, 75)
    lab.world.open("a").write("mended\n")
    assert lab.item("resume", id_of(lab, "bad"))["result"] == "BAD"
    assert lab.item("show", left["id"])["status"] == "waiting"
    assert lab.done().count("work bad") == 2


def test_only_what_is_below_it_can_be_resumed_by_a_running_flow(lab: Lab) -> None:
    master(
        lab,
        """
        @flow
        def sister(other: str):
            try:
                return executions.resume(other).status
            except kitaru.KitaruStateError as error:
                return error.code
        bad = worker.run("bad")
        kitaru.wait_for([bad])
        slow = worker.run("slow")
        try:
            executions.resume(slow.exec_id)
        except kitaru.KitaruStateError as error:
            own = error.code
        told = sister(bad.exec_id)
        did("hurry")
        slow.get()
        try:
            bad.get()
        except ValueError:
            return [told, own]
        """,
    )
    assert run(lab)["result"] == ["held", "held"]


# -- stopping -------------------------------------------------------------------------------------------


def test_cancel_and_pause_reach_all_below_but_what_is_detached(lab: Lab) -> None:
    master(
        lab,
        """
        boss.run(["ask deep"])
        alone = worker.run("ask alone", detached=True)
        return kitaru.gather(worker.run("ask own"))
        """,
    )
    left = run(lab, 75)
    by_name = {name: id_of(lab, name) for name in ("ask deep", "ask alone", "ask own")}
    lab.kitaru("pause", left["id"]).ok()
    assert [lab.item("show", id)["status"] for id in by_name.values()] == ["paused", "waiting", "paused"]
    lab.kitaru("cancel", left["id"]).ok()
    assert [lab.item("show", id)["status"] for id in by_name.values()] == ["cancelled", "waiting", "cancelled"]
    assert lab.item("input", by_name["ask alone"], "--value", '"!"')["result"] == "ASK ALONE!"
    late = lab.kitaru("input", by_name["ask own"], "--value", '"!"').ok(1)
    assert late.err.startswith("error[already-ended]: ") and "takes no answer any more" in late.err
    assert lab.kitaru("waits", "list").ok().out == "nobody is asked anything\n"


def test_a_cancelled_child_is_told_to_the_parent(lab: Lab) -> None:
    master(
        lab,
        """
        handle = worker.run("ask")
        kitaru.wait_for([handle])
        executions.cancel(handle.exec_id)
        try:
            handle.get()
        except kitaru.KitaruCancelledError:
            pass
        try:
            executions.input(handle.exec_id, "late")
        except kitaru.KitaruStateError as error:
            return error.code
        """,
    )
    assert run(lab)["result"] == "already-ended"


# -- detached -------------------------------------------------------------------------------------------


def test_a_detached_execution_outlives_the_flow_that_started_it(lab: Lab) -> None:
    master(lab, 'return worker.run("slow", detached=True).exec_id')
    started = lab.spawn(KITARU, "run", "master.py:master")
    lab.wait_for("work slow")
    while not any(one["flow"] == "master" and one["status"] == "completed" for one in lab.items("ls")):
        pass
    lab.world.open("a").write("hurry\n")
    assert started.wait(30) == 0
    assert lab.item("show", id_of(lab, "slow"))["result"] == "SLOW"
    assert lab.done().count("work slow") == 1


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_result_of_a_detached_one_is_waited_for_without_a_process(lab: Lab, asynchronous: bool) -> None:
    word = "await " if asynchronous else ""
    get = "await handle" if asynchronous else "handle.get()"
    master(
        lab,
        f"""
        handle = worker.run("ask", detached=True)
        return [{get}, {word}kitaru.gather(handle)]
        """,
        asynchronous=asynchronous,
    )
    left = run(lab, 75)
    asked = id_of(lab, "ask")
    assert left["reason"]["executions"] == [asked]
    told = lab.kitaru("input", asked, "--value", '"!"').ok()
    assert told.out == "ASK!\n"
    assert lab.item("show", left["id"])["result"] == ["ASK!", ["ASK!"]]


# -- who is asked, what belongs together ----------------------------------------------------------------


def test_open_questions_of_children_are_seen_from_their_parent(lab: Lab) -> None:
    master(lab, 'return kitaru.gather(worker.run("ask a"), boss.run(["ask b"]))')
    left = run(lab, 75)
    lab.write("alone.py", "from workers import *\n")
    lab.kitaru("run", "alone.py:worker", "--input", 'name="ask c"').ok(75)
    listed = [one["question"][:5] for one in lab.items("waits", "list")]
    assert sorted(listed) == ["ask a", "ask b", "ask c"]
    assert [one["question"][:5] for one in lab.items("waits", "list", "--parent", left["id"])] == ["ask a"]
    below = lab.items("waits", "list", "--parent", left["id"], "--recursive")
    assert sorted(one["question"][:5] for one in below) == ["ask a", "ask b"]
    lab.kitaru("waits", "list", "--recursive").ok(2)
    assert lab.kitaru("waits", "list", "--parent", "nobody").ok(1).err.startswith("error[unknown-execution]")
    # A question of a grandchild is answered by its own identifier, and carries the whole on.
    lab.kitaru("input", id_of(lab, "ask b"), "--value", '"!"').ok(75)
    assert lab.item("input", left["id"], "--value", '"?"')["result"] == ["ASK A?", ["ASK B!"]]


def test_the_tree_of_any_of_them_is_the_whole_tree(lab: Lab) -> None:
    master(
        lab,
        """
        worker.options(key="invoice-17")("a")
        apart = worker.run("b", detached=True)
        while not apart.done():
            pass
        apart.get()
        kitaru.gather(boss.run(["c", "bad"]), return_exceptions=True)
        """,
    )
    top = run(lab)["id"]
    wanted = ["master", "worker", "worker", "boss", "worker", "worker"]
    for one in lab.items("ls"):
        tree = lab.item("tree", one["id"])
        flat = list(walk(tree))
        assert [node["flow"] for node in flat] == wanted
        assert [node["id"] for node in flat if node["marked"]] == [one["id"]]
    assert [node["relation"] for node in flat] == [None, *["child"] * 5]
    shown = lab.kitaru("tree", top, COLUMNS="80").ok()
    lines = shown.out.splitlines()
    assert max(map(len, lines)) <= 80, shown.out
    assert lines[0].split() == ["EXECUTION", "ID", "STATUS", "COST"]
    assert lines[1].startswith(f"» master {' ' * 10}") and lines[1].split()[2:] == [top[-8:], "completed"]
    assert lines[2].startswith("├─ worker [invoice-17] ") and lines[3].startswith("├─ worker#2 (detached) ")
    assert [line[:12] for line in lines[4:]] == ["└─ boss     ", "   ├─ worker", "   └─ worker"]
    assert lines[-1].split()[-1] == "failed"
    assert shown.err == "6 executions, $0.0000 in all\n"


def walk(node: Any) -> Any:
    yield node
    for one in node["below"]:
        yield from walk(one)
