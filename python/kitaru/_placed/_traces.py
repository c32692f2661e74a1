"""Tracebacks as data, and built again in another process: they print the user's lines as they do where it failed.

What is built is real to Python (a debugger, a logger and an uncaught error show it) but has no variables. Not here: the
exceptions themselves, which are data as everywhere (``_values``).
"""

from __future__ import annotations

import ast
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# Of one exception, counted from where it was raised: a recursion without end is told by fewer.
_MOST = 200


def taken(error: BaseException) -> list[list[Any]]:
    """The tracebacks of an exception and of all that hang on it, without this library's frames, as plain data."""
    return [_lines(one.__traceback__) for one in _hanging(error)]


def given(error: BaseException, traces: list[list[Any]]) -> None:
    """Gives an exception that was built again, and those that hang on it, the tracebacks of where they were raised."""
    for one, lines in zip(_hanging(error), traces, strict=False):
        built: TracebackType | None = None
        for line in reversed(lines):
            built = _line(line, built)
        one.__traceback__ = built


def _hanging(error: BaseException) -> Iterator[BaseException]:
    """An exception, its causes, contexts and members, each once, in an order that is the same in every process."""
    seen: set[int] = set()
    ahead: list[BaseException | None] = [error]
    while ahead:
        one = ahead.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        ahead += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def _lines(traceback: TracebackType | None) -> list[Any]:
    found: list[Any] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith(_OURS) and not code.co_filename.startswith("<frozen"):
            found.append([code.co_filename, code.co_name, traceback.tb_lineno, _position(traceback)])
        traceback = traceback.tb_next
    return found[-_MOST:]


def _position(traceback: TracebackType) -> list[int] | None:
    """First line, last line, first column and last column of what was being done; before Python 3.11 nobody knows."""
    positions = getattr(traceback.tb_frame.f_code, "co_positions", None)
    if positions is None:
        return None
    for at, position in enumerate(positions()):
        if at * 2 == traceback.tb_lasti:
            return None if None in position else list(position)
    return None


class _Here(Exception):
    """Raised to have the interpreter make a frame."""


def _line(line: list[Any], following: TracebackType | None) -> TracebackType:
    from types import TracebackType as Traceback

    file, name, number, position = line
    first, last, start, end = position or (number, number, 0, 0)
    raised = ast.Raise(exc=ast.Name("here", ast.Load()), cause=None)
    for node in (raised, raised.exc):
        assert node is not None
        node.lineno, node.end_lineno, node.col_offset, node.end_col_offset = first, last, start, end
    code = compile(ast.Module([raised], []), file, "exec").replace(co_name=name)
    if sys.version_info >= (3, 11):
        code = code.replace(co_qualname=name)
    try:
        exec(code, {"here": _Here()})
    except _Here as made:
        own = made.__traceback__
        assert own is not None and own.tb_next is not None
        return Traceback(following, own.tb_next.tb_frame, own.tb_next.tb_lasti, number)
    raise AssertionError("it raises")
