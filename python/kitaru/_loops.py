"""What an execution installs on an event loop: the task factory that gives tasks their scopes, and a watch on timers.

The factory is chained to one that is installed already, eager ones too. Timers are watched only where the loop does
not show them (uvloop). Not here: what a scope means (``_context``) and what a timer means (``_quiet``).
"""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

from kitaru import _context

_MARK = "_kitaru_factory"


def install(loop: asyncio.AbstractEventLoop) -> None:
    """Installs the factory on ``loop``, once."""
    previous = loop.get_task_factory()
    if previous is not None and getattr(previous, _MARK, False):
        return
    loop.set_task_factory(_factory(previous))
    if not hasattr(loop, "_scheduled"):
        _watch_timers(loop)


class Timer:
    """A timer of a flow's code on a loop that does not show its timers."""

    __slots__ = ("_context", "_handle")

    def __init__(self, handle: asyncio.TimerHandle, context: contextvars.Context) -> None:
        self._handle = handle
        self._context = context

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._handle.cancelled()

    def when(self) -> float:
        """When it is due, in the loop's time."""
        return self._handle.when()


def timers(loop: asyncio.AbstractEventLoop) -> list[Any]:
    """The timers of a loop that are still to come; on a loop that does not show them, those of flows."""
    shown = getattr(loop, "_scheduled", None)
    if shown is not None:
        return list(shown)
    watched: list[Timer] = getattr(loop, _TIMERS, [])
    # One that is just due may not have run yet.
    latest = loop.time() - _JUST_DUE
    watched[:] = [timer for timer in watched if not timer.cancelled() and timer.when() > latest]
    return list(watched)


_TIMERS = "_kitaru_timers"
_JUST_DUE = 0.05


def _watch_timers(loop: Any) -> None:
    watched: list[Timer] = []
    try:
        setattr(loop, _TIMERS, watched)
    except AttributeError:
        return  # a loop that takes no attributes: a timer of the flow's code is not seen there

    def watching(original: Any) -> Any:
        def made(at: float, callback: Any, *args: Any, context: contextvars.Context | None = None) -> Any:
            handle = original(at, callback, *args, context=context)
            own = context if context is not None else contextvars.copy_context()
            if own.get(_context.current) is not None:
                timers(loop)
                watched.append(Timer(handle, own))
            return handle

        return made

    loop.call_later = watching(loop.call_later)
    loop.call_at = watching(loop.call_at)


def _factory(previous: Any) -> Any:
    def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        creator = _context.frame()
        own = entered = None
        if creator is not None and creator.run.counts_tasks:
            own = _context.task_frame(creator, coroutine)
            _context.expect_eager(own)
            # The task copies this context now: threads that it starts will find its frame there.
            entered = _context.current.set(own)
        try:
            if previous is not None:
                task = previous(loop, coroutine, **options)
            else:
                task = asyncio.Task(coroutine, loop=loop, **options)
        finally:
            _context.expect_eager(None)
            if entered is not None:
                _context.current.reset(entered)
        if own is not None and not task.done():
            _context.bind_task(task, own)
            own.run.side(loop).add(task)
        return task

    setattr(make, _MARK, True)
    return make
