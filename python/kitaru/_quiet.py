"""Knowing when a flow is quiet: a wait is parked, no body runs, and everything alive waits for it.

A task that waits for anything else (a raw request) holds the flow for a grace, and is named. What asyncio does
not tell is read from private attributes that every supported CPython has (``_fut_waiter``, ``_children``,
``_ready``, ``_scheduled``); on a loop that lacks the last two (uvloop) timers are watched by ``_loops``.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from kitaru import _config, _context, _loops, _threads
from kitaru._parked import has_news
from kitaru.errors import KitaruError

if TYPE_CHECKING:
    import concurrent.futures

    from kitaru._parked import Parked
    from kitaru._run import Run
    from kitaru._steps import Ended

POLL = 0.03
_INTERNAL = ("asyncio/tasks.py", "asyncio/taskgroups.py", "asyncio/locks.py", "asyncio/queues.py")
_STEPS = ("async_generator_asend", "async_generator_athrow", "anext_awaitable", "coroutine_wrapper")
_INTERNAL_ANYIO = "anyio/_backends/_asyncio.py"


class Side:
    """What an execution keeps for one event loop. All of it is touched on that loop's thread only."""

    def __init__(self, run: Run, loop: asyncio.AbstractEventLoop) -> None:
        self.run = run
        self.loop = loop
        # What its own callbacks run in. Only one thread at a time can be in a context: each loop needs its own.
        self._empty = contextvars.Context()
        # The thread that runs the loop: a side is made and used there only.
        self.thread = threading.get_ident()
        self.tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self.root: asyncio.Task[Any] | None = None
        self.futures: dict[asyncio.Future[Any], Parked] = {}
        self.waiters: dict[int, asyncio.Future[None]] = {}
        self.cancelled: list[asyncio.Future[None]] = []
        # Results that the loop's next round commits together, and the futures of their tasks.
        self.ending: dict[asyncio.Future[None], Ended] = {}
        # What a call with a timeout waits on, and the task of its body.
        self.relays: dict[asyncio.Future[None], asyncio.Task[Any]] = {}
        # What tasks wait on that wait for a thread of the flow, which counts as busy by itself.
        self.joining: dict[asyncio.Future[None], concurrent.futures.Future[Any]] = {}
        self.unknown_since: float | None = None
        self.strangers: list[str] = []
        self._polling = False
        self._checking = False
        self._spins = 0

    def add(self, task: asyncio.Task[Any]) -> None:
        """A task of the flow was made."""
        self.tasks.add(task)

    def alive(self, enough: int) -> int:
        """How many tasks of the flow are alive on this loop; no more than ``enough`` are counted."""
        alive = 0
        over = []
        for task in self.tasks:
            if task.done():
                over.append(task)
            elif (alive := alive + 1) >= enough:
                break
        # Whoever keeps its finished tasks must not make every later call look at them again.
        self.tasks.difference_update(over)
        return alive

    def cancel_root(self) -> None:
        """Unwinds the flow's root, after the parked waits have been told."""
        with contextlib.suppress(RuntimeError):  # its loop is closed: nothing is left to unwind there
            self.loop.call_soon_threadsafe(self._cancel_root, context=self._empty)

    def _cancel_root(self) -> None:
        root = self.root
        if root is None:
            # A loop that the flow's own sync code runs.
            root = next((task for task in asyncio.all_tasks(self.loop) if _context.is_main(task)), None)
        if root is not None and not root.done():
            root.cancel()

    # -- results that end together -------------------------------------------------------------------

    async def commit(self, ended: Ended) -> None:
        """Makes a result durable, together with those of the tasks that are about to run."""
        ready = getattr(self.loop, "_ready", None)
        if ready is not None and not ready:
            # Nobody else is: what would be waited for?
            self.run.session.end_returned(ended.call, ended.text, ended.attempts)
            return
        if not self.ending:
            self.loop.call_soon(self._commit, context=self._empty)
        future: asyncio.Future[None] = self.loop.create_future()
        self.ending[future] = ended
        try:
            await future
        finally:
            self.ending.pop(future, None)

    def _commit(self) -> None:
        together = {future: ended for future, ended in self.ending.items() if not future.cancelled()}
        self.ending = {}
        error: BaseException | None = None
        try:
            self.run.session.end_returned_together([(one.call, one.text, one.attempts) for one in together.values()])
        except BaseException as refusal:
            error = refusal
        for future in together:
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    # -- recorded results, in their order -------------------------------------------------------------

    async def deliver(self, order: int) -> None:
        """Returns when it is this outcome's turn."""
        waiter: asyncio.Future[None] = self.loop.create_future()
        self.waiters[order] = waiter
        self.run.session.ask(order)
        self._schedule_delivery()
        try:
            await waiter
        except asyncio.CancelledError:
            self.run.session.delivered(order)
            raise
        finally:
            self.waiters.pop(order, None)

    def _schedule_delivery(self) -> None:
        if not self._checking:
            self._checking = True
            self._spins = 0
            self.loop.call_soon(self._deliver, context=self._empty)

    def _deliver(self) -> None:
        self._checking = False
        if not self.waiters:
            return
        ready = getattr(self.loop, "_ready", None)
        # Without a look at the ready queue a few rounds let what is ready go first.
        busy = len(ready) > 0 if ready is not None else self._spins < 3
        if busy and self._spins < 100:
            self._spins += 1
            self._checking = True
            self.loop.call_soon(self._deliver, context=self._empty)
            return
        order, patience = self.run.session.next_delivery()
        if order is not None:
            if order in self.waiters:
                self.hand_out(order)
            else:
                self.run.wake(order)
            self._schedule_delivery()
        elif patience is not None:
            self.loop.call_later(patience / 1000, self._schedule_delivery, context=self._empty)

    def hand_out(self, order: int) -> None:
        """Wakes the task that asked for this outcome."""
        waiter = self.waiters.get(order)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def forever(self) -> None:
        """Parks a call that the flow cancelled once: until it is cancelled again, or the flow is quiet."""
        future: asyncio.Future[None] = self.loop.create_future()
        self.cancelled.append(future)
        self.start_polling()
        try:
            await future
        finally:
            self.cancelled.remove(future)

    async def ended(self, task: asyncio.Task[Any], seconds: float) -> None:
        """Returns when ``task`` has ended, or after ``seconds``. Such a timer does not keep a flow from being quiet."""
        relay: asyncio.Future[None] = self.loop.create_future()

        def finish(_: object = None) -> None:
            _finish(relay)

        timer = None if seconds == float("inf") else self.loop.call_later(seconds, finish, context=self._empty)
        task.add_done_callback(finish, context=self._empty)
        self.relays[relay] = task
        try:
            await relay
        finally:
            del self.relays[relay]
            task.remove_done_callback(finish)
            if timer is not None:
                timer.cancel()

    async def join(self, handle: concurrent.futures.Future[Any]) -> None:
        """Returns when what runs in another thread of the flow has ended."""
        future: asyncio.Future[None] = self.loop.create_future()

        def finish(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self.loop.call_soon_threadsafe(_finish, future, context=self._empty)

        self.joining[future] = handle
        handle.add_done_callback(finish)
        try:
            await future
        finally:
            del self.joining[future]

    # -- parked waits ---------------------------------------------------------------------------------

    async def park(self, parked: Parked) -> None:
        """Returns when something of the wait has changed. Cancelled when the flow is left."""
        future: asyncio.Future[None] = self.loop.create_future()
        self.futures[future] = parked

        def cancel() -> None:
            self.loop.call_soon_threadsafe(_cancel, future, context=self._empty)

        parked.cancel = cancel
        self.start_polling()
        try:
            await future
        finally:
            self.futures.pop(future, None)
            parked.cancel = None

    def start_polling(self) -> None:
        """Looks for answers and for quiet until nothing is parked."""
        if not self._polling:
            self._polling = True
            self._spins = 0
            self.loop.call_soon(self._poll, context=self._empty)

    def start_polling_threadsafe(self) -> None:
        """The same, from a thread that has parked."""
        if not self._polling:
            with contextlib.suppress(RuntimeError):  # the loop has been closed since it was looked at
                self.loop.call_soon_threadsafe(self.start_polling, context=self._empty)

    def _poll(self) -> None:
        self._polling = False
        try:
            self._look()
        except KitaruError as refusal:
            # Nobody else would look again: whoever is parked is to be told.
            self.run.refused(refusal)

    def _look(self) -> None:
        run = self.run
        if run.closing is not None or not (self.futures or run.parked or self.cancelled):
            return
        woken = False
        for future, parked in list(self.futures.items()):
            if not future.done() and has_news(run, parked):
                future.set_result(None)
                woken = True
        soon = False
        if not woken:
            ready = getattr(self.loop, "_ready", None)
            if (ready is not None and len(ready) == 0) or ready is None:
                if is_quiet(run):
                    if run.has_failed():
                        soon = True
                    elif self.cancelled and not run.session.is_held:
                        # Nobody cancels it this time: it runs.
                        _finish(self.cancelled[0])
                        soon = True
                    elif leave(run):
                        return
            else:
                self._spins += 1
                soon = self._spins < 50
        self._polling = True
        if soon or woken:
            self.loop.call_soon(self._poll, context=self._empty)
        else:
            self._spins = 0
            self.loop.call_later(POLL, self._poll, context=self._empty)


def _finish(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_result(None)


def _cancel(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.cancel()


def leave(run: Run) -> bool:
    """Leaves a quiet flow: paused if it is held, else suspended, after asking on a terminal. ``False``: it goes on."""
    if run.session.is_held:
        return run.halt()
    from kitaru._edge import ask_inline

    return not ask_inline(run) and run.suspend()


def is_quiet(run: Run, *, parked: bool = True) -> bool:
    """Whether the flow can be left: something is parked and everything alive waits for it.

    ``parked=False``: nothing needs to be. A flow that is held is left when no body runs any more, however long that
    takes, and its own timers do not hold it up.
    """
    sides = run.live_sides()
    something = run.parked or any(side.cancelled for side in sides)
    if run.draining or (parked and not something):
        return False
    # While the root waits it makes no threads; while it still waits afterwards, none that was busy has woken it.
    unknown = _threads.strangers(run, root=not root_waits(run))
    if unknown is None or run.threads_busy > 0 or _threads.strangers(run, root=not root_waits(run)) is None:
        return False
    if run.askers or any(side.waiters for side in sides):
        return False
    # Whoever waited for what has ended goes on, though it may not have woken yet.
    joined = [*list(run.joins.values()), *(handle for side in sides for handle in list(side.joining.values()))]
    if any(handle.done() for handle in joined):
        return False
    held = run.session.is_held
    strangers: list[asyncio.Task[Any]] = []
    for side in sides:
        verdict = _tasks_wait(side, strangers)
        if not verdict or (not held and _timer_pending(side)):
            return False
    if run.bodies:
        from kitaru._ending import body_runs

        if body_runs(run, strangers):
            # It is paid for, however long that takes.
            for side in sides:
                side.unknown_since = None
            run.unknown_since = None
            return False
    if not _threads.lasts(run, unknown):
        return False
    if len(strangers) <= run.guests_parked:
        for side in sides:
            side.unknown_since = None
        return True
    if held:
        if any(_in_body(run, task) for task in strangers):
            return False
        # Between two calls nothing is paid for: who sleeps there does it again.
        strangers = [task for task in strangers if not _sleeps(task)]
        if not strangers:
            return True
    now = time.monotonic()
    for side in sides:
        side.unknown_since = side.unknown_since or now
        side.strangers = [task.get_name() for task in strangers]
        if now - side.unknown_since < _config.grace():
            return False
    return True


def others_run(run: Run) -> bool:
    """Whether a body of the flow runs beside the task that asks."""
    me = asyncio.current_task()
    if run.threads_busy > (threading.get_ident() in run.item_threads):
        return True
    for side in run.live_sides():
        for task in list(side.tasks):
            if task is me or task.done() or not _in_body(run, task):
                continue
            waiter = getattr(task, "_fut_waiter", None)
            if waiter is None or waiter.done() or not (_known(side, waiter) or _waits_inside(task)):
                return True
    return False


def _in_body(run: Run, task: asyncio.Task[Any]) -> bool:
    """Whether a task works for a call of the flow: in its body, or for a child that it started."""
    frame = _context.of_task(task)
    return frame is not None and (frame.run is not run or frame.body() is not None)


def root_waits(run: Run) -> bool:
    """Whether a sync flow's own thread is parked, or waits for submitted items."""
    if run.root_thread is None or any(side.thread == run.root_thread for side in run.live_sides()):
        # An async flow, or a loop that runs inside a sync one: what its tasks wait for is looked at there.
        return True
    if any(parked.thread == run.root_thread for parked in list(run.parked.values())):
        return True
    if run.root_joining > 0:
        # What it waits for may be over, and it about to run.
        joined = run.root_joins
        return joined is None or not joined.done()
    # concurrent.futures.wait and as_completed leave their mark on what they wait for, and are woken through it.
    marks = [mark for handle in list(run.handles) if not handle.done() for mark in getattr(handle, "_waiters", ())]
    return bool(marks) and not any(mark.event.is_set() for mark in marks)


def _tasks_wait(side: Side, strangers: list[asyncio.Task[Any]]) -> bool:
    """Whether no task of the flow can go on by itself. Tasks that wait for something unknown are listed."""
    for task in list(side.tasks):
        if task.done():
            continue
        waiter = getattr(task, "_fut_waiter", None)
        if waiter is None or waiter.done():
            return False
        if not _known(side, waiter) and not _waits_inside(task):
            strangers.append(task)
    return True


def _known(side: Side, waiter: Any) -> bool:
    if waiter in side.futures or waiter in side.tasks or waiter in side.cancelled or waiter in side.joining:
        return True
    relayed = side.relays.get(waiter)
    if relayed is not None:
        return relayed in side.tasks
    children = getattr(waiter, "_children", None)
    if children is not None:
        return all(child.done() or _known(side, child) for child in children)
    inner = _shielded(waiter)
    return inner is not None and _known(side, inner)


def _shielded(waiter: Any) -> Any:
    """What ``asyncio.shield`` protects, if ``waiter`` is the future that it gave; its callback holds on to it."""
    for callback, _ in getattr(waiter, "_callbacks", None) or ():
        if getattr(callback, "__qualname__", "") == "shield.<locals>._outer_done_callback":
            cells = dict(zip(callback.__code__.co_freevars, callback.__closure__, strict=True))
            return cells["inner"].cell_contents if "inner" in cells else None
    return None


def _waits_inside(task: asyncio.Task[Any]) -> bool:
    """Whether a task waits in asyncio's or anyio's own machinery for other tasks."""
    at = _innermost(task)
    return at is not None and _internal(*at)


def _sleeps(task: asyncio.Task[Any]) -> bool:
    """Whether a task does nothing but let time pass."""
    at = _innermost(task)
    return at is not None and at[1] == "sleep" and (at[0].endswith(_INTERNAL) or at[0].endswith(_INTERNAL_ANYIO))


def _innermost(task: asyncio.Task[Any]) -> tuple[str, str] | None:
    """File and name of the function in which a task waits."""
    at: Any = task.get_coro()
    code = None
    for _ in range(1000):
        if at is None:
            break
        code = getattr(at, "cr_code", None) or getattr(at, "gi_code", None) or getattr(at, "ag_code", None) or code
        at = _awaits(at)
    return None if code is None else (code.co_filename.replace("\\", "/"), code.co_name)


def _awaits(at: Any) -> Any:
    """What a suspended coroutine or generator waits for; ``None`` at the end of the chain."""
    for name in ("cr_await", "gi_yieldfrom", "ag_await"):
        if hasattr(at, name):
            return getattr(at, name)
    # A step of an async generator, or a coroutine behind `__await__`, keeps what it drives to itself.
    for inner in gc.get_referents(at):
        if hasattr(inner, "cr_await") or hasattr(inner, "ag_await") or type(inner).__name__ in _STEPS:
            return inner
    return None


def _internal(name: str, function: str) -> bool:
    if name.endswith(_INTERNAL):
        return function != "sleep"
    return name.endswith(_INTERNAL_ANYIO) and function not in ("run_sync_in_worker_thread", "sleep")


def _timer_pending(side: Side) -> bool:
    """Whether code of the flow has a timer running that ends within the grace."""
    horizon = side.loop.time() + _config.grace()
    for handle in _loops.timers(side.loop):
        if handle.cancelled() or handle.when() > horizon:
            continue
        context = getattr(handle, "_context", None)
        owner = context.get(_context.current) if context is not None else None
        if owner is not None and owner.run is side.run:
            return True
    return False
