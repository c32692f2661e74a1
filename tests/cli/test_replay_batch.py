"""``kitaru replay`` of several executions: each once, a few together, one outcome each and one summary."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from cli.replays import broken, done, latest, timeless, whole
from cli.test_terminal import Terminal
from lab import KITARU

if TYPE_CHECKING:
    from lab import Lab

# Each run of it makes two calls; the second waits for the file `go`, and says when most of them were at it together.
GATED = """
    import os, time
    from kitaru import checkpoint, flow
    from world import did

    @checkpoint
    def first(n: int) -> int:
        did(f"first {n}")
        return n

    @checkpoint
    def second(n: int) -> int:
        did("second")
        did(f"second {n}")
        while not os.path.exists("go"):
            time.sleep(0.005)
        did("second ends")
        return n

    @flow
    def gated(n: int) -> int:
        return first(n) + second(n)
"""


def gated(lab: Lab, many: int) -> list[str]:
    """Executions of a flow that then stops at its second call until ``go`` is there. Returns their identifiers."""
    lab.write("gated.py", GATED)
    lab.write("go", "")
    ids = [lab.item("run", "gated.py:gated", "--input", f"n={n}")["id"] for n in range(many)]
    (lab.folder / "go").unlink()
    done(lab)
    return ids


def forks(lab: Lab) -> list[tuple[str, str]]:
    """(source, status) of each replay."""
    return sorted(lab.query("SELECT forked_from, status FROM executions WHERE forked_from IS NOT NULL"))


def test_several_are_replayed_and_told_together(lab: Lab) -> None:
    one = broken(lab)
    lab.kitaru("run", "searcher.py:research", "--input", "topic=milk").ok(1)
    other = latest(lab)
    done(lab)
    told = lab.kitaru("replay", one, other, "--set", "analyze#3.inputs.provider=beta", COLUMNS="80").ok(75)
    assert sorted(done(lab)) == ["analyze milk source 3 beta", "analyze tea source 3 beta"]
    says = timeless(told.err).splitlines()
    assert says[:3] == [
        "2 executions to replay",
        "reused   6 calls, saves $1.0000",
        "runs     2 calls, took $0.5000 when recorded",
    ]
    assert sorted(says[3:5]) == ["[1/2] <short> -> <short>  waiting", "[2/2] <short> -> <short>  waiting"]
    assert says[5] == "2 executions: 2 waiting"
    assert says[6].startswith("the same command goes on with what is not over; to replay them once more: --batch ")
    table = timeless(told.out).splitlines()
    assert [line.split() for line in table] == [
        ["SOURCE", "REPLAY", "STATUS", "REASON"],
        ["<short>", "<short>", "waiting", "waiting", "for", "approve"],
        ["<short>", "<short>", "waiting", "waiting", "for", "approve"],
    ]


def test_the_same_command_replays_nothing_twice(lab: Lab) -> None:
    ids = gated(lab, 3)
    lab.write("go", "")
    command = ("replay", *ids, "--from", "second", "--tag", "again")
    items = lab.items(*command)
    assert [item["status"] for item in items] == ["completed"] * 3
    assert [item["source"] for item in items] == ids
    assert done(lab).count("second") == 3
    assert lab.items(*command) == items
    assert (done(lab), len(forks(lab))) == ([], 3)
    # Under another name they are replayed once more.
    assert len(lab.items(*command, "--batch", "once more")) == 3
    assert (done(lab).count("second"), len(forks(lab))) == (3, 6)
    assert len(lab.items("ls", "--tag", "batch:once more")) == 3


def test_a_batch_that_is_killed_half_way_and_started_again_replays_each_once(lab: Lab) -> None:
    ids = gated(lab, 6)
    command = ("replay", *ids, "--from", "second", "--limit-running", "2")
    batch = lab.spawn(KITARU, *command)
    lab.wait_for("second", times=2)
    batch.kill()
    batch.communicate()
    assert lab.done().count("second") == 2, "no more than two run together"
    lab.write("go", "")
    # What the killed one had begun ends by itself, or is told as running until it has.
    for _ in range(20):
        if lab.kitaru(*command).code == 0:
            break
    assert forks(lab) == [(one, "completed") for one in sorted(ids)]
    found = lab.done()
    assert sorted(line for line in found if line.startswith("second ") and line != "second ends") == [
        f"second {n}" for n in range(6)
    ]
    assert not any(line.startswith("first") for line in found)


@pytest.mark.timeout(300)
def test_a_hundred_replays_at_once_killed_half_way_and_started_again_are_each_made_once(lab: Lab) -> None:
    lab.write("gated.py", GATED)
    lab.write("go", "")
    lab.python("-c", "from gated import gated\nfor n in range(100): gated(n)").ok()
    done(lab)
    command = ("replay", "--flow", "gated", "--from", "second", "--limit-running", "8", "--batch", "hundred")
    batch = lab.spawn(KITARU, *command)
    lab.wait_for("second ends", times=50, seconds=120)
    batch.kill()
    batch.communicate()
    assert lab.done().count("second ends") < 100, "it was killed half-way"
    for _ in range(20):
        # What was under way goes on beside this, and is told as running until it has ended.
        if lab.run(KITARU, *command, timeout=240).code == 0:
            break
    found = lab.query("SELECT forked_from, status FROM executions WHERE forked_from IS NOT NULL")
    assert (len(found), len({source for source, _ in found}), {status for _, status in found}) == (
        100,
        100,
        {"completed"},
    )
    made = sorted(line for line in lab.done() if line.startswith("second ") and line != "second ends")
    assert made == sorted(f"second {n}" for n in range(100))


def test_executions_are_chosen_by_flow_status_label_and_age(lab: Lab) -> None:
    source = broken(lab)
    lab.kitaru("run", "searcher.py:research", "--tag", "keep").ok(1)
    (lab.folder / "down").unlink()
    whole(lab)
    done(lab)

    def chosen(*options: str) -> list[str]:
        return [item["source"][-8:] for item in lab.items("replay", *options, "--from", "search", "--dry-run")]

    assert len(chosen("--flow", "research")) == 3
    failed = chosen("--flow", "research", "--status", "failed")
    assert (len(failed), failed[0]) == (2, source)
    assert chosen("--tagged", "keep") == failed[1:]
    assert chosen("--status", "failed", "--older-than", "1d") == []
    assert len(chosen("--status", "failed", "--newer-than", "1d")) == 2
    assert "no such executions" in lab.kitaru("replay", "--flow", "other", "--from", "start").ok().out
    assert lab.kitaru("replay", source, "--flow", "research", "--from", "start").ok(2).out == ""


def test_replays_of_a_batch_are_not_found_by_its_own_filter(lab: Lab) -> None:
    gated(lab, 2)
    lab.write("go", "")
    command = ("replay", "--flow", "gated", "--from", "second")
    assert len(lab.items(*command)) == 2
    assert len(lab.items(*command)) == 2
    assert len(forks(lab)) == 2


def test_one_that_cannot_be_replayed_is_told_and_the_others_are(lab: Lab) -> None:
    one = broken(lab)
    (lab.folder / "down").unlink()
    other = whole(lab)
    done(lab)
    items = lab.items("replay", one, other, "--set", "waits.approve=false", code=1)
    assert [item["status"] for item in items] == ["refused", "completed"]
    assert items[0]["error"]["code"] == "unknown-wait"
    assert done(lab) == []
    told = lab.kitaru("replay", one, other, "--set", "waits.approve=false").ok(1)
    assert "1 replayed or begun before, 1 that cannot be" in told.err
    assert "error[unknown-wait]: there is no wait approve; it asked nothing" in told.out


def test_one_that_fails_is_told_and_not_run_again(lab: Lab) -> None:
    one = broken(lab)
    (lab.folder / "down").unlink()
    other = whole(lab)
    lab.write("down", "")
    done(lab)
    command = ("replay", one, other, "--from", "analyze#3")
    items = lab.items(*command, code=1)
    assert [item["status"] for item in items] == ["failed", "failed"]
    assert items[0]["reason"] == "RuntimeError: the provider is down"
    assert len(done(lab)) == 2
    assert [item["status"] for item in lab.items(*command, code=1)] == ["failed"] * 2
    assert done(lab) == []


def test_a_batch_of_one_has_a_name_and_is_replayed_once(lab: Lab) -> None:
    source = gated(lab, 1)[0]
    lab.write("go", "")
    for _ in range(2):
        items = lab.items("replay", source, "--from", "second", "--batch", "tonight")
        assert [item["status"] for item in items] == ["completed"]
    assert len(forks(lab)) == 1


@pytest.mark.parametrize("answer", ["n", "y"])
def test_a_terminal_is_asked_before_anything_runs(lab: Lab, answer: str) -> None:
    source = gated(lab, 1)[0]
    lab.write("go", "")
    terminal = Terminal(lab, KITARU, "replay", source, "--from", "second")
    terminal.read_to("Run it? [y/N] ")
    assert "second  runs  from here" in terminal.text
    assert forks(lab) == []
    terminal.type(f"{answer}\n")
    assert terminal.end() == (0 if answer == "y" else 1)
    assert len(forks(lab)) == (1 if answer == "y" else 0)
    assert ("nothing was run" in terminal.text) == (answer == "n")


def test_ctrl_c_at_the_question_runs_nothing(lab: Lab) -> None:
    source = gated(lab, 1)[0]
    terminal = Terminal(lab, KITARU, "replay", source, "--from", "second")
    terminal.read_to("Run it? [y/N] ")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 1
    assert (forks(lab), "Traceback" in terminal.text) == ([], False)


def test_yes_asks_nothing(lab: Lab) -> None:
    source = gated(lab, 1)[0]
    lab.write("go", "")
    terminal = Terminal(lab, KITARU, "replay", source, "--from", "second", "--yes")
    assert terminal.end() == 0
    assert ("Run it?" in terminal.text, len(forks(lab))) == (False, 1)


def test_ctrl_c_stops_a_batch_and_the_same_command_goes_on_with_it(lab: Lab) -> None:
    ids = gated(lab, 4)
    terminal = Terminal(lab, KITARU, "replay", *ids, "--from", "second", "--yes", "--limit-running", "2")
    lab.wait_for("second", times=2)
    os.killpg(terminal.process.pid, signal.SIGINT)
    assert terminal.end() == 130
    assert sorted(status for _, status in forks(lab)) == ["interrupted"] * 4
    lab.write("go", "")
    assert [item["status"] for item in lab.items("replay", *ids, "--from", "second")] == ["completed"] * 4
    assert len(forks(lab)) == 4
