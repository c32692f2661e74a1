"""``kitaru executions delete``: what has ended goes, with what it started; what a replay reads of it stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.replays import KINDS, broken, done, latest, whole
from cli.story import settled
from cli.test_terminal import Terminal
from lab import KITARU

if TYPE_CHECKING:
    from lab import Lab


def test_what_has_ended_is_deleted(lab: Lab) -> None:
    source = whole(lab)
    told = lab.kitaru("executions", "delete", source).ok()
    assert settled(told.out) == "research <short> deleted\n"
    assert lab.kitaru("ls").ok().out == "no executions\n"
    assert lab.query("SELECT count(*) FROM journal") == [(0,)]
    assert lab.kitaru("executions", "delete", source).ok(1).err.startswith("error[unknown-execution]: ")


def test_a_replay_stays_whole_without_its_source(lab: Lab) -> None:
    source = broken(lab)
    lab.kitaru("replay", source, "--set", "analyze#3.inputs.provider=beta").ok(75)
    replay = latest(lab)
    before = lab.item("show", replay)["calls"]
    told = lab.kitaru("executions", "delete", source).ok()
    assert settled(told.err) == "what the replay <short> read of it stays as long as they do\n"
    assert lab.item("show", replay)["calls"] == before
    done(lab)
    # It goes on, can be replayed itself, and its own end takes the last of the source with it.
    assert lab.item("input", replay, "--value", "true")["status"] == "completed"
    assert lab.item("replay", replay, "--from", "publish")["status"] == "completed"
    assert done(lab) == ["publish", "publish"]
    again = latest(lab)
    item = lab.item("executions", "delete", replay)
    assert [one[-8:] for one in item["read_by"]] == [again]
    lab.kitaru("executions", "delete", again).ok()
    assert lab.query("SELECT count(*) FROM journal") == [(0,)]


def test_what_is_open_is_not_deleted(lab: Lab) -> None:
    lab.write(
        "more.py", "import kitaru\n\n@kitaru.flow\ndef asks():\n    return kitaru.wait(name='ok', question='?')\n"
    )
    lab.kitaru("run", "more.py:asks").ok(75)
    told = lab.kitaru("executions", "delete", "latest").ok(1)
    assert settled(told.err) == (
        "error[not-ended]: execution <id> is waiting: only what has ended is deleted\nhint: kitaru cancel <short>\n"
    )
    lab.kitaru("cancel", "latest").ok()
    lab.kitaru("executions", "delete", "latest").ok()


def test_children_go_with_their_parent_and_not_before_it_is_over(lab: Lab) -> None:
    lab.write("kinds.py", KINDS + FAILS)
    lab.kitaru("run", "kinds.py:fails").ok(1)
    parent = str(lab.query("SELECT id FROM executions WHERE parent IS NULL")[0][0])
    child = str(lab.query("SELECT id FROM executions WHERE parent IS NOT NULL")[0][0])
    told = lab.kitaru("executions", "delete", child).ok(1)
    assert settled(told.err).splitlines() == [
        "error[still-needed]: execution <id> was started by <short>, which is failed and would start it anew when it "
        "goes on",
        "hint: delete that one with all that it started: kitaru executions delete <short>",
    ]
    told = lab.kitaru("executions", "delete", parent, "--output", "json").ok()
    assert told.json["item"] == {"deleted": [child, parent], "read_by": []}


FAILS = """
    @flow
    def fails() -> int:
        child(1)
        raise ValueError("after the child")
"""


def test_a_terminal_is_asked(lab: Lab) -> None:
    source = whole(lab)
    terminal = Terminal(lab, KITARU, "executions", "delete", source)
    terminal.read_to(f"Delete research {source}? [y/N] ")
    terminal.type("n\n")
    assert terminal.end() == 1
    assert "nothing was deleted" in terminal.text
    assert Terminal(lab, KITARU, "executions", "delete", source, "--yes").end() == 0
    assert lab.items("ls") == []
