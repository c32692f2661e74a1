"""How the command behaves at a terminal, in a pipe and in a narrow window; and that it imports little.

Not here: how long it takes (``bench/listing.py``).
"""

from __future__ import annotations

import os
import pathlib
import pty
import select
import signal
import subprocess
import time

import pytest

from cli.story import desk
from lab import KITARU, PYTHON, Lab

ASKS = """
    import asyncio, kitaru
    from kitaru import flow

    @flow
    def asks() -> str:
        return "yes" if kitaru.wait(schema=bool, name="ok", question="Go on?") else "no"

    @flow
    async def asks_async() -> str:
        return "yes" if await kitaru.wait(schema=bool, name="ok", question="Go on?") else "no"

    if __name__ == "__main__":
        import sys
        print(asks() if sys.argv[1] == "asks" else asyncio.run(asks_async()))
"""


class Terminal:
    """A process at a terminal of its own."""

    def __init__(self, lab: Lab, *argv: str, **more: str) -> None:
        self.own, theirs = pty.openpty()
        env = {name: value for name, value in lab.env(**more).items() if name not in ("NO_COLOR", "COLUMNS")}
        self.process = subprocess.Popen(
            argv, cwd=lab.folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self.text = ""

    def read_to(self, what: str, seconds: float = 30) -> str:
        """Reads until `what` was printed; with "" until the end."""
        until = time.monotonic() + seconds
        while not what or what not in self.text:
            assert select.select([self.own], [], [], max(0, until - time.monotonic()))[0], self.text
            try:
                some = os.read(self.own, 4096)
            except OSError:  # the other side is closed
                some = b""
            if not some:
                assert not what, self.text
                break
            self.text += some.decode()
        return self.text

    def type(self, text: str) -> None:
        """Types."""
        os.write(self.own, text.encode())

    def end(self) -> int:
        """The exit status."""
        self.read_to("")
        os.close(self.own)
        return self.process.wait(30)


WAYS = {
    "the command, a sync flow": (KITARU, "run", "asks.py:asks"),
    "the command, an async flow": (KITARU, "run", "asks.py:asks_async"),
    "a script, a sync flow": (PYTHON, "asks.py", "asks"),
    "a script, an async flow": (PYTHON, "asks.py", "asks_async"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_question_is_asked_inline(lab: Lab, way: str) -> None:
    lab.write("asks.py", ASKS)
    terminal = Terminal(lab, *WAYS[way])
    terminal.read_to("Go on? [y/n] ")
    terminal.type("perhaps\n")
    terminal.read_to("not of type")
    terminal.type("y\n")
    assert terminal.end() == 0
    assert "yes" in terminal.text


@pytest.mark.parametrize("way", WAYS)
def test_ctrl_c_at_a_question_leaves_it_open_and_exits_130(lab: Lab, way: str) -> None:
    lab.write("asks.py", ASKS)
    terminal = Terminal(lab, *WAYS[way])
    terminal.read_to("Go on? [y/n] ")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130, terminal.text
    assert "Traceback" not in terminal.text
    assert "kitaru input" in terminal.text
    assert lab.item("show", "latest")["status"] == "waiting"
    told = lab.kitaru("input", "latest", "--value", "true").ok()
    assert told.out == "yes\n"


@pytest.mark.parametrize("way", WAYS)
def test_ctrl_c_just_before_a_line_is_waited_for_is_heard(lab: Lab, way: str) -> None:
    lab.write("asks.py", ASKS)
    made = str(lab.folder / "early.so")
    source = pathlib.Path(__file__).parent / "early_ctrl_c.c"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", made, source, "-ldl"], check=True)
    terminal = Terminal(lab, *WAYS[way], LD_PRELOAD=made)
    assert terminal.end() == 130, terminal.text
    assert "Go on? [y/n] " in terminal.text
    assert "Traceback" not in terminal.text
    assert lab.item("show", "latest")["status"] == "waiting"


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_is_typed_after_the_deadline_is_too_late(lab: Lab, way: str) -> None:
    lab.write("asks.py", ASKS.replace('question="Go on?"', 'question="Go on?", timeout=1, on_timeout="default"'))
    terminal = Terminal(lab, *WAYS[way])
    terminal.read_to("Go on? [y/n] ")
    until = time.monotonic() + 10
    while not lab.items("waits", "list")[0]["overdue"]:
        assert time.monotonic() < until
    terminal.type("y\n")
    assert terminal.end() == 0
    assert "too late" in terminal.text
    assert lab.item("show", "latest")["result"] == "no"


def test_an_end_of_input_at_a_question_suspends(lab: Lab) -> None:
    lab.write("asks.py", ASKS)
    terminal = Terminal(lab, KITARU, "run", "asks.py:asks")
    terminal.read_to("Go on? [y/n] ")
    terminal.type("\x04")
    assert terminal.end() == 75, terminal.text


def test_a_reader_that_goes_away_is_no_error(lab: Lab) -> None:
    desk(lab)
    for n in range(3):
        lab.kitaru("run", "more.py:fan", "--input", f"n={n}").ok()
    for command in ("ls", "ls --output json", "show latest", "--help", "doctor", "explain"):
        told = lab.run("bash", "-c", f"set -o pipefail; sleep 0 | {KITARU} {command} | :").ok()
        assert told.err in ("", "more: kitaru ls --page 2\n")


def test_a_flow_does_not_fail_because_its_reader_goes_away(lab: Lab) -> None:
    lab.write(
        "talks.py",
        """
        from kitaru import checkpoint, flow
        @checkpoint
        def talk(i: int) -> int:
            print("x" * 100_000, flush=True)
            return i
        @flow
        def talks() -> int:
            return sum(talk(i) for i in range(5))
        """,
    )
    told = lab.run("bash", "-c", f"{KITARU} run talks.py:talks | head -c 10").ok()
    assert "Traceback" not in told.err
    assert lab.item("show", "latest")["status"] == "completed"


def test_colour_is_for_terminals_only(lab: Lab) -> None:
    desk(lab).kitaru("run", "more.py:fan").ok()
    told = lab.run(KITARU, "ls", NO_COLOR="")
    assert "\x1b" not in told.out
    terminal = Terminal(lab, KITARU, "ls")
    assert terminal.end() == 0
    assert "\x1b[" in terminal.text and "completed" in terminal.text
    terminal = Terminal(lab, "env", "NO_COLOR=1", KITARU, "ls")
    assert terminal.end() == 0
    assert "\x1b" not in terminal.text


def test_lines_fit_the_columns(lab: Lab) -> None:
    lab.write(
        "long.py",
        """
        import kitaru
        @kitaru.flow
        def long():
            kitaru.wait(name="approve_" * 20, question="Is it? " * 30)
        """,
    )
    lab.kitaru("run", "long.py:long").ok(75)
    for command in ("ls", "waits"):
        words = [command] if command == "ls" else ["waits", "list"]
        for columns in (90, 120):
            out = lab.kitaru(*words, COLUMNS=str(columns)).ok().out
            assert max(map(len, out.splitlines())) == columns, out


def test_user_text_cannot_drive_the_terminal(lab: Lab) -> None:
    lab.write(
        "evil.py",
        """
        import kitaru
        @kitaru.flow
        def evil(name: str):
            print("log\\x1b]0;title\\x07")
            kitaru.wait(name="ok", question="\\x1b[2Jhello\\r")
        """,
    )
    lab.kitaru("run", "evil.py:evil", "--input", "name=\x1b[31mred").ok(75)
    for command in (["ls"], ["show", "latest"], ["logs", "latest"], ["waits", "list"], ["doctor"]):
        told = lab.kitaru(*command).ok()
        assert "\x1b" not in told.out + told.err, command
        assert "\r" not in told.out + told.err, command


def test_looking_imports_no_user_code_and_nothing_heavy(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    lab.write("agent.py", "raise SystemExit('imported')")
    show = "import sys; sys.argv = ['kitaru', *{!r}]; from kitaru._cli import main; main(); print(*sys.modules)"
    for command in (["ls"], ["show", "latest"], ["doctor"], ["waits", "list"], ["logs", "latest"]):
        loaded = lab.python("-c", show.format(command)).ok().out.splitlines()[-1].split()
        assert "kitaru._native" in loaded
        assert not {"asyncio", "pydantic", "agent", "json", "inspect", "kitaru._flow"} & set(loaded), command
