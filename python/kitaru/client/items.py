"""What a client tells of executions: typed, frozen, with values that are read when they are asked for.

Not here: asking for them (``executions``, ``artifacts``).
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kitaru._native import Engine


@dataclasses.dataclass(frozen=True)
class Usage:
    """What was consumed, failed tries included."""

    input_tokens: int
    output_tokens: int
    cost_usd: float


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of an execution. ``attempts`` is 0 for a wait or a sleep; ``reused``: the last pass was served it."""

    key: str
    name: str
    kind: str
    status: str
    attempts: int
    started_at: datetime.datetime
    ended_at: datetime.datetime | None
    reused: bool
    usage: Usage


@dataclasses.dataclass(frozen=True)
class Wait:
    """An open question. ``schema`` is a JSON Schema, ``metadata`` what was shown with it."""

    execution_id: str
    key: str
    name: str
    question: str
    schema: dict[str, Any] | None
    metadata: Any
    deadline: datetime.datetime | None
    opened_at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Failure:
    """What a flow raised, as it was recorded. :meth:`exception` rebuilds it."""

    type: str
    message: str
    traceback: str
    _text: str = dataclasses.field(repr=False, compare=False)

    def exception(self) -> BaseException:
        """The exception, made again without calling its ``__init__``."""
        from kitaru._values import decode_error

        error: BaseException = decode_error(self._text)
        return error


@dataclasses.dataclass(frozen=True)
class Parent:
    """The execution that called this one, and the call in it."""

    id: str
    key: str


@dataclasses.dataclass(frozen=True)
class LogLine:
    """A line that a call printed or logged. ``call`` is ``None`` for the flow's own body; ``stream`` is
    ``stdout``, ``stderr``, ``log``, ``progress`` or ``usage``."""

    at: datetime.datetime
    call: str | None
    stream: str
    text: str


@dataclasses.dataclass(frozen=True)
class Execution:
    """An execution as it was when it was looked at. Its values are read when they are asked for."""

    id: str
    flow: str
    status: str
    reason: dict[str, Any] | None
    error: Failure | None
    parent: Parent | None
    tags: tuple[str, ...]
    usage: Usage
    wake_at: datetime.datetime | None
    created_at: datetime.datetime
    updated_at: datetime.datetime
    calls: tuple[Call, ...]
    waits: tuple[Wait, ...]
    _engine: Engine = dataclasses.field(repr=False, compare=False)

    @property
    def inputs(self) -> dict[str, Any]:
        """The flow's arguments by name, decoded."""
        from kitaru import _native

        inputs: dict[str, Any] = decoded(_native.manage_value(self._engine, self.id, "inputs"))
        return inputs

    @property
    def result(self) -> Any:
        """What the flow returned, decoded; ``None`` while it has not."""
        from kitaru import _native

        return decoded(_native.manage_value(self._engine, self.id, "result"))


@dataclasses.dataclass(frozen=True)
class Artifact:
    """A value that an execution saved by name. ``bytes`` is the length of its JSON text."""

    execution_id: str
    name: str
    call: str | None
    bytes: int
    at: datetime.datetime
    _engine: Engine = dataclasses.field(repr=False, compare=False)

    @property
    def value(self) -> Any:
        """The value, decoded."""
        from kitaru import _native

        return decoded(_native.manage_artifact(self._engine, self.execution_id, self.name)[1])


def decoded(text: str | None) -> Any:
    """The value of a recorded JSON text; ``None`` where there is none."""
    if text is None:
        return None
    from kitaru._values import decode

    return decode(text)


def time_of(text: str) -> datetime.datetime:
    """A time of the engine's JSON."""
    # fromisoformat of 3.10 knows no "Z".
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def time_or_none(text: str | None) -> datetime.datetime | None:
    """The same where there may be none."""
    return None if text is None else time_of(text)


def execution(engine: Engine, item: dict[str, Any]) -> Execution:
    """An execution of the engine's JSON."""
    error, parent = item["error"], item["parent"]
    return Execution(
        id=item["id"],
        flow=item["flow"],
        status=item["status"],
        reason=item["reason"],
        error=None if error is None else Failure(error["type"], error["message"], error["traceback"], error["value"]),
        parent=None if parent is None else Parent(parent["id"], parent["key"]),
        tags=tuple(item["tags"]),
        usage=Usage(**item["usage"]),
        wake_at=time_or_none(item["wake_at"]),
        created_at=time_of(item["created_at"]),
        updated_at=time_of(item["updated_at"]),
        calls=tuple(_call(one) for one in item["calls"]),
        waits=tuple(_wait(one) for one in item["waits"]),
        _engine=engine,
    )


def _call(item: dict[str, Any]) -> Call:
    return Call(
        key=item["key"],
        name=item["name"],
        kind=item["kind"],
        status=item["status"],
        attempts=item["attempts"],
        started_at=time_of(item["started_at"]),
        ended_at=time_or_none(item["ended_at"]),
        reused=item["reused"],
        usage=Usage(**item["usage"]),
    )


def _wait(item: dict[str, Any]) -> Wait:
    return Wait(
        execution_id=item["execution_id"],
        key=item["key"],
        name=item["name"],
        question=item["question"],
        schema=item["schema"],
        metadata=item["metadata"],
        deadline=time_or_none(item["deadline"]),
        opened_at=time_of(item["opened_at"]),
    )
