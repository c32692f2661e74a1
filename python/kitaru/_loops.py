"""The task factory that gives tasks their scopes, for as long as an execution uses a loop.

It is chained to one that is installed already, eager ones too. Not here: what a scope means (``_context``).
"""

from __future__ import annotations

import asyncio
from typing import Any

from kitaru import _context

_MARK = "_kitaru_factory"


def install(loop: asyncio.AbstractEventLoop) -> None:
    """Installs the factory on ``loop``, once."""
    previous = loop.get_task_factory()
    if previous is not None and getattr(previous, _MARK, False):
        return
    loop.set_task_factory(_factory(previous))


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
