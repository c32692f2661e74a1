"""``client.executions``, the part that runs recorded executions again and compares them.

Not here: what is told of them (``planned``), and how a replay is carried on (``executions``).
"""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

from kitaru.client import planned
from kitaru.client.carrying import carry_on, must_not_block, runs_here
from kitaru.client.planned import CallRecord, Deleted, Diff, Plan
from kitaru.client.recording import flow_frame, looks, seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kitaru._native import Engine
    from kitaru.client.items import Execution, Place


class Replays:
    """See the module."""

    _engine: Engine
    _place: Place | None

    def replay(
        self,
        id: str,
        *,
        from_: str | int | None = None,
        reuse: str | None = None,
        keep: str | None = None,
        set: Mapping[str, Any] | None = None,
        ask_again: str | Iterable[str] = (),
        on_drift: str | None = None,
        dry_run: bool = False,
        tags: Iterable[str] = (),
    ) -> Execution | Plan:
        """Runs an execution again as another one, from any call and with anything changed, and returns that as it is
        afterwards: ended, or waiting. The source stays as it is.

        ``from_`` is the call from which everything runs again: its key, its checkpoint's name, its step (a number),
        ``"failure"`` or ``"start"``. ``set`` puts values in place, by path: ``flow.topic``,
        ``analyze.inputs.provider``, ``analyze#3.output``, ``waits.approve``; they are plain JSON, and are made into
        what the code takes. One that no call took is warned of (:class:`~kitaru.errors.KitaruOverrideNotTaken`).
        ``reuse="unchanged"`` reuses what has the same inputs and the same code, wherever it stands; ``keep="recorded"``
        keeps all that inputs do not change though something early is set. ``ask_again`` names waits, or ``"all"``.
        ``on_drift`` is what happens to a call with other inputs than recorded, where nothing was set. With ``dry_run``
        nothing runs: the :class:`~kitaru.client.Plan` is returned.

        Raises :class:`~kitaru.errors.KitaruNotFoundError` for a selector that names no call,
        :class:`~kitaru.errors.KitaruOverrideError` for a path or a value that does not fit,
        :class:`~kitaru.errors.KitaruUsageError` for what contradicts itself, and
        :class:`~kitaru.errors.KitaruImportError` when the code cannot be loaded.
        """
        from kitaru import _replaying
        from kitaru.errors import KitaruUsageError

        if on_drift not in (None, "ask", "reuse", "rerun", "fail"):
            raise KitaruUsageError(f"on_drift={on_drift!r}: it is 'ask', 'reuse', 'rerun' or 'fail'")
        wanted, frame = _replaying.asked(from_, reuse, keep, set, ask_again, tags), flow_frame()
        if dry_run:
            return seen("executions.plan", {"id": id, "asked": wanted}, lambda: self._planned(id, wanted))
        if frame is None:
            return self._replayed(id, wanted, on_drift)
        from kitaru import _steer

        target = self._target(id)
        given = {"id": target, "asked": wanted, "on_drift": on_drift}

        def replay(by: str, _again: bool) -> Execution:
            must_not_block(self._engine, target, "replay", anew=True)
            return self._replayed(target, wanted, on_drift, by)

        done: Execution = _steer.act(frame, "executions.replay", given, replay)
        return done

    def _planned(self, id: str, wanted: str) -> Plan:
        from kitaru import _native, _replaying
        from kitaru.errors import KitaruImportError

        found = unread = None
        try:
            found = _replaying.planned(self._engine, id, wanted, self._look)
        except KitaruImportError as error:
            unread = str(error)
        return planned.plan(json.loads(_native.manage_plan(self._engine, id, wanted, found, unread))["plan"])

    def _replayed(self, id: str, wanted: str, on_drift: str | None, by: str | None = None) -> Execution:
        """Creates a replay and carries it on. ``by``: whoever asks for the same once more gets the same replay."""
        from kitaru import _entry, _native, _replaying
        from kitaru.errors import KitaruOverrideNotTaken

        found = _replaying.planned(self._engine, id, wanted, self._look)
        created = json.loads(_native.manage_replay(self._engine, id, wanted, found, by))
        if created["entry"]["module"] is None:
            _entry.here.add(created["id"])
        told = {**created, "root": created["id"]}
        carry_on(self._engine, self._place, told, "replay", taken_is_fine=not created["new"], on_drift=on_drift)
        for sentence in _native.manage_notes(self._engine, created["id"], "not-taken"):
            warnings.warn(sentence, KitaruOverrideNotTaken, stacklevel=3)
        return self._get(created["id"])

    @looks("executions.diff")
    def diff(self, first: str, second: str, *more: str) -> Diff:
        """Compares executions with the first of them: two call by call, with what differs in their values; more as a
        matrix."""
        from kitaru import _native

        return planned.diff(json.loads(_native.manage_diff(self._engine, [first, second, *more])))

    def delete(self, id: str) -> Deleted:
        """Deletes an execution that has ended, and those that it started. Replays of it stay whole.

        Raises :class:`~kitaru.errors.KitaruStateError` when it, or one that it started, has not ended.
        """
        frame = flow_frame()
        if frame is None:
            return self._deleted(id)
        from kitaru import _steer

        target = self._target(id)

        def delete(_by: str, again: bool) -> Any:
            from kitaru.errors import KitaruNotFoundError

            try:
                return self._deleted(target)
            except KitaruNotFoundError:
                if again:
                    # That was this call, before its process was gone.
                    return Deleted((target,), ())
                raise

        gone: Deleted = _steer.act(frame, "executions.delete", {"id": target}, delete)
        return gone

    def _deleted(self, id: str) -> Deleted:
        from kitaru import _native

        told = json.loads(_native.manage_delete(self._engine, id))
        return Deleted(tuple(told["deleted"]), tuple(told["read_by"]))

    @looks("executions.call")
    def call(self, id: str, key: str) -> CallRecord:
        """One call of an execution with its values; ``key`` is its key, its checkpoint's name or ``"step N"``.

        Raises :class:`~kitaru.errors.KitaruNotFoundError` if there is none, or several.
        """
        from kitaru import _native

        return planned.call_record(json.loads(_native.manage_call(self._engine, id, key)))

    def _look(self, told: dict[str, Any]) -> dict[str, Any]:
        """Looks at the code: here where a replay of it would run, else in a process of its own."""
        from kitaru import _inspect

        here = runs_here(self._place, told["entry"], told["id"])
        return _inspect.inspected({"inspect": told}, here=here, place=self._place)

    def _get(self, id: str) -> Execution:
        raise NotImplementedError

    def _target(self, id: str) -> str:
        raise NotImplementedError
