"""The bodies of calls that run elsewhere, as the path of a call runs them: in its thread, or in its task.

Not here: where they run (``_process``, ``_on_ray``) and what comes back (``_heard``).
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from kitaru import _context
from kitaru._drive import _time_left, _timeout
from kitaru._placed._heard import Heard
from kitaru._placed._job import job
from kitaru.errors import KitaruCallLostError

if TYPE_CHECKING:
    from kitaru._calls import Identified
    from kitaru._context import Frame
    from kitaru._results import Kept

# How long nothing is heard at most before it is looked whether the execution is to stop, in seconds.
_LOOK = 0.25


class Place(Protocol):
    """Where a call runs."""

    is_over: bool

    def hear(self, seconds: float | None) -> list[tuple[list[Any], bytes]]:
        """What has come, waiting for so long at most."""

    def say(self, header: list[Any], body: bytes = b"") -> None:
        """Answers."""

    def is_done(self) -> None:
        """What came of the call is known."""

    def kill(self) -> None:
        """Has it ended at once, from any thread."""

    def see_out(self) -> list[tuple[list[Any], bytes]]:
        """Waits for its end; what was still said."""


def _begin(one: Identified, frame: Frame) -> Place:
    # Of an earlier try.
    one.changed = one.raised = None
    sent = job(one, frame)
    if one.spec.runtime == "ray":
        from kitaru._placed._on_ray import place

        return place(one, frame, sent)
    from kitaru._placed._process import Process

    return Process(sent, one.spec.memory)


def run(one: Identified) -> Kept:
    """Runs the body elsewhere and waits for it in this thread."""
    frame = _own()
    try:
        return _carry(one, frame, _begin(one, frame), timed=True)
    except KitaruCallLostError:
        # Nobody knows how far it came.
        frame.abandoned = True
        raise


async def run_async(one: Identified) -> Kept:
    """The same in a task. Cancelled, it is gone when the cancellation goes on."""
    import asyncio

    frame, loop = _own(), asyncio.get_running_loop()
    place = _begin(one, frame)
    ended: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if not ended.done():
            ended.set_result((value, error))

    def work() -> None:
        value: Any = None
        raised: BaseException | None = None
        _context.enter(frame)
        try:
            value = _carry(one, frame, place, timed=False)
        except BaseException as error:
            raised = error
        try:
            loop.call_soon_threadsafe(settle, value, raised)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    # Daemonic: a program that is interrupted does not wait for it, and what runs elsewhere ends with the program.
    threading.Thread(target=work, name=f"kitaru-{frame.key}", daemon=True).start()
    try:
        value, error = await asyncio.shield(ended)
    except asyncio.CancelledError:
        place.kill()
        await asyncio.wait({ended})
        raise
    if error is not None:
        frame.abandoned = frame.abandoned or isinstance(error, KitaruCallLostError)
        raise error
    return value  # type: ignore[no-any-return]


def _own() -> Frame:
    frame = _context.frame()
    assert frame is not None
    return frame


def _carry(one: Identified, frame: Frame, place: Place, *, timed: bool) -> Kept:
    """Hears of a call until it has ended, and sees that nothing of it is left then.

    ``timed``: its time is looked after here, and not by whoever waits for this.
    """
    heard = Heard(one, frame, place.say)
    started = time.monotonic()
    frame.beat = max(frame.beat, started)
    looked = started
    try:
        while not heard.is_known:
            left = _time_left(one, frame, started) if timed else _LOOK
            if left <= 0:
                frame.abandoned = True
                raise _timeout(one, frame)
            for header, body in place.hear(min(left, _LOOK)):
                heard.take(header, body)
            if time.monotonic() - looked >= _LOOK:
                one.run.heed()
                looked = time.monotonic()
        place.is_done()
    except BaseException:
        place.kill()
        _last(heard, place)
        raise
    _last(heard, place)
    return heard.outcome()


def _last(heard: Heard, place: Place) -> None:
    """What was said before the end still counts; what came of the attempt is no longer asked."""
    for header, body in place.see_out():
        if header[0] != "ask":
            heard.take(header, body)
