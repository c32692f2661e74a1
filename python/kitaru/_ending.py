"""What still runs when a flow's function has ended: bodies end and are recorded first, for they are paid for.

Nothing new begins meanwhile, but for the calls that such a body needs to end. Not here: what is recorded of the
flow then, and whether its function begins again (``_edge``).
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from kitaru import _config
from kitaru._calls import given_up
from kitaru._drive import below
from kitaru.errors import Unwind

if TYPE_CHECKING:
    from kitaru._context import Frame
    from kitaru._quiet import Side
    from kitaru._run import Run

_LOOK = 0.05
_UNWIND_SECONDS = 5.0


def settle_threads(run: Run) -> None:
    """Returns when the bodies of a sync flow have ended: those of submitted calls, and those in threads of its own."""
    run.root_joining += 1
    try:
        for handle in list(run.handles):
            run.root_joins = handle
            handle.settled()
        run.root_joins = None
        patience = _Patience(run)
        while patience.holds(_running(run)):
            run.session.await_news(_LOOK)
    finally:
        run.root_joining -= 1


async def settle_tasks(run: Run, side: Side) -> None:
    """The same for an async flow. What is parked there, nobody waits for any more."""
    import asyncio

    run.draining = True
    try:
        patience = _Patience(run)
        while True:
            _wake_parked(run, side)
            if not patience.holds(_running(run)):
                break
            tasks = [task for task in side.tasks if not task.done()]
            if tasks:
                await asyncio.wait(tasks, timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(_LOOK)
    finally:
        run.draining = False
    for task in list(side.tasks):
        if task.done() and isinstance(getattr(task, "_exception", None), Unwind):
            task.exception()  # ours: nobody has to hear of it


async def end_tasks(side: Side) -> None:
    """Ends what an earlier pass left behind, after its bodies."""
    import asyncio

    run = side.run
    run.draining = True
    try:
        left = [task for task in side.tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_UNWIND_SECONDS)
        for task in list(side.tasks):
            if task.done() and not task.cancelled():
                task.exception()
    finally:
        run.draining = False


def _wake_parked(run: Run, side: Side) -> None:
    for parked in list(run.parked.values()):
        if parked.cancel is not None:
            parked.cancel()
    for future in list(side.cancelled):
        future.cancel()


def _running(run: Run) -> list[Frame]:
    """Bodies that run, or have ended and are about to be recorded. One that is parked spends nothing."""
    parked = list(run.parked.values())
    return [
        frame
        for frame, owner in list(run.bodies.items())
        if _lives(owner) and not given_up(frame) and not any(below(one.frame, frame) for one in parked)
    ]


def _lives(owner: Any) -> bool:
    """Whether somebody is in a body. An open call whose stream nobody reads any more was just left there."""
    if not isinstance(owner, int):
        return not owner.done()
    return owner != threading.get_ident() and any(one.ident == owner for one in threading.enumerate())


class _Patience:
    """For how long bodies are waited for: until none runs, or none shows a sign of life for the grace."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._signs: Any = None
        self._since = time.monotonic()

    def holds(self, frames: list[Frame]) -> bool:
        run, now = self._run, time.monotonic()
        if not frames or run.closing is not None:
            return False
        signs = {id(frame): frame.beat for frame in frames}
        if signs != self._signs:
            self._signs, self._since = signs, now
        if now - self._since < _config.grace():
            return True
        keys = ", ".join(sorted(frame.key or "?" for frame in frames))
        text = (
            f"{run.flow} has ended, and {keys} still ran, without a sign of life for {_config.grace():g} s: "
            "what comes of it is not kept"
        )
        run.session.note(None, "left-behind", text)
        import warnings

        warnings.warn(text, RuntimeWarning, stacklevel=2)
        return False
