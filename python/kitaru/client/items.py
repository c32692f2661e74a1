"""What a client tells of executions: typed, frozen, with values that are read when they are asked for.

Not here: asking for them (``executions``, ``artifacts``).
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import TYPE_CHECKING, Any

from kitaru.client.recording import seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from kitaru._native import Engine

    Place: TypeAlias = tuple[str | None, str | None]
    """Store and home of a client that has its own."""


@dataclasses.dataclass(frozen=True)
class Usage:
    """What was consumed, failed tries included."""

    input_tokens: int
    output_tokens: int
    cost_usd: float


@dataclasses.dataclass(frozen=True)
class ByHand:
    """A value that somebody put in: ``what`` is ``output``, or ``inputs.`` and a path; ``value`` is plain JSON."""

    what: str
    value: Any
    by: str
    at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Pending:
    """The call that an execution is paused at. ``inputs`` are plain JSON, ``None`` if they have no codec; ``next`` is
    the command to go on."""

    key: str
    name: str
    inputs: dict[str, Any] | None
    next: str
    by_hand: tuple[ByHand, ...]


@dataclasses.dataclass(frozen=True)
class Breakpoint:
    """A place to pause before. ``file`` is ``None`` where it is for every flow of that name, ``every`` says that it
    stays, ``when`` is its condition, ``hits`` is how often it was met."""

    id: int
    flow: str
    file: str | None
    before: str
    every: bool
    when: str | None
    hits: int
    by: str
    at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Limit:
    """How many calls of that ``name`` run at once, and how fast they begin. Without ``at_once`` and ``rate`` nobody has
    set it: calls name it, and it holds nothing back.

    ``running``, ``waiting``: calls that have their turn, and that wait for it. ``given``: how many turns it has given.
    ``closed_until``: nobody begins before.
    """

    name: str
    at_once: int | None
    rate: str | None
    burst: int | None
    running: int
    waiting: int
    given: int
    closed_until: datetime.datetime | None
    closed_by: str | None
    closed_why: str | None
    set_by: str | None
    set_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of an execution. ``attempts`` is 0 for a wait, a sleep and an output that was put in by hand;
    ``reused``: the last pass was served it."""

    key: str
    name: str
    kind: str
    status: str
    attempts: int
    started_at: datetime.datetime
    ended_at: datetime.datetime | None
    reused: bool
    usage: Usage
    by_hand: tuple[ByHand, ...]


@dataclasses.dataclass(frozen=True)
class Wait:
    """An open question. ``schema`` is a JSON Schema, ``metadata`` what was shown with it.

    ``overdue``: its ``deadline`` has passed. With ``on_timeout="escalate"`` it can be answered all the same.
    """

    execution_id: str
    key: str
    name: str
    question: str
    schema: dict[str, Any] | None
    metadata: Any
    deadline: datetime.datetime | None
    on_timeout: str | None
    overdue: bool
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
    forked_from: str | None
    tags: tuple[str, ...]
    key: str | None
    detached: bool
    deployment: str | None
    usage: Usage
    wake_at: datetime.datetime | None
    created_at: datetime.datetime
    updated_at: datetime.datetime
    calls: tuple[Call, ...]
    waits: tuple[Wait, ...]
    pending: Pending | None
    _place: Place | None = dataclasses.field(repr=False, compare=False)

    @property
    def inputs(self) -> dict[str, Any]:
        """The flow's arguments by name, decoded."""
        inputs: dict[str, Any] = self._value("inputs")
        return inputs

    @property
    def result(self) -> Any:
        """What the flow returned, decoded; ``None`` if it had not when it was looked at."""
        return self._value("result") if self.status == "completed" else None

    def _value(self, which: str) -> Any:
        from kitaru import _native

        def see() -> Any:
            return decoded(_native.manage_value(engine_of(self._place), self.id, which))

        return seen(f"executions.{which}", {"id": self.id}, see)


@dataclasses.dataclass(frozen=True)
class Artifact:
    """A value that an execution saved by name. ``bytes`` is the length of its JSON text."""

    execution_id: str
    name: str
    call: str | None
    bytes: int
    at: datetime.datetime
    _place: Place | None = dataclasses.field(repr=False, compare=False)

    @property
    def value(self) -> Any:
        """The value, decoded, as it is when it is asked for."""
        from kitaru import _native

        def see() -> Any:
            return decoded(_native.manage_artifact(engine_of(self._place), self.execution_id, self.name)[1])

        return seen("artifacts.load", {"id": self.execution_id, "name": self.name}, see)


@dataclasses.dataclass(frozen=True)
class Tree:
    """An execution with what it started and what replays it. ``relation`` to what it stands below is ``child`` or
    ``replay``; ``marked``: it is the one that was asked for. Of one that was ``deleted`` only the identifier is known,
    and the rest is empty."""

    id: str
    flow: str
    status: str
    relation: str | None
    marked: bool
    deleted: bool
    tags: tuple[str, ...]
    key: str | None
    detached: bool
    usage: Usage
    below: tuple[Tree, ...]

    def walk(self) -> Iterator[Tree]:
        """This one and all below it, as they are shown."""
        yield self
        for one in self.below:
            yield from one.walk()


def engine_of(place: Place | None) -> Engine:
    """The engine on a client's store."""
    from kitaru import _config

    return _config.engine() if place is None else _config.opened(*place)


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


def execution(place: Place | None, item: dict[str, Any]) -> Execution:
    """An execution of the engine's JSON."""
    error, parent = item["error"], item["parent"]
    return Execution(
        id=item["id"],
        flow=item["flow"],
        status=item["status"],
        reason=item["reason"],
        error=None if error is None else Failure(error["type"], error["message"], error["traceback"], error["value"]),
        parent=None if parent is None else Parent(parent["id"], parent["key"]),
        forked_from=item["forked_from"],
        tags=tuple(item["tags"]),
        key=item["key"],
        detached=item["detached"],
        deployment=item["deployment"],
        usage=Usage(**item["usage"]),
        wake_at=time_or_none(item["wake_at"]),
        created_at=time_of(item["created_at"]),
        updated_at=time_of(item["updated_at"]),
        calls=tuple(_call(one) for one in item["calls"]),
        waits=tuple(wait_of(one) for one in item["waits"]),
        pending=_pending(item["pending"]),
        _place=place,
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
        by_hand=_by_hand(item),
    )


def _by_hand(item: dict[str, Any]) -> tuple[ByHand, ...]:
    return tuple(ByHand(one["what"], one["value"], one["by"], time_of(one["at"])) for one in item["by_hand"])


def _pending(item: dict[str, Any] | None) -> Pending | None:
    return None if item is None else Pending(item["key"], item["name"], item["inputs"], item["next"], _by_hand(item))


def breakpoint_of(item: dict[str, Any]) -> Breakpoint:
    """A breakpoint of its item."""
    return Breakpoint(**{**item, "at": time_of(item["at"])})


def limit_of(item: dict[str, Any]) -> Limit:
    """A limit of its item."""
    times = {name: time_or_none(item[name]) for name in ("closed_until", "set_at")}
    return Limit(**{**item, **times})


def wait_of(item: dict[str, Any]) -> Wait:
    """A wait of the engine's JSON."""
    return Wait(
        execution_id=item["execution_id"],
        key=item["key"],
        name=item["name"],
        question=item["question"],
        schema=item["schema"],
        metadata=item["metadata"],
        deadline=time_or_none(item["deadline"]),
        on_timeout=item["on_timeout"],
        overdue=item["overdue"],
        opened_at=time_of(item["opened_at"]),
    )


def tree(item: dict[str, Any]) -> Tree:
    """A tree of the engine's JSON."""
    nothing = {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}
    return Tree(
        id=item["id"],
        flow=item.get("flow", ""),
        status=item.get("status", ""),
        relation=item["relation"],
        marked=item["marked"],
        deleted=item.get("deleted", False),
        tags=tuple(item.get("tags", ())),
        key=item.get("key"),
        detached=item.get("detached", False),
        usage=Usage(**item.get("usage", nothing)),
        below=tuple(tree(one) for one in item["below"]),
    )


def plain(value: Any) -> str:
    """A value that somebody gives as plain JSON, which it is checked as."""
    try:
        return json.dumps(value)
    except TypeError:
        from pydantic import PydanticSchemaGenerationError
        from pydantic_core import PydanticSerializationError, to_json

        from kitaru.errors import KitaruAnswerError

        try:
            return to_json(value).decode()
        except (PydanticSchemaGenerationError, PydanticSerializationError) as error:
            raise KitaruAnswerError(f"the answer is no JSON value: {error}") from None


def who() -> str:
    """Who acts: the user's name, and that it was from Python."""
    import os

    name = next((name for key in ("USER", "LOGNAME", "USERNAME") if (name := os.environ.get(key))), None)
    return "python" if name is None else f"{name} (python)"


# They are recorded under the name that users know them by.
for _kind in (
    *(Usage, ByHand, Breakpoint, Limit, Call, Pending, Wait, Failure, Parent, LogLine, Execution, Artifact, Tree),
):
    _kind.__module__ = "kitaru.client"
