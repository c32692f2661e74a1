"""What stands for a value that cannot be written or cannot be read.

Not here: who decides that (``_codec`` and the rooms of the kinds).
"""

from __future__ import annotations

from typing import Any

TAG = "$kitaru"
"""The key that marks a JSON object as more than a plain one: its value names the kind."""

REGISTER = "Register a codec with kitaru.codec"


class Unencodable(TypeError):
    """A value has no codec. ``path`` leads to the part, such as ``checkpoint.return.path[3].name``."""

    def __init__(self, path: str, type_name: str, hint: str = REGISTER) -> None:
        super().__init__(f"{path or 'the value'} is a {type_name}, which has no codec")
        self.path = path
        self.type_name = type_name
        self.hint = hint

    def __reduce__(self) -> Any:
        return type(self), (self.path, self.type_name, self.hint)


class Unbuildable(Unencodable):
    """A value was written as text, and nothing can be built of that text: storing it would not keep it."""

    def __init__(self, path: str, type_name: str, hint: str) -> None:
        super().__init__(path, type_name, hint)
        self.args = (f"{path or 'it'} holds a {type_name}, which cannot be built again from what is stored of it",)


class NotLoaded(Exception):
    """A recorded object cannot be built: its class is missing, or has changed too much."""

    def __init__(self, type_name: str, reason: str) -> None:
        # A record may have anything where a name belongs.
        self.type_name = type_name = str(type_name)
        super().__init__(f"{type_name}: {reason}")
        self.reason = reason


class KitaruValueWarning(UserWarning):
    """A recorded value could not be given back as what it was."""


class RawValue:
    """Stands for a recorded value whose class is missing or does not load.

    ``type_name`` names the class, ``raw`` is its JSON as recorded, ``reason`` says why it was not built. Encoding
    it gives back what was recorded, so nothing is lost on the way.
    """

    __slots__ = ("raw", "reason", "type_name")

    def __init__(self, type_name: str, raw: Any, reason: str) -> None:
        self.type_name = type_name
        self.raw = raw
        self.reason = reason

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RawValue):
            return NotImplemented
        return self.type_name == other.type_name and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.type_name)

    def __repr__(self) -> str:
        return f"<RawValue of {self.type_name}: {self.reason}>"


_said: set[tuple[str, str]] = set()


def keep_raw(type_name: str, text: str, reason: str) -> RawValue:
    """The stand-in for a recorded object, said once for each class."""
    value = keep_quietly(type_name, text, reason)
    if (type_name, reason) not in _said:
        _said.add((type_name, reason))
        import warnings

        warnings.warn(
            f"a recorded {type_name} is handed out as kitaru.RawValue: {reason}", KitaruValueWarning, stacklevel=2
        )
    return value


def refuse_raw(type_name: str, text: str, reason: str) -> RawValue:
    """No stand-in: whoever asks still has the value."""
    raise NotLoaded(type_name, reason)


def keep_quietly(type_name: str, text: str, reason: str) -> RawValue:
    """The same where nobody is to be told."""
    import json

    return RawValue(type_name, json.loads(text), reason)
