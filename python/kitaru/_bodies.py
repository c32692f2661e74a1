"""What a function that ``kitaru.call`` is given brings along: it tells calls apart as arguments do.

The object of a method, the arguments of a partial, what a local function closes over. Not here: its code, whose
changes are told and never decide a match (``_values``).
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru._run import Run

_CODE = (type, types.ModuleType, types.BuiltinFunctionType)
_DEEP = 10


def brought(body: Callable[..., Any]) -> dict[str, Any]:
    """What ``body`` brings along, by a name for each."""
    found: dict[str, Any] = {}
    _gather(body, found, 0)
    return found


def _gather(body: Any, found: dict[str, Any], depth: int) -> None:
    while isinstance(body, functools.partial):
        _add(found, "partial", [list(body.args), body.keywords])
        body = body.func
    if isinstance(body, types.MethodType):
        _add(found, "self", body.__self__)
    elif isinstance(body, types.FunctionType):
        if _is_local(body):
            _closed_over(body, found, depth)
    elif not isinstance(body, _CODE):
        _add(found, "self", body)


def _is_local(function: types.FunctionType) -> bool:
    return "<locals>" in function.__qualname__ or "<lambda>" in function.__qualname__


def _closed_over(function: types.FunctionType, found: dict[str, Any], depth: int) -> None:
    code = function.__code__
    given = function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    held = dict(zip(names[len(names) - len(given) :], given, strict=True))
    held.update(function.__kwdefaults__ or {})
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            held[name] = cell.cell_contents
        except ValueError:
            continue  # not set yet
    for name, value in held.items():
        if isinstance(value, types.FunctionType):
            # Code, but for what it closes over itself.
            if depth < _DEEP and _is_local(value):
                _gather(value, found, depth + 1)
        elif not isinstance(value, _CODE):
            _add(found, name, value)


def _add(found: dict[str, Any], name: str, value: Any) -> None:
    number, key = 1, f"body.{name}"
    while key in found:
        if found[key] is value:
            return
        number += 1
        key = f"body.{name}'{number}"
    found[key] = value


def meet(run: Run, name: str, body: Callable[..., Any]) -> None:
    """Refuses a second function under one name where nothing tells the two apart."""
    while isinstance(body, functools.partial):
        body = body.func
    shape = _shape(body.__code__) if isinstance(body, types.FunctionType) else body
    if isinstance(body, types.MethodType) or not isinstance(body, (types.FunctionType, types.BuiltinFunctionType)):
        # Its object tells them apart.
        return
    if run.called.setdefault(name, shape) != shape:
        raise KitaruUsageError(
            f"two different functions are called as {name!r} in this flow, so that one could be given the other's "
            "results: give each a name of its own, or say with identity= what tells them apart"
        )


def _shape(code: types.CodeType) -> Any:
    """What a function does, wherever its lines stand."""
    constants = tuple(_shape(one) if isinstance(one, types.CodeType) else (type(one), one) for one in code.co_consts)
    return code.co_code, constants, code.co_names, code.co_freevars, code.co_varnames
