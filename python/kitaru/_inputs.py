"""A flow's inputs from outside (the command line): JSON as the types that its signature asks for.

Not here: inputs that Python code gives, which are what they are.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from kitaru.errors import KitaruInputsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru._flow import Flow

_PLAIN = (str, int, bool, list, dict, type(None))


def arguments(flow: Flow[Any, Any], inputs: dict[str, Any]) -> tuple[Any, Any]:
    """Positional and keyword arguments for the flow.

    Raises :class:`KitaruInputsError` for names that it does not have, and for values that are not of their
    annotated types: a wrong value is never passed on in the hope that it does.
    """
    signature = flow.signature()
    hints = hints_of(flow._function)
    fitted = {name: fit(name, value, hints[name]) if name in hints else value for name, value in inputs.items()}
    try:
        args, kwargs = signature.unbind(json.dumps(inputs), plain=True)
        names = _positional_only(flow, inputs)
        args = (*(fitted[name] for name in names), *args[len(names) :])
        kwargs = {name: fitted.get(name, value) for name, value in kwargs.items()}
        signature.bind(args, kwargs)
    except (TypeError, KeyError) as error:
        import inspect

        raise KitaruInputsError(
            f"flow {flow.name}: {error}",
            hint=f"it is defined as {flow.name}{inspect.signature(flow._function)}",
        ) from None
    return args, kwargs


def _positional_only(flow: Flow[Any, Any], inputs: dict[str, Any]) -> list[str]:
    """Names of the inputs that go in front of all others, in their order."""
    import inspect

    parameters = inspect.signature(flow._function).parameters.values()
    return [one.name for one in parameters if one.kind is one.POSITIONAL_ONLY and one.name in inputs]


def hints_of(function: Callable[..., Any] | None) -> dict[str, Any]:
    """The annotated types of a function's parameters, and of its ``return``."""
    import inspect
    import typing

    if function is None:
        return {}
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    try:
        hints = typing.get_type_hints(function)
    except Exception:
        # An annotation that names nothing at run time (`if TYPE_CHECKING`) says nothing here either.
        return {}
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(function).parameters
    named = {name for name, one in parameters.items() if one.kind not in variadic}
    return {name: hint for name, hint in hints.items() if name in named or name == "return"}


def fit(name: str, value: Any, hint: Any) -> Any:
    """A value of plain JSON as the type ``hint`` asks for. Raises :class:`KitaruInputsError` if it is none."""
    fitted, what = fitted_or_why(value, hint)
    if what is None:
        return fitted
    way_out = f"for a text that looks like JSON: --input {name}='{json.dumps(str(value))}'" if hint is str else None
    raise KitaruInputsError(f"input {name}={json.dumps(value, default=repr)}: {what}", hint=way_out) from None


def fitted_or_why(value: Any, hint: Any) -> tuple[Any, str | None]:
    """A value of plain JSON as the type ``hint`` asks for, or why it is none."""
    if hint is Any or (hint in _PLAIN and type(value) is hint):
        return value, None
    if hint is float and type(value) in (int, float):
        return float(value), None
    from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError

    try:
        adapter = TypeAdapter(hint)
    except PydanticSchemaGenerationError:
        return value, None
    try:
        return adapter.validate_python(value), None
    except ValidationError as error:
        return None, "; ".join(str(one["msg"]) for one in error.errors()[:3])
