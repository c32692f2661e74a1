"""Subclasses of plain types (``class Html(str)``): stored with their class, never as their base.

Not here: subclasses with slots, or of a container whose state is hidden; those have no codec.
"""

from __future__ import annotations

import collections
import functools
from typing import TYPE_CHECKING, Any

from kitaru._values._names import find_class, reference, shown
from kitaru._values._refusal import TAG, Unencodable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def slots_of(cls: type) -> Iterator[str]:
    """The names of slots that Python classes of the hierarchy declare."""
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__"):
                yield f"_{base.__name__.lstrip('_')}{name}" if name.startswith("__") and name[-2:] != "__" else name


def state_of(value: Any, but: frozenset[str] | set[str] = frozenset()) -> dict[str, Any]:
    """What an object holds in its ``__dict__``, except the names in ``but`` and what is computed again on demand."""
    state = getattr(value, "__dict__", None)
    if not state:
        return {}
    cls = type(value)
    return {
        name: held
        for name, held in state.items()
        if name not in but
        and name != "__orig_class__"
        and not isinstance(getattr(cls, name, None), functools.cached_property)
    }


_PARTS: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda v: bytes(memoryview(v)),
    bytearray: lambda v: bytearray(memoryview(v)),
    complex: lambda v: complex.__add__(v, 0j) if v == v else complex(v.real, v.imag),
    list: lambda v: list(list.__iter__(v)),
    tuple: lambda v: tuple(tuple.__iter__(v)),
    dict: lambda v: {key: dict.__getitem__(v, key) for key in dict.__iter__(v)},
    set: lambda v: set(set.__iter__(v)),
    frozenset: lambda v: frozenset(frozenset.__iter__(v)),
}


# The bases whose content is known; a subclass of another one has no codec.
BASES: tuple[type, ...] = (collections.OrderedDict, collections.defaultdict, collections.Counter, bool, *_PARTS)


def reduce_subclass(value: Any, mode: int) -> dict[str, Any]:
    cls = type(value)
    base = next((one for one in cls.__mro__ if one in BASES), None)
    parts = _PARTS.get(base) if base is not None else None
    if base is None or parts is None or next(slots_of(cls), None) is not None:
        raise Unencodable("", shown(cls))
    data = {TAG: "sub", "t": reference(cls, local=mode == 2), "b": base.__name__, "v": parts(value)}
    state = state_of(value)
    if state:
        data["x"] = state
    return data


_BASE_BY_NAME = {base.__name__: base for base in _PARTS}


def build_subclass(data: dict[str, Any]) -> Any:
    base: Any = _BASE_BY_NAME[data["b"]]
    cls = find_class(data["t"], base)
    value = data["v"]
    made: Any
    # The base's own constructors: a subclass may ask for other arguments, and its code ran when this was made.
    if base in (list, set, bytearray):
        made = base.__new__(cls)
        base.__init__(made, value)
    elif base is dict:
        made = dict.__new__(cls)
        for key, item in value.items():
            dict.__setitem__(made, key, item)
    else:
        made = base.__new__(cls, value)
    for name, item in data.get("x", {}).items():
        made.__dict__[name] = item
    return made
