"""The kinds of the standard library: how each is reduced to plain parts, and built from them.

Containers and plain types are native. Not here: subclasses of plain types (``_subclasses``), classes with fields
(``_records``), arrays (``_arrays``).
"""

from __future__ import annotations

import binascii
import collections
import datetime
import enum
import functools
import operator
import re
import sys
import types
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, Union

from kitaru._values._names import find, find_class, reference, shown
from kitaru._values._refusal import TAG, NotLoaded, Unencodable
from kitaru._values._subclasses import BASES, build_subclass, reduce_subclass, state_of

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

_DIGITS = 4000
"""Integers with more digits are written in base 16: CPython refuses to convert longer ones to decimal and back."""


def _int(value: int, mode: int) -> dict[str, Any]:
    short = value.bit_length() < _DIGITS * 3
    return {TAG: "int", "v": str(value) if short else hex(value)}


def _build_int(data: dict[str, Any]) -> int:
    return int(data["v"], 16 if "x" in data["v"] else 10)


def _float(value: float, mode: int) -> dict[str, Any]:
    return {TAG: "float", "v": repr(value)}


def _str(value: str, mode: int) -> dict[str, Any]:
    # Only texts with lone surrogates come here: JSON in UTF-8 cannot hold those.
    escaped = value.replace("\\", "\\\\").encode("utf-8", "backslashreplace")
    return {TAG: "str", "v": escaped.decode("utf-8")}


_ESCAPE = re.compile(r"\\(\\|u[0-9a-f]{4})")


def _build_str(data: dict[str, Any]) -> str:
    return _ESCAPE.sub(lambda m: "\\" if m[1] == "\\" else chr(int(m[1][1:], 16)), data["v"])


def _bytes(value: bytes, mode: int) -> dict[str, Any]:
    return {TAG: "bytes", "v": binascii.b2a_base64(value, newline=False).decode("ascii")}


def _bytearray(value: bytearray, mode: int) -> dict[str, Any]:
    return {TAG: "bytearray", "v": binascii.b2a_base64(value, newline=False).decode("ascii")}


def _complex(value: complex, mode: int) -> dict[str, Any]:
    return {TAG: "complex", "v": [value.real, value.imag]}


def _datetime(value: datetime.datetime, mode: int) -> dict[str, Any]:
    data: dict[str, Any] = {TAG: "datetime", "v": value.isoformat()}
    return _with_zone(data, value)


def _time(value: datetime.time, mode: int) -> dict[str, Any]:
    data: dict[str, Any] = {TAG: "time", "v": value.isoformat()}
    return _with_zone(data, value)


def _with_zone(data: dict[str, Any], value: datetime.datetime | datetime.time) -> dict[str, Any]:
    # An offset that the text shows says it all, for zones that are nothing but an offset.
    if value.tzinfo is not None and not _is_offset(value.tzinfo):
        data["z"] = value.tzinfo
    if value.fold:
        data["f"] = 1
    return data


def _is_offset(zone: datetime.tzinfo) -> bool:
    if type(zone) is not datetime.timezone:
        return False
    arguments = zone.__getinitargs__()  # type: ignore[attr-defined]
    # CPython does not read fractions of a second back from a text as it wrote them.
    return len(arguments) == 1 and arguments[0] % datetime.timedelta(minutes=1) == datetime.timedelta(0)


def _build_datetime(data: dict[str, Any]) -> datetime.datetime:
    value = datetime.datetime.fromisoformat(data["v"])
    return value.replace(tzinfo=data.get("z", value.tzinfo), fold=data.get("f", 0))


def _build_time(data: dict[str, Any]) -> datetime.time:
    value = datetime.time.fromisoformat(data["v"])
    return value.replace(tzinfo=data.get("z", value.tzinfo), fold=data.get("f", 0))


def _date(value: datetime.date, mode: int) -> dict[str, Any]:
    return {TAG: "date", "v": value.isoformat()}


def _timedelta(value: datetime.timedelta, mode: int) -> dict[str, Any]:
    return {TAG: "timedelta", "v": [value.days, value.seconds, value.microseconds]}


def _timezone(value: datetime.timezone, mode: int) -> dict[str, Any]:
    return {TAG: "timezone", "v": list(value.__getinitargs__())}  # type: ignore[attr-defined]


def _build_timezone(data: dict[str, Any]) -> datetime.timezone:
    made = datetime.timezone(*data["v"])
    return datetime.timezone.utc if made == datetime.timezone.utc and len(data["v"]) == 1 else made


def _zone(value: Any, mode: int) -> dict[str, Any]:
    if value.key is None:
        raise Unencodable("", shown(type(value)), "Give the zone its key: zoneinfo.ZoneInfo('Europe/Berlin')")
    return {TAG: "zone", "v": value.key}


def _build_zone(data: dict[str, Any]) -> Any:
    import zoneinfo

    return zoneinfo.ZoneInfo(data["v"])


def _text(kind: str) -> Callable[[Any, int], dict[str, Any]]:
    return lambda value, mode: {TAG: kind, "v": str(value)}


def _enum(value: enum.Enum, mode: int) -> dict[str, Any]:
    cls = type(value)
    name = reference(cls, local=mode == 2)
    if isinstance(value, enum.Flag):
        # Flags can be combined, and a combination has no name. Its parts have, and `auto()` numbers them anew when one
        # is put in between.
        parts = [one for one in cls if one.value & value.value == one.value and one.value.bit_count() == 1]
        data: dict[str, Any] = {TAG: "enum", "t": name, "v": value.value, "flag": True}
        if sum(one.value for one in parts) == value.value:
            data["parts"] = [one.name for one in parts]
        return data
    return {TAG: "enum", "t": name, "v": value.name}


def _build_enum(data: dict[str, Any]) -> Any:
    cls: Any = find_class(data["t"], enum.Enum)
    try:
        if "parts" in data:
            return functools.reduce(operator.or_, (cls[part] for part in data["parts"]), cls(0))
        return cls(data["v"]) if data.get("flag") else cls[data["v"]]
    except KeyError as missing:
        raise NotLoaded(data["t"].replace(":", "."), f"it no longer has a member {missing.args[0]}") from None


def _path(value: pathlib.PurePath, mode: int) -> dict[str, Any]:
    cls = type(value)
    own = [base for base in cls.__mro__ if base.__module__.partition(".")[0] not in ("pathlib", "builtins")]
    if own and (state_of(value) or any(base.__dict__.get("__slots__") for base in own)):
        raise Unencodable("", f"{shown(cls)} with attributes of its own")
    name, text = reference(cls, local=mode == 2) if own else cls.__name__, str(value)
    if not own and cls(text) != value:
        # Some texts of Windows that name no path are read as one thing, written as another: `//a/` in Python 3.11.
        raise Unencodable("", f"{shown(cls)} that is not what its text says ({text!r})", "Give its text instead")
    return {TAG: "path", "t": name, "v": text}


_CONCRETE = ("PosixPath", "WindowsPath", "Path")


def _build_path(data: dict[str, Any]) -> pathlib.PurePath:
    import pathlib

    name = data["t"]
    if name in _CONCRETE:
        # Recorded on another system, a path is one of this system.
        return pathlib.Path(data["v"])
    cls = getattr(pathlib, name) if ":" not in name else find_class(name, pathlib.PurePath)
    made: pathlib.PurePath = cls(data["v"])
    return made


def _range(value: range, mode: int) -> dict[str, Any]:
    return {TAG: "range", "v": [value.start, value.stop, value.step]}


def _slice(value: slice, mode: int) -> dict[str, Any]:
    return {TAG: "slice", "v": [value.start, value.stop, value.step]}


def _pattern(value: re.Pattern[Any], mode: int) -> dict[str, Any]:
    return {TAG: "pattern", "v": [value.pattern, value.flags]}


def _deque(value: collections.deque[Any], mode: int) -> dict[str, Any]:
    return {TAG: "deque", "v": list(value), "max": value.maxlen}


def _ordered(value: Any, mode: int) -> dict[str, Any]:
    return {TAG: "ordereddict", "v": [list(pair) for pair in value.items()]}


def _defaultdict(value: Any, mode: int) -> dict[str, Any]:
    return {TAG: "defaultdict", "v": dict(value), "f": value.default_factory}


def _build_defaultdict(data: dict[str, Any]) -> Any:
    return collections.defaultdict(data["f"], data["v"])


def _counter(value: Any, mode: int) -> dict[str, Any]:
    return {TAG: "counter", "v": dict(value)}


def _build_counter(data: dict[str, Any]) -> Any:
    made: collections.Counter[Any] = collections.Counter()
    # Not the constructor, which would add to counts.
    dict.update(made, data["v"])
    return made


def _proxy(value: Any, mode: int) -> dict[str, Any]:
    return {TAG: "mappingproxy", "v": dict(value)}


def _partial(value: Any, mode: int) -> dict[str, Any]:
    if value.__dict__:
        raise Unencodable("", "functools.partial with attributes of its own")
    return {TAG: "partial", "v": [value.func, list(value.args), value.keywords]}


def _build_partial(data: dict[str, Any]) -> Any:
    function, args, keywords = data["v"]
    return functools.partial(function, *args, **keywords)


_CONSTANTS = {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}


def _constant(value: Any, mode: int) -> dict[str, Any]:
    return {TAG: "const", "v": repr(value)}


# -- types as values, such as list[int] and int | None --------------------------------------------------------


def _alias(value: Any, mode: int) -> dict[str, Any]:
    import typing

    origin: Any = typing.get_origin(value)
    args = typing.get_args(value)
    if origin in (Union, types.UnionType):
        return {TAG: "union", "v": list(args)}
    if origin is typing.Literal:
        return {TAG: "literal", "v": list(args)}
    if not isinstance(origin, type) or _with_arguments(origin, args) is None:
        raise Unencodable("", f"type {value!r}")
    return {TAG: "alias", "v": [origin, *args]}


def _with_arguments(origin: Any, args: tuple[Any, ...]) -> Any:
    """``origin[args]``, if that says the same again."""
    import typing

    made = origin[args] if args else None
    return made if typing.get_args(made) == args else None


def _build_alias(data: dict[str, Any]) -> Any:
    origin: Any
    origin, *args = data["v"]
    return origin[tuple(args)] if len(args) != 1 else origin[args[0]]


def _build_literal(data: dict[str, Any]) -> Any:
    import typing

    return typing.Literal[tuple(data["v"])]


def _build_union(data: dict[str, Any]) -> Any:
    return functools.reduce(operator.or_, data["v"])


_ADDRESSES = (
    "IPv4Address",
    "IPv6Address",
    "IPv4Network",
    "IPv6Network",
    "IPv4Interface",
    "IPv6Interface",
)


def _address(value: Any, mode: int) -> dict[str, Any]:
    return {TAG: "ip", "t": type(value).__name__, "v": str(value)}


def _build_address(data: dict[str, Any]) -> Any:
    import ipaddress

    if data["t"] not in _ADDRESSES:
        raise NotLoaded(data["t"], "no such kind of address")
    return getattr(ipaddress, data["t"])(data["v"])


def _ref(value: Any, mode: int) -> dict[str, Any]:
    # Classes that a function made count by their names in digests, as their instances do.
    return {TAG: "ref", "v": reference(value, local=mode == 2)}


# Looked for by name, since most programs never import their modules.
_TEXTS = {
    ("uuid", "UUID"): _text("uuid"),
    ("decimal", "Decimal"): _text("decimal"),
    ("fractions", "Fraction"): _text("fraction"),
}


def choose(cls: type) -> Callable[[Any, int], dict[str, Any]] | None:
    """The reducer for a class that is not one of :data:`EXACT`; ``None``: not one of these kinds."""
    if issubclass(cls, type):
        return _ref
    top = cls.__module__.partition(".")[0]
    text = _TEXTS.get((top, cls.__name__))
    if text is not None and getattr(sys.modules[top], cls.__name__, None) is cls:
        return text
    paths = sys.modules.get("pathlib")
    if paths is not None and issubclass(cls, paths.PurePath):
        return _path
    if top == "zoneinfo" and cls.__name__ == "ZoneInfo":
        return _zone
    if top == "ipaddress" and cls.__name__ in _ADDRESSES:
        return _address
    if top == "typing" or cls is types.GenericAlias or cls is types.UnionType:
        return _alias
    if issubclass(cls, BASES):
        return reduce_subclass
    return None


def _build_fraction(data: dict[str, Any]) -> Any:
    # Of a text with an exponent a fraction would be made of as many digits as that says.
    numerator, _, denominator = data["v"].partition("/")
    return import_module("fractions").Fraction(int(numerator), int(denominator or 1))


_T = TypeVar("_T")


def _made(function: Callable[[Any], _T]) -> Callable[[dict[str, Any]], _T]:
    return lambda data: function(data["v"])


def _spread(function: Callable[..., _T]) -> Callable[[dict[str, Any]], _T]:
    return lambda data: function(*data["v"])


EXACT: dict[type, Callable[[Any, int], dict[str, Any]]] = {
    int: _int,
    float: _float,
    str: _str,
    bytes: _bytes,
    bytearray: _bytearray,
    complex: _complex,
    datetime.datetime: _datetime,
    datetime.date: _date,
    datetime.time: _time,
    datetime.timedelta: _timedelta,
    datetime.timezone: _timezone,
    range: _range,
    slice: _slice,
    re.Pattern: _pattern,
    collections.deque: _deque,
    collections.OrderedDict: _ordered,
    collections.defaultdict: _defaultdict,
    collections.Counter: _counter,
    types.MappingProxyType: _proxy,
    functools.partial: _partial,
    type(Ellipsis): _constant,
    type(NotImplemented): _constant,
}

BUILD: dict[str, Callable[[dict[str, Any]], Any]] = {
    "int": _build_int,
    "float": _made(float),
    "str": _build_str,
    "bytes": _made(binascii.a2b_base64),
    "bytearray": lambda data: bytearray(binascii.a2b_base64(data["v"])),
    "complex": _spread(complex),
    "datetime": _build_datetime,
    "date": _made(datetime.date.fromisoformat),
    "time": _build_time,
    "timedelta": _spread(datetime.timedelta),
    "timezone": _build_timezone,
    "zone": _build_zone,
    "uuid": lambda data: import_module("uuid").UUID(data["v"]),
    "decimal": lambda data: import_module("decimal").Decimal(data["v"]),
    "fraction": _build_fraction,
    "enum": _build_enum,
    "path": _build_path,
    "range": _spread(range),
    "slice": _spread(slice),
    "pattern": _spread(re.compile),
    "set": _made(set),
    "frozenset": _made(frozenset),
    "tuple": _made(tuple),
    "dict": _made(dict),
    "deque": lambda data: collections.deque(data["v"], data.get("max")),
    "ordereddict": _made(collections.OrderedDict),
    "defaultdict": _build_defaultdict,
    "counter": _build_counter,
    "mappingproxy": _made(types.MappingProxyType),
    "partial": _build_partial,
    "const": lambda data: _CONSTANTS[data["v"]],
    "alias": _build_alias,
    "union": _build_union,
    "literal": _build_literal,
    "sub": build_subclass,
    "ip": _build_address,
    "ref": _made(find),
}


def choose_enum(cls: type) -> Callable[[Any, int], dict[str, Any]] | None:
    """Enums come before everything that they may be besides."""
    return _enum if issubclass(cls, enum.Enum) else None
