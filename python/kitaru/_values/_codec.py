"""Values to tagged JSON text and back.

The native walk writes and reads what is plain. Here is what it asks for everything else: which kind a class is
(decided once a class), and the functions by tag that build. Not here: the kinds themselves.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from kitaru import _native
from kitaru._values import _registry
from kitaru._values._names import name_of, reference, shown
from kitaru._values._refusal import (
    REGISTER,
    TAG,
    NotLoaded,
    RawValue,
    Unbuildable,
    Unencodable,
    keep_quietly,
    keep_raw,
    refuse_raw,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru._native import Text

    Reduce = Callable[[Any, int], "dict[str, Any] | str"]
    Build = Callable[[dict[str, Any]], Any]

STRICT, PICKLE, DIGEST = 0, 1, 2
"""Modes: no pickle; pickle for what has no codec; for a digest only, which nobody decodes."""
MUTABLE = 2
"""Flag of the native walk: something in the value could be changed in place."""


class Json:
    """A part that is JSON text already."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_extra: dict[type, Reduce] = {}
_chosen: weakref.WeakKeyDictionary[type, Reduce] = weakref.WeakKeyDictionary()


def encode(value: Any, where: str = "value", pickle: bool = False) -> str:
    """The JSON text of a value. ``where`` begins the path in :class:`Unencodable`, which it raises.

    ``pickle`` allows pickled bytes for what has no codec.
    """
    text: str = _encoder.encode(value, where, PICKLE if pickle else STRICT)[0]
    return text


def encode_result(value: Any, where: str, pickle: bool) -> tuple[str | Text, Any]:
    """The JSON text to record of a result, and what the flow is given: the value itself if code could change nothing
    of it in place, else what a later process will make of that text.

    Raises :class:`Unbuildable` if that is not possible for a part of it.
    """
    text, given, read = _encoder.result(value, where, PICKLE if pickle else STRICT)
    return text, rebuild(str(text), value, where, allow_pickle=pickle) if read else given


def rebuild(text: str, value: Any, where: str, *, allow_pickle: bool = False) -> Any:
    """What a later process will make of the text that ``value`` was just written as.

    Raises :class:`Unbuildable` if that is not possible for a part of it.
    """
    try:
        return (_strict_pickle_decoder if allow_pickle else _strict_decoder).decode(text)
    except NotLoaded as problem:
        if _holds_raw(value):
            return decode(text, allow_pickle=allow_pickle)
        raise Unbuildable(where, problem.type_name, f"Why: {problem.reason}. {REGISTER}") from None


def _holds_raw(value: Any) -> bool:
    """Whether something in a value stood for what could not be built before."""
    found = False

    def look(part: Any, mode: int) -> Any:
        nonlocal found
        found = found or type(part) is RawValue
        return reduce(part, mode)

    _native.Encoder(look, Unencodable).encode(value, "", PICKLE)
    return found


def decode(text: str, annotation: Any = None, *, allow_pickle: bool = False) -> Any:
    """The value of a recorded JSON text. What cannot be built is a :class:`RawValue`, and a warning is given.

    The text says itself what the value was, so ``annotation`` changes nothing: a dict that was returned where a
    model was declared is a dict again. Pickled parts are built with ``allow_pickle`` only.
    """
    return _read(_pickle_decoder if allow_pickle else _decoder, text)


def decode_quietly(text: str) -> Any:
    """The same as :func:`decode`, without warnings, for a value that is only looked at."""
    return _read(_quiet_decoder, text)


def _read(decoder: _native.Decoder, text: str) -> Any:
    try:
        return decoder.decode(text)
    except ValueError as error:
        from kitaru.errors import KitaruDamagedError

        raise KitaruDamagedError(f"a recorded value cannot be read: {error}") from None


def decode_plain(text: str) -> Any:
    """A JSON text that came from outside: plain data, in which tags mean nothing."""
    import json

    return json.loads(text)


def reduce(value: Any, mode: int) -> dict[str, Any] | str:
    """What the native walk writes for a value that is not plain. See ``Encoder`` for the form."""
    cls = type(value)
    if mode == DIGEST and cls in _registry.identities:
        return {TAG: "identity", "t": name_of(cls), "v": _registry.identities[cls](value)}
    found = _chosen.get(cls)
    if found is None:
        found = _chosen[cls] = _choose(cls)
    try:
        return found(value, mode)
    except Unencodable:
        if mode != PICKLE:
            raise
    except Exception as error:
        # A class's own code runs here (properties, a registered codec) and may raise anything.
        if mode != PICKLE:
            hint = f"Encoding it raised {type(error).__name__}: {error}"
            raise Unencodable("", shown(cls), hint) from error
    return _pickled(value)


def _choose(cls: type) -> Reduce:
    from kitaru._values import _kinds, _records

    if cls in _registry.codecs:
        return _coded
    kind = _extra.get(cls) or _kinds.EXACT.get(cls)
    if kind is not None:
        return kind
    for base in cls.__mro__:
        top = base.__module__.partition(".")[0]
        if top in _ARRAYS:
            from kitaru._values import _arrays

            foreign = _arrays.choose(cls)
            if foreign is not None:
                return foreign
    if issubclass(cls, BaseException):
        from kitaru._values._failures import reduce_error

        return reduce_error
    return _records.choose(cls) or _kinds.choose(cls) or _by_name


_ARRAYS = ("numpy", "pandas", "pyarrow", "PIL")


def _by_name(value: Any, mode: int) -> dict[str, Any] | str:
    """Functions and other things that stand under a name in a module; nothing else has a codec."""
    if isinstance(getattr(value, "__qualname__", None), str) and isinstance(getattr(value, "__module__", None), str):
        return {TAG: "ref", "v": reference(value, local=mode == DIGEST and not callable(value))}
    raise Unencodable("", shown(type(value)), REGISTER)


def _raw(value: RawValue, mode: int) -> str:
    import json

    return json.dumps(value.raw)


def _coded(value: Any, mode: int) -> dict[str, Any]:
    codec = _registry.codecs[type(value)]
    return {TAG: "codec", "t": codec.name, "c": codec.version, "v": codec.encode(value)}


def _build_coded(data: dict[str, Any]) -> Any:
    name = data["t"]
    codec = _registry.by_name.get(name)
    if codec is None:
        # The module that registers it may not have been imported yet.
        from kitaru._values._names import find

        find(name)
        codec = _registry.by_name.get(name)
    shown_name = name.replace(":", ".")
    if codec is None:
        raise NotLoaded(shown_name, f"no codec named {name!r} is registered")
    recorded = data.get("c", 1)
    if recorded > codec.version:
        raise NotLoaded(shown_name, f"its codec's version {recorded} is newer than the registered {codec.version}")
    if codec.wants_version:
        return codec.decode(data["v"], recorded)
    if recorded != codec.version:
        raise NotLoaded(
            shown_name, f"it was stored by version {recorded} of its codec, and decode takes no version parameter"
        )
    return codec.decode(data["v"])


def _pickled(value: Any) -> dict[str, Any]:
    import base64

    try:
        data = _pickler().dumps(value)
    except Exception as error:
        # Anything may be raised by a class's own reduction.
        hint = f"It cannot be pickled either: {type(error).__name__}: {error}"
        raise Unencodable("", shown(type(value)), hint) from None
    return {TAG: "pickle", "t": name_of(type(value)), "v": base64.b64encode(data).decode("ascii")}


def _pickler() -> Any:
    from importlib import import_module

    try:
        return import_module("cloudpickle")
    except ImportError:
        return import_module("pickle")


def _build_pickled(data: dict[str, Any]) -> Any:
    import base64
    import pickle

    return pickle.loads(base64.b64decode(data["v"]))


def _refuse_pickled(data: dict[str, Any]) -> Any:
    raise NotLoaded(data["t"].replace(":", "."), "it is pickled, and pickle=True is not set here")


_BUILD: dict[str, Build] = {"codec": _build_coded, "pickle": _refuse_pickled}


def _builder(table: dict[str, Build]) -> Build:
    def build(data: dict[str, Any]) -> Any:
        kind = data[TAG]
        if not isinstance(kind, str):
            raise NotLoaded("value", f"its kind is a {type(kind).__name__} and no name")
        found = table.get(kind)
        if found is None:
            found = _late(table, kind)
        try:
            return found(data)
        except NotLoaded:
            raise
        except Exception as error:
            # A class's own code runs here and may raise anything; the recorded text is kept in any case.
            name = data.get("t")
            what = name.replace(":", ".") if isinstance(name, str) else str(kind)
            raise NotLoaded(what, f"{type(error).__name__}: {error}") from error

    return build


def _late(table: dict[str, Build], kind: str) -> Build:
    """Kinds whose rooms are only entered when they are needed: their imports cost more than the rest of a start."""
    from kitaru._values import _kinds, _records

    for name, build in {**_kinds.BUILD, **_records.BUILD}.items():
        table.setdefault(name, build)
    if kind in ("errors", "lost", "recorded"):
        # Importing it adds its kinds to the tables.
        from kitaru._values import _failures  # noqa: F401
    if kind.partition(".")[0] in _ARRAYS:
        from kitaru._values import _arrays

        table.update(_arrays.BUILD)
    found = table.get(kind)
    if found is None:
        raise NotLoaded(kind, f"values of the kind {kind!r} are unknown to this version of kitaru")
    return found


def also(cls: type, reducer: Reduce, builders: dict[str, Build]) -> None:
    """Adds a class and the kinds of another room."""
    _extra[cls] = reducer
    for table in (_plain_table, _pickle_table):
        table.update(builders)


_plain_table = dict(_BUILD)
_pickle_table = {**_BUILD, "pickle": _build_pickled}
also(Json, lambda value, mode: str(value.text), {})
also(RawValue, _raw, {})
_registry.changed.append(_chosen.clear)
_encoder = _native.Encoder(reduce, Unencodable)
_decoder = _native.Decoder(_builder(_plain_table), NotLoaded, keep_raw)
_quiet_decoder = _native.Decoder(_builder(_plain_table), NotLoaded, keep_quietly)
_strict_decoder = _native.Decoder(_builder(_plain_table), NotLoaded, refuse_raw)
_strict_pickle_decoder = _native.Decoder(_builder(_pickle_table), NotLoaded, refuse_raw)
_pickle_decoder = _native.Decoder(_builder(_pickle_table), NotLoaded, keep_raw)


def encode_arguments(values: dict[str, Any], mode: int) -> tuple[str, bytes, int]:
    """JSON text, BLAKE3 and flags (1: not all plain, 2: something is mutable) of a dict of arguments."""
    made: tuple[str, bytes, int] = _encoder.arguments(values, mode)
    return made
