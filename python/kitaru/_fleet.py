"""Waiting for several executions at once: ``gather()`` and ``wait_for()``, and for the outcome of one by its handle.

Inside a flow no process runs while it waits: the flow is left, and whoever ends (or has to ask for) what it waits for
carries it on. What came is recorded, so that a re-entry takes the same branch. Not here: children that are called
(``_children``), and who carries on (``_wake``).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from kitaru import _children, _config, _context, _native, _steer
from kitaru._children import ChildHandle
from kitaru._drive import call_async, call_sync, park_async, park_sync
from kitaru._outcomes import ENDED, describe, outcome, parked
from kitaru._parked import Others, Parked
from kitaru._waits import Awaitable
from kitaru.errors import (
    KitaruError,
    KitaruPaused,
    KitaruStoreError,
    KitaruSuspended,
    KitaruUsageError,
    KitaruWaitTimeoutError,
    Unwind,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kitaru._calls import Identified
    from kitaru._context import Frame

_LOOK = 0.05
_MOST = 20.0  # a look takes at most one part in so many of the time


class Standing(NamedTuple):
    """How far the executions of some handles are."""

    done: list[Any]
    """They have ended, well or not."""
    asking: list[Any]
    """They, or executions below them, have an open question, are paused, or have lost their process."""
    pending: list[Any]
    """They work, sleep, or wait for others."""


def wait_for(handles: Sequence[Any], until: Any = "any", *, timeout: float | None = None) -> Any:
    """Waits until handles' executions have ended or need somebody: ``"any"`` of them, ``"all"``, or so many.

    Returns ``(done, asking, pending)``, three lists of handles; in async code, await it. Inside a flow no process runs
    meanwhile if nothing else can go on, and what came is recorded. One that asks and is not answered is asking again
    when it is waited for again. After ``timeout`` seconds, which a re-entry does not begin anew,
    :class:`KitaruWaitTimeoutError`; nobody is stopped by that.

    Raises :class:`KitaruUsageError` for a number that can never come, :class:`KitaruStateError` (``wait-cycle``) if
    one of them waits for this execution.
    """
    wanted = _handles(handles)
    what = _What("wait_for", wanted, _least(until, len(wanted)), False, _seconds(timeout))
    frame = _context.frame()
    if _context.running_task() is not None:
        return Awaitable(_wait_for_async(frame, what), "wait_for")
    if frame is None:
        for _ in what.looks():
            time.sleep(_LOOK)
        return _sorted(wanted, _look(wanted))
    waited = _Waited(frame, what)
    return _sorted(wanted, call_sync(waited.one, waited.body_sync))


async def _wait_for_async(frame: Frame | None, what: _What) -> Standing:
    import asyncio

    if frame is None:
        for _ in what.looks():
            await asyncio.sleep(_LOOK)
        return _sorted(what.handles, _look(what.handles))
    waited = _Waited(frame, what)
    return _sorted(what.handles, await call_async(waited.one, waited.body_async))


class _What(NamedTuple):
    """What is waited for: that so many of the handles' executions have ended, or (not ``ends``) need somebody."""

    name: str
    handles: list[Any]
    least: int
    ends: bool
    timeout: float | None = None

    def looks(self) -> Iterator[None]:
        """Outside a flow: looks until enough have come."""
        until = float("inf") if self.timeout is None else time.monotonic() + self.timeout
        while sum(come := _come(_look(self.handles), ends=self.ends)) < self.least:
            if time.monotonic() >= until:
                raise self.late(come)
            yield

    def late(self, come: list[bool]) -> KitaruWaitTimeoutError:
        """What is raised when time ran out."""
        left = [one.exec_id[-8:] for one, there in zip(self.handles, come, strict=True) if not there]
        shown = ", ".join(left[:5]) + (", …" if len(left) > 5 else "")
        return KitaruWaitTimeoutError(
            f"{self.name}: {sum(come)} of {self.least} executions have come within {self.timeout:g} s; not {shown}"
        )


def _seconds(timeout: float | None) -> float | None:
    if timeout is not None and not 0 <= timeout < float("inf"):
        raise KitaruUsageError(f"timeout={timeout!r}: it is a number of seconds, from 0 on")
    return timeout


def _handles(given: Any) -> list[Any]:
    handles = list(given)
    for one in handles:
        if not hasattr(one, "exec_id") or not hasattr(one, "get"):
            raise KitaruUsageError(
                f"{one!r} is no handle of an execution: flow.run(...) and client.executions.handle(id) give them"
            )
    return handles


def _least(until: Any, count: int) -> int:
    if until in ("any", any):
        least = 1
    elif until in ("all", all):
        return count
    elif isinstance(until, int) and not isinstance(until, bool) and until >= 0:
        least = until
    else:
        raise KitaruUsageError(f"wait_for(until={until!r}): it is 'any', 'all' or a number from 0 on")
    if least > count:
        raise KitaruUsageError(f"wait_for(until={until!r}) of {count} handles would never return")
    return least


def gather(*handles: Any, return_exceptions: bool = False, timeout: float | None = None) -> Any:
    """The results of handles' executions, in their order; in async code, await it. Takes them or one list of them.

    All are waited for. Then the first failure, by order, is raised; with ``return_exceptions`` failures stand among
    the results instead. Inside a flow no process runs meanwhile if nothing else can go on. Where not all have ended
    after ``timeout`` seconds, which a re-entry does not begin anew, it raises :class:`KitaruWaitTimeoutError`, also
    with ``return_exceptions``; nobody is stopped by that.
    """
    wanted = _handles(handles[0] if len(handles) == 1 and isinstance(handles[0], (list, tuple)) else handles)
    frame = _context.frame()
    # The calls of this flow are waited for by themselves, unless time may run out.
    others = wanted if _seconds(timeout) is not None else [one for one in wanted if not _is_own(one)]
    # Outside a flow one that needs somebody is not waited for.
    what = _What("gather", others, len(others), frame is not None, timeout)
    if _context.running_task() is not None:
        return Awaitable(_gather_async(frame, wanted, what, return_exceptions), "gather")
    if frame is not None and others:
        # At once, not one by one: whoever ends last carries the flow on.
        waited = _Waited(frame, what)
        call_sync(waited.one, waited.body_sync)
    elif timeout is not None:
        for _ in what.looks():
            time.sleep(_LOOK)
    return _gathered([_tried(one.get) for one in wanted], return_exceptions)


async def _gather_async(frame: Frame | None, wanted: list[Any], what: _What, return_exceptions: bool) -> list[Any]:
    import asyncio

    if frame is not None and what.handles:
        waited = _Waited(frame, what)
        await call_async(waited.one, waited.body_async)
    elif what.timeout is not None:
        for _ in what.looks():
            await asyncio.sleep(_LOOK)
    found: list[tuple[Any, Exception | None]] = []
    for one in wanted:
        try:
            found.append((await one, None))
        except Exception as error:
            found.append((None, error))
    return _gathered(found, return_exceptions)


def _tried(get: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return get(), None
    except Exception as error:
        return None, error


def _gathered(found: list[tuple[Any, Exception | None]], return_exceptions: bool) -> list[Any]:
    if not return_exceptions:
        for _, error in found:
            if error is not None:
                raise error
    return [value if error is None else error for value, error in found]


# -- one by its handle ----------------------------------------------------------------------------------


def result(exec_id: str, timeout: float | None = None) -> Any:
    """The result of an execution that somebody else runs, waiting for it. Raises what its flow raised.

    Outside a flow it does not wait for somebody's answer: then :class:`KitaruSuspended` or :class:`KitaruPaused`.
    """
    frame = _context.frame()
    if frame is not None:
        waited = _Result(frame, exec_id)
        return call_sync(waited.one, waited.body_sync)
    until = None if timeout is None else time.monotonic() + timeout
    for over, value in _followed(exec_id):
        if over:
            return value
        if until is not None and time.monotonic() >= until:
            raise TimeoutError(f"execution {exec_id} has not ended after {timeout} s")
        time.sleep(_LOOK)
    raise AssertionError("a follower that found nothing")


async def result_awaited(exec_id: str) -> Any:
    """The same for async code."""
    import asyncio

    frame = _context.frame()
    if frame is not None:
        waited = _Result(frame, exec_id)
        return await call_async(waited.one, waited.body_async)
    for over, value in _followed(exec_id):
        if over:
            return value
        await asyncio.sleep(_LOOK)
    raise AssertionError("a follower that found nothing")


def _followed(exec_id: str) -> Iterator[tuple[bool, Any]]:
    while True:
        known = describe(exec_id)
        if known["status"] in ENDED:
            yield True, outcome(known)
            return
        root = _native.manage_root(_config.engine(), exec_id)
        top = known if root == exec_id else describe(root)
        if not known["held"] and not top["held"] and not _is_for_workers(root, top):
            if known["status"] == "interrupted":
                short = root[-8:]
                text = f"{known['flow']} ({exec_id[-8:]}) is interrupted; go on with: kitaru resume {short}"
                raise KitaruPaused(text, exec_id=exec_id, reason=known["reason"])
            raise parked(known)
        yield False, None


def _is_for_workers(exec_id: str, known: dict[str, Any]) -> bool:
    """Whether an execution that nobody holds goes on by itself: workers have its pool, and nobody is asked."""
    if known["pool"] is None:
        return False
    ((_, standing),) = _native.manage_standings(_config.engine(), [exec_id])
    return standing not in ("asks", "paused")


# -- inside a flow --------------------------------------------------------------------------------------


class _Waited:
    """A call that waits for executions."""

    def __init__(self, frame: Frame, what: _What) -> None:
        if any(above.once for above in frame.chain()):
            raise KitaruUsageError(f"{what.name} inside an effect='once' checkpoint is refused: wait before it.")
        self.frame = frame
        self.run = frame.run
        self.what = what
        # When time runs out, in milliseconds since the Unix epoch.
        self.deadline: int | None = None
        self._clock = 0
        given = {"executions": [one.exec_id for one in what.handles], "least": what.least, "ends": what.ends}
        if what.timeout is not None:
            given["timeout"] = what.timeout
        self.one: Identified = _steer.identified(frame, what.name, given)
        self.one.looks = True
        self._next_look = 0.0
        self._come: list[bool] = []

    def found(self) -> Any:
        """What is recorded, if enough have come; ``None``: not yet."""
        words = _look(self.what.handles)
        self._come = _come(words, ends=self.what.ends)
        return words if sum(self._come) >= self.what.least else None

    def news(self) -> bool:
        """Whether enough have come, or time ran out. Looks no more often than that it costs little."""
        if self._is_late():
            return True
        began = time.monotonic()
        if began < self._next_look:
            return False
        try:
            found = self.found() is not None
        except KitaruError:
            # Whoever waits is to be told.
            return True
        self._next_look = 0.0 if found else began + _MOST * (time.monotonic() - began)
        return found

    def body_sync(self) -> Any:
        """Waits in this thread."""
        for step in self._steps():
            if _context.running_task() is not None:
                name = self.what.name
                raise KitaruUsageError(
                    f"{name} on a running event loop would block it: await the handle, or kitaru.wait_for(...)"
                )
            park_sync(self.run, step)
        return self._value

    async def body_async(self) -> Any:
        """Waits in this task."""
        for step in self._steps():
            await park_async(self.run, step)
        return self._value

    def _steps(self) -> Iterator[Parked]:
        """What to park on, until enough have come."""
        announced = False
        while True:
            self.run.check()
            try:
                self._value = self.found()
            except KitaruStoreError as failure:
                self.run.leave_if_store_failed(failure)
                raise
            if self._value is not None:
                return
            if not announced:
                self._begin_time()
                self._announce()
                announced = True
            if self._is_late():
                self._end_time()
                raise self.what.late(self._come)
            yield self._parked()
            self.run.session.look()
            self.run.heed()

    def _begin_time(self) -> None:
        """Time begins when it was first waited, which is on record."""
        if (seconds := self.what.timeout) is None:
            return
        frame, session = _context.frame() or self.frame, self.run.session
        deadline, self._clock = _steer.reading(
            frame, "kitaru.deadline", repr(seconds), lambda: session.now() + int(seconds * 1000)
        )
        self.deadline = int(deadline)

    def _end_time(self) -> None:
        """Time ran out. If that is not what the flow wants, it is waited anew: from then on."""
        session = self.run.session
        try:
            known = session.record_of(self._clock)
            if known is not None:
                session.drop_records([known[1]], "time ran out")
        except KitaruError as refusal:
            raise self.run.refused(refusal) from None

    def _is_late(self) -> bool:
        return self.deadline is not None and self.run.session.now() >= self.deadline

    def _announce(self) -> None:
        """Who waits for whom is on record before anybody waits: so two that wait for each other cannot miss it."""
        try:
            self.run.session.flush()
        except KitaruError as refusal:
            raise self.run.refused(refusal) from None
        _native.manage_must_not_circle(_config.engine(), self.run.id)

    def _parked(self) -> Parked:
        left = [one.exec_id for one, come in zip(self.what.handles, self._come, strict=True) if not come]
        others = Others(left, self.what.least - sum(self._come), ends=self.what.ends)
        record = self.run.session.record_of(self.one.call)
        key = record[0] if record is not None else self.what.name
        return Parked(self.one.call, key, self.frame, deadline=self.deadline, others=others, news=self.news)


class _Result(_Waited):
    """A call that waits for one execution, and gets its outcome."""

    def __init__(self, frame: Frame, exec_id: str) -> None:
        self.exec_id = exec_id
        super().__init__(frame, _What("result", [_Named(exec_id)], 1, True))

    def body_sync(self) -> Any:
        """See :class:`_Waited`."""
        super().body_sync()
        return outcome(describe(self.exec_id))

    async def body_async(self) -> Any:
        """See :class:`_Waited`."""
        await super().body_async()
        return outcome(describe(self.exec_id))


class _Named:
    """An execution that is known by its identifier only."""

    def __init__(self, exec_id: str) -> None:
        self.exec_id = exec_id


def _is_own(handle: Any) -> bool:
    """Whether the outcome is that of a call of this flow, or of a thread of this process."""
    if isinstance(handle, ChildHandle):
        return not handle.resumed
    return hasattr(handle, "_future")


def _come(words: Sequence[str], *, ends: bool) -> list[bool]:
    """Which have come so far."""
    return [word == "done" or (word == "asking" and not ends) for word in words]


def _look(handles: Sequence[Any]) -> list[str]:
    """How far each is: ``done``, ``asking`` or ``pending``."""
    words: list[str] = []
    asked: list[int] = []
    for at, one in enumerate(handles):
        future = getattr(one, "_future", one if isinstance(one, ChildHandle) else None)
        if future is not None and _is_own(one) and future.done():
            words.append("asking" if _waits(future) else "done")
            continue
        words.append("pending")
        asked.append(at)
    if asked:
        ids = [handles[at].exec_id for at in asked]
        # Before the store is looked at: who is carried on may end in between, and is not left alone for that.
        carried = [_children.is_carried(exec_id) for exec_id in ids]
        standings = _native.manage_standings(_config.engine(), ids)
        for at, (_, standing), with_us in zip(asked, standings, carried, strict=True):
            words[at] = _word(handles[at], standing, carried=with_us)
    return words


def _word(handle: Any, standing: str, *, carried: bool) -> str:
    if _is_own(handle):
        # Its end is known when its thread is over; and that takes up what is interrupted.
        return "asking" if standing in ("asks", "paused") and isinstance(handle, ChildHandle) else "pending"
    if standing == "interrupted" and carried:
        return "pending"
    return {"ended": "done", "pending": "pending"}.get(standing, "asking")


def _waits(future: Any) -> bool:
    """Whether what ran in a thread of its own has left it to wait for somebody."""
    error = None if future.cancelled() else _raised(future)
    return isinstance(error, (KitaruSuspended, KitaruPaused))


def _raised(future: Any) -> BaseException | None:
    error: BaseException | None = future.exception(0)
    if isinstance(error, Unwind):
        raise error
    return error


def _sorted(handles: list[Any], words: list[str]) -> Standing:
    found = Standing([], [], [])
    for one, word in zip(handles, words, strict=True):
        {"done": found.done, "asking": found.asking}.get(word, found.pending).append(one)
    return found
