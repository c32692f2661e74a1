"""Values that somebody put in place of recorded ones: plain JSON, made into what the code at that place takes.

Inside a value it is the type of that place that counts: the rest of it is as it was recorded. Not here: which calls
they are for (the engine knows), and making one value into a type (``_inputs``).
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from kitaru._inputs import fitted_or_why, hints_of
from kitaru._values import decode_plain
from kitaru.errors import KitaruInputsError, KitaruOverrideError

if TYPE_CHECKING:
    from kitaru._flow import Flow
    from kitaru._spec import Spec
    from kitaru._values import Bound


def given(spec: Spec, text: str, changed: list[str], *, settable: bool) -> Bound:
    """The arguments that a call's body gets after a change at the paths ``changed``.

    Raises :class:`~kitaru.errors.KitaruInputsError` for a value that is not of its annotated type, and
    :class:`~kitaru.errors.KitaruOverrideError` where the body does not have its inputs from its arguments.
    """
    if not settable:
        raise KitaruOverrideError(
            f"{spec.name} is made by kitaru.call or kitaru.open_call: its body has its inputs from the code around it",
            hint="put its output in its place instead",
        )
    args, kwargs = spec.signature.unbind(text)
    bound = spec.signature.bind(args, kwargs)
    arguments = fit_at(bound.arguments, changed, hints_of(spec.function))
    return spec.signature.bind(*spec.signature.spread(arguments))


def flow_inputs(flow: Flow[Any, Any], text: str, plain: list[str]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments of a recorded execution; at the paths ``plain`` somebody put a value in place.

    Raises :class:`~kitaru.errors.KitaruInputsError` for a value that is not of its annotated type.
    """
    signature = flow.signature()
    args, kwargs = signature.unbind(text)
    if not plain:
        return args, kwargs
    return signature.spread(fit_at(signature.bind(args, kwargs).arguments, plain, hints_of(flow._function)))


def supplied(spec: Spec, text: str) -> Any:
    """A result that somebody supplied.

    Raises :class:`~kitaru.errors.KitaruInputsError` for one that is not of the annotated type.
    """
    value, what = fitted_or_why(decode_plain(text), hints_of(spec.function).get("return", Any))
    if what is not None:
        raise KitaruInputsError(f"the output that was put in place of {spec.name}'s own: {what}")
    return value


def fit_at(arguments: dict[str, Any], paths: list[str], hints: dict[str, Any]) -> dict[str, Any]:
    """Arguments in which the plain JSON at these paths is made into what stands there.

    Raises :class:`~kitaru.errors.KitaruInputsError` for a value that is not of the type of its place.
    """
    fitted = dict(arguments)
    # What is put in as a whole comes before a part of it.
    for path in sorted(paths, key=len):
        name, *inside = steps(path)
        if name in fitted:
            fitted[name], what = at_place(fitted[name], hints.get(name, Any), inside)
            if what is not None:
                raise KitaruInputsError(f"input {path}: {what}")
    return fitted


def steps(path: str) -> list[str]:
    """The steps of a path into a value: ``config.models[2].name``."""
    return re.findall(r"[^.\[\]]+", path)


def at_place(value: Any, hint: Any, steps: list[str]) -> tuple[Any, str | None]:
    """A value in which the plain JSON behind some steps is made into what stands there; or why it is none."""
    if not steps:
        return fitted_or_why(value, hint)
    step, *rest = steps
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        place = int(step)
        inner, what = at_place(value[place], _item_hint(hint, type(value), place), rest)
        return (type(value)([*value[:place], inner, *value[place + 1 :]]), None) if what is None else (None, what)
    if isinstance(value, dict):
        if step not in value:
            return value, None
        inner, what = at_place(value[step], _member_hint(hint, step), rest)
        return ({**value, step: inner}, None) if what is None else (None, what)
    if not hasattr(value, step):
        # It came back as something else than it was, which is said where it is used.
        return value, None
    inner, what = at_place(getattr(value, step), hints_of_class(type(value)).get(step, Any), rest)
    return (_with(value, step, inner), None) if what is None else (None, what)


def hints_of_class(cls: type) -> dict[str, Any]:
    """The annotated types of a class's fields, as far as they can be resolved."""
    import typing

    try:
        return typing.get_type_hints(cls)
    except Exception:
        return {}


def _item_hint(hint: Any, kind: type, place: int) -> Any:
    import typing

    for one in _alternatives(hint):
        inside = typing.get_args(one)
        if isinstance(origin := typing.get_origin(one), type) and issubclass(kind, origin) and inside:
            if origin is not tuple or inside[-1] is ...:
                return inside[0]
            return inside[place] if place < len(inside) else Any
    return Any


def _member_hint(hint: Any, name: str) -> Any:
    import typing

    for one in _alternatives(hint):
        if typing.is_typeddict(one):
            return hints_of_class(one).get(name, Any)
        inside = typing.get_args(one)
        if isinstance(origin := typing.get_origin(one), type) and issubclass(dict, origin) and len(inside) == 2:
            return inside[1]
    return Any


def _alternatives(hint: Any) -> tuple[Any, ...]:
    """What a ``Union`` allows, or the one type."""
    import types
    import typing

    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def _with(value: Any, name: str, inner: Any) -> Any:
    """A copy of an object with another field, without running its ``__init__``: the rest is as it was recorded."""
    if hasattr(value, "_replace"):
        return value._replace(**{name: inner})
    if hasattr(value, "model_copy"):
        return value.model_copy(update={name: inner})
    made = copy.copy(value)
    object.__setattr__(made, name, inner)
    return made
