"""Values, seen from a flow: what comes back on re-entry, and what becomes of a result that cannot be stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab import Lab

VOLATILE = """
import threading
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint({options})
def connect():
    did("connect")
    return {{"path": [1, 2, 3, {{"name": threading.Lock()}}]}}

@flow
def main():
    connection = connect()
    assert connection["path"][3]["name"].acquire()
    if kitaru.wait(schema=bool, name="on"):
        return "done"
"""


def volatile(lab: Lab, options: str = "", code: int = 75) -> str:
    lab.write("agent.py", VOLATILE.format(options=options))
    return lab.python("-c", "import agent; print(agent.main())").ok(code).err


def test_a_result_without_codec_keeps_the_run_alive_and_names_its_path(lab: Lab) -> None:
    said = volatile(lab)
    assert "checkpoint.return.path[3].name is a _thread.lock" in said and "kitaru.codec" in said
    assert lab.item("show", lab.only())["status"] == "waiting"
    assert "checkpoint.return.path[3].name" in lab.kitaru("logs", lab.only()).ok().out


def test_re_entry_pauses_before_it_pays_for_that_result_again(lab: Lab) -> None:
    volatile(lab)
    lab.kitaru("input", lab.only(), "--value", "true").ok(75)
    assert lab.done() == ["connect"]
    item = lab.item("show", lab.only())
    assert item["status"] == "paused" and "path[3].name" in str(item["reason"])


def test_a_rerunnable_one_runs_again_unasked(lab: Lab) -> None:
    volatile(lab, "rerunnable=True")
    lab.kitaru("input", lab.only(), "--value", "true").ok()
    assert lab.done() == ["connect", "connect"]


def test_under_strict_it_is_an_error(lab: Lab) -> None:
    assert "KitaruEncodeError" in volatile(lab, "strict=True", code=1)


def test_an_answer_from_outside_builds_nothing(lab: Lab) -> None:
    lab.write(
        "agent.py",
        """
        import kitaru
        @kitaru.flow
        def main():
            answer = kitaru.wait(name="any")
            return [type(answer).__name__, sorted(answer)]
        """,
    )
    lab.python("-c", "import agent; agent.main()").ok(75)
    lab.kitaru("input", lab.only(), "--value", '{"$kitaru": "ref", "v": "os:system"}').ok()
    assert lab.item("show", lab.only())["result"] == ["dict", ["$kitaru", "v"]]


def test_a_script_finds_its_own_classes_after_the_answer(lab: Lab) -> None:
    lab.write(
        "agent.py",
        """
        import kitaru, pydantic
        class Finding(pydantic.BaseModel):
            text: str
        class Better(Finding):
            score: float = 1.0
        class Trouble(Exception):
            def __init__(self, *, finding):
                self.finding = finding
        @kitaru.checkpoint
        def find():
            return {"all": [Better(text="a"), Finding(text="b")], 1: {2, 3}}
        @kitaru.checkpoint
        def fail(found):
            raise Trouble(finding=found["all"][0])
        @kitaru.flow
        def main():
            found = find()
            try:
                fail(found)
            except Trouble as trouble:
                assert type(trouble.finding) is Better and trouble.finding == found["all"][0]
            kitaru.wait(schema=bool, name="on")
            return [type(one).__name__ for one in found["all"]] + [sorted(found[1])]
        if __name__ == "__main__":
            main()
        """,
    )
    lab.python("agent.py").ok(75)
    lab.kitaru("input", lab.only(), "--value", "true").ok()
    assert lab.item("show", lab.only())["result"] == ["Better", "Finding", [2, 3]]
