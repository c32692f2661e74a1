"""Values, errors and code as JSON text and digests.

A room an idea: ``_codec`` (the two ways), ``_kinds``, ``_records``, ``_arrays`` (what the tags mean),
``_signature`` (arguments), ``_failures`` (exceptions), ``_code`` (digests of code), ``_harmless`` (differences
that are none). Walking and JSON are native. Not here: when anything is encoded, which the callers decide.
"""

from __future__ import annotations

from kitaru._values._code import code_digest, code_parts, same_code
from kitaru._values._codec import decode, decode_plain, encode
from kitaru._values._failures import RecordedError, decode_error, encode_error
from kitaru._values._harmless import harmless_difference
from kitaru._values._refusal import KitaruValueWarning, RawValue, Unencodable
from kitaru._values._registry import identity, register
from kitaru._values._signature import Bound, Signature

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
