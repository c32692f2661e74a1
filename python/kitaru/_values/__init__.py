"""Values, errors and code as JSON text and digests.

A room an idea: ``_codec`` (the two ways), ``_kinds``, ``_records``, ``_arrays`` (what the tags mean),
``_signature`` (arguments), ``_failures`` (exceptions), ``_code`` (digests of code), ``_harmless`` (differences
that are none). Walking and JSON are native. Not here: when anything is encoded, which the callers decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kitaru._values._codec import decode, decode_plain, encode
from kitaru._values._refusal import KitaruValueWarning, RawValue, Unencodable
from kitaru._values._registry import identity, register
from kitaru._values._signature import Bound, Signature

if TYPE_CHECKING:
    from kitaru._values._code import code_digest, code_parts, same_code
    from kitaru._values._failures import RecordedError, decode_error, encode_error
    from kitaru._values._harmless import harmless_difference

__all__ = [
    "Bound",
    "KitaruValueWarning",
    "RawValue",
    "RecordedError",
    "Signature",
    "Unencodable",
    "code_digest",
    "code_parts",
    "decode",
    "decode_error",
    "decode_plain",
    "encode",
    "encode_error",
    "harmless_difference",
    "identity",
    "register",
    "same_code",
]

_LATER = {
    "code_digest": "_code",
    "code_parts": "_code",
    "same_code": "_code",
    "RecordedError": "_failures",
    "decode_error": "_failures",
    "encode_error": "_failures",
    "harmless_difference": "_harmless",
}


def __getattr__(name: str) -> Any:
    """Rooms that a flow may never enter are loaded when they are."""
    room = _LATER.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f"{__name__}.{room}"), name)
    return found
