"""Whoever records an answer makes sure that the flow goes on: from any directory, or by the process that holds it."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import sqlite3
import sys
import time

from cli.story import desk
from lab import KITARU, PYTHON, Lab, Result


def test_an_answer_carries_the_flow_on_from_any_directory(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research", "--input", "topic=tea").ok(75)
    told = lab.kitaru("input", "latest", "--value", "true", cwd=pathlib.Path("/")).ok()
    assert told.out == "analysis of tea,b\n"
    assert lab.done() == ["gather", "analyze"]


def test_a_flow_run_as_a_script_goes_on_by_its_import_name(lab: Lab) -> None:
    agent = (desk(lab).folder / "agent.py").read_text()
    lab.write("agent.py", agent + "\nif __name__ == '__main__':\n    print(research('oats'))\n")
    lab.python("agent.py").ok(75)
    assert lab.kitaru("input", "latest", "--value", "true", cwd=pathlib.Path("/")).ok().out == "analysis of oats,b\n"


PACKAGE = """
    from kitaru import checkpoint, flow, wait
    from .parts import part

    @flow
    def whole() -> str:
        ok = wait(schema=bool, question="Go?")
        return part() if ok else "no"

    if __name__ == "__main__":
        print(whole())
"""


def test_a_module_run_with_m_goes_on_with_its_relative_imports(lab: Lab) -> None:
    (lab.folder / "pack").mkdir()
    lab.write("pack/__init__.py", "")
    lab.write("pack/parts.py", "def part():\n    return 'whole'\n")
    lab.write("pack/agent.py", PACKAGE)
    lab.write("pack/__main__.py", PACKAGE)
    for module in ("pack.agent", "pack"):
        lab.python("-m", module).ok(75)
        assert lab.kitaru("input", "latest", "--value", "true", cwd=pathlib.Path("/")).ok().out == "whole\n", module
    lab.kitaru("run", "pack.agent:whole").ok(75)
    assert lab.kitaru("input", "latest", "--value", "true", cwd=pathlib.Path("/")).ok().out == "whole\n"


def test_a_resume_works_where_the_flow_worked(lab: Lab) -> None:
    here = lab.folder / "data"
    here.mkdir()
    (here / "note.txt").write_text("hello")
    lab.write(
        "reads.py",
        """
        import pathlib, kitaru
        @kitaru.flow
        def reads():
            kitaru.wait(schema=bool, question="Read?")
            return pathlib.Path("note.txt").read_text()
        """,
    )
    lab.kitaru("run", "../reads.py:reads", cwd=here).ok(75)
    assert lab.kitaru("input", "latest", "--value", "true").ok().out == "hello\n"
    lab.kitaru("run", "../reads.py:reads", cwd=here).ok(75)
    shutil.rmtree(here)
    told = lab.kitaru("input", "latest", "--value", "true").ok(1)
    assert told.err.startswith(f"error[flow-import]: the working directory that reads ran in is gone: {here}\n")


def test_another_environment_carries_on_with_the_interpreter_that_is_recorded(lab: Lab) -> None:
    """Two environments on one machine: a second name in another folder stands for the other interpreter."""
    other = lab.folder / "env" / "bin"
    other.mkdir(parents=True)
    site = pathlib.Path(sys.executable).parents[1]
    shutil.copy(site / "pyvenv.cfg", other.parent / "pyvenv.cfg")
    (other.parent / "lib").symlink_to(site / "lib")
    (other / "python").symlink_to(pathlib.Path(sys.executable).resolve())
    desk(lab)
    lab.write("agent.py", (lab.folder / "agent.py").read_text() + "\nif __name__ == '__main__':\n    research()\n")
    lab.run(str(other / "python"), "agent.py").ok(75)
    told = lab.kitaru("input", "latest", "--value", "true", cwd=pathlib.Path("/")).ok()
    assert told.out == "analysis of tea,b\n"
    lab.run(str(other / "python"), "agent.py").ok(75)
    (other / "python").unlink()
    told = lab.kitaru("input", "latest", "--value", "true").ok(1)
    assert told.err.startswith(f"error[flow-import]: the interpreter that it ran with is gone: {other / 'python'}\n")
    assert "its interpreter" in lab.item("doctor")["open"][0]["why"]


def test_a_childs_answer_carries_its_parent_on(lab: Lab) -> None:
    desk(lab)
    for flow in ("parent", "async_parent"):
        told = lab.kitaru("run", f"more.py:{flow}").ok(75)
        assert "What?" in told.err
        parent = lab.items("ls", "--flow", flow)[0]
        told = lab.kitaru("input", parent["id"], "--value", '"it"').ok()
        assert told.out == "the child heard: it\n"
        child = lab.items("ls", "--limit", "1")[0]
        assert child["parent"]["id"] == parent["id"]
        assert child["status"] == "completed"


LIVE = """
    import asyncio, kitaru
    from kitaru import checkpoint, flow
    from world import count, did

    @checkpoint
    async def busy() -> str:
        did("busy")
        while not count("stop"):
            await asyncio.sleep(0.01)
        return "busy"

    @checkpoint
    async def after() -> str:
        did("after")
        return "after"

    @flow
    async def live() -> list:
        async def branch():
            await kitaru.wait(schema=bool, name="ok", question="Ok?")
            return await after()
        return list(await asyncio.gather(branch(), busy()))

    if __name__ == "__main__":
        print(asyncio.run(live()))
"""


def open_wait(lab: Lab) -> None:
    """Returns when the question is open."""
    lab.wait_for("busy")
    until = time.monotonic() + 20
    while not lab.items("waits", "list"):
        assert time.monotonic() < until


def test_a_living_process_takes_the_answer_itself(lab: Lab) -> None:
    lab.write("live.py", LIVE)
    process = lab.spawn(PYTHON, "live.py")
    open_wait(lab)
    told = lab.kitaru("input", "latest", "--value", "true").ok()
    assert told.err.startswith("answered ") and told.err.endswith(f"; process {process.pid} goes on with it\n")
    lab.wait_for("after")
    lab.run(PYTHON, "-c", "import world; world.did('stop')").ok()
    out, err = process.communicate(timeout=30)
    assert out == "['after', 'busy']\n", err
    assert lab.done() == ["busy", "after", "stop"]


def test_a_process_that_gives_no_sign_of_life_is_told_from_one_that_does(lab: Lab) -> None:
    lab.write("live.py", LIVE)
    process = lab.spawn(PYTHON, "live.py")
    open_wait(lab)
    id = lab.only()
    os.kill(process.pid, signal.SIGSTOP)
    try:
        store = sqlite3.connect(lab.home / "kitaru.db")
        # What fifteen seconds without a heartbeat leave.
        store.execute("UPDATE executions SET lease_until = 0")
        store.commit()
        store.close()
        assert "no sign of life" in lab.item("doctor")["open"][0]["why"]
        told = lab.kitaru("input", id, "--value", "true").ok()
        assert "gives no sign of life" in told.err
    finally:
        os.kill(process.pid, signal.SIGCONT)
    lab.wait_for("after")
    lab.run(PYTHON, "-c", "import world; world.did('stop')").ok()
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_dead_process_takes_nothing_and_the_answer_goes_on_here(lab: Lab) -> None:
    lab.write("live.py", LIVE)
    process = lab.spawn(PYTHON, "live.py")
    open_wait(lab)
    process.kill()
    process.communicate()
    lab.run(PYTHON, "-c", "import world; world.did('stop')").ok()
    told = lab.kitaru("input", "latest", "--value", "true").ok()
    assert told.out == '[\n  "after",\n  "busy"\n]\n'


def test_no_resume_only_records_and_due_wakes(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    assert lab.items("resume", "--due") == []
    told = lab.kitaru("input", "latest", "--value", "true", "--no-resume").ok()
    assert told.err == f"answered approve; go on with: kitaru resume {lab.only()[-8:]}\n"
    doctor = lab.item("doctor")
    assert doctor["due"] == [lab.only()]
    (item,) = lab.items("resume", "--due")
    assert (item["id"], item["status"], item["result"]) == (lab.only(), "completed", "analysis of tea,b")


def test_due_wakes_what_slept_long_enough(lab: Lab) -> None:
    desk(lab).kitaru("run", "more.py:naps", "--input", "seconds=90").ok(75)
    assert lab.kitaru("resume", "--due").ok().out == "nothing is due\n"
    store = sqlite3.connect(lab.home / "kitaru.db")
    # The time passes.
    store.execute("UPDATE executions SET wake_at = wake_at - 91000")
    store.execute("UPDATE waits SET deadline = deadline - 91000")
    store.execute(
        "UPDATE journal SET payload = json_set(payload, '$.wait_opened.deadline',"
        " json_extract(payload, '$.wait_opened.deadline') - 91000) WHERE kind = 'wait_opened'"
    )
    store.commit()
    store.close()
    assert lab.kitaru("resume", "--due").ok().out == f"{lab.only()[-8:]}  naps  completed\n"


def test_the_commands_own_store_is_used_throughout(lab: Lab) -> None:
    desk(lab)
    home = str(lab.folder / "elsewhere")
    lab.kitaru("--home", home, "run", "agent.py:research").ok(75)
    assert not lab.home.exists()
    told: Result = lab.kitaru("--home", home, "input", "latest", "--value", "true").ok()
    assert told.out == "analysis of tea,b\n"
    lab.write("agent.py", (lab.folder / "agent.py").read_text() + "\nkitaru.configure(home='third')\n")
    told = lab.kitaru("--home", home, "run", "agent.py:research").ok(75)
    assert "note: the flow's code asks for the store" in told.err
    assert not (lab.folder / "third").exists()


def test_two_answers_at_once_both_count(lab: Lab) -> None:
    id = desk(lab).item("run", "more.py:two", code=75)["id"]
    both = [
        lab.spawn(KITARU, "input", id, "--wait", name, "--value", value) for name, value in (("a", "1"), ("b", '"x"'))
    ]
    for one in both:
        out, err = one.communicate(timeout=60)
        assert one.returncode in (0, 75), (out, err)
    lab.kitaru("resume", "--due").ok()
    assert lab.item("show", id)["result"] == [1, "x"]
