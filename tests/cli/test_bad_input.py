"""Bad input gets one clear line with an error code and a way out; nothing is lost and nothing is a traceback."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess
from typing import TYPE_CHECKING

import pytest

from lab import KITARU, Lab, Result

if TYPE_CHECKING:
    pass

AGENT = """
    import kitaru
    from kitaru import checkpoint, flow
    from world import did

    @checkpoint
    def gather(topic: str) -> list:
        did("gather")
        return [topic]

    @flow
    def research(topic: str = "tea") -> str:
        sources = gather(topic)
        if not kitaru.wait(schema=bool, name="approve", question="Continue?"):
            return "stopped"
        return "report on " + ", ".join(sources)
"""


def refused(result: Result, code: str, status: int = 1) -> str:
    """Fails unless the command was refused properly. Returns the line."""
    result.ok(status)
    assert result.out == ""
    assert "Traceback" not in result.err
    lines = result.err.splitlines()
    assert lines[0].startswith(f"error[{code}]: "), result.err
    assert all(line.startswith("hint: ") for line in lines[1:]), result.err
    return lines[0]


def waiting(lab: Lab) -> str:
    """An execution that waits for an answer."""
    lab.write("agent.py", AGENT)
    lab.kitaru("run", "agent.py:research").ok(75)
    return lab.only()


def completes(lab: Lab, id: str) -> None:
    """Nothing was lost: the answer still completes it, and what was paid is not paid again."""
    assert lab.kitaru("input", id, "--value", "true").ok().out == "report on tea\n"
    assert lab.done() == ["gather"]


@pytest.mark.parametrize(
    "command",
    [
        ["show"],
        ["logs"],
        ["input", "--value", "true"],
        ["resume"],
        ["retry"],
        ["cancel"],
        ["pause"],
        ["artifacts", "list"],
        ["executions", "get"],
    ],
    ids=" ".join,
)
def test_an_unknown_id_is_named(lab: Lab, command: list[str]) -> None:
    assert "no execution zz-nobody" in refused(lab.kitaru(*command, "zz-nobody"), "unknown-execution")
    told = lab.kitaru(*command, "zz-nobody", "--output", "json").ok(1)
    assert told.json["error"]["code"] == "unknown-execution"
    assert set(told.json) == {"command", "error"}


def test_an_id_without_any_execution_is_unknown(lab: Lab) -> None:
    refused(lab.kitaru("show", "latest"), "unknown-execution")
    refused(lab.kitaru("show", ""), "usage", 2)


def test_an_ambiguous_prefix_lists_what_it_fits(lab: Lab) -> None:
    lab.write("agent.py", AGENT)
    for _ in range(2):
        lab.kitaru("run", "agent.py:research").ok(75)
    ids = [one["id"] for one in lab.items("ls")]
    prefix = os.path.commonprefix(ids)
    line = refused(lab.kitaru("show", prefix), "ambiguous-id")
    assert all(id in line for id in ids)
    assert lab.item("show", ids[0][-8:])["id"] == ids[0]
    assert lab.item("show", ids[1][: len(prefix) + 1])["id"] == ids[1]


@pytest.mark.parametrize("value", ["maybe", "{", "", "'true'"])
def test_an_answer_that_is_no_json_leaves_the_wait_open(lab: Lab, value: str) -> None:
    id = waiting(lab)
    refused(lab.kitaru("input", id, "--value", value), "bad-json", 2)
    completes(lab, id)


def test_inputs_that_are_no_json_start_nothing(lab: Lab) -> None:
    lab.write("agent.py", AGENT)
    refused(lab.kitaru("run", "agent.py:research", "--inputs", "{"), "bad-json", 2)
    refused(lab.kitaru("run", "agent.py:research", "--inputs", "[1]"), "bad-json", 2)
    refused(lab.kitaru("run", "agent.py:research", "--input", "topic"), "usage", 2)
    line = refused(lab.kitaru("run", "agent.py:research", "--input", "subject=tea"), "bad-inputs", 2)
    assert "subject" in line
    assert lab.items("ls") == []


@pytest.mark.parametrize("value", ['"yes"', "1", "null", "[true]", '{"approve": true}'])
def test_an_answer_of_the_wrong_type_leaves_the_wait_open(lab: Lab, value: str) -> None:
    id = waiting(lab)
    assert "approve" in refused(lab.kitaru("input", id, "--value", value), "bad-answer")
    completes(lab, id)


def test_a_wait_is_answered_once(lab: Lab) -> None:
    id = waiting(lab)
    lab.kitaru("input", id, "--value", "true", "--no-resume").ok()
    assert "by cli: true" in refused(lab.kitaru("input", id, "--value", "false"), "already-answered")
    assert lab.kitaru("resume", id).ok().out == "report on tea\n"
    refused(lab.kitaru("input", id, "--value", "false"), "already-answered")
    refused(lab.kitaru("input", id, "--wait", "nope", "--value", "1"), "unknown-wait")


def test_of_many_answers_at_once_one_is_taken(lab: Lab) -> None:
    id = waiting(lab)
    answers = [lab.spawn(KITARU, "input", id, "--value", "true") for _ in range(6)]
    told = [Result(one.wait(60), *one.communicate()) for one in answers]
    assert sorted(one.code for one in told) == [0, 1, 1, 1, 1, 1], told
    for one in told:
        if one.code:
            refused(one, "already-answered")
    assert lab.item("show", id)["result"] == "report on tea"
    assert lab.done() == ["gather"]


def test_a_home_that_is_a_file_is_refused(lab: Lab) -> None:
    home = lab.write("notes.txt", "mine")
    lab.write("agent.py", AGENT)
    for command in (["ls"], ["run", "agent.py:research"], ["doctor"]):
        assert str(home) in refused(lab.kitaru(*command, KITARU_HOME=str(home)), "store-io")
    assert home.read_text() == "mine"
    assert lab.done() == []


def test_a_home_that_may_not_be_written_is_refused(lab: Lab) -> None:
    id = waiting(lab)
    subprocess.run(["chmod", "-R", "a-w", str(lab.home)], check=True)
    # Root may write everywhere: it runs the command without that capability.
    ordinary = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []

    def kitaru(*command: str, **env: str) -> Result:
        return lab.run(*ordinary, KITARU, *command, **env)

    try:
        for command in (["ls"], ["input", id, "--value", "true"], ["run", "agent.py:research"]):
            refused(kitaru(*command), "store-read-only")
        refused(kitaru("ls", KITARU_HOME=str(lab.home / "new")), "store-read-only")
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(lab.home)], check=True)
    completes(lab, id)


FULL = """
    import os
    from kitaru import checkpoint, flow
    from world import did

    @checkpoint
    def small() -> str:
        return did("small")

    @checkpoint
    def large() -> str:
        did("large")
        return os.urandom(20_000_000).hex()

    @flow
    def hoard() -> int:
        small()
        return len(large())
"""


def limited(lab: Lab, size: int, *command: str) -> Result:
    """Runs the command where no file may grow past `size` bytes: what a full disk says, a limit says too."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    done = subprocess.run(
        [KITARU, *command], cwd=lab.folder, env=lab.env(), preexec_fn=limit, capture_output=True, text=True, timeout=60
    )
    return Result(done.returncode, done.stdout, done.stderr)


def test_a_full_disk_loses_nothing_that_was_recorded(lab: Lab) -> None:
    lab.write("hoard.py", FULL)
    refused(limited(lab, 16_000_000, "run", "hoard.py:hoard"), "store-full")
    assert lab.done() == ["small", "large"]
    item = lab.item("show", "latest")
    assert item["status"] == "interrupted"
    assert lab.kitaru("resume", "latest").ok().out == "40000000\n"
    assert lab.done() == ["small", "large", "large"]


def test_a_damaged_store_is_refused(lab: Lab) -> None:
    id = waiting(lab)
    file = lab.home / "kitaru.db"
    whole = file.read_bytes()
    other = b"this is no database, whatever its name says. " * 99
    for damaged in (other, whole[:100] + os.urandom(4000) + whole[4100:]):
        for name in ("kitaru.db-wal", "kitaru.db-shm"):
            (lab.home / name).unlink(missing_ok=True)
        file.write_bytes(damaged)
        assert str(file) in refused(lab.kitaru("show", id), "store-damaged")
        refused(lab.kitaru("input", id, "--value", "true"), "store-damaged")
        assert file.read_bytes() == damaged


def test_a_store_of_a_later_version_is_left_alone(lab: Lab) -> None:
    id = waiting(lab)
    store = sqlite3.connect(lab.home / "kitaru.db")
    (known,) = store.execute("PRAGMA user_version").fetchone()
    store.execute("PRAGMA user_version = 99")
    assert "format 99" in refused(lab.kitaru("ls"), "store-newer")
    refused(lab.kitaru("input", id, "--value", "true"), "store-newer")
    store.execute(f"PRAGMA user_version = {known}")
    store.close()
    completes(lab, id)


def test_an_address_of_an_unknown_kind_is_refused(lab: Lab) -> None:
    refused(lab.kitaru("ls", KITARU_STORE="mysql://x"), "store-address")


NFS = """
    #include <string.h>
    #include <sys/vfs.h>
    int statfs(const char *path, struct statfs *found)
    { memset(found, 0, sizeof *found); found->f_type = 0x6969; return 0; }
    int statfs64(const char *path, struct statfs64 *found)
    { memset(found, 0, sizeof *found); found->f_type = 0x6969; return 0; }
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler to pretend an NFS")
def test_a_network_file_system_is_refused(lab: Lab) -> None:
    source = lab.write("nfs.c", "#define _GNU_SOURCE\n#define _LARGEFILE64_SOURCE\n" + NFS.replace("\n    ", "\n"))
    library = lab.folder / "nfs.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    line = refused(lab.kitaru("ls", LD_PRELOAD=str(library)), "network-file-system")
    assert "NFS" in line and "KITARU_HOME" in line


BROKEN = {
    "a syntax error": ("def broken(:\n    pass\n", "SyntaxError", 1),
    "a missing package": ("import os\nimport no_such_package\n", "ModuleNotFoundError", 2),
    "an exception": ("import os\n\n1 / 0\n", "ZeroDivisionError", 3),
    "an exit": ("import sys\nsys.exit(3)\n", "SystemExit", 2),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_does_not_import_is_named_with_its_line(lab: Lab, kind: str) -> None:
    source, error, number = BROKEN[kind]
    id = waiting(lab)
    file = lab.write("agent.py", source)
    for command in (["run", "agent.py:research"], ["resume", id]):
        if command[0] == "resume":
            lab.kitaru("input", id, "--value", "true", "--no-resume").ok()
        line = refused(lab.kitaru(*command), "flow-import")
        assert f"{file}:{number}" in line and error in line
    assert [one["id"] for one in lab.items("ls")] == [id]
    lab.write("agent.py", AGENT)
    assert lab.kitaru("resume", id).ok().out == "report on tea\n"
    assert lab.done() == ["gather"]


def test_an_answer_is_kept_when_the_flow_cannot_be_loaded(lab: Lab) -> None:
    id = waiting(lab)
    (lab.folder / "agent.py").unlink()
    told = lab.kitaru("input", id, "--value", "true")
    refused(Result(told.code, told.out, told.err), "flow-import")
    assert f"the answer is recorded; then go on with: kitaru resume {id[-8:]}" in told.err
    lab.write("agent.py", AGENT)
    assert lab.kitaru("resume", id).ok().out == "report on tea\n"


def test_a_flow_that_no_longer_exists_is_named(lab: Lab) -> None:
    id = waiting(lab)
    lab.write("agent.py", AGENT.replace("def research", "def inquire"))
    line = refused(lab.kitaru("input", id, "--value", "true"), "unknown-flow")
    assert "'research'" in line and "inquire" in line
    refused(lab.kitaru("run", "agent.py:research"), "unknown-flow")
    lab.write("agent.py", AGENT)
    assert lab.kitaru("resume", id).ok().out == "report on tea\n"


def test_a_missing_file_or_module_is_named(lab: Lab) -> None:
    assert "nowhere.py" in refused(lab.kitaru("run", "nowhere.py:research"), "flow-import")
    assert "nowhere" in refused(lab.kitaru("run", "nowhere:research"), "flow-import")
    assert lab.items("ls") == []


def test_a_script_without_a_guard_starts_nothing_when_it_is_loaded(lab: Lab) -> None:
    lab.write("agent.py", AGENT + "\n    research('coffee')\n")
    lab.python("agent.py").ok(75)
    id = lab.only()
    number = (lab.folder / "agent.py").read_text().split("\n").index("research('coffee')") + 1
    told = lab.kitaru("input", id, "--value", "true")
    line = refused(told, "entry-point")
    assert f"agent.py:{number}" in line
    assert '__name__ == "__main__"' in told.err
    refused(lab.kitaru("run", "agent.py:research"), "entry-point")
    assert lab.only() == id
    assert lab.done() == ["gather"]
    lab.write("agent.py", AGENT + "\n    if __name__ == '__main__':\n        research('coffee')\n")
    assert lab.kitaru("resume", id).ok().out == "report on coffee\n"


def test_a_command_that_does_not_exist_is_a_usage_error(lab: Lab) -> None:
    told = lab.kitaru("frobnicate").ok(2)
    assert told.err.startswith("error[usage]: ")
    told = lab.kitaru("ls", "--limit", "0", "--output", "json").ok(2)
    assert told.json["error"]["code"] == "usage"
    assert json.loads(told.out)["command"] == "usage"
