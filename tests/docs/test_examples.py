"""Every example in README and in the guide runs, and every command prints what the page says.

A page's blocks share one folder and one home, in the page's order. ```python: a first line `# agent.py` names the
file that the block is saved as (it must import); a block without one runs as a program. ```console: each `$ ` line is
run, and its output compared: identifiers, times and durations may differ, `…` stands for any text, a line of its own
for any lines. Other blocks (```sh, ```text) are not run.
"""

from __future__ import annotations

import os
import pathlib
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab import Lab

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLES = [ROOT / "examples" / name / "README.md" for name in ("replay", "seed")]
# Commands for a server or a database, which their own tests run; and the page that shows screens.
ELSEWHERE = {"api.md", "dashboard.md", "postgres.md"}
GUIDE = sorted(page for page in (ROOT / "docs" / "guide").glob("*.md") if page.name not in ELSEWHERE)
PAGES = [ROOT / "README.md", *GUIDE, *EXAMPLES]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w/]+\.\w+)\n")
_ID = re.compile(r"\b(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=[0-9a-f]*\d)[0-9a-f]{8})\b")
_VARIES = [
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z?"), r"\S+ ?\S*"),
    (re.compile(r"\b\d\d:\d\d:\d\d\.\d+\b"), r"\d\d:\d\d:\d\d\.\d+"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), r"\d\d:\d\d:\d\d"),
    (re.compile(r"\b\d+(?:\.\d+)? m?s\b"), r"\d+(?:\.\d+)? m?s"),
]
_ANY_LINES = re.compile(r"^[ \t]*…[ \t]*\n", re.MULTILINE)
_ANY_TEXT = re.compile(" *…")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    line: int
    language: str
    text: str


def blocks(page: pathlib.Path) -> list[Block]:
    """The blocks that are run."""
    text = page.read_text(encoding="utf-8")
    found = [Block(text.count("\n", 0, m.start()) + 1, m.group(1), m.group(2)) for m in _BLOCK.finditer(text)]
    return [block for block in found if block.language in ("python", "console")]


class Desk:
    """Where a page's blocks run."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.status = 0
        self.ids: dict[str, str] = {}  # as the page has them: as they are

    def run(self, command: str) -> str:
        """Runs a line in a shell that finds this Python's commands. Returns what it prints, errors too."""
        path = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # `$?` is what the line before left.
        done = self.lab.run("bash", "-c", f"(exit {self.status}); exec 2>&1; {command}", PATH=path, OPENAI_API_KEY="")
        self.status = done.code
        return done.out

    def python(self, block: Block) -> None:
        """Saves a block, or runs it."""
        named = _FILE.match(block.text)
        name = named.group(1) if named else "example.py"
        self.lab.write(name, block.text)
        code = f"import runpy; runpy.run_path({name!r}, run_name={'imported' if named else '__main__'!r})"
        result = self.lab.python("-c", code, OPENAI_API_KEY="")
        assert result.code == 0, f"line {block.line}:\n{result.out}{result.err}"

    def console(self, block: Block) -> None:
        """Runs a block's commands and compares what they print."""
        at = 0
        lines = block.text.splitlines()
        while at < len(lines):
            assert lines[at].startswith("$ "), f"line {block.line + at + 1}: output before any command"
            command = _ID.sub(lambda match: self.ids.get(match.group(), match.group()), lines[at][2:])
            begin = at = at + 1
            while at < len(lines) and not lines[at].startswith("$ "):
                at += 1
            expected, got = "\n".join(lines[begin:at]).strip() + "\n", self.run(command).strip() + "\n"
            self.compare(expected, got, f"line {block.line + begin}: $ {command}")

    def compare(self, expected: str, got: str, where: str) -> None:
        """Fails unless the output is what the page says; learns which identifier stands for which."""
        ids: list[str] = []
        match = re.fullmatch(_pattern(expected, self.ids, ids), got, re.DOTALL)
        assert match is not None, f"{where}\n--- the page says\n{expected}\n--- it prints\n{got}"
        self.ids.update({name: match.group(f"id{number}") for number, name in enumerate(ids)})


def _pattern(expected: str, known: dict[str, str], new: list[str]) -> str:
    parts: list[str] = []
    at = 0
    varies = [_ID, *(pattern for pattern, _ in _VARIES), _ANY_LINES, _ANY_TEXT]
    while at < len(expected):
        hits = [(hit.start(), number, hit) for number, one in enumerate(varies) if (hit := one.search(expected, at))]
        if not hits:
            parts.append(_literal(expected[at:]))
            break
        start, number, hit = min(hits, key=lambda one: (one[0], one[1]))
        parts.append(_literal(expected[at:start]))
        if number == 0:
            parts.append(_identifier(hit.group(), known, new))
        elif number <= len(_VARIES):
            parts.append(_VARIES[number - 1][1])
        else:
            parts.append(r"(?:[^\n]*\n)*?" if number == len(_VARIES) + 1 else r"[^\n]*?")
        at = hit.end()
    return "".join(parts)


def _identifier(text: str, known: dict[str, str], new: list[str]) -> str:
    if text in known:
        return re.escape(known[text])
    if text in new:
        return f"(?P=id{new.index(text)})"
    new.append(text)
    return f"(?P<id{len(new) - 1}>[0-9a-f-]{{{len(text)}}})"


def _literal(text: str) -> str:
    """The text, with any run of blanks for a run of blanks: columns widen with what stands in them."""
    return re.sub(r"(?:\\ )+", r"[ ]+", re.escape(text))


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_example_of_the_page_runs_as_it_says(page: pathlib.Path, lab: Lab) -> None:
    if page.name == "remote.md":
        lab.store = "remote"
    if page in EXAMPLES:
        for file in (*page.parent.glob("*.py"), *page.parent.glob("*.txt")):
            lab.write(file.name, file.read_text(encoding="utf-8"))
    found = blocks(page)
    assert found, "a page without examples"
    desk = Desk(lab)
    for block in found:
        if block.language == "python":
            desk.python(block)
        else:
            desk.console(block)


def test_an_example_that_fails_or_prints_otherwise_is_noticed(lab: Lab) -> None:
    desk = Desk(lab)
    desk.console(Block(1, "console", "$ echo one 12ab34cd; echo two\none 99ff00aa\n…\n$ echo 99ff00aa\n99ff00aa\n"))
    with pytest.raises(AssertionError, match="it prints"):
        desk.console(Block(1, "console", "$ echo three\nfour\n"))
    with pytest.raises(AssertionError, match="it prints"):
        desk.console(Block(1, "console", "$ echo 99ff00aa; echo 12ab34ce\n99ff00aa\n99ff00aa\n"))
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        desk.python(Block(1, "python", "1 / 0\n"))
