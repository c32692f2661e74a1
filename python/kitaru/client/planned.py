"""What a client tells of replays and comparisons: typed, frozen.

Not here: asking for them (``replays``).
"""

from __future__ import annotations

import dataclasses
from typing import Any

from kitaru.client.items import Usage


@dataclasses.dataclass(frozen=True)
class Sum:
    """Calls of a plan together: how many, how long they took when they were recorded, and what they consumed."""

    calls: int
    seconds: float
    usage: Usage


@dataclasses.dataclass(frozen=True)
class Change:
    """A value that is put in place: its path, the value as plain JSON, and what stood there, if that is on record."""

    path: str
    value: Any
    was: Any


@dataclasses.dataclass(frozen=True)
class PlannedCall:
    """What becomes of a recorded call. ``fate`` is ``reused``, ``runs``, ``may_run``, ``supplied`` (its output is
    set), ``skipped`` (the call around it is), ``asked_again`` or ``unasked`` (the last run did not ask for it); ``why``
    says so in words. ``step`` is its place in the list of calls, from 1. ``effect_again``: an effect that happens once
    would happen again."""

    step: int
    key: str
    name: str
    kind: str
    fate: str
    why: str | None
    depends_on: str | None
    overridden: bool
    effect_again: bool
    code_changed: bool | None
    seconds: float | None
    usage: Usage


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a replay would do. ``reused`` and ``runs`` come true, ``may_run`` depends on results that are not known
    yet; ``waits`` counts waits that are ``reused``, ``asked_again``, ``may_be_asked_again`` or ``answered``."""

    source: str
    flow: str
    from_: str | None
    reuse: str
    keep: str | None
    overrides: tuple[Change, ...]
    ask_again: tuple[str, ...]
    reused: Sum
    runs: Sum
    may_run: Sum
    waits: dict[str, int]
    effects_again: int
    calls: tuple[PlannedCall, ...]
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Difference:
    """One place where two values differ. ``before`` and ``after`` are shortened JSON texts; ``None``: nothing."""

    path: str
    before: str | None
    after: str | None


@dataclasses.dataclass(frozen=True)
class Compared:
    """One execution of a comparison. ``seconds`` and ``usage`` are those of its calls, whoever made them; ``own`` are
    those of the calls that it made itself."""

    id: str
    flow: str
    status: str
    forked_from: str | None
    calls: int
    reused: int
    attempts: int
    seconds: float
    usage: Usage
    own_seconds: float
    own_usage: Usage


@dataclasses.dataclass(frozen=True)
class Side:
    """A call in one execution of a comparison."""

    key: str
    status: str
    seconds: float | None
    usage: Usage
    step: int | None
    attempts: int | None
    error: str | None
    by_hand: bool


@dataclasses.dataclass(frozen=True)
class ComparedCall:
    """A call and its counterparts: one side an execution, ``None`` where it has none; and how each compares with the
    first that has it: ``reused``, ``same``, ``changed``, ``added``, ``removed``, or ``None`` for that one itself.
    Differences of values, ``moved`` and ``code_changed`` are told where two executions are compared."""

    key: str
    name: str
    kind: str
    verdicts: tuple[str | None, ...]
    sides: tuple[Side | None, ...]
    moved: bool = False
    code_changed: bool | None = None
    inputs: tuple[Difference, ...] = ()
    output: tuple[Difference, ...] = ()

    @property
    def verdict(self) -> str | None:
        """How the last execution compares: of two, what there is to say."""
        return self.verdicts[-1]


@dataclasses.dataclass(frozen=True)
class Diff:
    """Executions beside each other. ``first_divergence`` is the key of the first call that is not the same;
    ``inputs``, ``result`` and ``error`` are the flow's, where two are compared."""

    executions: tuple[Compared, ...]
    diverged: bool
    first_divergence: str | None
    calls: tuple[ComparedCall, ...]
    inputs: tuple[Difference, ...] = ()
    result: tuple[Difference, ...] = ()
    error: tuple[str | None, str | None] | None = None

    def count(self, verdict: str) -> int:
        """How many calls of the last execution compare so."""
        return sum(one.verdict == verdict for one in self.calls)


@dataclasses.dataclass(frozen=True)
class Deleted:
    """What was deleted: an execution and those that it started. Their events are kept as long as the replays
    ``read_by`` read them."""

    ids: tuple[str, ...]
    read_by: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class CallRecord:
    """One call with its values, which are read as they are asked for. ``by`` says who supplied its output by hand."""

    key: str
    name: str
    kind: str
    status: str
    step: int
    attempts: int
    usage: Usage
    by: str | None
    _inputs: str | None = dataclasses.field(repr=False)
    _given: str | None = dataclasses.field(repr=False)
    _output: str | None = dataclasses.field(repr=False)
    _error: str | None = dataclasses.field(repr=False)

    def load(self) -> Any:
        """What the call returned, or was answered. Raises what it raised, and
        :class:`~kitaru.errors.KitaruNotFoundError` where no outcome is on record."""
        from kitaru._values import decode, decode_error, decode_plain
        from kitaru.errors import KitaruNotFoundError

        if self._error is not None:
            raise decode_error(self._error)
        if self._output is None:
            raise KitaruNotFoundError(f"{self.key} is {self.status}: it has no result on record", code="unknown-call")
        return decode(self._output) if self.by is None else decode_plain(self._output)

    def inputs(self) -> dict[str, Any]:
        """The arguments that the call was made with, by name.

        Raises :class:`~kitaru.errors.KitaruNotFoundError` where they are not on record."""
        return self._arguments(self._inputs)

    def given(self) -> dict[str, Any]:
        """What its body was given: the same, unless somebody has changed it. What was put in is plain JSON."""
        return self._arguments(self._given or self._inputs)

    def _arguments(self, text: str | None) -> dict[str, Any]:
        from kitaru._values import decode
        from kitaru.errors import KitaruNotFoundError

        if text is None:
            raise KitaruNotFoundError(f"the inputs of {self.key} are not on record", code="unknown-call")
        found: dict[str, Any] = decode(text)
        return found


def plan(item: dict[str, Any]) -> Plan:
    """A plan of its item."""
    return Plan(
        source=item["source"],
        flow=item["flow"],
        from_=item["from"],
        reuse=item["reuse"],
        keep=item["keep"],
        overrides=tuple(Change(one["path"], one["value"], one["was"]) for one in item["overrides"]),
        ask_again=tuple(item["ask_again"]),
        reused=_sum(item["reused"]),
        runs=_sum(item["runs"]),
        may_run=_sum(item["may_run"]),
        waits=item["waits"],
        effects_again=item["effects_again"],
        calls=tuple(_planned(one) for one in item["calls"]),
        notes=tuple(item["notes"]),
    )


def _planned(item: dict[str, Any]) -> PlannedCall:
    plain = ("step", "key", "name", "kind", "fate", "why", "depends_on", "overridden", "effect_again", "code_changed")
    return PlannedCall(
        **{name: item[name] for name in plain}, seconds=_seconds(item["took_ms"]), usage=Usage(**item["usage"])
    )


def _sum(item: dict[str, Any]) -> Sum:
    return Sum(item["calls"], item["ms"] / 1000, Usage(**item["usage"]))


def _seconds(millis: int | None) -> float | None:
    return None if millis is None else millis / 1000


def diff(item: dict[str, Any]) -> Diff:
    """A comparison of its item."""
    first = item.get("first_divergence")
    calls = tuple(_compared(one) for one in item["calls"])
    if first is None and item["diverged"]:
        apart = {"changed", "added", "removed"}
        first = next(({"key": one.key} for one in calls if apart.intersection(one.verdicts)), None)
    return Diff(
        executions=tuple(_execution(one) for one in item["executions"]),
        diverged=item["diverged"],
        first_divergence=None if first is None else first["key"],
        calls=calls,
        inputs=_differences(item.get("inputs")),
        result=_differences(item.get("result")),
        error=None if item.get("error") is None else (item["error"][0], item["error"][1]),
    )


def _execution(item: dict[str, Any]) -> Compared:
    plain = ("id", "flow", "status", "forked_from", "calls", "reused", "attempts")
    return Compared(
        **{name: item[name] for name in plain},
        seconds=item["ms"] / 1000,
        usage=Usage(**item["usage"]),
        own_seconds=item["ran_ms"] / 1000,
        own_usage=Usage(**item["spent"]),
    )


def _compared(item: dict[str, Any]) -> ComparedCall:
    # Two are compared as a pair, more as a row.
    verdicts = item["verdicts"] if "verdicts" in item else (None, item["verdict"])
    return ComparedCall(
        key=item["key"],
        name=item["name"],
        kind=item["kind"],
        verdicts=tuple(verdicts),
        sides=tuple(None if one is None else _side(one) for one in item["sides"]),
        moved=item.get("moved", False),
        code_changed=item.get("code_changed"),
        inputs=_differences(item.get("inputs")),
        output=_differences(item.get("output")),
    )


def _side(item: dict[str, Any]) -> Side:
    return Side(
        key=item["key"],
        status=item["status"],
        seconds=_seconds(item["ms"]),
        usage=Usage(**item["usage"]),
        step=item.get("step"),
        attempts=item.get("attempts"),
        error=item.get("error"),
        by_hand=item.get("by_hand", False),
    )


def _differences(items: list[dict[str, Any]] | None) -> tuple[Difference, ...]:
    return tuple(Difference(one["path"], one["before"], one["after"]) for one in items or ())


def call_record(item: dict[str, Any]) -> CallRecord:
    """A call with its values of its item."""
    error = item["error"]
    return CallRecord(
        key=item["key"],
        name=item["name"],
        kind=item["kind"],
        status=item["status"],
        step=item["step"],
        attempts=item["attempts"],
        usage=Usage(**item["usage"]),
        by=item["by"],
        _inputs=item["inputs"],
        _given=item["given"],
        _output=item["output"],
        _error=None if error is None else error["value"],
    )
