"""Digests of code: has a function changed since it was recorded, and what of it?

Counted are its source, the encodable globals that it reads, closure cells and defaults, and the same of the project's
own functions, classes and modules that it uses, however it gets at them: by name, attribute, closure, partial,
decorator, in a list or a dict. A digest carries its kind and the Python version, since neither syntax trees nor
bytecode compare across versions. It decides no match (``_calls`` does).

A *manifest* is what a digest was made of, with names and places; ``_changes`` compares two. Not here: what counts of
one piece of source (``_source``).
"""

from __future__ import annotations

import functools
import json
import os
import sys
import types
from typing import TYPE_CHECKING, Any

from kitaru._deployed import anywhere
from kitaru._values import _source
from kitaru._values._codec import encode
from kitaru._values._refusal import Unencodable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
# How deep lists and dicts are searched for functions, and how many of their items are looked at.
_DEEP, _MANY = 6, 1000
# What says where and how a module was loaded, which is no part of its code: a program is `__main__` while it runs and
# is named after its file when it is carried on, and a deployment lies elsewhere on each machine.
_LOADED = frozenset(
    ("__name__", "__file__", "__path__", "__spec__", "__loader__", "__package__", "__cached__", "__builtins__")
)
# What comes along with a function, rather than being read by name.
_BROUGHT = ("closure ", "default ")


def code_digest(fn: Callable[..., Any] | None) -> str | None:
    """``kind:version:digest`` of a function's code, or ``None`` if it has none that can be read."""
    code = code_of(fn)
    return None if code is None else code.digest


def code_of(fn: Callable[..., Any] | None) -> Code | None:
    """A function's code, as it is now; ``None``: it has none that can be read."""
    return None if innermost(fn) is None else Code(fn)


def same_code(a: str | None, b: str | None) -> bool | None:
    """Whether two digests are of the same code; ``None``: it cannot be told."""
    if a is None or b is None or a.rpartition(":")[0] != b.rpartition(":")[0]:
        return None
    return a == b


class Piece:
    """One function, class or module: what is its own, and the pieces that it uses, by how it names them."""

    __slots__ = ("file", "kind", "line", "name", "own", "uses")

    def __init__(self, kind: str, name: str, file: str | None, line: int | None) -> None:
        self.kind = kind
        self.name = name
        self.file = file
        self.line = line
        self.own: dict[str, str] = {}
        self.uses: dict[str, int] = {}


class Code:
    """What a function's digest is made of: it and all that it uses. The function is the first piece."""

    def __init__(self, fn: Any) -> None:
        self.pieces: list[Piece] = []
        self._places: dict[Any, int] = {}
        # Identity tells pieces apart while this is made: they must live until then.
        self._alive: list[Any] = []
        self._ahead: list[tuple[Piece, Any]] = []
        function = innermost(fn)
        assert function is not None
        root = self.pieces[self._piece(function)]
        if fn is not function:
            self._reach(root, "itself", fn, set())
        while self._ahead:
            piece, held = self._ahead.pop(0)
            self._read(piece, held)
        self._alive.clear()

    @property
    def kind(self) -> str:
        """``source``; ``bytecode`` where a part of it has no source that can be trusted."""
        without = any(one.own["source"].startswith(_source.BYTECODE) for one in self.pieces)
        return _source.BYTECODE if without else _source.SOURCE

    @property
    def digest(self) -> str:
        """``kind:version:digest``. Names of files, functions and places are no part of it."""
        counted = [[sorted(one.own.items()), sorted(one.uses.items())] for one in self.pieces]
        return f"{self.kind}:{_VERSION}:{_source.digest(json.dumps(counted))}"

    @property
    def manifest(self) -> str:
        """What it is made of, as a JSON text: see :mod:`kitaru._values._changes`."""
        pieces = [
            {"kind": one.kind, "name": one.name, "file": one.file, "line": one.line, "own": one.own, "uses": one.uses}
            for one in self.pieces
        ]
        return json.dumps({"pieces": pieces})

    # -- pieces -----------------------------------------------------------------------------------------------

    def _piece(self, held: Any) -> int:
        """The number of the piece that a function, a class or a module's file is; it is read later."""
        identity = held if isinstance(held, str) else id(held)
        known = self._places.get(identity)
        if known is not None:
            return known
        if isinstance(held, types.FunctionType):
            code = held.__code__
            piece = Piece("function", _plain(held.__qualname__), code.co_filename, code.co_firstlineno)
        elif isinstance(held, type):
            piece = Piece("class", _plain(held.__qualname__), _file_of(held), None)
        else:
            piece = Piece("module", os.path.basename(held), held, None)
        piece.file = shown(piece.file)
        number = self._places[identity] = len(self.pieces)
        self.pieces.append(piece)
        self._alive.append(held)
        self._ahead.append((piece, held))
        return number

    def _read(self, piece: Piece, held: Any) -> None:
        if isinstance(held, types.FunctionType):
            self._function(piece, held)
        elif isinstance(held, type):
            self._class(piece, held)
        else:
            text = _source.of_module(held)
            self._own(piece, "source", text)
            self._imports(piece, text, {"__file__": held, "__package__": None})

    def _own(self, piece: Piece, name: str, text: _source.Text) -> None:
        piece.own[name] = text.digest if text.kind == _source.SOURCE else f"{text.kind} {text.digest}"

    def _function(self, piece: Piece, function: types.FunctionType) -> None:
        text = _source.of_function(function)
        self._own(piece, "source", text)
        names = _names(function.__code__)
        for name, value in _defaults(function):
            self._reach(piece, f"default {name}", value, names)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            try:
                self._reach(piece, f"closure {name}", cell.cell_contents, names)
            except ValueError:
                piece.own[f"closure {name}"] = "empty"
        known = function.__globals__
        for name in sorted(names - _LOADED):
            if name in known:
                self._reach(piece, name, known[name], names)
        self._siblings(piece, function, names)
        self._imports(piece, text, known)

    def _siblings(self, piece: Piece, function: types.FunctionType, names: set[str]) -> None:
        """What a method may read of its own class, as ``self.clean(x)``."""
        above = function.__qualname__.split(".")[:-1]
        owner: Any = function.__globals__.get(above[0]) if above else None
        for name in above[1:]:
            owner = getattr(owner, name, None)
        if not isinstance(owner, type) or innermost(vars(owner).get(function.__name__)) is not function:
            return
        for base in owner.__mro__:
            if _source.is_own(_file_of(base)):
                for name in sorted(names & vars(base).keys()):
                    self._reach(piece, f"{owner.__name__}.{name}", vars(base)[name], names)

    def _class(self, piece: Piece, cls: type) -> None:
        text = _source.of_class(cls)
        self._own(piece, "source", text)
        for base in cls.__bases__:
            self._reach(piece, base.__name__, base, set())
        for name, value in sorted(vars(cls).items()):
            # What a decorator of classes has made has no file.
            method = None if isinstance(value, type) else innermost(_inside(value) or value)
            if method is not None and not method.__code__.co_filename.startswith(("<string>", "<attrs")):
                self._reach(piece, name, value, set())

    def _imports(self, piece: Piece, text: _source.Text, known: dict[str, Any]) -> None:
        """Modules of the project that are imported where they are used, which may not have happened yet: whole."""
        for level, module, names in text.imports:
            for file in sorted(_files(level, module, names, known)):
                piece.uses[f"import {shown(file)}"] = self._piece(file)

    # -- what is used -----------------------------------------------------------------------------------------

    def _reach(
        self, piece: Piece, name: str, value: Any, names: set[str], depth: int = 0, counted: bool = False
    ) -> None:
        """Adds to a piece what it uses under a name: a part of its own, another piece, or several.

        ``counted``: its value is part of another one that was added already, so only its code is of interest.
        """
        if depth > _DEEP:
            return
        inner = _inside(value)
        if isinstance(value, types.ModuleType):
            if _source.is_own(getattr(value, "__file__", None)):
                # `helpers.clean(x)`: which attributes are read of which module cannot be told apart, and need not be.
                for attribute in sorted((names & value.__dict__.keys()) - _LOADED):
                    held = value.__dict__[attribute]
                    self._reach(piece, f"{name}.{attribute}", held, names - {attribute}, depth + 1, counted)
        elif isinstance(value, (type, types.FunctionType)):
            if _source.is_own(_file_of(value)):
                piece.uses[name if name not in piece.uses else f"{name}'"] = self._piece(value)
            elif name.startswith(_BROUGHT) and not counted:
                piece.own[name] = value.__qualname__
            if inner is not None:
                self._reach(piece, name, inner, names, depth + 1, counted)
        elif isinstance(value, functools.partial):
            self._reach(piece, name, value.func, names, depth + 1, counted)
            self._reach(piece, f"{name}()", [list(value.args), value.keywords], names, depth, counted)
        elif isinstance(value, types.MethodType):
            self._reach(piece, name, value.__func__, names, depth + 1, counted)
            if not isinstance(value.__self__, type):
                self._reach(piece, f"{name}.__self__", value.__self__, names, depth + 1, counted)
        elif inner is not None:
            self._reach(piece, name, inner, names, depth + 1, counted)
            if type(value).__module__.startswith("kitaru.") and name in piece.uses:
                # A checkpoint or a flow: a call of its own, whose changes are told of it.
                self.pieces[piece.uses[name]].kind = "call"
        else:
            self._value(piece, name, value, names, depth, counted)

    def _value(self, piece: Piece, name: str, value: Any, names: set[str], depth: int, counted: bool) -> None:
        """A value that is read: as a whole where it can be encoded, and the code that it brings along."""
        if not counted:
            brought = name.startswith(_BROUGHT)
            known = _digest_of(value)
            counted = known is not None
            if known is not None or brought:
                piece.own[name if brought else f"global {name}"] = known or f"a {type(value).__qualname__}"
        if isinstance(value, dict):
            items = [(f"[{key!r}]", one) for key, one in list(value.items())[:_MANY]]
        elif isinstance(value, (list, tuple)):
            items = [(f"[{at}]", one) for at, one in enumerate(value[:_MANY])]
        elif _source.is_own(_file_of(type(value))):
            piece.uses[name if name not in piece.uses else f"{name}'"] = self._piece(type(value))
            items = [(f".{key}", one) for key, one in sorted(getattr(value, "__dict__", {}).items())]
        else:
            return
        for where, one in items:
            if not (counted and isinstance(one, (str, int, float, type(None)))):
                self._reach(piece, name + where, one, names, depth + 1, counted)


_digests: dict[int, tuple[Any, str | None]] = {}


def _digest_of(value: Any) -> str | None:
    """The digest of a value; ``None``: it cannot be encoded.

    Of what can be changed in place, that of when it was first looked at: what a run does to a list that it shares
    with others is no change of its code.
    """
    changeable = isinstance(value, (dict, list, set))
    if changeable and id(value) in _digests:
        return _digests[id(value)][1]
    try:
        found: str | None = _source.digest(anywhere(encode(value)))
    except Unencodable:
        found = None
    if changeable:
        _digests[id(value)] = (value, found)
    return found


def _inside(value: Any) -> Any:
    """What a decorator has wrapped; ``None``: nothing."""
    if isinstance(value, (staticmethod, classmethod)):
        return value.__func__
    if isinstance(value, property):
        return value.fget
    if not callable(value) or isinstance(value, type):
        return None
    try:
        return getattr(value, "__wrapped__", None)
    except Exception:
        # A stand-in for something that is not there now.
        return None


def _file_of(held: Any) -> str | None:
    """The file that a function or a class is defined in; ``<...>`` at a prompt and in a notebook."""
    if isinstance(held, types.FunctionType):
        return held.__code__.co_filename
    found = getattr(sys.modules.get(held.__module__), "__file__", None)
    return "<a prompt>" if found is None and held.__module__ == "__main__" else found


def _files(level: int, module: str, names: tuple[str, ...], known: dict[str, Any]) -> Iterator[str]:
    """The project's files that an import statement names, found without running them."""
    import importlib.machinery

    if level:
        folder = os.path.dirname(known.get("__file__") or "")
        for _ in range(level - 1):
            folder = os.path.dirname(folder)
        places: Any = [folder]
    else:
        places = None
    parts = [part for part in module.split(".") if part]
    if level == 0 and parts[0] in sys.stdlib_module_names:
        return
    for part in parts:
        spec = importlib.machinery.PathFinder.find_spec(part, places)
        if spec is None or (spec.origin is not None and not _source.is_own(spec.origin)):
            return
        places = spec.submodule_search_locations
        if spec.origin is not None:
            yield spec.origin
        if places is None:
            return
    for name in names:
        spec = importlib.machinery.PathFinder.find_spec(name, places)
        if spec is not None and spec.origin is not None and _source.is_own(spec.origin):
            yield spec.origin


def shown(file: str | None) -> str | None:
    """A file as people are told of it: its name, with the package's for an ``__init__.py``."""
    if file is None or file.startswith("<"):
        return None
    name = os.path.basename(file)
    return os.path.join(os.path.basename(os.path.dirname(file)), name) if name == "__init__.py" else name


def _plain(qualname: str) -> str:
    return qualname.rsplit("<locals>.", 1)[-1]


def _defaults(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    given = function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    yield from zip(names[len(names) - len(given) :], given, strict=True)
    yield from (function.__kwdefaults__ or {}).items()


def innermost(fn: Any) -> types.FunctionType | None:
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
