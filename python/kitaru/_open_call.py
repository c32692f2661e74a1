"""``open_call``: a call whose body is a block, for streams: recorded at the end, served whole on re-entry."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from kitaru import _context
from kitaru._calls import identify, steps
from kitaru._checkpoint import _check_options, free_bound, watch
from kitaru._drive import hold_async, hold_sync, rest_async, rest_sync
from kitaru._queue import wait_async, wait_sync
from kitaru._results import Kept, keep
from kitaru._spec import Spec
from kitaru._steps import Body, Ended, Forever, Hold, Queue, Rest, Turn
from kitaru._turns import await_turn
from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Unpack

    from kitaru._calls import Identified
    from kitaru._spec import Options

_NOTHING: Any = object()


class OpenCall:
    """An open call. ``recorded`` says whether ``value`` is served; else do the work and :meth:`finish` it."""

    def __init__(self, name: str, one: Identified | None) -> None:
        self._name = name
        self._one = one
        self._path: Any = None
        self._token: Any = None
        self._frame: Any = None
        # What `finish` was given, as it was then.
        self._result: Any = _NOTHING
        self.recorded = False
        self.value: Any = None

    def finish(self, value: Any) -> None:
        """Sets the result, as it is now; it is recorded when the block ends. ``value`` is what a re-entry gets."""
        if self._one is None:
            self._result = self.value = value
            return
        parts = keep(self._one.spec, value)
        self._result, self.value = Kept(parts), parts[1]

    # -- sync -----------------------------------------------------------------------------------------

    def __enter__(self) -> OpenCall:
        one = self._one
        if one is None:
            return self
        self._path = steps(one)
        try:
            step = next(self._path)
            while type(step) is not Body:
                if type(step) is Turn and _context.running_task() is None:
                    await_turn(one.run, step.order)
                elif type(step) is Hold:
                    hold_sync(one.run, one.frame, one.call)
                elif type(step) is Rest:
                    rest_sync(one, step)
                elif type(step) is Queue:
                    step = self._path.send(wait_sync(one))
                    continue
                step = next(self._path)
        except StopIteration as served:
            self.recorded, self.value = True, served.value
            return self
        self._begin(step)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            step = self._end(error)
            while step is not None and self._one is not None:
                one = self._one
                try:
                    if isinstance(step, Hold):
                        hold_sync(one.run, one.frame, one.call)
                    else:
                        one.run.session.end_returned(step.call, step.text, step.attempts)
                except BaseException as refusal:
                    step = self._go_on(self._path.throw, refusal)
                else:
                    step = self._go_on(self._path.send, None)
        finally:
            self._ended()

    # -- async ----------------------------------------------------------------------------------------

    async def __aenter__(self) -> OpenCall:
        one = self._one
        if one is None:
            return self
        import asyncio

        side = one.run.side(asyncio.get_running_loop())
        self._path = steps(one)
        try:
            step = next(self._path)
            while type(step) is not Body:
                if type(step) is Turn:
                    await side.deliver(step.order)
                elif type(step) is Forever:
                    await side.forever()
                    one.run.check()
                elif type(step) is Hold:
                    await hold_async(one.run, one.frame, one.call)
                elif type(step) is Rest:
                    await rest_async(one, step)
                elif type(step) is Queue:
                    step = self._path.send(await wait_async(one))
                    continue
                step = next(self._path)
        except StopIteration as served:
            self.recorded, self.value = True, served.value
            return self
        self._begin(step)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        import asyncio

        try:
            step = self._end(error)
            while step is not None and self._one is not None:
                one = self._one
                try:
                    if isinstance(step, Hold):
                        await hold_async(one.run, one.frame, one.call)
                    else:
                        await one.run.side(asyncio.get_running_loop()).commit(step)
                except BaseException as refusal:
                    step = self._go_on(self._path.throw, refusal)
                else:
                    step = self._go_on(self._path.send, None)
        finally:
            self._ended()

    # -- both -----------------------------------------------------------------------------------------

    def _begin(self, step: Body) -> None:
        self._token = _context.enter(step.frame)
        self._frame = step.frame
        step.frame.run.bodies[step.frame] = _context.running_task() or threading.get_ident()

    def _ended(self) -> None:
        """What came of the block is on record."""
        if self._frame is not None:
            self._frame.run.bodies.pop(self._frame, None)

    def _end(self, error: BaseException | None) -> Ended | Hold | None:
        """Ends the block. Returns what has to be waited for, if anything has."""
        if self._token is None:
            return None
        _context.leave(self._token)
        if isinstance(error, GeneratorExit) and self._result is not _NOTHING:
            # Whoever reads the stream has stopped, after its result was known: it is paid for, and kept.
            error = None
        if error is not None:
            return self._throw(error)
        if self._result is _NOTHING:
            error = KitaruUsageError(f"open_call {self._name!r} ended without finish(value)")
            if (step := self._throw(error)) is not None:
                return step
            raise error
        return self._go_on(self._path.send, self._result)

    def _go_on(self, how: Callable[[Any], Any], value: Any) -> Ended | Hold | None:
        try:
            step = how(value)
        except StopIteration:
            return None
        if isinstance(step, (Ended, Hold)):
            return step
        raise KitaruUsageError(f"open_call {self._name!r} went on after its end")

    def _throw(self, error: BaseException) -> Hold | None:
        try:
            step = self._path.throw(error)
        except BaseException as raised:
            if raised is not error:
                raise
            return None
        if type(step) is Hold:
            return step
        # A block cannot be run again: what is due is left to the next entry.
        self._path.close()
        return None


def open_call(
    name: str, *args: Any, identity: Any = None, id: str | None = None, **options: Unpack[Options]
) -> OpenCall:
    """Opens a call whose body is the block of a ``with`` (or ``async with``)::

        with kitaru.open_call("model", prompt) as call:
            if not call.recorded:
                call.finish("".join(stream(prompt)))
        answer = call.value

    ``args`` (or ``identity``) tell calls apart. A block cannot be tried again in place, so ``retries`` is
    refused. Outside a flow nothing is recorded.
    """
    if options.get("retries"):
        raise KitaruUsageError("open_call cannot retry its block: use kitaru.call with a function")
    if options.get("timeout") is not None or options.get("idle_timeout") is not None:
        raise KitaruUsageError("open_call cannot stop its block: use kitaru.call with a function, or asyncio.timeout")
    _check_options(options, block="kitaru.open_call")
    frame = _context.frame()
    if frame is None:
        return OpenCall(name, None)
    signature, bound = free_bound(args if identity is None else identity, empty=identity is None and not args)
    beside = watch(None, args, identity, bound)
    one = identify(frame, Spec(None, name, signature, **options), bound, id=id, beside=beside)
    one.settable = False
    return OpenCall(name, one)
