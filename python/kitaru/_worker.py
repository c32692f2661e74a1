"""``kitaru.worker()``: a worker inside of an application, which carries on what can go on while it lives.

What it carries on runs in processes of its own, as under ``kitaru up``. Not here: what it does (the engine's side).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kitaru import _config
from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from kitaru._native import Worker


class worker:  # it is used like a function: `with kitaru.worker():`
    """Carries on what is answered, due or asked for, until the ``with`` or ``async with`` block ends.

    ``at_once``: how many executions at the most. ``pools``: whose executions it begins, and takes up when they have
    lost their process; ``flows``: only executions of these, by name. Each runs in a process of its own, with the
    interpreter that it was started with; what is under way when the block ends goes on to its end by itself. What
    cannot go on is told to ``logging.getLogger("kitaru.worker")``. Several workers may work on one store.
    """

    def __init__(self, *, at_once: int = 8, pools: Sequence[str] = ("default",), flows: Sequence[str] = ()) -> None:
        if at_once < 1:
            raise KitaruUsageError(f"at_once={at_once}: it counts from 1")
        for name, given in (("pools", pools), ("flows", flows)):
            if isinstance(given, str) or not all(isinstance(one, str) and one for one in given):
                raise KitaruUsageError(f"{name}={given!r}: it is a list of names")
        self._at_once = at_once
        self._serves = (list(pools), list(flows))
        self._working: Worker | None = None

    def start(self) -> None:
        """Begins; for an application that has hooks instead of blocks."""
        from kitaru import _native

        if self._working is not None:
            raise KitaruUsageError("this worker works already: make another with kitaru.worker()")
        store, home, synchronous = _config.place(None, None)
        if store == "memory:":
            raise KitaruUsageError("a store in memory is another one in every process: a worker needs one in a file")
        engine = _config.engine()
        self._working = _native.Worker(engine, store, home, synchronous == "normal", self._at_once, self._serves)

    def stop(self) -> None:
        """Begins nothing more. Does nothing if it does not work."""
        working, self._working = self._working, None
        if working is not None:
            working.stop()

    def __enter__(self) -> worker:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> worker:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Its threads end with their next look; the loop goes on meanwhile.
        await asyncio.to_thread(self.stop)
