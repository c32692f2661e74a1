"""Values, errors and code as JSON text and digests.

A room an idea: ``_codec`` (the two ways), ``_kinds``, ``_records``, ``_arrays`` (what the tags mean),
``_signature`` (arguments), ``_failures`` (exceptions), ``_code`` (digests of code), ``_harmless`` (differences
that are none). Walking and JSON are native. The last three rooms are entered when they are first needed. Not here:
when anything is encoded, which the callers decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kitaru._values._codec import decode, decode_plain, encode, encode_result, rebuild
from kitaru._values._refusal import KitaruValueWarning, RawValue, Unencodable
from kitaru._values._registry import identity, register
from kitaru._values._signature import Bound, Signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru._values._code import Code
    from kitaru._values._failures import RecordedError

__all__ = [
    "Bound",
    "KitaruValueWarning",
    "RawValue",
    "RecordedError",
    "Signature",
    "Unencodable",
    "code_digest",
    "code_of",
    "decode",
    "decode_error",
    "decode_plain",
    "encode",
    "encode_error",
    "encode_result",
    "harmless_difference",
    "identity",
    "rebuild",
    "register",
    "same_code",
    "settle_error",
    "what_changed",
]


def encode_error(exc: BaseException) -> dict[str, Any]:
    """An exception for the journal: see :func:`kitaru._values._failures.encode_error`."""
    from kitaru._values import _failures

    return _failures.encode_error(exc)


def settle_error(exc: BaseException, text: str) -> None:
    """Makes a recorded exception hold what its record holds: see :func:`kitaru._values._failures.settle`."""
    from kitaru._values import _failures

    _failures.settle(exc, text)


def decode_error(text: str) -> BaseException:
    """The exception of a recorded JSON text; a :class:`RecordedError` if its class does not load."""
    from kitaru._values import _failures

    return _failures.decode_error(text)


def code_digest(fn: Callable[..., Any] | None) -> str | None:
    """``kind:version:digest`` of a function's code, or ``None`` if it has none that can be read."""
    from kitaru._values import _code

    return _code.code_digest(fn)


def code_of(fn: Callable[..., Any] | None) -> Code | None:
    """A function's code as it is now, with its digest and what that is made of; ``None``: none can be read."""
    from kitaru._values import _code

    return _code.code_of(fn)


def what_changed(before: str | None, now: Code | None, recorded: str | None, *, own: bool = False) -> str | None:
    """What of a function's code has changed: see :func:`kitaru._values._changes.what_changed`."""
    from kitaru._values import _changes

    return _changes.what_changed(before, now, recorded, own=own)


def same_code(a: str | None, b: str | None) -> bool | None:
    """Whether two digests are of the same code; ``None``: it cannot be told."""
    from kitaru._values import _code

    return _code.same_code(a, b)


def harmless_difference(before: str, after: str, recorded_at: int, now: int) -> str | None:
    """Why two JSON texts of arguments may count as equal, or ``None`` if they may not. Times in milliseconds."""
    from kitaru._values import _harmless

    return _harmless.harmless_difference(before, after, recorded_at, now)


def __getattr__(name: str) -> Any:
    if name == "RecordedError":
        from kitaru._values import _failures

        return _failures.RecordedError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
