"""Waiting for a turn at a limit: in this process, or, where that takes long, elsewhere like a sleep.

Timeouts of ours stand still meanwhile. Not here: whose turn is when (the store), and what a call does with its turn
(``_calls``).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kitaru import _native
from kitaru._parked import Parked

if TYPE_CHECKING:
    from kitaru._calls import Identified

# The longest that a call sleeps before it looks again, in seconds; so late it notices that the flow is held or stopped.
NAP = 0.25
# What a task that is next in the queue sleeps, in seconds, and what each that is before it adds.
_NEAR = 0.01
# How long before its time a turn is given, in seconds.
_AHEAD = 0.5


def wait_sync(one: Identified) -> bool:
    """Blocks this thread until the call has its turn. ``False``: the flow is held, and it has none."""
    from kitaru._drive import LONG, park_sync

    with _Queued(one) as queued:
        while (seconds := queued.look()) is not None:
            if seconds >= LONG:
                queued.stand_aside()
                park_sync(one.run, queued.parked())
                queued.ask()
            elif seconds > 0:
                one.run.session.await_news(min(seconds if queued.is_timed else NAP, NAP))
        return queued.has_turn


async def wait_async(one: Identified) -> bool:
    """The same in a task."""
    import asyncio

    from kitaru._drive import LONG, park_async

    with _Queued(one) as queued:
        while (seconds := queued.look()) is not None:
            if seconds >= LONG:
                queued.stand_aside()
                await park_async(one.run, queued.parked())
                queued.ask()
            elif seconds > 0:
                await asyncio.sleep(min(seconds if queued.is_timed else NAP, NAP, queued.near()))
        return queued.has_turn


class _Queued:
    """A call in the queue. Left by an exception, it wants no turn any more."""

    def __init__(self, one: Identified) -> None:
        self._one = one
        self._run = one.run
        self._limit: str = one.spec.limit or ""
        priority = one.spec.priority
        self._priority: int = one.run.priority if priority is None else priority
        self._parked = Parked(-1 - one.call, one.name, one.frame)
        self._is_aside = False
        self._standing: tuple[str, int, int] = ("unknown", 0, 0)
        # Whether that was told just now.
        self._is_fresh = False
        self.has_turn = False

    def __enter__(self) -> _Queued:
        self.ask()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self._account()
        if not self.has_turn and not (self._is_aside and self._run.leaving):
            # An execution that is left like a sleep keeps the place of the call.
            try:
                _native.leave_turn(self._run.session, self._one.call)
            except Exception:
                # It goes with the execution. What went wrong is met, and told, by whatever is written next.
                if error is None:
                    raise

    def ask(self) -> None:
        """Asks for the turn, with the place that the call may have."""
        self._is_aside = False
        self._standing = self._told(_native.ask_turn, self._limit, self._priority)
        self._is_fresh = True
        if self._standing[0] != "begins" and self._one.call not in self._run.queued:
            self._parked.since = time.monotonic()
            with self._run.lock:
                self._run.queued[self._one.call] = self._parked

    def look(self) -> float | None:
        """Seconds until there may be something new; ``None``: it has its turn, or the flow is held."""
        run = self._run
        if not self._is_fresh:
            self._standing = self._told(_native.turn)
            if self._standing[0] == "begins":
                # Its turn may have been taken back meanwhile.
                self._standing = self._told(_native.confirm_turn)
        self._is_fresh = False
        word, at, _ = self._standing
        if word == "begins":
            self.has_turn = True
            return None
        run.heed()
        if run.session.is_held:
            return None
        if word == "unknown":
            # It was put aside while this process gave no sign of life.
            self.ask()
            return 0
        left = max(0.0, (at - run.session.now()) / 1000)
        # Nothing is further away than turns are given ahead, whatever a clock says.
        return min(left, _AHEAD) if word == "given" else max(left, _NEAR)

    @property
    def is_timed(self) -> bool:
        """Whether it waits for nothing but a time."""
        return self._standing[0] == "given"

    def near(self) -> float:
        """How long a task sleeps that nothing wakes, in seconds."""
        return NAP if self.is_timed else _NEAR * (1 + self._standing[2])

    def stand_aside(self) -> None:
        """It waits elsewhere, and keeps its place."""
        self._account()
        self._is_aside = True
        self._told(_native.stand_aside)

    def parked(self) -> Parked:
        """What it waits for meanwhile: like a pause between tries, its end is no event of its own."""
        one = self._one
        return Parked(-1 - one.call, one.name, one.frame, sleeping=True, deadline=self._standing[1], pause=True)

    def _told(self, ask: Any, *arguments: Any) -> Any:
        from kitaru.errors import KitaruError

        try:
            return ask(self._run.session, self._one.call, *arguments)
        except KitaruError as refusal:
            raise self._run.refused(refusal) from None

    def _account(self) -> None:
        from kitaru._drive import credit

        with self._run.lock:
            known = self._run.queued.pop(self._one.call, None)
        if known is not None:
            credit(self._run, known)
