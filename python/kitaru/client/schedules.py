"""``client.schedules``: flows that start by the clock, as long as a worker works (``kitaru up``, ``kitaru worker``).

Not here: what becomes of ticks, which the engine decides.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Literal

from kitaru.client.items import time_of, who
from kitaru.client.recording import flow_frame, looks

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from kitaru._flow import Flow
    from kitaru._native import Engine


@dataclasses.dataclass(frozen=True)
class Tick:
    """What became of a tick: ``started``, ``queued``, ``skipped``, ``missed`` or ``failed``, and why. Several in a row
    that went the same way are one with their ``count``: those from ``first`` to ``at``."""

    fate: str
    first: datetime.datetime
    at: datetime.datetime
    count: int
    why: str | None
    execution: str | None


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A schedule as it was when it was looked at. ``next`` are its next ticks, none while it is paused; ``last`` is the
    last execution that it started; ``problem`` says why that could not begin, or why the schedule paused itself;
    ``ticks`` are the last ones, newest first. ``deadline`` is in seconds; ``None``: there is none."""

    name: str
    flow: str
    cron: str
    timezone: str
    pool: str
    deadline: float | None
    overlap: str
    backfill: bool
    inputs: dict[str, Any]
    tags: tuple[str, ...]
    by: str
    paused: bool
    problem: str | None
    next: tuple[datetime.datetime, ...]
    waiting: tuple[datetime.datetime, ...]
    last: str | None
    ticks: tuple[Tick, ...]


def _schedule(item: dict[str, Any]) -> Schedule:
    ticks = (
        Tick(one["fate"], time_of(one["from"]), time_of(one["tick"]), one["count"], one["why"], one["execution"])
        for one in item["ticks"]
    )
    paused = item["paused"]
    return Schedule(
        name=item["name"],
        flow=item["flow"],
        cron=item["cron"],
        timezone=item["timezone"],
        pool=item["pool"],
        deadline=item["deadline_s"],
        overlap=item["overlap"],
        backfill=item["backfill"],
        inputs=item["inputs"],
        tags=tuple(item["tags"]),
        by=item["by"],
        paused=paused is not None,
        problem=(paused or {}).get("why") or item["problem"],
        next=tuple(time_of(one["at"]) for one in item["next"]),
        waiting=tuple(map(time_of, item["waiting"])),
        last=None if item["last"] is None else item["last"]["execution"],
        ticks=tuple(ticks),
    )


class Schedules:
    """``client.schedules``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self,
        flow: Flow[..., object],
        cron: str,
        *,
        timezone: str = "UTC",
        name: str | None = None,
        inputs: dict[str, Any] | None = None,
        tags: tuple[str, ...] = (),
        backfill: bool = False,
        overlap: Literal["skip", "queue", "cancel"] = "skip",
    ) -> Schedule:
        """Starts ``flow`` with ``inputs`` at the times of a cron expression, which are those of ``timezone``.

        Its arguments are fitted to the flow's signature now, and stay as they are. ``backfill`` makes up for ticks
        that were missed while nobody worked (the latest 100 at the most, one after the other); without it only the
        latest is. Each is in the pool, and has the deadline, that ``flow.options(pool=…, deadline=…)`` gives it.
        ``overlap`` says what a tick does while the execution of the one before has not ended.

        Raises :class:`~kitaru.errors.KitaruInputsError` for inputs that do not fit,
        :class:`~kitaru.errors.KitaruUsageError` for times that are none, and
        :class:`~kitaru.errors.KitaruStateError` where there is a schedule of that name already.
        """
        from kitaru import _native
        from kitaru._entry import entry_point
        from kitaru._inputs import arguments

        given = flow._given(*arguments(flow, inputs or {}))
        asked = {
            "name": name,
            "cron": cron,
            "timezone": timezone,
            "flow": flow.name,
            "entry": entry_point(flow._function),
            "inputs": given.text,
            "tags": list(tags),
            "deadline": flow._chosen.deadline,
            "pool": flow._chosen.pool,
            "overlap": overlap,
            "backfill": backfill,
        }

        def add(by: str, again: bool) -> Any:
            if again:
                known = next((one for one in self._list() if one.by == by), None)
                return _not_done() if known is None else known
            return _schedule(json.loads(_native.manage_add_schedule(self._engine, json.dumps(asked), by)))

        seen = {key: value for key, value in asked.items() if key != "entry"}
        made: Schedule = self._change("schedules.add", seen, add)
        return made

    @looks("schedules.list")
    def list(self) -> list[Schedule]:
        """All of them, by name."""
        found: list[Schedule] = self._list()
        return found

    @looks("schedules.get")
    def get(self, name: str) -> Schedule:
        """One. Raises :class:`~kitaru.errors.KitaruNotFoundError` if there is none of that name."""
        from kitaru import _native

        return _schedule(json.loads(_native.manage_schedule(self._engine, name)))

    def pause(self, name: str) -> Schedule:
        """Lets it tick no more until it is resumed. What it has begun goes on."""
        return self._steer("schedules.pause", name, True)

    def resume(self, name: str) -> Schedule:
        """Lets it tick again, from its next time on."""
        return self._steer("schedules.resume", name, False)

    def remove(self, name: str) -> None:
        """Removes it. Its executions stay. Raises :class:`~kitaru.errors.KitaruNotFoundError` if there is none."""
        from kitaru import _native
        from kitaru.errors import KitaruNotFoundError

        def remove(by: str, again: bool) -> None:
            try:
                _native.manage_remove_schedule(self._engine, name, by)
            except KitaruNotFoundError:
                # Again: that was this call, before its process was gone.
                if not again:
                    raise

        self._change("schedules.remove", {"name": name}, remove)

    def _list(self) -> Any:
        from kitaru import _native

        return [_schedule(one) for one in json.loads(_native.manage_schedules(self._engine))]

    def _steer(self, verb: str, name: str, pause: bool) -> Schedule:
        from kitaru import _native

        def steer(by: str, _again: bool) -> Schedule:
            # What is paused stays so: to do it again changes nothing.
            return _schedule(json.loads(_native.manage_steer_schedule(self._engine, name, pause, by)))

        done: Schedule = self._change(verb, {"name": name}, steer)
        return done

    def _change(self, verb: str, given: dict[str, Any], do: Callable[[str, bool], Any]) -> Any:
        frame = flow_frame()
        if frame is None:
            return do(who(), False)
        from kitaru._steer import act

        return act(frame, verb, given, do)


def _not_done() -> Any:
    from kitaru._steer import NOT_DONE

    return NOT_DONE


for _kind in (Schedule, Tick):
    _kind.__module__ = "kitaru.client"
