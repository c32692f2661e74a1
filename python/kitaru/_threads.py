"""Threads that the flow's own code made and gave a place with ``kitaru.carry``: who is alive, and who waits for whom.

What a thread waits for is read from its stack: CPython shows the frames of each. Not here: threads of ``.submit()``,
which are counted as they come and go (``_handles``), and whether the flow can be left (``_quiet``).
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from kitaru import _config, _context
from kitaru.errors import Unwind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from kitaru._run import Run

_UNWIND_SECONDS = 5.0
_LIBRARY = tuple(
    os.path.join(*parts)
    for parts in (
        ("threading.py",),
        ("queue.py",),
        ("concurrent", "futures", "_base.py"),
        ("concurrent", "futures", "thread.py"),
    )
)

_LOOPS = os.path.join("asyncio", "base_events.py")


def carry(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` for another thread: calls in it are recorded as if made where ``carry`` was called."""
    frame = _context.frame()
    if frame is None:
        return function
    own = frame

    def carried(*args: Any, **kwargs: Any) -> Any:
        here = own.inner()
        with _counted(own.run):
            try:
                return _context.in_frame(here, lambda: function(*args, **kwargs))
            except Unwind as unwound:
                if getattr(threading.current_thread(), "_target", None) is not carried:
                    raise
                # Nobody above would take it: the thread ends, as all of the flow does.
                if unwound.error.code in ("closed", "earlier-pass"):
                    _say_late(own.run)
                return None

    return carried


def _say_late(run: Run) -> None:
    import warnings

    name = threading.current_thread().name
    text = f"the thread {name} made a call when {run.flow} had ended: nothing new begins in it. Join the thread before"
    warnings.warn(text, RuntimeWarning, stacklevel=2)


@contextlib.contextmanager
def _counted(run: Run) -> Iterator[None]:
    me = threading.get_ident()
    if me == run.root_thread or me in run.item_threads or _context.running_task() is not None:
        yield
        return
    with run.lock:
        run.carried[me] = run.carried.get(me, 0) + 1
    try:
        yield
    finally:
        with run.turned:
            run.carried[me] -= 1
            if not run.carried[me]:
                del run.carried[me]
            run.turned.notify_all()


def alone(run: Run) -> bool:
    """Whether no thread that was carried is alive beside the caller's, which nobody but its starter waits for."""
    me = threading.get_ident()
    if not run.carried:
        return True
    if any(other != me for other in list(run.carried)):
        return False
    return run.root_thread is None or _Stacks(run).waits(run.root_thread)


def ready(run: Run) -> bool:
    """Whether a thread that was carried can go on by itself, so that recorded results are not handed out beside it."""
    if not run.carried:
        return False
    idle = {one.thread for one in list(run.askers.values()) if not one.handed} | _parked(run)
    left = [ident for ident in list(run.carried) if ident not in idle]
    if not left:
        return False
    stacks = _Stacks(run)
    return any(not stacks.waits(ident) for ident in left)


def root_blocked(run: Run) -> bool:
    """Whether a sync flow's own thread waits, without a limit, for what other threads do."""
    return run.root_thread is not None and _Stacks(run).waits(run.root_thread)


def strangers(run: Run, *, root: bool) -> list[str] | None:
    """Threads of the flow that wait for something unknown; ``None``: one of them is at work.

    One that waits for a thread that is parked, itself or through others, is neither. ``root``: the flow's own thread
    is to be looked at too.
    """
    parked = _parked(run)
    left = [ident for ident in list(run.carried) if ident not in parked]
    own = run.root_thread if root and run.root_thread not in parked else None
    if own is not None:
        left.append(own)
    if not left:
        return []
    children = {other.root_thread for other in list(_context.running) if other is not run}
    stacks = _Stacks(run)
    unknown: list[str] = []
    for ident in left:
        if stacks.waits_for(ident, parked, set()):
            continue
        waits = stacks.waits(ident)
        if ident in children or (ident == own and not waits):
            stacks.take_up_loop(ident)
            return None
        if ident == own or not waits:
            unknown.append(_name(ident, own))
    return unknown


def lasts(run: Run, unknown: list[str]) -> bool:
    """Whether threads have waited for something unknown for the grace; they are named then."""
    if not unknown:
        run.unknown_since, run.strangers = None, []
        return True
    now = time.monotonic()
    run.unknown_since = run.unknown_since or now
    run.strangers = unknown
    return now - run.unknown_since >= _config.grace()


def see_out(run: Run) -> None:
    """The flow is left while its own thread waits for something unknown: the process does not wait for that."""

    def watch() -> None:
        if not run.over.wait(_UNWIND_SECONDS):
            from kitaru._edge import abandon

            abandon(run)

    threading.Thread(target=watch, name="kitaru-leave", daemon=True).start()


def _parked(run: Run) -> set[int | None]:
    return {one.thread for one in list(run.parked.values())}


def _name(ident: int, own: int | None) -> str:
    if ident == own:
        return "the flow itself"
    named = next((one.name for one in threading.enumerate() if one.ident == ident), "?")
    return f"the thread {named}"


class _Stacks:
    """The stacks of all threads at one moment."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._frames = sys._current_frames()

    def waits(self, ident: int) -> bool:
        """Whether a thread waits in the library's own code, without a limit: somebody else has to wake it."""
        waits = False
        for at in self._library(ident):
            limit = at.f_locals.get("timeout")
            if limit is not None and limit != -1:
                return False
            if any(_over(one) for one in _ends(at)):
                # It goes on, though it may not have woken yet.
                return False
            waits = True
        return waits

    def waits_for(self, ident: int, parked: set[int | None], seen: set[int]) -> bool:
        """Whether a thread waits for the end of one that is parked, or of one that does so in turn."""
        if ident in parked:
            return True
        if ident in seen or not self.waits(ident):
            return False
        seen.add(ident)
        awaited = [one for at in self._library(ident) for one in _ends(at)]
        return any(self.waits_for(other, parked, seen) for one in awaited for other in self._doing(one))

    def take_up_loop(self, ident: int) -> None:
        """A loop that the flow's sync code runs, and none of whose tasks has made a call itself: those that it took
        to threads did. From here on it is looked at."""
        at = self._frames.get(ident)
        while at is not None and not (at.f_code.co_name == "run_forever" and at.f_code.co_filename.endswith(_LOOPS)):
            at = at.f_back
        loop = None if at is None else at.f_locals.get("self")
        if loop is None:
            return

        def take_up() -> None:
            import asyncio

            side = self._run.side(loop)
            for task in asyncio.all_tasks(loop):
                side.add(task)

        with contextlib.suppress(RuntimeError):  # it is closed: nothing runs there any more
            loop.call_soon_threadsafe(take_up, context=contextvars.Context())

    def _doing(self, end: Any) -> Iterator[int]:
        """The threads that come to that end: a thread itself, or the one of a pool whose work makes that future."""
        if isinstance(end, threading.Thread):
            if end.ident is not None:
                yield end.ident
            return
        for ident in list(self._run.carried):
            if any(getattr(held, "future", None) is end for held in self._pooled(ident)):
                yield ident

    def _pooled(self, ident: int) -> Iterator[Any]:
        at = self._frames.get(ident)
        while at is not None:
            if at.f_code.co_name == "run" and at.f_code.co_filename.endswith(_LIBRARY):
                yield at.f_locals.get("self")
            at = at.f_back

    def _library(self, ident: int) -> Iterator[FrameType]:
        """The innermost frames of a thread, as far as they are the library's."""
        at = self._frames.get(ident)
        while at is not None and at.f_code.co_filename.endswith(_LIBRARY):
            yield at
            at = at.f_back


def _ends(at: FrameType) -> list[Any]:
    """The threads and futures whose end a frame of the library waits for."""
    held = at.f_locals.get("self")
    name = at.f_code.co_name
    if isinstance(held, threading.Thread):
        return [held] if name == "join" else []
    if isinstance(held, getattr(sys.modules.get("concurrent.futures._base"), "Future", ())):
        return [held] if name in ("result", "exception") else []
    return (
        [*at.f_locals.get("pending", ()), *at.f_locals.get("not_done", ())] if name in ("as_completed", "wait") else []
    )


def _over(end: Any) -> bool:
    return not end.is_alive() if isinstance(end, threading.Thread) else bool(end.done())
