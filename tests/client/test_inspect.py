"""The code as it is now, as a plan of a replay asks for it: digests, what has changed, and values that do not fit."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab import Lab

FLOW = """
    import dataclasses, kitaru
    from kitaru import checkpoint, flow
    from text import clean
    print("this module prints when it is imported")

    @dataclasses.dataclass
    class Config:
        model: str
        limit: int = 3

    @checkpoint
    def fetch(topic: str) -> list[str]:
        return [clean(topic)]

    @checkpoint
    def analyze(sources: list[str], provider: str = "acme", config: Config = Config("m")) -> int:
        return len(sources)

    @flow
    def child(n: int) -> int:
        return n

    @flow
    def research(topic: str = "bees", depth: int = 2) -> int:
        return child(analyze(fetch(topic)))

    if __name__ == "__main__":
        research()
"""
TEXT = "def clean(text):\n    return text.strip()\n"


def recorded(lab: Lab) -> dict[str, Any]:
    lab.write("agent.py", FLOW)
    lab.write("text.py", TEXT)
    lab.python("agent.py").ok()
    (row,) = lab.query("SELECT id, entry, code FROM executions WHERE parent IS NULL")
    journal = [json.loads(payload) for (payload,) in lab.query("SELECT payload FROM journal")]
    heads = [one["call_ended"]["call"] for one in journal if "call_ended" in one]
    codes = {head["name"]: head["code"] for head in heads}
    return {"id": row[0], "entry": json.loads(row[1]), "recorded": codes, "flow_recorded": row[2]}


LOOK = """
import json, os, sys
from kitaru import _inspect
before = os.getcwd()
found = _inspect.inspected({"inspect": json.loads(sys.argv[1])})
assert os.getcwd() == before
print("\\nFOUND" + json.dumps(found))
"""


def look(lab: Lab, wanted: dict[str, Any], *, cwd: Any = None) -> dict[str, Any]:
    result = lab.python("-c", LOOK, json.dumps(wanted), cwd=cwd).ok()
    found: dict[str, Any] = json.loads(result.out.rpartition("FOUND")[2])
    return found


def test_unchanged_code_is_told_by_its_digests(lab: Lab) -> None:
    wanted = recorded(lab)
    found = look(lab, wanted)
    assert {name: found["codes"][name] for name in wanted["recorded"]} == wanted["recorded"]
    assert found["flow_code"] == wanted["flow_recorded"]
    assert (found["changes"], found["flow_change"], found["problems"]) == ({}, None, [])


def test_what_has_changed_is_told_by_name(lab: Lab) -> None:
    wanted = recorded(lab)
    lab.write("text.py", TEXT.replace("strip()", "strip().lower()"))
    lab.write(
        "agent.py",
        FLOW.replace("return len(sources)", "return len(sources) + 1").replace("depth: int = 2", "depth: int = 3"),
    )
    found = look(lab, wanted)
    assert found["changes"] == {
        "fetch": "calls clean() in text.py, changed",
        "analyze": "its own source",
    }
    assert found["flow_change"] == "its own source; the default of depth"


def test_changes_of_its_checkpoints_are_none_of_the_flows_own(lab: Lab) -> None:
    wanted = recorded(lab)
    lab.write("text.py", TEXT.replace("strip()", "strip().lower()"))
    found = look(lab, wanted)
    assert (list(found["changes"]), found["flow_change"]) == (["fetch"], None)
    assert found["flow_code"] != wanted["flow_recorded"]


def test_what_a_digest_was_made_of_is_kept_once(lab: Lab) -> None:
    wanted = recorded(lab)
    lab.python("agent.py").ok()
    kept = {digest for (digest,) in lab.query("SELECT digest FROM codes")}
    assert kept == {*wanted["recorded"].values(), wanted["flow_recorded"]}


def test_values_that_the_code_does_not_take_are_problems(lab: Lab) -> None:
    wanted = recorded(lab)

    def check(
        path: str, kind: str, value: Any, name: str | None = None, checkpoint: str | None = None
    ) -> dict[str, Any]:
        return {"path": path, "kind": kind, "checkpoint": checkpoint, "name": name, "value": value}

    fine = [
        check("flow.topic", "flow", "tea", "topic"),
        check("analyze.inputs.provider", "input", "other", "provider", "analyze"),
        check("analyze.output", "output", 5, None, "analyze"),
        check("child.inputs.n", "input", 5, "n", "child"),
        check("waits.approve", "answer", [1], "approve"),
        check("gone.inputs.x", "input", 5, "x", "gone"),
    ]
    assert look(lab, {**wanted, "checks": fine})["problems"] == []
    bad = [
        check("flow.depth", "flow", "deep", "depth"),
        check("flow.width", "flow", 1, "width"),
        check("fetch.output", "output", [1], None, "fetch"),
        check("analyze.inputs.sources", "input", "one", "sources", "analyze"),
        check("analyze.inputs.config", "input", {"limit": 1}, "config", "analyze"),
    ]
    problems = {one["path"]: one["message"] for one in look(lab, {**wanted, "checks": bad})["problems"]}
    assert problems.keys() == {one["path"] for one in bad}
    assert "valid integer" in problems["flow.depth"]
    assert problems["flow.width"] == "flow research takes no width; it takes: topic, depth"
    assert "valid list" in problems["analyze.inputs.sources"]


def test_code_that_is_gone_is_an_error_that_says_so(lab: Lab) -> None:
    wanted = recorded(lab)
    os.unlink(lab.folder / "agent.py")
    result = lab.python("-c", LOOK, json.dumps(wanted))
    assert result.code == 1 and "no longer there" in result.err


def test_another_interpreter_looks_for_its_own_executions(lab: Lab) -> None:
    wanted = recorded(lab)
    other = lab.write("python.sh", f'#!/bin/sh\necho went >> "$WORLD"\nexec {sys.executable} "$@"\n')
    os.chmod(other, 0o755)
    wanted["entry"]["interpreter"] = str(other)
    found = look(lab, wanted, cwd=lab.home)
    assert found["changes"] == {} and found["flow_code"] == wanted["flow_recorded"]
    assert lab.done() == ["went"]
