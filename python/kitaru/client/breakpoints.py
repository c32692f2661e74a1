"""``client.breakpoints``: places to pause before.

Not here: what happens there (``executions.get(id).pending`` shows it, ``executions.resume`` goes on).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kitaru.client.items import Breakpoint, breakpoint_of, who
from kitaru.client.recording import flow_frame, looks

if TYPE_CHECKING:
    from kitaru._flow import Flow
    from kitaru._native import Engine


class Breakpoints:
    """``client.breakpoints``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self, flow: str | Flow[..., object], before: str, *, every: bool = False, when: str | None = None
    ) -> Breakpoint:
        """Pauses the next run of ``flow`` before a call; with ``every``, each run.

        ``flow`` is the flow itself or the name of one that has run. ``before`` is a call's key (``"analyze#3"``), a
        checkpoint's name, or ``"step 14"``; ``when`` a condition over ``inputs``, ``key``, ``name`` and ``step``, such
        as ``"inputs.topic == 'tea'"``. Warns if the flow made no call like that so far.

        Raises :class:`~kitaru.errors.KitaruFlowNotFoundError` for a name that no execution has,
        :class:`~kitaru.errors.KitaruUsageError` for a selector or a condition that is none.
        """
        from kitaru import _native

        name, file = flow, None
        if not isinstance(flow, str):
            from kitaru._entry import entry_point

            name, file = flow.name, entry_point(flow._function)["file"]

        def add(by: str, again: bool) -> Any:
            if again:
                known = next((one for one in self._list(None) if one.by == by), None)
                return NOT_DONE if known is None else known
            told = json.loads(_native.manage_add_breakpoint(self._engine, str(name), file, before, every, when, by))
            if told["note"] is not None:
                import warnings

                warnings.warn(told["note"], stacklevel=3)
            return breakpoint_of(told["item"])

        frame = flow_frame()
        if frame is None:
            added: Breakpoint = add(who(), False)
            return added
        from kitaru._steer import NOT_DONE, act

        given = {"flow": str(name), "file": file, "before": before, "every": every, "when": when}
        made: Breakpoint = act(frame, "breakpoints.add", given, add)
        return made

    @looks("breakpoints.list")
    def list(self, flow: str | None = None) -> list[Breakpoint]:
        """Those that are set, in the order in which they were; of one flow, or of all."""
        found: list[Breakpoint] = self._list(flow)
        return found

    def _list(self, flow: str | None) -> Any:
        from kitaru import _native

        return [breakpoint_of(one) for one in json.loads(_native.manage_breakpoints(self._engine, flow))]

    def remove(self, id: int) -> None:
        """Removes one. Raises :class:`~kitaru.errors.KitaruNotFoundError` if there is none of that number."""
        frame = flow_frame()
        if frame is None:
            self._remove(id)
            return
        from kitaru._steer import act

        def remove(_by: str, again: bool) -> None:
            from kitaru.errors import KitaruNotFoundError

            try:
                self._remove(id)
            except KitaruNotFoundError:
                # Again: that was this call, before its process was gone.
                if not again:
                    raise

        act(frame, "breakpoints.remove", {"id": id}, remove)

    def _remove(self, id: int) -> None:
        from kitaru import _native

        _native.manage_remove_breakpoint(self._engine, id)
