"""Where code stands: which execution, scope and call the running task or thread belongs to.

A frame is found by task first and by context second: a task has its frame from the task factory even if it
shares a context with another, and threads started with a copied context (``asyncio.to_thread``, anyio) inherit
theirs. Not here: what a call does (``_calls``) and when a flow is quiet (``_quiet``).
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Iterator

    from kitaru._run import Run

ROOT_SCOPE = bytes(16)


class Frame:
    """A place in an execution: a scope, and the call whose body runs there."""

    __slots__ = (
        "abandoned",
        "attempt",
        "beat",
        "call",
        "key",
        "once",
        "parent",
        "parked_for",
        "run",
        "scope",
        "thread",
    )

    def __init__(
        self,
        run: Run,
        scope: bytes,
        *,
        parent: Frame | None = None,
        call: int | None = None,
        key: str | None = None,
        attempt: int = 1,
    ) -> None:
        self.run = run
        self.scope = scope
        self.parent = parent
        self.call = call
        self.key = key
        self.thread = threading.get_ident()
        self.attempt = attempt
        # Whether this is the body of a call whose effect must happen at most once.
        self.once = False
        self.parked_for = 0.0
        # When it last showed a sign of life, by the monotonic clock.
        self.beat = 0.0
        self.abandoned = False

    def inner(self) -> Frame:
        """The same place, for another task or thread."""
        return Frame(self.run, self.scope, parent=self, key=self.key)

    def chain(self) -> Iterator[Frame]:
        """This frame and those around it, innermost first."""
        frame: Frame | None = self
        while frame is not None:
            yield frame
            frame = frame.parent

    def lives(self) -> None:
        """A sign of life of what runs here, and so of all that it is a part of, over the edges of executions."""
        now = time.monotonic()
        frame: Frame | None = self
        while frame is not None:
            frame.beat = now
            frame = frame.parent or frame.run.above

    def body(self) -> Frame | None:
        """The innermost frame that is a call's body."""
        frame: Frame | None = self
        while frame is not None and frame.call is None:
            frame = frame.parent
        return frame


current: contextvars.ContextVar[Frame | None] = contextvars.ContextVar("kitaru_frame", default=None)
_by_task: weakref.WeakKeyDictionary[Any, Frame] = weakref.WeakKeyDictionary()
_pending_eager = threading.local()
# Executions that run in this process, for the warning about calls that will not be recorded.
running: set[Run] = set()
_transparent_code: set[Any] = set()


def transparent(function: Callable[..., Any]) -> None:
    """Marks a coroutine function whose tasks open no scope: the call inside was identified before."""
    _transparent_code.add(function.__code__)


def running_task() -> asyncio.Task[Any] | None:
    """The task that runs in this thread, without importing asyncio where nobody else did."""
    current = _of_asyncio("current_task")
    if current is None:
        return None
    try:
        return current()  # type: ignore[no-any-return]
    except RuntimeError:
        return None


def is_cancel(error: BaseException | None) -> bool:
    """Whether a task's cancellation is what was raised."""
    kind = _of_asyncio("CancelledError")
    return kind is not None and isinstance(error, kind)


def _of_asyncio(name: str) -> Any:
    """``None`` where nobody imported it, and while another thread still does: then no task runs yet."""
    return getattr(sys.modules.get("asyncio"), name, None)


def frame() -> Frame | None:
    """The frame of the code that runs now, or ``None`` outside any flow."""
    task = running_task()
    if task is None:
        found = current.get()
        return _owned(found) if found is not None else None
    own = _by_task.get(task)
    if own is not None:
        return _owned(own)
    eager: Frame | None = getattr(_pending_eager, "frame", None)
    if eager is not None:
        _pending_eager.frame = None
        _by_task[task] = eager
        return _owned(eager)
    found = current.get()
    return _owned(_adopt(found, task)) if found is not None else None


def frame_or_none() -> Frame | None:
    """The same for observers such as output capture: never raises, never opens a scope."""
    task = running_task()
    found = current.get() if task is None else _by_task.get(task)
    return found if found is not None and found.run.pid == os.getpid() else None


def of_task(task: asyncio.Task[Any]) -> Frame | None:
    """The frame of another task."""
    return _by_task.get(task)


def enter(own: Frame | None) -> Any:
    """Makes ``own`` the current frame of this task or thread; ``None``: outside any flow. Returns what :func:`leave`
    needs."""
    task = running_task()
    before = current.get()
    current.set(own)
    if task is None:
        return before, None, None
    outer = _by_task.get(task)
    if own is None:
        _by_task.pop(task, None)
    else:
        _by_task[task] = own
    return before, task, outer


def leave(entered: Any) -> None:
    """Undoes :func:`enter`."""
    before, task, outer = entered
    current.set(before)
    if task is not None:
        if outer is None:
            _by_task.pop(task, None)
        else:
            _by_task[task] = outer


def _owned(found: Frame) -> Frame:
    if found.run.pid != os.getpid():
        from kitaru.errors import KitaruForkedError, Unwind

        raise Unwind(
            KitaruForkedError(
                "this is a forked child of the process that runs the flow: it cannot record anything. "
                "Call checkpoints in the parent, or start the child with multiprocessing's spawn method."
            )
        )
    return found


def _adopt(found: Frame, task: asyncio.Task[Any]) -> Frame:
    """A frame for a task that was made where our factory was not installed."""
    from kitaru import _loops

    loop = task.get_loop()
    side = found.run.side(loop)
    if found.thread == threading.get_ident() and is_main(task):
        # The main task of a loop that sync code runs and waits for (`run_sync`): the same place.
        own = found.inner()
    else:
        coroutine = task.get_coro()
        name = getattr(coroutine, "__qualname__", type(coroutine).__name__)
        scope = found.run.session.adopt_scope(found.scope, name)
        own = Frame(found.run, scope, parent=found)
    _by_task[task] = own
    _loops.install(loop)
    side.add(task)
    return own


def is_main(task: asyncio.Task[Any]) -> bool:
    """Whether ``run_until_complete`` waits for this task. It leaves its mark among the task's callbacks."""
    for callback, _ in getattr(task, "_callbacks", None) or ():
        if "run_until_complete" in getattr(callback, "__qualname__", ""):
            return True
    return False


def task_frame(creator: Frame, coroutine: Coroutine[Any, Any, Any]) -> Frame:
    """The frame of a task that code in ``creator`` makes of ``coroutine``."""
    code = getattr(coroutine, "cr_code", None)
    if code in _transparent_code or _made_by_wait_for():
        return creator.inner()
    name = getattr(coroutine, "__qualname__", type(coroutine).__name__)
    scope = creator.run.session.open_scope(creator.scope, "task", name, _arguments_digest(coroutine))
    return Frame(creator.run, scope, parent=creator, key=creator.key)


def _made_by_wait_for() -> bool:
    """Before 3.12 ``asyncio.wait_for`` wraps its coroutine in a task; scopes must not depend on that."""
    if sys.version_info >= (3, 12):
        return False
    at = sys._getframe(2)
    for _ in range(5):
        if at is None:
            return False
        if at.f_code.co_name == "wait_for" and at.f_code.co_filename.endswith("tasks.py"):
            return True
        following = at.f_back
        if following is None:
            return False
        at = following
    return False


_FIRST_BYTES = 4096


def _arguments_digest(coroutine: Any) -> bytes | None:
    """Digest of a fresh coroutine's encodable arguments, their first 4 KB; ``None`` if it has none."""
    at = getattr(coroutine, "cr_frame", None)
    code = getattr(coroutine, "cr_code", None)
    if at is None or code is None:
        return None
    from kitaru import _native
    from kitaru._values import Unencodable, encode

    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    known = at.f_locals
    parts: list[str] = []
    for name in code.co_varnames[:count]:
        if name in known:
            try:
                parts.append(f"{name}={encode(known[name])[:_FIRST_BYTES]}")
            except Unencodable:
                continue
    return _native.blake3("\0".join(parts).encode("utf-8", "surrogatepass")) if parts else None


def bind_task(task: Any, own: Frame) -> None:
    """Gives a task its frame."""
    _by_task[task] = own


def expect_eager(creator_frame: Frame | None) -> None:
    """The next unknown task of this thread is an eager one that starts before the factory has returned."""
    _pending_eager.frame = creator_frame


def in_frame(own: Frame | None, function: Callable[[], Any]) -> Any:
    """Calls ``function`` with ``own`` as the current frame; ``None``: as if outside any flow."""
    entered = enter(own)
    try:
        return function()
    finally:
        leave(entered)
