"""Classes with fields: dataclasses, NamedTuples, attrs, msgspec, pydantic.

All are stored by their fields' values, each with its own class, and built without running the class's own code
again (except msgspec's ``__post_init__``, see there): validators ran when the value was made. Not here: anything
imported for its own sake; a library is only touched when a value of its types is met.
"""

from __future__ import annotations

import functools
import sys
import weakref
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kitaru._values import _kinds
from kitaru._values._names import find, find_class, name_of, reference, shown
from kitaru._values._refusal import TAG, KitaruValueWarning, NotLoaded
from kitaru._values._subclasses import state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    Reduce = Callable[[Any, int], "dict[str, Any] | str"]

_MISSING: Any = object()
_PLAIN_BASES = (str, bytes, bytearray, int, float, complex, list, tuple, dict, set, frozenset)


def choose(cls: type) -> Reduce | None:
    """The reducer for a class with fields; ``None``: it is none."""
    found: Reduce | None = _kinds.choose_enum(cls)
    if found is not None:
        return found
    pydantic = sys.modules.get("pydantic.main")
    if pydantic is not None and issubclass(cls, pydantic.BaseModel):
        return _model
    if cls.__module__ in ("pydantic_core._pydantic_core", "pydantic.networks"):
        return _url if "Url" in cls.__name__ or cls.__name__.endswith("Dsn") else None
    if "__struct_fields__" in dir(cls) and cls.__module__ != "msgspec":
        return _struct
    if cls.__module__ == "msgspec" and cls.__name__ == "UnsetType":
        return lambda value, mode: {TAG: "ref", "v": "msgspec:UNSET"}
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _namedtuple
    if issubclass(cls, _PLAIN_BASES):
        return None
    if hasattr(cls, "__attrs_attrs__"):
        return _attrs
    if hasattr(cls, "__dataclass_fields__"):
        return _dataclass
    return None


def _held(value: Any, names: Iterable[str]) -> dict[str, Any]:
    fields = {}
    for name in names:
        held = getattr(value, name, _MISSING)
        if held is not _MISSING:
            fields[name] = held
    return fields


Defaults = dict[str, "Callable[[], Any] | None"]


def _fill(
    cls: type, data: dict[str, Any], names: Collection[str], defaults_of: Callable[[Any], Defaults]
) -> dict[str, Any]:
    """Recorded fields fitted to the class as it is now. A new field takes its default; without one, no value.

    A field that is gone is left out, which is said. Beside a new one it may have been renamed: then no value either,
    for the default would take its place. ``names`` are the fields of today. ``defaults_of`` the class, which is only
    asked where they differ, is ``None`` for a field without a default.
    """
    recorded: dict[str, Any] = data["v"]
    if len(recorded) == len(names) and all(name in recorded for name in names):
        return recorded
    defaults = defaults_of(cls)
    fields = {}
    unset = set(data.get("unset", ()))
    lost = [name for name in recorded if name not in defaults]
    for name, default in defaults.items():
        if name in recorded:
            fields[name] = recorded[name]
        elif name in unset:
            continue
        elif lost:
            raise NotLoaded(
                shown(cls),
                f"it has no field {lost[0]!r} any more and a new one {name!r}, which may be the same under another "
                "name; give it its old name, or make the value again",
            )
        elif default is not None:
            fields[name] = default()
        else:
            raise NotLoaded(shown(cls), f"it has a new field {name!r} without a default")
    if lost:
        _warn_lost(cls, lost)
    return fields


_said: set[tuple[type, str]] = set()


def _warn_lost(cls: type, lost: list[str]) -> None:
    text = ", ".join(lost)
    if (cls, text) not in _said:
        _said.add((cls, text))
        import warnings

        message = f"a recorded {shown(cls)} has fields that the class has no more; they are left out: {text}"
        warnings.warn(message, KitaruValueWarning, stacklevel=2)


def _whole(data: dict[str, Any], value: Any, names: Iterable[str], fields: dict[str, Any]) -> dict[str, Any]:
    """Adds what belongs to the value besides its fields."""
    unset = [name for name in names if name not in fields]
    if unset:
        data["unset"] = unset
    state = state_of(value, set(fields) | set(unset))
    if state:
        data["x"] = state
    return data


def _set(made: Any, fields: dict[str, Any], data: dict[str, Any]) -> Any:
    for name, held in fields.items():
        object.__setattr__(made, name, held)
    for name, held in data.get("x", {}).items():
        object.__setattr__(made, name, held)
    return made


# -- dataclasses ----------------------------------------------------------------------------------------------


_fields: weakref.WeakKeyDictionary[type, tuple[str, ...]] = weakref.WeakKeyDictionary()


def _dataclass_names(cls: type) -> tuple[str, ...]:
    names = _fields.get(cls)
    if names is None:
        import dataclasses

        # They are fixed when the class is made.
        names = _fields[cls] = tuple(field.name for field in dataclasses.fields(cls))
    return names


def _dataclass(value: Any, mode: int) -> dict[str, Any]:
    names = _dataclass_names(type(value))
    fields = _held(value, names)
    data: dict[str, Any] = {TAG: "dataclass", "t": reference(type(value), local=mode == 2), "v": fields}
    return _whole(data, value, names, fields)


def _build_dataclass(data: dict[str, Any]) -> Any:
    cls = find_class(data["t"])
    if not hasattr(cls, "__dataclass_fields__"):
        raise NotLoaded(shown(cls), "it is no longer a dataclass")
    return _set(object.__new__(cls), _fill(cls, data, _dataclass_names(cls), _dataclass_defaults), data)


def _dataclass_defaults(cls: Any) -> Defaults:
    import dataclasses

    defaults: Defaults = {}
    for field in dataclasses.fields(cls):
        if field.default_factory is not dataclasses.MISSING:
            defaults[field.name] = field.default_factory
        elif field.default is not dataclasses.MISSING:
            defaults[field.name] = functools.partial(_same, field.default)
        else:
            defaults[field.name] = None
    return defaults


def _same(value: Any) -> Any:
    return value


# -- NamedTuples ----------------------------------------------------------------------------------------------


def _namedtuple(value: Any, mode: int) -> dict[str, Any]:
    cls = type(value)
    fields = dict(zip(cls._fields, tuple(value), strict=True))
    data: dict[str, Any] = {TAG: "namedtuple", "t": reference(cls, local=mode == 2), "v": fields}
    state = state_of(value)
    if state:
        data["x"] = state
    return data


def _build_namedtuple(data: dict[str, Any]) -> Any:
    cls: Any = find_class(data["t"], tuple)
    names = getattr(cls, "_fields", None)
    if names is None:
        raise NotLoaded(shown(cls), "it is no longer a NamedTuple")
    fields = _fill(cls, data, names, _namedtuple_defaults)
    made = tuple.__new__(cls, [fields[name] for name in names])
    for name, held in data.get("x", {}).items():
        made.__dict__[name] = held
    return made


def _namedtuple_defaults(cls: Any) -> Defaults:
    given = getattr(cls, "_field_defaults", {})
    return {name: functools.partial(_same, given[name]) if name in given else None for name in cls._fields}


# -- attrs ----------------------------------------------------------------------------------------------------


def _attrs(value: Any, mode: int) -> dict[str, Any]:
    cls = type(value)
    names = [field.name for field in cls.__attrs_attrs__]
    fields = _held(value, names)
    data: dict[str, Any] = {TAG: "attrs", "t": reference(cls, local=mode == 2), "v": fields}
    return _whole(data, value, [*names, "_attrs_cached_hash"], {**fields, "_attrs_cached_hash": None})


def _build_attrs(data: dict[str, Any]) -> Any:
    cls = find_class(data["t"])
    known: Any = getattr(cls, "__attrs_attrs__", None)
    if known is None:
        raise NotLoaded(shown(cls), "it is no longer an attrs class")
    fields = _fill(cls, data, [field.name for field in known], _attrs_defaults)
    return _set(object.__new__(cls), fields, data)


def _attrs_defaults(cls: Any) -> Defaults:
    attrs = import_module("attrs")
    defaults: Defaults = {}
    for field in cls.__attrs_attrs__:
        if field.default is attrs.NOTHING:
            defaults[field.name] = None
        elif isinstance(field.default, attrs.Factory):
            # A factory that takes the instance cannot run before there is one.
            defaults[field.name] = None if field.default.takes_self else field.default.factory
        else:
            defaults[field.name] = functools.partial(_same, field.default)
    return defaults


# -- msgspec --------------------------------------------------------------------------------------------------


def _struct(value: Any, mode: int) -> dict[str, Any]:
    cls = type(value)
    fields = _held(value, cls.__struct_fields__)
    data: dict[str, Any] = {TAG: "msgspec", "t": reference(cls, local=mode == 2), "v": fields}
    return _whole(data, value, cls.__struct_fields__, fields)


def _build_struct(data: dict[str, Any]) -> Any:
    msgspec = import_module("msgspec")

    cls: Any = find_class(data["t"], msgspec.Struct)
    fields = _fill(cls, data, cls.__struct_fields__, _struct_defaults)
    # A struct is only made by its constructor, which runs `__post_init__` again: the fields are set after it.
    made = cls(**fields)
    for name, held in fields.items():
        msgspec.structs.force_setattr(made, name, held)
    for name, held in data.get("x", {}).items():
        msgspec.structs.force_setattr(made, name, held)
    return made


def _struct_defaults(cls: Any) -> Defaults:
    msgspec = import_module("msgspec")
    defaults: Defaults = {}
    for field in msgspec.structs.fields(cls):
        if field.default is not msgspec.NODEFAULT:
            defaults[field.name] = functools.partial(_same, field.default)
        elif field.default_factory is not msgspec.NODEFAULT:
            defaults[field.name] = field.default_factory
        else:
            defaults[field.name] = None
    return {name: defaults[name] for name in cls.__struct_fields__}


# -- pydantic -------------------------------------------------------------------------------------------------


def _model(value: Any, mode: int) -> dict[str, Any]:
    cls = type(value)
    known = _model_fields(cls)
    held = value.__dict__
    fields = {name: held[name] for name in known if name in held}
    data: dict[str, Any] = {TAG: "pydantic", "t": _model_name(cls, mode=mode), "v": fields}
    generic = cls.__pydantic_generic_metadata__
    if generic["origin"] is not None:
        data["g"] = list(generic["args"])
    unset = [name for name in known if name not in value.__pydantic_fields_set__]
    if unset:
        # Which fields were given decides what `exclude_unset` leaves out.
        data["default"] = unset
    extra = value.__pydantic_extra__
    if extra:
        data["extra"] = dict(extra)
    private = value.__pydantic_private__
    if private:
        data["private"] = {name: one for name, one in private.items() if type(one).__name__ != "PydanticUndefinedType"}
    return data


def _model_fields(cls: Any) -> dict[str, Any]:
    # The first came with pydantic 2.10, which warns of the second on instances.
    fields: dict[str, Any] = getattr(cls, "__pydantic_fields__", None) or cls.model_fields
    return fields


def _model_name(cls: Any, mode: int) -> str:
    origin = cls.__pydantic_generic_metadata__["origin"]
    return reference(cls if origin is None else origin, local=mode == 2)


def _build_model(data: dict[str, Any]) -> Any:
    from pydantic import BaseModel

    cls: Any = find_class(data["t"], BaseModel)
    if "g" in data:
        cls = cls[tuple(data["g"])]
    fields = _fill(cls, data, _model_fields(cls), _model_defaults)
    made = cls.__new__(cls)
    object.__setattr__(made, "__dict__", dict(fields))
    unset = set(data.get("default", ()))
    given = {name for name in data["v"] if name not in unset and name in fields}
    allows = cls.model_config.get("extra") == "allow"
    extra = data.get("extra")
    if extra and not allows:
        _warn_lost(cls, list(extra))
    object.__setattr__(made, "__pydantic_extra__", dict(extra or {}) if allows else None)
    # A name in extra counts as given, as it does when pydantic makes the model.
    object.__setattr__(made, "__pydantic_fields_set__", given | set(extra or {}) if allows else given)
    private = data.get("private")
    if cls.__private_attributes__:
        own: dict[str, Any] = {}
        for name, attribute in cls.__private_attributes__.items():
            if private is not None and name in private:
                own[name] = private[name]
            elif private is None:
                default = attribute.get_default()
                if type(default).__name__ != "PydanticUndefinedType":
                    own[name] = default
        object.__setattr__(made, "__pydantic_private__", own)
    else:
        object.__setattr__(made, "__pydantic_private__", None)
    return made


def _model_defaults(cls: Any) -> Defaults:
    return {
        name: None if field.is_required() else functools.partial(_model_default, cls, field)
        for name, field in _model_fields(cls).items()
    }


def _model_default(cls: type, field: Any) -> Any:
    if field.default_factory is not None and getattr(field, "default_factory_takes_validated_data", False):
        raise NotLoaded(shown(cls), "a new field's default needs the other fields")
    return field.get_default(call_default_factory=True)


def _url(value: Any, mode: int) -> dict[str, Any]:
    return {TAG: "url", "t": name_of(type(value)), "v": str(value)}


def _build_url(data: dict[str, Any]) -> Any:
    if data["t"].partition(":")[0] not in ("pydantic_core._pydantic_core", "pydantic.networks"):
        raise NotLoaded(data["t"].replace(":", "."), "it is no URL of pydantic")
    return find(data["t"])(data["v"])


BUILD: dict[str, Callable[[dict[str, Any]], Any]] = {
    "dataclass": _build_dataclass,
    "namedtuple": _build_namedtuple,
    "attrs": _build_attrs,
    "msgspec": _build_struct,
    "pydantic": _build_model,
    "url": _build_url,
}
