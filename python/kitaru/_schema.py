"""What a wait's ``schema=`` means: a Python type or a JSON Schema, and an answer as that type.

pydantic is imported only for types that need it. Not here: validation against JSON Schema, which the engine
does before an answer is recorded.
"""

from __future__ import annotations

import json
from typing import Any

from kitaru.errors import KitaruAnswerError, KitaruUsageError

_PLAIN: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    list: {"type": "array"},
    dict: {"type": "object"},
    type(None): {"type": "null"},
}


def json_schema(schema: Any) -> dict[str, Any] | None:
    """The JSON Schema of a wait's ``schema``; ``None`` where anything goes.

    Raises :class:`KitaruUsageError` for one that no answer could satisfy, since it is none.
    """
    if schema is None or schema is Any:
        return None
    if isinstance(schema, dict):
        return _judged(schema)
    plain = _PLAIN.get(schema) if isinstance(schema, type) else None
    if plain is not None:
        return plain
    from pydantic import PydanticUserError, TypeAdapter

    try:
        return TypeAdapter(schema).json_schema()
    except PydanticUserError as error:
        problem = str(error).partition("\n")[0]
        raise KitaruUsageError(
            f"schema={schema!r}: it is a type that pydantic knows, or a JSON Schema as a dict ({problem})"
        ) from None


def _judged(schema: dict[str, Any]) -> dict[str, Any]:
    from kitaru import _native

    try:
        problem = _native.schema_problem(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError) as error:
        problem = str(error)
    if problem is not None:
        raise KitaruUsageError(f"schema=: it is no JSON Schema: {problem}")
    return schema


def check_answer(schema: Any, value: Any, name: str) -> Any:
    """An answer as the type that was asked for. Raises :class:`KitaruAnswerError` if it is not one."""
    if schema is None or schema is Any or isinstance(schema, dict):
        return value
    if schema is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(schema, type) and schema in _PLAIN:
        if isinstance(value, schema) and not (schema is int and isinstance(value, bool)):
            return value
        raise KitaruAnswerError(f"the answer to {name!r} is {value!r}, not {schema.__name__}")
    from pydantic import TypeAdapter, ValidationError

    try:
        # As JSON: strict models take a date from a text there.
        return TypeAdapter(schema).validate_json(json.dumps(value))
    except ValidationError as error:
        raise KitaruAnswerError(f"the answer to {name!r} does not fit: {error}") from None
