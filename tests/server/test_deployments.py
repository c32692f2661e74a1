"""Deployments: a project is kept as a version, workers run it wherever it is, and each execution stays on its own.

Not here: what follows from a log of releases (``kitaru_core::release``), and which files belong to a project
(``crates/engine/tests/snapshot.rs``).
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from lab import KITARU, Lab
from server.served import serving
from server.test_pools import Workers, ended, status, until

AGENT = """
    import os, time
    import kitaru
    from kitaru import checkpoint, flow
    from parts.words import WORD
    from world import did

    @checkpoint
    def say(n):
        return did(f"{WORD} {n}")

    @flow
    def helper(n: int) -> str:
        return say(n)

    @flow
    def agent(n: int = 0) -> list:
        first = say(n)
        left = helper.submit(n + 100)
        kitaru.wait(schema=bool, name="ok", question="Go on?")
        return [first, say(n + 1), helper(n + 10), left.result()]
"""


@pytest.fixture(params=["local", "postgres", "remote"])
def desk(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[Lab]:
    lab = Lab(tmp_path, store=request.param)
    project(lab, "one")
    try:
        yield lab
    finally:
        lab.close()


@pytest.fixture
def workers(desk: Lab) -> Iterator[Workers]:
    made = Workers(desk)
    try:
        yield made
    finally:
        made.stop()


def project(lab: Lab, word: str, agent: str = AGENT) -> None:
    """A project whose flow says that word."""
    for folder in ("parts", "data"):
        (lab.folder / "project" / folder).mkdir(parents=True, exist_ok=True)
    lab.write("project/pyproject.toml", "")
    lab.write("project/.gitignore", "*.secret\n/data/\n")
    lab.write("project/key.secret", "hidden")
    lab.write("project/data/large.txt", "data")
    lab.write("project/.env", "KEY=hidden")
    lab.write("project/world.py", (lab.folder / "world.py").read_text())
    lab.write("project/parts/__init__.py", "")
    lab.write("project/parts/words.py", f"WORD = {word!r}")
    lab.write("project/agent.py", agent)


def deploy(lab: Lab, *argv: str) -> dict[str, object]:
    item = lab.item("deploy", "project/agent.py:agent", *argv)
    assert isinstance(item, dict)
    return item


def run(lab: Lab, target: str, n: int = 0, *argv: str) -> str:
    item = lab.item("run", target, "--input", f"n={n}", *argv)
    return str(item["id"])


def home(lab: Lab) -> pathlib.Path:
    """Where the programs of this lab keep what is theirs."""
    return pathlib.Path(lab.env()["KITARU_HOME"])


def script(lab: Lab, source: str, *argv: str) -> str:
    lab.write("script.py", source)
    return lab.python("script.py", *argv, timeout=300).ok().out


def answer(lab: Lab, exec_id: str) -> None:
    lab.kitaru("input", exec_id, "--value", "true").ok()


def test_each_execution_stays_on_the_version_that_it_began_with(desk: Lab, workers: Workers) -> None:
    assert deploy(desk, "--tag", "prod")["version"] == "v1"
    old = run(desk, "agent@prod")
    workers.start()
    until(lambda: status(desk, old) == "waiting")
    project(desk, "two")
    assert deploy(desk, "--tag", "prod")["version"] == "v2"
    # Nothing of the folder is needed any more.
    shutil.rmtree(desk.folder / "project")
    new, pinned = run(desk, "agent@prod", 1), run(desk, "agent@v1", 2)
    until(lambda: all(status(desk, one) == "waiting" for one in (new, pinned)))
    for one in (old, new, pinned):
        answer(desk, one)
    until(lambda: ended(desk, [old, new, pinned]))
    assert desk.item("show", old)["result"] == ["one 0", "one 1", "one 10", "one 100"]
    assert desk.item("show", new)["result"] == ["two 1", "two 2", "two 11", "two 101"]
    assert desk.item("show", pinned)["result"] == ["one 2", "one 3", "one 12", "one 102"]
    shown = desk.item("show", new)
    assert shown["deployment"] == "agent@v2"


@pytest.mark.timeout(900)
def test_a_thousand_waiting_executions_finish_on_their_version(tmp_path: pathlib.Path) -> None:
    lab = Lab(tmp_path, store="local")
    try:
        plain = """
            import kitaru
            from kitaru import checkpoint, flow
            from parts.words import WORD

            @checkpoint
            def say(n):
                return f"{WORD} {n}"

            @flow
            def agent(n: int = 0) -> list:
                first = say(n)
                kitaru.wait(schema=bool, name="ok", question="Go on?")
                return [first, say(n + 1)]
        """
        project(lab, "one", plain)
        deploy(lab, "--tag", "prod")
        many = """
            import sys, kitaru
            client = kitaru.KitaruClient()
            for n in range(int(sys.argv[1]), int(sys.argv[2])):
                print(client.deployments.submit("agent@prod", {"n": n}).exec_id)
        """
        old = script(lab, many, "0", "1000").split()
        workers = Workers(lab)
        try:
            # Nobody reads what it would tell of so many.
            workers.start("--at-once", "4", log="off")
            until(lambda: len(lab.items("waits", "list", "--limit", "2000")) == 1000, 240)
            project(lab, "two", plain)
            deploy(lab, "--tag", "prod")
            new = script(lab, many, "1000", "1050").split()
            until(lambda: len(lab.items("waits", "list", "--limit", "2000")) == 1050, 60)
            answers = """
                import sys, kitaru
                client = kitaru.KitaruClient()
                for one in sys.argv[1:]:
                    client.executions.input(one, True, wait="ok", resume=False)
            """
            script(lab, answers, *old, *new)
            until(lambda: ended_all(lab, [*old, *new]), 240)
        finally:
            workers.stop()
        rows = {row["id"]: row for row in lab.items("ls", "--limit", "2000")}
        assert len(rows) == 1050
        results = """
            import json, sys, kitaru
            client = kitaru.KitaruClient()
            print(json.dumps([client.executions.get(one).result for one in sys.argv[1:]]))
        """
        found = json.loads(script(lab, results, *old, *new))
        assert found[:1000] == [[f"one {n}", f"one {n + 1}"] for n in range(1000)]
        assert found[1000:] == [[f"two {n}", f"two {n + 1}"] for n in range(1000, 1050)]
    finally:
        lab.close()


def ended_all(lab: Lab, ids: list[str]) -> bool:
    rows = {row["id"]: row["status"] for row in lab.items("ls", "--limit", "2000")}
    return all(rows.get(one) == "completed" for one in ids)


def test_tags_name_versions_and_go_back(desk: Lab) -> None:
    deploy(desk, "--tag", "prod")
    project(desk, "two")
    deploy(desk, "--tag", "prod", "--version", "2026.12")
    project(desk, "three")
    deploy(desk)
    desk.kitaru("deployments", "tag", "agent", "latest", "canary").ok()
    told = desk.kitaru("deployments", "rollback", "agent").ok().out
    assert told.startswith("agent@prod is v1 now")
    rows = {row["version"]: row["tags"] for row in desk.items("deployments", "list", "agent")}
    assert rows == {"v3": ["canary"], "2026.12": [], "v1": ["prod"]}
    assert [row["version"] for row in desk.items("deployments", "list")] == ["v3", "2026.12", "v1"]
    again = desk.kitaru("deployments", "rollback", "agent")
    assert (again.code, "has named nothing but v1" in again.err) == (1, True)
    if desk.store == "remote":
        # The log is the server's own.
        desk = Lab(desk.folder, store="local")
    entries = [row["act"] for row in desk.items("audit")]
    assert {"deployFlow", "tagDeployment", "rollBackDeployment"} <= set(entries)


def test_the_same_files_are_the_same_version_and_a_version_never_changes(desk: Lab) -> None:
    assert deploy(desk)["version"] == "v1"
    assert deploy(desk, "--tag", "prod")["version"] == "v1"
    assert deploy(desk, "--version", "v1")["version"] == "v1"
    project(desk, "two")
    refused = desk.kitaru("deploy", "project/agent.py:agent", "--version", "v1")
    assert (refused.code, "error[deployment-exists]" in refused.err) == (1, True)
    for name in ("latest", "a/b", "prod"):
        assert desk.kitaru("deploy", "project/agent.py:agent", "--version", name).code == 2
    assert len(desk.items("deployments", "list")) == 1


def test_what_does_not_belong_to_the_project_is_left_out(desk: Lab) -> None:
    item = deploy(desk)
    assert item["files"] == 5
    (unpacked,) = (home(desk) / "deployed").iterdir()
    found = sorted(str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file())
    own = ["agent.py", "parts/__init__.py", "parts/words.py", "pyproject.toml", "world.py"]
    assert [name for name in found if "__pycache__" not in name] == [".kitaru-snapshot", *own]


def test_a_file_that_is_missing_is_missed_when_it_is_deployed(desk: Lab) -> None:
    desk.write("project/.gitignore", "parts/\n")
    refused = desk.kitaru("deploy", "project/agent.py:agent")
    assert refused.code == 1
    assert "No module named 'parts'" in refused.err
    assert desk.items("deployments", "list") == []


def test_what_was_unpacked_and_changed_is_not_run(desk: Lab, workers: Workers) -> None:
    deploy(desk)
    (unpacked,) = (home(desk) / "deployed").iterdir()
    words = unpacked / "parts" / "words.py"
    words.chmod(0o644)
    words.write_text("WORD = 'forged'")
    exec_id = run(desk, "agent@v1")
    workers.start()
    until(lambda: status(desk, exec_id) == "waiting")
    assert desk.done()[0] == "one 0"


def test_code_that_is_not_in_the_store_as_it_was_pauses_with_the_reason(tmp_path: pathlib.Path) -> None:
    lab = Lab(tmp_path, store="local")
    try:
        project(lab, "one")
        deploy(lab)
        shutil.rmtree(lab.home / "deployed")
        exec_id = run(lab, "agent@v1")
        shutil.rmtree(lab.home / "deployed")
        import sqlite3

        with sqlite3.connect(lab.home / "kitaru.db") as db:
            db.execute("UPDATE codes SET parts = 'AAAA' WHERE digest LIKE 'file:%'")
        workers = Workers(lab)
        try:
            workers.start()
            until(lambda: status(lab, exec_id) == "paused")
        finally:
            workers.stop()
        told = lab.kitaru("show", exec_id).ok().out
        assert "the code of agent@v1 is not in this store as it was deployed" in told
    finally:
        lab.close()


def test_an_execution_is_moved_to_another_version_if_its_record_fits(desk: Lab, workers: Workers) -> None:
    deploy(desk)
    fits, does_not = run(desk, "agent@v1"), run(desk, "agent@v1", 5)
    workers.start()
    until(lambda: all(status(desk, one) == "waiting" for one in (fits, does_not)))
    project(desk, "two")
    deploy(desk)
    project(desk, "three", AGENT.replace("first = say(n)", "first = say(n + 50)"))
    deploy(desk, "--tag", "other")
    refused = desk.kitaru("resume", does_not, "--version", "other")
    assert (refused.code, "error[does-not-fit]" in refused.err) == (1, True)
    assert desk.item("show", does_not)["deployment"] == "agent@v1"
    answer(desk, fits)
    until(lambda: ended(desk, [fits]))
    assert desk.item("show", fits)["result"][1] == "one 1"


def by_command(lab: Lab, exec_id: str, refused: bool) -> None:
    moved = lab.kitaru("resume", exec_id, "--version", "latest").ok(1 if refused else 0)
    assert ("error[does-not-fit]" in moved.err) == refused


def by_http(lab: Lab, exec_id: str, refused: bool) -> None:
    with serving(lab) as server:
        told = server.post(f"/executions/{exec_id}/resume", {"version": "latest"}, 409 if refused else 200)
        assert (told.get("code") == "does-not-fit") == refused
        if not refused:
            until(lambda: ended(lab, [exec_id]))


def by_python(lab: Lab, exec_id: str, refused: bool) -> None:
    code = """if True:
        import sys
        from kitaru import KitaruClient, KitaruStateError
        try:
            print(KitaruClient().executions.resume(sys.argv[1], version="latest").status)
        except KitaruStateError as error:
            print(error.code)
    """
    told = lab.python("-c", code, exec_id).ok().out.strip()
    assert told == ("does-not-fit" if refused else "completed")


@pytest.mark.parametrize("resume", [by_command, by_http, by_python])
def test_an_execution_goes_on_where_it_was_moved_to(
    tmp_path: pathlib.Path, resume: Callable[[Lab, str, bool], None]
) -> None:
    lab = Lab(tmp_path, store="local")
    try:
        project(
            lab,
            "one",
            AGENT.replace("say(n + 1)", "fail(n)") + "\n    def fail(n):\n        raise RuntimeError('v1')\n",
        )
        deploy(lab)
        exec_id = run(lab, "agent@v1")
        workers = Workers(lab)
        try:
            workers.start()
            until(lambda: status(lab, exec_id) == "waiting")
            lab.kitaru("input", exec_id, "--value", "true")
            until(lambda: status(lab, exec_id) == "failed")
        finally:
            workers.stop()
        project(lab, "three", AGENT.replace("first = say(n)", "first = say(n + 50)"))
        deploy(lab)
        resume(lab, exec_id, True)
        assert (status(lab, exec_id), lab.item("show", exec_id)["deployment"]) == ("failed", "agent@v1")
        project(lab, "two")
        deploy(lab)
        resume(lab, exec_id, False)
        shown = lab.item("show", exec_id)
        assert shown["result"] == ["one 0", "two 1", "two 10", "one 100"]
        assert shown["deployment"] == "agent@v3"
        assert lab.done().count("one 0") == 1
    finally:
        lab.close()


def test_where_a_deployment_lies_is_no_change_of_its_code(tmp_path: pathlib.Path) -> None:
    lab = Lab(tmp_path, store="local")
    try:
        source = """
            import pathlib
            import kitaru
            from kitaru import checkpoint, flow
            from world import did

            HERE = pathlib.Path(__file__).parent

            @checkpoint
            def say(n):
                return did(f"{(HERE / 'parts' / 'words.py').read_text()} {n}")

            @flow
            def agent(n: int = 0) -> str:
                first = say(n)
                kitaru.wait(schema=bool, name="ok", question="Go on?")
                return first
        """
        project(lab, "one", source)
        deploy(lab)
        exec_id = run(lab, "agent@v1")
        assert lab.kitaru("resume", exec_id).code == 75
        # Another machine has another home.
        store, other = str(lab.home / "kitaru.db"), str(lab.folder / "other")
        there = {"KITARU_STORE": store, "KITARU_HOME": other}
        told = lab.kitaru("input", exec_id, "--value", "true", **there).ok()
        assert "changed" not in told.out + told.err
        assert len(list((lab.folder / "other" / "deployed").iterdir())) == 1
        again = lab.kitaru("replay", exec_id, "--reuse", "unchanged", "--set", "waits.ok=true", **there).ok()
        assert lab.done() == ["WORD = 'one' 0"], again
    finally:
        lab.close()


def test_bad_names_have_one_clear_line(desk: Lab) -> None:
    told = desk.kitaru("run", "agent@prod")
    assert (
        told.err == "error[unknown-deployment]: no version of agent was deployed\nhint: kitaru deploy FILE.py:agent\n"
    )
    deploy(desk, "--tag", "prod")
    told = desk.kitaru("run", "agent@nothing")
    assert 'agent has no version or tag "nothing"; it has: prod, v1' in told.err
    assert desk.kitaru("deploy", "project/nowhere.py:agent").err.startswith("error[flow-import]: there is no file")
    big = desk.folder / "project" / "big.bin"
    with big.open("wb") as file:
        os.truncate(file.fileno(), 20 << 20)
    told = desk.kitaru("deploy", "project/agent.py:agent")
    assert "error[snapshot]: big.bin has 20 MiB" in told.err
    assert "echo /big.bin >> .kitaruignore" in told.err


def test_inputs_that_do_not_fit_start_nothing(desk: Lab) -> None:
    deploy(desk, "--tag", "prod")
    told = subprocess.run(
        [KITARU, "run", "agent@prod", "--input", "m=1"], env=desk.env(), cwd="/", capture_output=True, text=True
    )
    assert told.returncode == 2
    assert "error[bad-inputs]" in told.stderr
    assert desk.items("ls") == []
