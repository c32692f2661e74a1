"""The two drivers of a call's path: one blocks its thread, the other awaits. Nothing is decided here."""

from __future__ import annotations

import contextvars
import threading
import time
from typing import TYPE_CHECKING, Any

from kitaru import _context
from kitaru._calls import Identified, steps
from kitaru._context import Frame, running_task
from kitaru._parked import Others, Parked
from kitaru._steps import Body, Ended, Forever, Hold, Pause, Queue, Rest, Stopped, Turn
from kitaru._turns import await_turn
from kitaru.errors import KitaruError, KitaruPaused, KitaruTimeoutError, Unwind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kitaru._run import Run

# Pauses from here on leave the process, in seconds.
LONG = 60.0
# How long a task sleeps at a time, in seconds: so late it notices that the flow is held.
NAP = 0.25
_LOOK = 0.03
_SOON = 0.003


def call_sync(one: Identified, body: Callable[[], Any]) -> Any:
    """Drives a call whose body is a plain function."""
    path, bodies = steps(one), one.run.bodies
    inside: Frame | None = None
    try:
        step = next(path)
        while True:
            if inside is not None and type(step) is not Ended:
                del bodies[inside]  # what came of it is on record
                inside = None
            if isinstance(step, Body):
                inside = step.frame
                bodies[inside] = threading.get_ident()
                try:
                    value = _body_sync(one, inside, body)
                except StopIteration as error:
                    step = path.throw(Stopped(error))
                except BaseException as error:
                    step = path.throw(error)
                else:
                    step = path.send(value)
                continue
            if isinstance(step, Ended):
                try:
                    one.run.session.end_returned(step.call, step.text, step.attempts)
                except BaseException as error:
                    step = path.throw(error)
                    continue
            elif isinstance(step, Turn):
                if running_task() is None:
                    await_turn(one.run, step.order)
            elif isinstance(step, Pause):
                _pause_sync(one, step)
            elif isinstance(step, Queue):
                step = path.send(_queue().wait_sync(one))
                continue
            elif isinstance(step, Hold):
                hold_sync(one.run, one.frame, one.call)
            elif isinstance(step, Rest):
                rest_sync(one, step)
            # A cancelled call in sync code simply runs: nothing could cancel it again.
            step = next(path)
    except StopIteration as done:
        return done.value
    except Stopped as carried:
        stopped = carried.inner
    finally:
        if inside is not None:
            del bodies[inside]
    raise stopped


async def call_async(one: Identified, body: Callable[[], Awaitable[Any]]) -> Any:
    """Drives a call whose body is a coroutine function."""
    import asyncio

    side = one.run.side(asyncio.get_running_loop())
    path, bodies = steps(one), one.run.bodies
    inside: Frame | None = None
    try:
        step = next(path)
        while True:
            if inside is not None and type(step) is not Ended:
                del bodies[inside]  # what came of it is on record
                inside = None
            if isinstance(step, Body):
                inside = step.frame
                bodies[inside] = running_task() or threading.get_ident()
                try:
                    value = await _body_async(one, inside, body)
                except BaseException as error:
                    step = path.throw(error)
                else:
                    step = path.send(value)
                continue
            if isinstance(step, Ended):
                try:
                    await side.commit(step)
                except BaseException as error:
                    step = path.throw(error)
                    continue
            elif isinstance(step, Turn):
                await side.deliver(step.order)
            elif isinstance(step, Pause):
                await _pause_async(one, step)
            elif isinstance(step, Queue):
                step = path.send(await _queue().wait_async(one))
                continue
            elif isinstance(step, Hold):
                await hold_async(one.run, one.frame, one.call)
            elif isinstance(step, Forever):
                await side.forever()
                one.run.check()
            elif isinstance(step, Rest):
                await rest_async(one, step)
            step = next(path)
    except StopIteration as done:
        return done.value
    finally:
        if inside is not None:
            del bodies[inside]


_context.transparent(call_async)


def _queue() -> Any:
    """A room that few executions enter: it is imported by the first that does."""
    from kitaru import _queue

    return _queue


# -- bodies -------------------------------------------------------------------------------------------


def _body_sync(one: Identified, frame: Frame, body: Callable[[], Any]) -> Any:
    # One that runs elsewhere is ended there when its time is over, by its own body.
    if one.spec.runtime is None and (one.spec.timeout is not None or one.spec.idle_timeout is not None):
        return _body_with_timeout(one, frame, body)
    entered = _context.enter(frame)
    try:
        return body()
    finally:
        _context.leave(entered)


def _body_with_timeout(one: Identified, frame: Frame, body: Callable[[], Any]) -> Any:
    """Runs the body in a thread of its own, which is given up when its time is over."""
    run, ended = one.run, threading.Event()
    outcome: list[Any] = []
    frame.beat = time.monotonic()

    def work() -> None:
        me = frame.thread = threading.get_ident()
        # It counts as busy, and no longer when it parks.
        run.item_threads.add(me)
        _context.enter(frame)
        try:
            outcome.append((True, body()))
        except BaseException as error:
            outcome.append((False, error))
        run.item_threads.discard(me)
        ended.set()

    is_root = threading.get_ident() == run.root_thread
    run.enter_thread()
    if is_root:
        run.root_joining += 1
    else:
        run.leave_thread()
    try:
        threading.Thread(
            target=contextvars.copy_context().run, args=(work,), name=f"kitaru-{frame.key}", daemon=True
        ).start()
        started = time.monotonic()
        while not ended.wait(_time_left(one, frame, started)):
            if _time_left(one, frame, started) <= 0:
                frame.abandoned = True
                raise _timeout(one, frame)
    finally:
        if is_root:
            run.root_joining -= 1
        else:
            run.enter_thread()
        run.leave_thread()
    good, value = outcome[0]
    if good:
        return value
    raise value


def _time_left(one: Identified, frame: Frame, started: float) -> float:
    """Seconds until a timeout of ours; time spent in waits does not count."""
    spec, now = one.spec, time.monotonic()
    waiting = (*list(one.run.parked.values()), *list(one.run.queued.values()))
    parked = frame.parked_for + sum(now - parked.since for parked in waiting if below(parked.frame, frame))
    left = float("inf")
    if spec.timeout is not None:
        left = started + spec.timeout + parked - now
    if spec.idle_timeout is not None:
        left = min(left, max(frame.beat, started) + spec.idle_timeout + parked - now)
    return left


def below(frame: Frame | None, above: Frame) -> bool:
    """Whether a frame is another one or stands in it."""
    while frame is not None:
        if frame is above:
            return True
        frame = frame.parent
    return False


def _timeout(one: Identified, frame: Frame) -> KitaruTimeoutError:
    spec = one.spec
    limit = f"{spec.timeout:g} s" if spec.timeout is not None else f"{spec.idle_timeout:g} s without a sign of life"
    return KitaruTimeoutError(f"{frame.key} took longer than {limit}")


async def _body_async(one: Identified, frame: Frame, body: Callable[[], Awaitable[Any]]) -> Any:
    if one.spec.timeout is None and one.spec.idle_timeout is None:
        entered = _context.enter(frame)
        try:
            return await body()
        finally:
            _context.leave(entered)
    import asyncio

    async def inside() -> Any:
        _context.enter(frame)
        return await body()

    _context.transparent(inside)
    side = one.run.side(asyncio.get_running_loop())
    frame.beat = started = time.monotonic()
    task = asyncio.ensure_future(inside())
    try:
        while True:
            await side.ended(task, max(0.0, _time_left(one, frame, started)))
            if task.done():
                return task.result()
            if _time_left(one, frame, started) <= 0:
                frame.abandoned = True
                task.cancel()
                await asyncio.wait({task}, timeout=1.0)
                raise _timeout(one, frame)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        raise


# -- pauses between tries -----------------------------------------------------------------------------


def _pause_sync(one: Identified, step: Pause) -> None:
    run = one.run
    if step.seconds >= LONG:
        park_sync(run, Parked(-1 - one.call, step.key, one.frame, sleeping=True, deadline=step.until, pause=True))
        return
    until = time.monotonic() + step.seconds
    # When it is over another try is due, which a held flow does not make: it need not be waited for.
    while (left := until - time.monotonic()) > 0 and not run.session.is_held:
        run.heed()
        run.session.await_news(min(left, 1.0))


async def _pause_async(one: Identified, step: Pause) -> None:
    import asyncio

    run = one.run
    if step.seconds >= LONG:
        await park_async(
            run, Parked(-1 - one.call, step.key, one.frame, sleeping=True, deadline=step.until, pause=True)
        )
        return
    until = time.monotonic() + step.seconds
    while (left := until - time.monotonic()) > 0 and not run.session.is_held:
        run.heed()
        await asyncio.sleep(min(left, NAP))


# -- holding ------------------------------------------------------------------------------------------


def hold_sync(run: Run, frame: Frame, call: int) -> None:
    """Parks a call whose body must not begin. Returns if what held it is gone."""
    if running_task() is None:
        park_sync(run, Parked(-1 - call, "", frame, hold=True))
        return
    # A plain function cannot let its loop go on and wait for that: what else runs there would never end.
    from kitaru._quiet import others_run

    while run.session.is_held:
        run.heed()
        if others_run(run) and run.refusals < 1000:
            # So this task unwinds, the others end, and then the execution is paused.
            run.unwinding = True
            run.refusals += 1
            raise Unwind(KitaruPaused("this task unwinds before the execution is paused", exec_id=run.id))
        run.halt()
    run.heed()


async def hold_async(run: Run, frame: Frame, call: int) -> None:
    """The same in a task."""
    await park_async(run, Parked(-1 - call, "", frame, hold=True))


# -- parking ------------------------------------------------------------------------------------------


def park_sync(run: Run, parked: Parked) -> None:
    """Blocks this thread until something of the wait has changed; leaves the process when the flow is quiet."""
    from kitaru._parked import has_news
    from kitaru._quiet import is_quiet, leave

    me = threading.get_ident()
    parked.thread, parked.since = me, time.monotonic()
    guest = me != run.root_thread and me not in run.item_threads
    with run.lock:
        run.parked[parked.call] = parked
        if guest:
            run.guests_parked += 1
        elif me != run.root_thread:
            run.threads_busy -= 1
    try:
        while True:
            run.check()
            if run.given_up is not None:
                raise Unwind(run.given_up)
            try:
                news = has_news(run, parked)
            except KitaruError as refusal:
                raise run.refused(refusal) from None
            if news:
                run.heed()
                return
            if sides := run.live_sides():
                for side in sides:
                    side.start_polling_threadsafe()
            elif is_quiet(run):
                with run.one_leaves:
                    if run.has_failed():
                        continue
                    if is_quiet(run) and not leave(run):
                        # Something came for another thread of the flow, which will see it.
                        run.session.await_news(_SOON)
                continue
            run.session.await_news(_LOOK)
    finally:
        with run.parting, run.lock:
            _account(run, parked)
            if guest:
                run.guests_parked -= 1
            elif me != run.root_thread:
                run.threads_busy += 1


async def park_async(run: Run, parked: Parked) -> None:
    """Parks this task until something of the wait has changed."""
    import asyncio

    parked.since = time.monotonic()
    with run.lock:
        run.parked[parked.call] = parked
    try:
        await run.side(asyncio.get_running_loop()).park(parked)
        run.heed()
    finally:
        with run.parting:
            _account(run, parked)


def rest_sync(one: Identified, step: Rest) -> None:
    """Blocks this thread until the rehearsal is over."""
    park_sync(one.run, _resting(one, step))


async def rest_async(one: Identified, step: Rest) -> None:
    """Parks this task until the rehearsal is over."""
    await park_async(one.run, _resting(one, step))


def _resting(one: Identified, step: Rest) -> Parked:
    others = None if one.execution is None else Others([one.execution], 1, ends=True)
    return Parked(one.call, step.key, one.frame, rests=True, others=others)


def _account(run: Run, parked: Parked) -> None:
    with run.lock:
        run.parked.pop(parked.call, None)
    credit(run, parked)


def credit(run: Run, parked: Parked) -> None:
    """What was spent waiting counts for no timeout of ours."""
    spent = time.monotonic() - parked.since
    frame: Frame | None = parked.frame
    while frame is not None:
        frame.parked_for += spent
        frame = frame.parent
