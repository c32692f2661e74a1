"""Digests of code: has a function changed since it was recorded?

Counted are its source without comments, blank lines and docstrings, the encodable globals that it reads, closure
cells, defaults, and the project's own functions that it calls, in turn. A digest carries its kind and the Python
version, since neither syntax trees nor bytecode compare across versions. It decides no match (``_calls`` does).
"""

from __future__ import annotations

import _ast
import functools
import os
import sys
import time
import types
from typing import TYPE_CHECKING, Any

from kitaru import _native
from kitaru._values._codec import encode
from kitaru._values._refusal import Unencodable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
_SOURCE, _BYTECODE = "source", "bytecode"
# Decorators of ours: their options are no part of what the function computes.
_OURS = ("checkpoint", "flow")


def code_digest(fn: Callable[..., Any] | None) -> str | None:
    """``kind:version:digest`` of a function's code, or ``None`` if it has none that can be read."""
    function = _innermost(fn)
    if function is None:
        return None
    parts = code_parts(function)
    kind = parts.pop("kind")
    text = "\0".join(f"{name}\1{parts[name]}" for name in sorted(parts))
    return f"{kind}:{_VERSION}:{_hash(text)}"


def same_code(a: str | None, b: str | None) -> bool | None:
    """Whether two digests are of the same code; ``None``: it cannot be told."""
    if a is None or b is None or a.rpartition(":")[0] != b.rpartition(":")[0]:
        return None
    return a == b


def code_parts(fn: Callable[..., Any]) -> dict[str, str]:
    """What the digest is made of, by name: ``kind``, ``source``, ``global X``, ``closure X``, ``default X``,
    ``calls X``; each is a digest itself, so that two tell which part has changed."""
    function = _innermost(fn)
    if function is None:
        return {"kind": _BYTECODE}
    return _parts(function, {id(function.__code__)})


def _parts(function: types.FunctionType, seen: set[int]) -> dict[str, str]:
    kind, source = _text(function)
    parts = {"kind": kind, "source": source}
    for name, value in _defaults(function):
        parts[f"default {name}"] = _value(value, seen)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            parts[f"closure {name}"] = _value(cell.cell_contents, seen)
        except ValueError:
            parts[f"closure {name}"] = "empty"
    names = _names(function.__code__)
    known = function.__globals__
    for name in sorted(names):
        if name in known:
            _read(name, known[name], names, parts, seen)
    # A function that is built partly without source is as a whole no source digest.
    if any(value.startswith(_BYTECODE) for value in parts.values()):
        parts["kind"] = _BYTECODE
    return parts


def _read(name: str, value: Any, names: set[str], parts: dict[str, str], seen: set[int]) -> None:
    if isinstance(value, types.ModuleType):
        if _is_own(getattr(value, "__file__", None)):
            # `helpers.clean(x)`: which attributes are read of which module cannot be told apart, and need not be.
            for attribute in sorted(names & value.__dict__.keys()):
                held = value.__dict__[attribute]
                if not isinstance(held, types.ModuleType):
                    _read(f"{name}.{attribute}", held, names, parts, seen)
        return
    called = _innermost(value) if callable(value) else None
    if called is not None:
        digest = _called(called, seen)
        if digest is not None:
            parts[f"calls {name}"] = digest
    elif not isinstance(value, type):
        try:
            parts[f"global {name}"] = _hash(encode(value))
        except Unencodable:
            return


def _called(function: types.FunctionType, seen: set[int]) -> str | None:
    """The digest of a function that another calls; ``None``: it is not the project's, or stands in it already."""
    code = function.__code__
    if id(code) in seen or not _is_own(code.co_filename):
        return None
    seen.add(id(code))
    parts = _parts(function, seen)
    kind = parts.pop("kind")
    return f"{kind}:" + _hash("\0".join(f"{name}\1{parts[name]}" for name in sorted(parts)))


def _value(value: Any, seen: set[int]) -> str:
    called = _innermost(value) if callable(value) and not isinstance(value, type) else None
    if called is not None:
        return _called(called, seen) or called.__qualname__
    try:
        return _hash(encode(value))
    except Unencodable:
        return f"a {type(value).__qualname__}"


def _defaults(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    given = function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    yield from zip(names[len(names) - len(given) :], given, strict=True)
    yield from (function.__kwdefaults__ or {}).items()


def _innermost(fn: Any) -> types.FunctionType | None:
    """The Python function inside decorators, partials and methods."""
    for _ in range(100):
        if isinstance(fn, types.FunctionType):
            inner = getattr(fn, "__wrapped__", None)
            if inner is None:
                return fn
            fn = inner
        elif isinstance(fn, functools.partial):
            fn = fn.func
        elif isinstance(fn, (types.MethodType, staticmethod, classmethod)):
            fn = fn.__func__
        elif isinstance(fn, type) or fn is None:
            return None
        else:
            inner = getattr(fn, "__wrapped__", None)
            if inner is None:
                # An object that is called: the method that its class has for that.
                inner = vars(type(fn)).get("__call__")
                if not isinstance(inner, types.FunctionType):
                    return None
            fn = inner
    return None


def _names(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


def _folder(path: str) -> str:
    return os.path.normcase(os.path.dirname(os.path.realpath(path))) + os.sep


_LIBRARIES = (_folder(os.__file__), _folder(os.path.dirname(__file__)))


@functools.lru_cache(maxsize=4096)
def _is_own(file: str | None) -> bool:
    """Whether a file is the project's own: not the standard library's, not installed, not of this library."""
    if file is None:
        return False
    if file.startswith("<"):
        # A prompt or a notebook's cell; but frozen modules are the standard library's.
        return not file.startswith("<frozen")
    path = os.path.normcase(os.path.realpath(file))
    return not path.startswith(_LIBRARIES) and "site-packages" not in path and "dist-packages" not in path


# -- the text of one function ---------------------------------------------------------------------------------

# Code objects are equal without regard to their file.
_texts: dict[tuple[str, types.CodeType], tuple[str, str]] = {}


def _text(function: types.FunctionType) -> tuple[str, str]:
    code = function.__code__
    found = _texts.get((code.co_filename, code))
    if found is None:
        tree = _tree(code)
        if tree is None:
            found = (_BYTECODE, _hash(_bytecode(code)))
        else:
            out: list[str] = []
            _dump(tree, out)
            found = (_SOURCE, _hash("\0".join(out)))
        _texts[code.co_filename, code] = found
    return found


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
_WITH_DOCSTRING = (*_FUNCTIONS, _ast.ClassDef)


def _dump(node: Any, out: list[str]) -> None:
    """A tree as text, without positions, docstrings and our own decorators."""
    if isinstance(node, _ast.AST):
        out.append(type(node).__name__)
        for field in node._fields:
            held = getattr(node, field, None)
            if held is None or held == []:
                continue
            if field == "body" and isinstance(node, _WITH_DOCSTRING) and _is_docstring(held[0]):
                held = held[1:]
            elif field == "decorator_list":
                held = [one for one in held if _decorator(one) not in _OURS]
            out.append(field)
            _dump(held, out)
    elif isinstance(node, list):
        out.append(f"[{len(node)}")
        for one in node:
            _dump(one, out)
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


def _hash(text: str) -> str:
    return _native.blake3(text.encode("utf-8", "surrogatepass")).hex()
