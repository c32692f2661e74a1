"""``client.executions``, the part that runs recorded executions again and compares them.

Not here: what is told of them (``planned``), and how a replay is carried on (``executions``).
"""

from __future__ import annotations

import json
import os
import warnings
from typing import TYPE_CHECKING, Any

from kitaru.client import planned
from kitaru.client.planned import CallRecord, Deleted, Diff, Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kitaru._native import Engine
    from kitaru.client.items import Execution


class Replays:
    """See the module."""

    _engine: Engine
    _place: tuple[str | None, str | None] | None

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
        from kitaru import _entry, _native, _replaying
        from kitaru.errors import KitaruImportError, KitaruOverrideNotTaken, KitaruUsageError

        if on_drift not in (None, "ask", "reuse", "rerun", "fail"):
            raise KitaruUsageError(f"on_drift={on_drift!r}: it is 'ask', 'reuse', 'rerun' or 'fail'")
        wanted = _replaying.asked(from_, reuse, keep, set, ask_again, tags)
        found = unread = None
        try:
            found = _replaying.planned(self._engine, id, wanted, self._look)
        except KitaruImportError as error:
            if not dry_run:
                raise
            unread = str(error)
        if dry_run:
            return planned.plan(json.loads(_native.manage_plan(self._engine, id, wanted, found, unread))["plan"])
        created = json.loads(_native.manage_replay(self._engine, id, wanted, found))
        if created["entry"]["module"] is None:
            _entry.here.add(created["id"])
        self._carry_on({**created, "root": created["id"]}, "replay", taken_is_fine=False, on_drift=on_drift)
        for sentence in _native.manage_notes(self._engine, created["id"], "not-taken"):
            warnings.warn(sentence, KitaruOverrideNotTaken, stacklevel=2)
        return self.get(created["id"])

    def diff(self, first: str, second: str, *more: str) -> Diff:
        """Compares executions with the first of them: two call by call, with what differs in their values; more as a
        matrix."""
        from kitaru import _native

        return planned.diff(json.loads(_native.manage_diff(self._engine, [first, second, *more])))

    def delete(self, id: str) -> Deleted:
        """Deletes an execution that has ended, and those that it started. Replays of it stay whole.

        Raises :class:`~kitaru.errors.KitaruStateError` when it, or one that it started, has not ended.
        """
        from kitaru import _native

        told = json.loads(_native.manage_delete(self._engine, id))
        return Deleted(tuple(told["deleted"]), tuple(told["read_by"]))

    def call(self, id: str, key: str) -> CallRecord:
        """One call of an execution with its values; ``key`` is its key, its checkpoint's name or ``"step N"``.

        Raises :class:`~kitaru.errors.KitaruNotFoundError` if there is none, or several.
        """
        from kitaru import _native

        return planned.call_record(json.loads(_native.manage_call(self._engine, id, key)))

    def _look(self, told: dict[str, Any]) -> dict[str, Any]:
        """Looks at the code: here where a replay of it would run, else in a process of its own."""
        from kitaru import _inspect

        return _inspect.inspected({"inspect": told}, here=self._runs_here(told["entry"], told["id"]), place=self._place)

    def _runs_here(self, entry: dict[str, Any], exec_id: str) -> bool:
        """Whether an execution is carried on in this process: it keeps its working directory."""
        from kitaru import _config, _entry, _runner

        if entry["module"] is None:
            return exec_id in _entry.here
        if self._place is not None:
            return False
        here = _runner.is_this_interpreter(entry["interpreter"]) and entry["cwd"] == os.getcwd()
        return here or _config.place(None, None)[0] == "memory:"

    def get(self, id: str) -> Execution:
        """One execution."""
        raise NotImplementedError

    def _carry_on(self, told: dict[str, Any], why: str, *, taken_is_fine: bool, on_drift: str | None = None) -> None:
        raise NotImplementedError
