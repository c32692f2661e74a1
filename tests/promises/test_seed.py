"""The seed's program runs exactly as printed: it waits without a process, and the answer completes it."""

from __future__ import annotations

import os
import pathlib
import pty
import select
import sys

from lab import Lab

HELPERS = """
from world import did

def search_academic_papers(topic):
    did("search")
    return [f"{topic} {n}" for n in range(12)]

def call_llm(prompt):
    did("llm")
    return f"analysis of {len(prompt)} characters"
"""


def seed(lab: Lab) -> str:
    source = (pathlib.Path(__file__).parent / "seed_program.py.txt").read_text()
    lab.write("agent.py", source + HELPERS + '\nif __name__ == "__main__":\n    print(research_agent("flow"))\n')
    return str(lab.folder / "agent.py")


def test_without_a_terminal_it_exits_75_with_one_message_and_the_command_to_answer(lab: Lab) -> None:
    left = lab.python(seed(lab)).ok(75)
    short = lab.only()[-8:]
    assert left.out == ""
    assert "Found 12 sources. Continue?" in left.err
    assert f"kitaru input {short} --value true" in left.err
    assert "Traceback" not in left.err


def test_the_answer_in_another_process_completes_it_and_the_sources_are_gathered_once(lab: Lab) -> None:
    lab.python(seed(lab)).ok(75)
    answered = lab.kitaru("input", lab.only()[-8:], "--value", "true").ok(0)
    assert "analysis of" in answered.out
    assert lab.done() == ["search", "llm"]
    assert lab.item("show", lab.only())["status"] == "completed"


def test_a_refusal_stops_it(lab: Lab) -> None:
    lab.python(seed(lab)).ok(75)
    answered = lab.kitaru("input", lab.only(), "--value", "false").ok(0)
    assert "Stopped by reviewer." in answered.out
    assert lab.done() == ["search"]


def test_on_a_terminal_it_is_asked_inline(lab: Lab) -> None:
    program = seed(lab)
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(lab.folder)
        os.execve(sys.executable, [sys.executable, program], lab.env())
    seen = b""
    answered = False
    while True:
        ready, _, _ = select.select([fd], [], [], 30)
        assert ready, seen
        try:
            more = os.read(fd, 4096)
        except OSError:
            break
        if not more:
            break
        seen += more
        if not answered and b"Continue?" in seen:
            os.write(fd, b"y\n")
            answered = True
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen
    os.close(fd)
    assert b"analysis of" in seen
    assert lab.done() == ["search", "llm"]
