"""Creating a replay from Python: what is asked is planned, checked against the code as it is now, and written.

Not here: the plan (core), looking at code (``_inspect``), carrying a replay on (``_runner``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kitaru._flow import Flow
    from kitaru._given import Given
    from kitaru._native import Engine
    from kitaru._run import Run


def asked(
    from_: str | int | None,
    reuse: str | None,
    keep: str | None,
    set: Mapping[str, Any] | None,
    ask_again: str | Iterable[str],
    tags: Iterable[str],
) -> str:
    """What is asked of a replay, as the engine takes it. ``from_`` may be a step's number."""
    return json.dumps(
        {
            "from": f"step {from_}" if isinstance(from_, int) else from_,
            "reuse": reuse,
            "keep": keep,
            "set": [[path, _plain(value)] for path, value in (set or {}).items()],
            "ask_again": [ask_again] if isinstance(ask_again, str) else [*ask_again],
            "tags": [*tags],
        }
    )


def _plain(value: Any) -> Any:
    """A value that is put in place, as plain JSON: what the code makes of that is decided where it is used."""
    try:
        json.dumps(value)
    except TypeError:
        from pydantic import PydanticSchemaGenerationError
        from pydantic_core import PydanticSerializationError, to_json

        from kitaru.errors import KitaruOverrideError

        try:
            return json.loads(to_json(value))
        except (PydanticSchemaGenerationError, PydanticSerializationError) as error:
            raise KitaruOverrideError(f"a value to put in place is no JSON value: {error}") from None
    return value


def planned(engine: Engine, exec_id: str, wanted: str, look: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    """What is found in the code as it is now, for a replay that may be made: as the engine takes it.

    ``look`` inspects: it is given ``id``, ``entry``, ``checks`` and what is on record. What is asked is refused before
    any code is loaded for it.
    """
    from kitaru import _native

    told = json.loads(_native.manage_plan(engine, exec_id, wanted))
    del told["plan"]
    return json.dumps(look(told))


def begin(flow: Flow[Any, Any], exec_id: str, wanted: str, on_drift: str | None) -> tuple[Run, Given]:
    """Creates a replay of an execution of ``flow`` and takes it up here."""
    from kitaru import _config, _entry, _inspect, _native
    from kitaru._runner import take
    from kitaru.errors import KitaruFlowNotFoundError, KitaruUsageError

    if on_drift not in (None, "ask", "reuse", "rerun", "fail"):
        raise KitaruUsageError(f"on_drift={on_drift!r}: it is 'ask', 'reuse', 'rerun' or 'fail'")
    engine = _config.engine()

    def look(told: dict[str, Any]) -> dict[str, Any]:
        if told["flow"] != flow.name:
            raise KitaruFlowNotFoundError(
                f"execution {told['id']} is one of the flow {told['flow']}, not of {flow.name}"
            )
        return _inspect.look(flow, told)

    found = planned(engine, exec_id, wanted, look)
    created = json.loads(_native.manage_replay(engine, exec_id, wanted, found))
    if created["entry"]["module"] is None:
        _entry.here.add(created["id"])
    run, given = take(flow, created["id"], "replay")
    run.on_drift = on_drift or run.on_drift
    run.says_not_taken = True
    return run, given
