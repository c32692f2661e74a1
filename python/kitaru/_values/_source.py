"""The text of code as it counts for a digest: the syntax tree of a function, a class or a module, without comments,
docstrings, positions and our own decorators; bytecode where there is no source to trust.

Not here: what else a digest is made of (``_code``).
"""

from __future__ import annotations

import _ast
import functools
import os
import sys
import time
import types
from typing import Any, NamedTuple

from kitaru import _native

SOURCE, BYTECODE = "source", "bytecode"
# Decorators of ours: their options are no part of what the function computes.
_OURS = ("checkpoint", "flow")


class Text(NamedTuple):
    """The text of some code: where it is from, its digest, and the modules that it imports where it runs."""

    kind: str
    digest: str
    imports: tuple[tuple[int, str, tuple[str, ...]], ...] = ()
    """Level, module and names of each ``import`` inside."""


def _folder(path: str) -> str:
    return os.path.normcase(os.path.dirname(os.path.realpath(path))) + os.sep


_LIBRARIES = (_folder(os.__file__), _folder(os.path.dirname(__file__)))


@functools.lru_cache(maxsize=4096)
def is_own(file: str | None) -> bool:
    """Whether a file is the project's own: not the standard library's, not installed, not of this library."""
    if file is None:
        return False
    if file.startswith("<"):
        # A prompt or a notebook's cell; but frozen modules are the standard library's.
        return not file.startswith("<frozen")
    path = os.path.normcase(os.path.realpath(file))
    return not path.startswith(_LIBRARIES) and "site-packages" not in path and "dist-packages" not in path


# Code objects are equal without regard to their file.
_texts: dict[tuple[str, types.CodeType], Text] = {}


def of_function(function: types.FunctionType) -> Text:
    """The text of one function."""
    code = function.__code__
    found = _texts.get((code.co_filename, code))
    if found is None:
        tree = _tree(code)
        found = Text(BYTECODE, digest(_bytecode(code))) if tree is None else _text(tree)
        _texts[code.co_filename, code] = found
    return found


def of_class(cls: type) -> Text:
    """The text of a class with all that stands in it."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    tree = _whole(file) if file is not None else None
    found = _classes(tree, cls.__qualname__) if tree is not None else []
    if found:
        return _text(found)
    functions = [value for value in vars(cls).values() if isinstance(value, types.FunctionType)]
    return Text(BYTECODE, digest("\0".join([cls.__qualname__, *(_bytecode(one.__code__) for one in functions)])))


def of_module(file: str) -> Text:
    """The text of a whole file."""
    tree = _whole(file)
    return Text(BYTECODE, digest(os.path.basename(file))) if tree is None else _text(tree)


def _text(tree: Any) -> Text:
    out: list[str] = []
    imports: list[tuple[int, str, tuple[str, ...]]] = []
    _dump(tree, out, imports)
    return Text(SOURCE, digest("\0".join(out)), tuple(imports))


def digest(text: str) -> str:
    """32 hexadecimal digits of a text."""
    return _native.blake3(text.encode("utf-8", "surrogatepass")).hex()[:32]


# -- trees ----------------------------------------------------------------------------------------------------

_STARTED = time.time()
_ONLY_TREE = 0x400
"""``ast.PyCF_ONLY_AST``. The ``ast`` module itself is slow to import, and only this of it is needed."""


def _tree(code: types.CodeType) -> _ast.Module | None:
    """The syntax tree of a function's source; ``None``: there is none, or it may not be what runs here."""
    lines = _lines(code.co_filename)
    first = code.co_firstlineno - 1
    if not 0 <= first < len(lines):
        return None
    last = _last_line(code)
    # The last line with code need not be the last of the function: `)` has none.
    for end in range(last, min(last + 20, len(lines) + 1)):
        tree = _parse("".join(lines[first:end]))
        if tree is not None:
            return tree if _is_of(tree, code) else None
    return None


def _whole(file: str) -> _ast.Module | None:
    """The tree of a file."""
    try:
        return _whole_of(file, os.stat(file).st_mtime)
    except OSError:
        return None


@functools.lru_cache(maxsize=64)
def _whole_of(file: str, _written: float) -> _ast.Module | None:
    lines = _read_lines(file)
    return _parse("".join(lines)) if lines else None


_kept: dict[str, list[str]] = {}


def _lines(file: str) -> list[str]:
    found = _kept.get(file)
    if found is None:
        found = _read_lines(file)
        # Functions of one file mostly come one after the other.
        _kept.clear()
        _kept[file] = found
    return found


def _read_lines(file: str) -> list[str]:
    try:
        # A file that was written since this process began may not be what runs here.
        if os.stat(file).st_mtime >= _STARTED:
            return []
        with open(file, encoding="utf-8-sig") as source:
            return source.readlines()
    except UnicodeDecodeError:
        return []
    except OSError:
        # A notebook's cell has its source in `linecache` alone.
        cache = sys.modules.get("linecache")
        return cache.getlines(file) if cache is not None else []


def _parse(source: str) -> _ast.Module | None:
    if source[:1] in (" ", "\t"):
        source = f"if 1:\n{source}"
    try:
        tree = compile(source, "<source>", "exec", _ONLY_TREE)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return tree if isinstance(tree, _ast.Module) else None


def _is_of(tree: _ast.Module, code: types.CodeType) -> bool:
    """Whether a tree is that of the code, which it is not if the file has changed since it was imported."""
    top = tree.body[0]
    if isinstance(top, _ast.If) and isinstance(top.test, _ast.Constant):
        top = top.body[0]
    if isinstance(top, _FUNCTIONS):
        return top.name == code.co_name
    return code.co_name == "<lambda>"


_FUNCTIONS = (_ast.FunctionDef, _ast.AsyncFunctionDef)
_WITH_DOCSTRING = (*_FUNCTIONS, _ast.ClassDef, _ast.Module)


def _classes(tree: Any, qualname: str) -> list[Any]:
    """The definitions of a class: one, unless the file defines it in several branches."""
    places = [tree]
    names = [name for name in qualname.split(".") if name != "<locals>"]
    for at, name in enumerate(names):
        kinds = (_ast.ClassDef,) if at == len(names) - 1 else _WITH_DOCSTRING
        places = [one for place in places for one in _defined(place.body, name, kinds)]
    return places


def _defined(body: list[Any], name: str, kinds: tuple[type, ...]) -> list[Any]:
    found = []
    for one in body:
        if isinstance(one, kinds) and getattr(one, "name", None) == name:
            found.append(one)
        elif not isinstance(one, _WITH_DOCSTRING):
            # `if` and `try`, with all their branches.
            for field in ("body", "orelse", "finalbody", "handlers"):
                found += _defined(getattr(one, field, None) or [], name, kinds)
    return found


def _dump(node: Any, out: list[str], imports: list[tuple[int, str, tuple[str, ...]]]) -> None:
    """A tree as text, without positions, docstrings and our own decorators."""
    if isinstance(node, _ast.AST):
        out.append(type(node).__name__)
        if isinstance(node, _ast.Import):
            imports += [(0, one.name, ()) for one in node.names]
        elif isinstance(node, _ast.ImportFrom):
            imports.append((node.level, node.module or "", tuple(one.name for one in node.names)))
        for field in node._fields:
            held = getattr(node, field, None)
            if held is None or held == []:
                continue
            if field == "body" and isinstance(node, _WITH_DOCSTRING) and _is_docstring(held[0]):
                held = held[1:]
            elif field == "decorator_list":
                held = [one for one in held if _decorator(one) not in _OURS]
            out.append(field)
            _dump(held, out, imports)
    elif isinstance(node, list):
        out.append(f"[{len(node)}")
        for one in node:
            _dump(one, out, imports)
    else:
        out.append(f"{type(node).__name__} {node!r}")


def _is_docstring(node: _ast.stmt) -> bool:
    return isinstance(node, _ast.Expr) and isinstance(node.value, _ast.Constant) and isinstance(node.value.value, str)


def _decorator(node: _ast.expr) -> str:
    if isinstance(node, _ast.Call):
        node = node.func
    return node.attr if isinstance(node, _ast.Attribute) else node.id if isinstance(node, _ast.Name) else ""


def _last_line(code: types.CodeType) -> int:
    last = code.co_firstlineno
    if sys.version_info >= (3, 11):
        last = max([last, *(end for _, end, _, _ in code.co_positions() if end is not None)])
    else:
        last = max([last, *(line for _, _, line in code.co_lines() if line is not None)])
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            last = max(last, _last_line(constant))
    return last


# -- bytecode -------------------------------------------------------------------------------------------------


def _bytecode(code: types.CodeType) -> str:
    """What a code object does, without where it stands."""
    constants = []
    for at, constant in enumerate(code.co_consts):
        if isinstance(constant, types.CodeType):
            constants.append(_bytecode(constant))
        elif at > 0 or not isinstance(constant, str):
            constants.append(f"{type(constant).__name__} {_constant(constant)}")
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_argcount, code.co_flags)
    return f"{code.co_name} {code.co_code.hex()} {names} {constants}"


def _constant(value: Any) -> str:
    # A frozenset's order changes from process to process.
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)
