"""A call's result on its two ways: what is recorded of it, and what the flow is given.

The flow is given what its re-entry will make of the record, from the first run on: a copy where the value could be
changed in place, the value itself where it could not. Not here: when that happens (``_calls``, ``_open_call``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from kitaru._values import Unencodable, decode, encode_result

if TYPE_CHECKING:
    from kitaru._native import Text
    from kitaru._spec import Spec


Parts: TypeAlias = "tuple[str | Text, Any, Unencodable | None]"


class Kept(NamedTuple):
    """A result that was looked at before its call ended: what :func:`keep` made of it."""

    parts: Parts


def keep(spec: Spec, result: Any, where: str = "checkpoint.return") -> Parts:
    """The JSON text to record of a result, the value to hand on, and the problem if it cannot be recorded.

    One that cannot be stored, or not be built again, is handed on as it is.
    """
    codec = spec.codec
    try:
        plain = result if codec is None else _through(codec[0], result, where)
        text, plain = encode_result(plain, where, spec.pickle)
        return text, plain if codec is None else _through(codec[1], plain, where), None
    except Unencodable as problem:
        return "", result, problem


def restored(spec: Spec, text: str) -> Any:
    """The result of a record."""
    value = decode(text, allow_pickle=spec.pickle)
    return value if spec.codec is None else spec.codec[1](value)


def _through(function: Any, value: Any, where: str) -> Any:
    """One way of ``codec=``. What the user's function raises does not lose what was paid for."""
    try:
        return function(value)
    except Exception as error:
        said = f"Its codec= raised {type(error).__name__}: {error}"
        raise Unencodable(where, type(value).__qualname__, said) from error
