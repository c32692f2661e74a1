"""The sources: docstrings of Python's standard library, or the sections of a folder of text and Markdown.

Source files are parsed, never imported, so nothing of them runs. Not here: finding the right ones (``ranking``).
"""

from __future__ import annotations

import ast
import functools
import io
import os
import re
import sys
import sysconfig
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Tests, old tools, and tables without prose.
_SKIPPED = {"antigravity", "distutils", "encodings", "ensurepip", "idlelib", "lib2to3", "test", "tests", "turtledemo"}
_LEAVING = "warnings._deprecated(__name__"  # a module that Python is about to remove says so
_TEXTS = {".md", ".markdown", ".txt", ".rst"}
_LONGEST = 4_000  # characters of one section of a text: longer ones are cut between paragraphs


@dataclass(frozen=True)
class Source:
    """Where one piece of documentation stands. ``file`` is relative to the corpus, ``line`` counts from 1."""

    name: str
    file: str
    line: int


@dataclass(frozen=True)
class Document:
    """A source with its text."""

    source: Source
    text: str


class CorpusError(Exception):
    """The corpus cannot be read, or holds nothing."""


def root_of(corpus: str | None) -> Path:
    """The folder of a corpus: the given one, or the standard library's."""
    if corpus is None:
        return Path(sysconfig.get_path("stdlib"))
    root = Path(corpus)
    if not root.is_dir():
        raise CorpusError(f"{corpus} is not a folder")
    return root


@functools.lru_cache(maxsize=2)
def documents(corpus: str | None) -> list[Document]:
    """All documents of a corpus, each text once. Read when it is first asked for: some seconds for the library."""
    root = root_of(corpus)
    files = _library_files(root) if corpus is None else _text_files(root)
    found: dict[str, Document] = {}
    for file in files:
        for document in _in_file(corpus, file):
            same = " ".join(document.text.split())
            known = found.get(same)
            if known is None or len(document.source.name) < len(known.source.name):
                found[same] = document
    if not found:
        raise CorpusError(f"{root} holds no {'docstrings' if corpus is None else 'text or Markdown'}")
    return list(found.values())


def text_of(corpus: str | None, source: Source) -> str:
    """The text of one source. Reads its file alone."""
    for document in _in_file(corpus, source.file):
        if document.source == source:
            return document.text
    raise CorpusError(f"{source.file}:{source.line} no longer holds {source.name}: the corpus has changed")


@functools.lru_cache(maxsize=1024)
def _in_file(corpus: str | None, file: str) -> tuple[Document, ...]:
    text = (root_of(corpus) / file).read_text(encoding="utf-8", errors="replace")
    if corpus is not None:
        return tuple(_sections(file, text))
    if _LEAVING in text:
        return ()
    try:
        tree = ast.parse(text)
    except SyntaxError:  # a template or a file for another Python
        return ()
    if file == os.path.join("pydoc_data", "topics.py"):
        return tuple(_topics(file, text, tree))
    module = file.removesuffix(".py").removesuffix(os.sep + "__init__").replace(os.sep, ".")
    return tuple(_docstrings(tree, module, file))


def _library_files(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        here = os.path.relpath(folder, root)
        if here == ".":
            folders[:] = [name for name in folders if name in sys.stdlib_module_names]
            files = [name for name in files if name.removesuffix(".py") in sys.stdlib_module_names]
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and name != "__pycache__")
        for name in sorted(files):
            # Modules with an underscore are not left out: what is public in others often stands in them.
            if name.endswith(".py") and name.removesuffix(".py") not in _SKIPPED:
                yield os.path.normpath(os.path.join(here, name))


def _docstrings(node: ast.AST, name: str, file: str) -> Iterator[Document]:
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        text = ast.get_docstring(node)
        if text and len(text.split()) >= 8:
            yield Document(Source(name, file, getattr(node, "lineno", 1)), text)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            private = child.name.startswith("_") and child.name != "__init__"
            if not private and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield from _docstrings(child, f"{name}.{child.name}", file)
        elif isinstance(child, (ast.If, ast.Try)):
            yield from _docstrings(child, name, file)


def _topics(file: str, text: str, tree: ast.Module) -> Iterator[Document]:
    """The language reference, which Python carries for ``help()``: a dict of texts, cut at their headings."""
    lines_of = _string_lines(text)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Dict):
            continue
        for key, value in zip(node.keys, node.values, strict=True):
            if not isinstance(key, ast.Constant) or not isinstance(value, ast.Constant):
                continue
            if not isinstance(key.value, str) or not isinstance(value.value, str):
                continue
            where = lines_of(value)
            for title, at, section in _underlined(value.value):
                if len(section.split()) >= 8:
                    yield Document(Source(f"Language reference: {title or key.value}", file, where[at]), section)


def _string_lines(text: str) -> _LineFinder:
    strings = [token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.STRING]
    return _LineFinder(strings)


class _LineFinder:
    """For a string constant written in pieces: the source line of each of its lines."""

    def __init__(self, strings: list[tokenize.TokenInfo]) -> None:
        self._strings = strings
        self._starts = [token.start for token in strings]

    def __call__(self, node: ast.Constant) -> list[int]:
        import bisect

        first = bisect.bisect_left(self._starts, (node.lineno, node.col_offset))
        last = bisect.bisect_left(self._starts, (node.end_lineno or node.lineno, node.end_col_offset or 0))
        found, at_start = [], True
        for token in self._strings[first:last]:
            spread = 1 if token.start[0] != token.end[0] else 0
            for number, line in enumerate(str(ast.literal_eval(token.string)).splitlines(keepends=True)):
                if at_start:
                    found.append(token.start[0] + number * spread)
                at_start = line.endswith("\n")
        return found or [node.lineno]


def _underlined(text: str) -> Iterator[tuple[str, int, str]]:
    """The sections of a text with underlined headings: (heading, its line from 0, text)."""
    lines = text.splitlines()
    marks = [
        number - 1
        for number, line in enumerate(lines)
        if number and len(line) > 2 and len(set(line)) == 1 and line[0] in "*=-~^" and lines[number - 1].strip()
    ]
    edges = [*marks, len(lines)]
    if not marks or marks[0] > 0:
        yield "", 0, "\n".join(lines[: edges[0]])
    for begin, end in zip(marks, edges[1:], strict=True):
        yield lines[begin].strip().replace('"', ""), begin, "\n".join(lines[begin + 2 : end])


def _text_files(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if os.path.splitext(name)[1].lower() in _TEXTS:
                yield os.path.relpath(os.path.join(folder, name), root)


def _sections(file: str, text: str) -> Iterator[Document]:
    """The sections of a text: at its headings, and between paragraphs where they are long."""
    title, begin, held = "", 1, list[str]()
    fenced = False

    def made() -> Iterator[Document]:
        body = "\n".join(held).strip()
        if len(body.split()) >= 8:
            yield Document(Source(f"{file}: {title}" if title else file, file, begin), body)

    for number, line in enumerate(text.splitlines(), 1):
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        heading = re.match(r"#{1,6}\s+(.*?)\s*#*$", line) if not fenced else None
        long = not line.strip() and sum(map(len, held)) > _LONGEST
        if heading or long:
            yield from made()
            held, begin = [], number
            title = heading.group(1) if heading else title
        if not heading:
            held.append(line)
    yield from made()
