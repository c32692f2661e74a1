"""Calls beside each other: ``.submit()`` and ``.map()`` in threads, or in tasks for async checkpoints."""

from __future__ import annotations

import concurrent.futures
import contextvars
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kitaru import _context
from kitaru.errors import Unwind

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru._checkpoint import Checkpoint
    from kitaru._context import Frame
    from kitaru._run import Run

T = TypeVar("T")


class Handle(concurrent.futures.Future, Generic[T]):  # type: ignore[type-arg]
    """The future result of a submitted call. A ``concurrent.futures.Future``: ``as_completed`` takes it."""

    _run: Run | None = None

    def result(self, timeout: float | None = None) -> T:
        """The result, waiting for it. Raises what the call raised."""
        with _joining(self):
            value: T = super().result(timeout)
            return value

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the call raised, waiting for it; ``None`` if it returned."""
        with _joining(self):
            return super().exception(timeout)

    def settled(self) -> None:
        """Waits for the end of the call, whatever it is."""
        concurrent.futures.wait([self])

    def __await__(self) -> Any:
        return self._awaited().__await__()

    async def _awaited(self) -> T:
        import asyncio

        value: T
        run = self._run
        frame = _context.frame_or_none()
        if self.done() or run is None or frame is None or frame.run is not run:
            value = await asyncio.shield(asyncio.wrap_future(self))
            return value
        # A flow that waits for a thread of its own can still be left when that one is parked.
        await run.side(asyncio.get_running_loop()).join(self)
        value = super().result()
        return value


class _joining:
    """Marks that this thread waits for another of the flow, so that it does not count as busy."""

    def __init__(self, handle: Handle[Any]) -> None:
        self._handle = handle
        self._run = handle._run if not handle.done() else None

    def __enter__(self) -> None:
        run = self._run
        if run is None:
            return
        me = threading.get_ident()
        if me == run.root_thread:
            run.root_joins = self._handle
            run.root_joining += 1
        elif me in run.item_threads:
            run.leave_thread()
        else:
            self._run = None
            return
        run.joins[me] = self._handle

    def __exit__(self, *_: object) -> None:
        run = self._run
        if run is None:
            return
        if threading.get_ident() == run.root_thread:
            run.root_joining -= 1
            run.root_joins = None
        else:
            run.enter_thread()
        run.joins.pop(threading.get_ident(), None)


def submit(checkpoint: Checkpoint[Any, Any], args: Any, kwargs: Any, gate: Any = None) -> Any:
    """Starts a call beside the others."""
    frame = _context.frame()
    if checkpoint._kind == "async":
        import asyncio

        submitted = _Submitted(checkpoint, args, kwargs) if frame is not None else None
        return asyncio.ensure_future(_gated(checkpoint, args, kwargs, gate, submitted))
    handle: Handle[Any] = Handle()
    if frame is None:
        _start(handle, lambda: checkpoint(*args, **kwargs), gate, "kitaru-submit")
        return handle
    run = frame.run
    run.check_new(frame)
    submitted = _Submitted(checkpoint, args, kwargs)
    scope = run.session.open_scope(frame.scope, "item", checkpoint.name, submitted.bound.digest)
    own = _context.Frame(run, scope, parent=frame, key=frame.key)
    handle._run = run
    # What queues at a gate is not busy: it starts when another has ended.
    with run.lock:
        run.items_alive += 1
        run.threads_busy += gate is None
        run.handles.add(handle)

    def work() -> Any:
        me = threading.get_ident()
        if gate is not None:
            run.enter_thread()
        run.item_threads.add(me)
        own.thread = me
        _context.enter(own)
        try:
            return submitted.made(own)
        finally:
            with run.lock:
                run.item_threads.discard(me)
                run.items_alive -= 1
                run.handles.discard(handle)

    try:
        # It counts as busy until whoever waits for its result has been woken.
        _start(handle, work, gate, f"kitaru-{checkpoint.name}", run.leave_thread)
    except RuntimeError:
        with run.lock:
            run.items_alive -= 1
            run.threads_busy -= gate is None
            run.handles.discard(handle)
        raise
    return handle


class _Submitted:
    """A call that begins later, known by what it is given now: until then the flow may go on to change that."""

    def __init__(self, checkpoint: Checkpoint[Any, Any], args: Any, kwargs: Any) -> None:
        kwargs = dict(kwargs)
        self._checkpoint = checkpoint
        self._id = checkpoint.named(kwargs)
        self.bound = checkpoint.spec().signature.bind(args, kwargs)

    def made(self, frame: Frame) -> Any:
        """Makes the call in that frame. Its body has copies of what could have changed."""
        return self._checkpoint.made(frame, self.bound, self._id, own=self.bound.mutable)


async def _gated(
    checkpoint: Checkpoint[Any, Any], args: Any, kwargs: Any, gate: Any, submitted: _Submitted | None
) -> Any:
    # Tasks are told apart by what they are given: by the arguments, that is.
    if gate is not None:
        async with gate:
            return await _gated(checkpoint, args, kwargs, None, submitted)
    frame = _context.frame()
    return await (checkpoint(*args, **kwargs) if submitted is None or frame is None else submitted.made(frame))


def _start(
    handle: Handle[Any], work: Callable[[], Any], gate: Any, name: str, after: Callable[[], None] | None = None
) -> None:
    def main() -> None:
        try:
            if gate is not None:
                with gate:
                    value = work()
            else:
                value = work()
        except BaseException as error:
            handle.set_exception(error)
        else:
            handle.set_result(value)
        if after is not None:
            after()

    handle.set_running_or_notify_cancel()
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(main,), name=name, daemon=True).start()


def map_items(checkpoint: Checkpoint[Any, Any], items: list[Any], limit: int | None, *, spread: bool = False) -> Any:
    """One call an item. Results in order; the first failure, by order, is raised after all have ended."""
    calls = [item if spread else (item,) for item in items]
    if checkpoint._kind == "async":
        return _map_async(checkpoint, calls, limit)
    gate = threading.BoundedSemaphore(limit) if limit is not None else None
    handles = [submit(checkpoint, call, {}, gate) for call in calls]
    errors = [error for handle in handles if (error := handle.exception()) is not None]
    for error in errors:
        if isinstance(error, Unwind):
            raise error
    if errors:
        raise errors[0]
    return [handle.result() for handle in handles]


async def _map_async(checkpoint: Checkpoint[Any, Any], calls: list[Any], limit: int | None) -> list[Any]:
    import asyncio

    gate = asyncio.Semaphore(limit) if limit is not None else None
    tasks = [submit(checkpoint, call, {}, gate) for call in calls]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return list(results)
