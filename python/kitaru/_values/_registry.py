"""Codecs and identities that users register for their types.

Not here: the kinds that are built in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Codec:
    """A registered pair of functions."""

    __slots__ = ("decode", "encode", "name", "type", "version", "wants_version")

    def __init__(
        self, type_: type, encode: Callable[[Any], Any], decode: Callable[..., Any], name: str, version: int
    ) -> None:
        self.type = type_
        self.encode = encode
        self.decode = decode
        self.name = name
        self.version = version
        self.wants_version = _count(decode) >= 2


codecs: dict[type, Codec] = {}
by_name: dict[str, Codec] = {}
identities: dict[type, Callable[[Any], Any]] = {}
# Called when a registration changes what a class is encoded as.
changed: list[Callable[[], None]] = []


def register(
    type_: type[T],
    *,
    encode: Callable[[T], Any],
    decode: Callable[..., T],
    name: str | None = None,
    version: int = 1,
) -> None:
    """Says how values of exactly ``type_`` (not of its subclasses) are stored.

    ``encode(value)`` returns something that Kitaru can store (plain data, or anything with a codec);
    ``decode(data)`` builds the value again. ``name`` (default: the class's module and name) and ``version`` are
    stored with each value; when the form changes, raise the version and take it as ``decode``'s second
    parameter: ``decode(data, version)``. Registering a type or name again replaces it.

    Raises :class:`KitaruUsageError` if ``type_`` is no class or a plain type such as ``dict``.
    """
    from kitaru._values._names import name_of

    _check(type_)
    if not callable(encode) or not callable(decode):
        raise KitaruUsageError("kitaru.codec(Type, encode=..., decode=...): both must be functions")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise KitaruUsageError(f"kitaru.codec: version={version!r}: it is a whole number from 1")
    made = Codec(type_, encode, decode, name or name_of(type_), version)
    codecs[type_] = by_name[made.name] = made
    _tell()


def identity(type_: type[T], function: Callable[[T], Any]) -> None:
    """Says what of a value of exactly ``type_`` counts when calls are told apart: ``function(value)``.

    Only digests change; the value is stored whole. Raises :class:`KitaruUsageError` as :func:`register` does.
    """
    _check(type_)
    if not callable(function):
        raise KitaruUsageError("kitaru.identity(Type, function): the second must be a function")
    identities[type_] = function
    _tell()


_PLAIN = (bool, int, float, str, list, dict, tuple, set, frozenset, type(None))


def _check(type_: Any) -> None:
    if not isinstance(type_, type):
        raise KitaruUsageError(f"{type_!r} is not a class")
    if type_ in _PLAIN:
        raise KitaruUsageError(f"{type_.__name__} is a plain type: it is stored as it is. Register a class of your own")


def _tell() -> None:
    for one in changed:
        one()


def _count(function: Callable[..., Any]) -> int:
    """How many positional arguments a function must or may take, 1 where that cannot be told or is a class."""
    if isinstance(function, type):
        return 1
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    taken = [one for one in parameters if one.kind in positional]
    needed = [one for one in taken if one.default is inspect.Parameter.empty]
    return len(taken) if len(needed) == 2 or any(one.name == "version" for one in taken) else 1
