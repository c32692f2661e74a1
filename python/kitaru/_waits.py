"""``wait()``, ``sleep()`` and the recorded readings ``now()``, ``random()``, ``uuid()``.

Not here: parking (``_drive``) and what happens when nothing else can go on (``_quiet``, ``_edge``).
"""

from __future__ import annotations

import json
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from kitaru import _context, _native
from kitaru._drive import LONG, NAP, hold_async, hold_sync, park_async, park_sync
from kitaru._parked import Parked
from kitaru._schema import check_answer, json_schema
from kitaru._values import Unencodable, decode, decode_plain, encode
from kitaru.errors import (
    KitaruAnswerError,
    KitaruEncodeError,
    KitaruError,
    KitaruUsageError,
    KitaruWaitTimeoutError,
)

if TYPE_CHECKING:
    import datetime as datetime_module
    import uuid as uuid_module
    from collections.abc import Callable, Generator

    from kitaru._context import Frame


class _Question:
    """A wait that has its identity."""

    __slots__ = (
        "call",
        "data",
        "deadline",
        "default",
        "frame",
        "json_schema",
        "name",
        "on_timeout",
        "schema",
        "schema_text",
        "text",
    )

    def __init__(
        self,
        frame: Frame,
        name: str,
        text: str,
        schema: Any,
        data: str | None,
        timeout: float | None,
        on_timeout: str,
        default: str,
    ) -> None:
        run = frame.run
        run.check_new(frame)
        self.frame = frame
        self.name = name
        self.text = text
        self.schema = schema
        self.json_schema = json_schema(schema)
        self.schema_text = None if self.json_schema is None else json.dumps(self.json_schema)
        self.data = data
        self.on_timeout = on_timeout
        self.default = default
        self.deadline = None if timeout is None else run.session.now() + int(timeout * 1000)
        shown = encode([text, data, self.json_schema])
        try:
            self.call = run.session.identify(
                frame.scope, name, "wait", _native.blake3(shown), False, False, False, None
            )
        except KitaruError as refusal:
            raise run.refused(refusal) from None

    def decide(self) -> tuple[str, str]:
        """Finds out where the wait stands: ``over``, ``open`` (with its key), ``cancelled``, ``new``, or ``held``: it
        is not the question that was answered, and somebody has to decide."""
        run, session = self.frame.run, self.frame.run.session
        try:
            verdict, record, order = session.decide(self.call, run.alone())
            if verdict == "drift":
                self._changed(record)
                return "held", ""
            if verdict == "reuse":
                session.delivered(order)
                return "over", ""
            if verdict == "open":
                key = session.reopen_wait(self.call)
                # Its time runs from when it was first asked.
                self.deadline = session.wait_news(self.call)[1] if self.deadline is not None else None
                return "open", key
        except KitaruError as refusal:
            raise run.refused(refusal) from None
        return ("cancelled" if verdict == "park" else "new"), ""

    def ask(self) -> str:
        """Asks. Returns the wait's key."""
        run = self.frame.run
        on_timeout = None if self.deadline is None else self.on_timeout
        try:
            return run.session.open_wait(self.call, self.text, self.schema_text, self.data, self.deadline, on_timeout)
        except KitaruError as refusal:
            raise run.refused(refusal) from None

    def _changed(self, record: int) -> None:
        """An answered question that is asked otherwise now: its answer was not given to this one."""
        run, session = self.frame.run, self.frame.run.session
        data = None if self.data is None else json.loads(self.data)
        now = json.dumps({"question": self.text, "metadata": data, "schema": self.json_schema})
        pause, differences = session.drift_differences(self.call, record, False, now)
        known = session.record_at(record)
        key = known[0] if known else self.name
        short = run.id[-8:]
        lines = [f"  {path}: {before or '(nothing)'} -> {after or '(nothing)'}" for path, before, after in differences]
        text = "\n".join(
            [
                f"{key} was answered, but it asks something else now:",
                *lines,
                f"Use the answer all the same: kitaru resume {short} --on-drift reuse",
                f"Ask again: kitaru resume {short} --on-drift rerun",
            ]
        )
        run.hold(pause, text)

    def parked(self, key: str) -> Parked:
        # An escalated question stays open: its deadline is for those who watch, not for this call.
        deadline = None if self.on_timeout == "escalate" else self.deadline
        parked = Parked(self.call, key, self.frame, deadline=deadline)
        parked.question = self
        return parked

    def settle(self) -> bool:
        """Looks where the wait stands after something changed. ``True``: it is over."""
        run, session = self.frame.run, self.frame.run.session
        run.check()
        try:
            state, _ = session.wait_news(self.call)
            if state == "due":
                session.close_wait(self.call, "timed_out")
                return True
            if state == "cancel":
                run.heed()
            return state == "over"
        except KitaruError as refusal:
            raise run.refused(refusal) from None

    def ask_again(self, refusal: KitaruAnswerError) -> str:
        """The answer fits the JSON Schema and not the Python type: it is refused here, and the question stays open."""
        run, session = self.frame.run, self.frame.run.session
        try:
            known = session.record_of(self.call)
            if known is not None:
                session.note(known[0], "bad-answer", str(refusal))
                session.drop_records([known[1]], "bad answer")
        except KitaruError as refused:
            raise run.refused(refused) from None
        return self.ask()

    def value(self) -> Any:
        """The answer, or what stands for it when time ran out. Raises :class:`KitaruAnswerError` for a bad one."""
        run, session = self.frame.run, self.frame.run.session
        try:
            kind, text = session.serve(self.call)
        except KitaruError as refusal:
            raise run.refused(refusal) from None
        if kind == "value":
            return check_answer(self.schema, decode_plain(text or "null"), self.name)
        if self.on_timeout == "raise":
            raise KitaruWaitTimeoutError(f"nobody answered {self.name!r} in time: {self.text}")
        # What stands for the answer is made by the flow's code, and may be another one each time.
        known = session.record_of(self.call)
        digest = _native.blake3(known[0] if known is not None else self.name)
        return decode(recorded(self.frame, "default", digest, lambda: self.default))


def wait(
    *,
    schema: Any = None,
    name: str | None = None,
    question: str = "",
    timeout: float | None = None,
    on_timeout: str = "raise",
    default: Any = None,
    metadata: Any = None,
) -> Any:
    """Asks a human (or a program) and returns the answer; in async code, await it.

    While nothing else can go on, no process runs: the flow is suspended and the answer resumes it.
    ``schema`` is a type (``bool``, a pydantic model, …) or a JSON Schema; ``metadata`` is shown with the
    question; ``timeout`` in seconds, after which ``on_timeout`` says ``"raise"``, ``"default"`` (returns
    ``default``, which is recorded) or ``"escalate"`` (the wait is marked overdue for whoever watches, and stays open).

    Raises :class:`KitaruWaitTimeoutError` when time ran out, :class:`KitaruUsageError` outside a flow.
    """
    if on_timeout not in ("raise", "default", "escalate"):
        raise KitaruUsageError(f"on_timeout={on_timeout!r}: it is 'raise', 'default' or 'escalate'")
    for what, given in (("name", name), ("question", question)):
        if not isinstance(given, str) and not (what == "name" and given is None):
            raise KitaruUsageError(f"{what}={given!r}: it is a text")
    if timeout is not None:
        _judge_seconds("timeout=", timeout)
    frame = _inside("wait", "Ask before it.")
    try:
        data = None if metadata is None else encode(metadata, "wait.metadata")
    except Unencodable as problem:
        raise KitaruEncodeError(f"{problem}: what is shown with a question must be plain data") from None
    try:
        instead = encode(default, "wait.default")
    except Unencodable as problem:
        raise KitaruEncodeError(f"{problem}: what may stand for an answer is recorded. {problem.hint}") from None
    label = name or "wait"
    asked = _Question(frame, label, question or f"{label}?", schema, data, timeout, on_timeout, instead)
    if _context.running_task() is not None:
        return Awaitable(_wait_async(asked), label)
    while (decided := asked.decide())[0] == "held":
        hold_sync(frame.run, frame, asked.call)
    state, key = decided
    if state in ("new", "cancelled"):
        key = asked.ask()
    over = state == "over"
    while True:
        while not over:
            park_sync(frame.run, asked.parked(key))
            over = asked.settle()
        asked.frame.run.session.wait_done()
        try:
            return asked.value()
        except KitaruAnswerError as refusal:
            key, over = asked.ask_again(refusal), False


async def _wait_async(asked: _Question) -> Any:
    import asyncio

    run = asked.frame.run
    while (decided := asked.decide())[0] == "held":
        await hold_async(run, asked.frame, asked.call)
    state, key = decided
    if state == "cancelled":
        # The flow gave it up once: it does so again, or the question is asked when the flow is quiet.
        await run.side(asyncio.get_running_loop()).forever()
        run.check()
    if state in ("new", "cancelled"):
        key = asked.ask()
    over = state == "over"
    while True:
        try:
            while not over:
                await park_async(run, asked.parked(key))
                over = asked.settle()
        except asyncio.CancelledError:
            if not run.leaving:
                # asyncio's own timeout, or a lost race: nobody waits for the answer any more.
                run.session.close_wait(asked.call, "withdrawn")
            raise
        run.session.wait_done()
        try:
            return asked.value()
        except KitaruAnswerError as refusal:
            key, over = asked.ask_again(refusal), False


class Awaitable(Coroutine[Any, Any, Any]):
    """What ``wait()`` and ``sleep()`` give in async code: a coroutine that refuses to pass for its result."""

    def __init__(self, inner: Coroutine[Any, Any, Any], label: str) -> None:
        self._inner = inner
        self._label = label
        self.__qualname__ = f"kitaru.{label}"

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()

    def send(self, value: Any) -> Any:
        return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        return self._inner.throw(*error)

    def close(self) -> None:
        self._inner.close()

    def _refuse(self, *_: object) -> Any:
        raise KitaruUsageError(f"the answer of {self._label!r} was used without `await`: await kitaru.wait(...)")

    __bool__ = __str__ = __format__ = __iter__ = __len__ = __int__ = __float__ = _refuse


_LONGEST = 100 * 366 * 86_400.0


def _judge_seconds(what: str, seconds: float) -> None:
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not number or not 0 <= seconds <= _LONGEST:
        raise KitaruUsageError(f"{what}{seconds!r}: it is a number of seconds, from 0 to a hundred years")


def sleep(seconds: float, *, name: str = "sleep") -> Any:
    """Lets time pass durably; in async code, await it. From a minute on no process runs meanwhile.

    Raises :class:`KitaruUsageError` outside a flow and in the body of an ``effect="once"`` checkpoint.
    """
    _judge_seconds("sleep: ", seconds)
    frame = _inside("sleep", "Sleep before it; a short pause of its own needs no record (time.sleep, asyncio.sleep).")
    run, session = frame.run, frame.run.session
    run.check_new(frame)
    try:
        call = session.identify(frame.scope, name, "sleep", _native.blake3(f"{seconds!r}"), False, False, False, None)
    except KitaruError as refusal:
        raise run.refused(refusal) from None
    if _context.running_task() is not None:
        return Awaitable(_sleep_async(frame, call, seconds), name)
    state, key, until = _begin_sleep(frame, call, seconds)
    if state == "cancelled":
        key, until = _lie_down(frame, call, seconds)
    over = state == "over"
    while not over:
        left = (until - session.now()) / 1000
        if left >= LONG or _need_not_pass(frame) or (left > 0 and run.rehearses):
            park_sync(run, Parked(call, key, frame, sleeping=True, deadline=until))
        elif left > 0:
            session.await_news(min(left, 1.0))
        over = _sleep_over(frame, call)
    session.wait_done()
    return None


async def _sleep_async(frame: Frame, call: int, seconds: float) -> None:
    import asyncio

    run, session = frame.run, frame.run.session
    state, key, until = _begin_sleep(frame, call, seconds)
    if state == "cancelled":
        await run.side(asyncio.get_running_loop()).forever()
        run.check()
        key, until = _lie_down(frame, call, seconds)
    over = state == "over"
    try:
        while not over:
            left = (until - session.now()) / 1000
            if left >= LONG or _need_not_pass(frame) or (left > 0 and run.rehearses):
                await park_async(run, Parked(call, key, frame, sleeping=True, deadline=until))
            else:
                await asyncio.sleep(max(0.0, min(left, NAP)))
            over = _sleep_over(frame, call)
    except asyncio.CancelledError:
        if not run.leaving:
            session.close_wait(call, "withdrawn")
        raise
    session.wait_done()


def _need_not_pass(frame: Frame) -> bool:
    """Whether the time of a sleep need not pass here: the flow is to be paused, and no body waits for it."""
    return frame.run.session.is_held and frame.body() is None


def _begin_sleep(frame: Frame, call: int, seconds: float) -> tuple[str, str, int]:
    """Where the sleep stands: ``over``, ``open`` or ``cancelled``; its key and when it ends."""
    run, session = frame.run, frame.run.session
    try:
        verdict, _, order = session.decide(call, run.alone())
        if verdict == "reuse":
            session.delivered(order)
            return "over", "", 0
        if verdict == "open":
            key = session.reopen_wait(call)
            return "open", key, session.wait_news(call)[1] or 0
        if verdict == "park":
            return "cancelled", "", 0
    except KitaruError as refusal:
        raise run.refused(refusal) from None
    return "open", *_lie_down(frame, call, seconds)


def _lie_down(frame: Frame, call: int, seconds: float) -> tuple[str, int]:
    session = frame.run.session
    until = session.now() + int(seconds * 1000)
    try:
        return session.open_wait(call, "", None, None, until, None), until
    except KitaruError as refusal:
        raise frame.run.refused(refusal) from None


def _sleep_over(frame: Frame, call: int) -> bool:
    run, session = frame.run, frame.run.session
    run.check()
    try:
        state, _ = session.wait_news(call)
        if state == "due":
            session.close_wait(call, "elapsed")
            return True
        if state == "cancel":
            run.heed()
        return state == "over"
    except KitaruError as refusal:
        raise run.refused(refusal) from None


def now() -> datetime_module.datetime:
    """The time, timezone-aware in UTC; recorded, so that a re-entry reads the same. Outside a flow: the clock."""
    import datetime

    value = _reading("now", lambda: datetime.datetime.now(datetime.timezone.utc))
    assert isinstance(value, datetime.datetime)
    return value


def random() -> float:
    """A random number in 0..1, recorded."""
    import random as source

    return float(_reading("random", source.random))


def uuid() -> uuid_module.UUID:
    """A random UUID (version 4), recorded."""
    import uuid as source

    value = _reading("uuid", source.uuid4)
    assert isinstance(value, source.UUID)
    return value


def _reading(name: str, read: Any) -> Any:
    frame = _context.frame()
    return read() if frame is None else decode(recorded(frame, name, None, lambda: encode(read())))


def met(frame: Frame, name: str, digest: bytes | None) -> tuple[int, str | None]:
    """A thing that is done or read once: its call, and the JSON text of its record if it has one."""
    run, session = frame.run, frame.run.session
    run.check()
    try:
        call = session.identify(frame.scope, f"kitaru.{name}", "reading", digest, False, False, False, None)
        verdict, _, _ = session.decide(call, True)
        return call, (session.serve(call)[1] or "null") if verdict == "reuse" else None
    except KitaruError as refusal:
        raise run.refused(refusal) from None


def recorded(frame: Frame, name: str, digest: bytes | None, read: Callable[[], str]) -> str:
    """The JSON text of what is read once, the record's or what ``read`` gives. Written with the next commit."""
    call, text = met(frame, name, digest)
    if text is None:
        text = read()
        try:
            frame.run.session.read(call, text)
        except KitaruError as refusal:
            raise frame.run.refused(refusal) from None
    return text


def _inside(what: str, instead: str) -> Frame:
    frame = _context.frame()
    if frame is None:
        raise KitaruUsageError(f"kitaru.{what}() was called outside any flow: decorate the caller with @flow")
    if any(above.once for above in frame.chain()):
        raise KitaruUsageError(
            f"a {what} inside an effect='once' checkpoint is refused: its body must run through at once. {instead}"
        )
    return frame
