"""``client.limits``: how many calls run at once, and how fast they begin, by name.

Not here: calls that name one (``@checkpoint(limit=…)``), and how they wait (``_queue``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kitaru.client.items import Limit, limit_of, who
from kitaru.client.recording import flow_frame, looks

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru._native import Engine


class Limits:
    """``client.limits``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def set(self, name: str, *, at_once: int | None = None, rate: str | None = None, burst: int | None = None) -> Limit:
        """Sets what a limit is, in place of what it was: ``at_once`` calls that run, ``rate`` (``"50/s"``,
        ``"3000/m"``, ``"1/10s"``) that begin, evenly apart, and at most ``burst`` together after a pause.

        Raises :class:`~kitaru.errors.KitaruUsageError` for what lets nobody begin, or holds nobody back.
        """
        given = {"name": name, "at_once": at_once, "rate": rate, "burst": burst}
        return self._act(
            "limits.set",
            given,
            lambda native, by: native.manage_set_limit(self._engine, name, at_once, rate, burst, by),
        )

    @looks("limits.list")
    def list(self) -> list[Limit]:
        """All of them, by name: those that are set, and those that calls have named."""
        from kitaru import _native

        return [limit_of(one) for one in json.loads(_native.manage_limits(self._engine))]

    def close(self, name: str, lasts: str, *, why: str | None = None) -> Limit:
        """Lets nobody begin there for so long: ``"90s"``, ``"15m"``, ``"24h"``. What runs goes on."""
        given = {"name": name, "for": lasts, "why": why}
        return self._act(
            "limits.close", given, lambda native, by: native.manage_close_limit(self._engine, name, lasts, why, by)
        )

    def open(self, name: str) -> Limit:
        """Lets calls begin again. Raises :class:`~kitaru.errors.KitaruNotFoundError` if there is none of that name."""
        return self._act(
            "limits.open", {"name": name}, lambda native, by: native.manage_open_limit(self._engine, name, by)
        )

    def remove(self, name: str) -> None:
        """Forgets what was set: calls that name it are not held back. Raises
        :class:`~kitaru.errors.KitaruNotFoundError` if there is none of that name."""
        from kitaru import _native

        frame = flow_frame()
        if frame is None:
            _native.manage_remove_limit(self._engine, name, who())
            return
        from kitaru._steer import act

        def remove(by: str, again: bool) -> None:
            from kitaru.errors import KitaruNotFoundError

            try:
                _native.manage_remove_limit(self._engine, name, by)
            except KitaruNotFoundError:
                # Again: that was this call, before its process was gone.
                if not again:
                    raise

        act(frame, "limits.remove", {"name": name}, remove)

    def _act(self, verb: str, given: dict[str, Any], do: Callable[[Any, str], str]) -> Limit:
        """What is done again is as it was."""
        from kitaru import _native

        frame = flow_frame()
        if frame is None:
            return limit_of(json.loads(do(_native, who())))
        from kitaru._steer import act

        done: Limit = act(frame, verb, given, lambda by, _: limit_of(json.loads(do(_native, by))))
        return done
