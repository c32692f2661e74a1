"""The path of a call, once for sync and async: identify, decide, serve or run, record.

:func:`steps` is a generator that yields what has to be waited for (a body, a pause, a turn in delivery order)
and is driven by ``_drive``. Not here: how that waiting is done, options of the decorators (``_checkpoint``), and
what its record does not settle (``_decisions``).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from kitaru import _native
from kitaru._context import Frame, is_cancel
from kitaru._results import Kept, keep, restored
from kitaru._spec import retry_after, status_of
from kitaru._steps import Body, Ended, Forever, Hold, Pause, Queue, Rest, Step, Stopped, Turn
from kitaru._values import decode_error, encode_error, settle_error
from kitaru.errors import (
    KitaruCallLostError,
    KitaruEncodeError,
    KitaruError,
    KitaruInputsError,
    KitaruOverrideError,
    KitaruTimeoutError,
    Unwind,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import TypeAlias

    from kitaru._run import Run
    from kitaru._spec import Spec
    from kitaru._values import Bound, Signature

    Watched: TypeAlias = tuple[tuple[Signature, Bound], ...]
    # An exception as the engine takes it: type, message, traceback, value, and whether that rebuilds it.
    Written: TypeAlias = tuple[str, str, str, str, bool]


def _nothing() -> None:
    pass


class Identified:
    """A call that has its identity. Made in the synchronous part of the call.

    ``watched`` are the arguments that its body must leave as they are.
    """

    __slots__ = (
        "asks",
        "bound",
        "call",
        "changed",
        "execution",
        "frame",
        "given",
        "kept",
        "looks",
        "name",
        "raised",
        "run",
        "settable",
        "spec",
        "watched",
    )

    def __init__(
        self, run: Run, frame: Frame, spec: Spec, name: str, bound: Bound, call: int, watched: Watched = ()
    ) -> None:
        self.run = run
        self.frame = frame
        self.spec = spec
        self.name = name
        self.bound = bound
        # What the body is given: the same, unless somebody has changed it.
        self.given = bound
        # Whether that is where its body has them from.
        self.settable = True
        # Whether what it raises is another execution's failure.
        self.kept = False
        # Whether its body does nothing but look: a rehearsal runs it too.
        self.looks = False
        # The execution that its body carries on.
        self.execution: str | None = None
        # Called before somebody is asked whether it is a call that began.
        self.asks: Callable[[], None] = _nothing
        self.call = call
        self.watched = watched
        # Of a body that ran elsewhere: the argument that it changed there, and what it raised there, as data.
        self.changed: str | None = None
        self.raised: tuple[BaseException, Written] | None = None

    def give(self, bound: Bound) -> None:
        """Somebody changed what the body is given: that is what it must leave as it is."""
        was, self.given = self.given, bound
        watched = tuple(pair for pair in self.watched if pair[1] is not was)
        self.watched = ((self.spec.signature, bound), *watched) if bound.mutable else watched


def identify(frame: Frame, spec: Spec, bound: Bound, *, id: str | None = None, beside: Watched = ()) -> Identified:
    """Gives the call its identity, in the scope of ``frame``. ``beside``: arguments that it is not known by."""
    run = frame.run
    if run.closing is not None or run.draining or run.root_ended or given_up(frame):
        _refuse(run, frame)
    digest: bytes | None = bound.digest
    opaque = bound.kind == "opaque"
    if opaque and bound.partial:
        digest = _native.blake3(_json_text(sorted(bound.partial.items())))
    if id is not None:
        digest, opaque = _native.blake3(f"id:{id}"), False
    try:
        call = run.session.identify(
            frame.scope, spec.name, "checkpoint", digest, opaque, id is not None, spec.once, spec.code()
        )
    except KitaruError as refusal:
        raise run.refused(refusal) from None
    watched = ((spec.signature, bound), *beside) if bound.mutable else beside
    return Identified(run, frame, spec, spec.name, bound, call, watched)


def given_up(frame: Frame) -> bool:
    """Whether the code of a frame belongs to a body that ran out of its time."""
    at: Frame | None = frame
    while at is not None:
        if at.abandoned:
            return True
        at = at.parent
    return False


def _refuse(run: Run, frame: Frame) -> None:
    run.check_new(frame)
    if given_up(frame):
        raise Unwind(KitaruError("this call ran out of its time and was given up; nothing it does is recorded"))


def steps(one: Identified) -> Generator[Step, Any, Any]:
    """The path of one call. Returns its result or raises its exception."""
    run, call = one.run, one.call
    session = run.session
    alone = run.alone()
    try:
        verdict, record, order = session.decide(call, alone)
    except KitaruError as refusal:
        raise run.refused(refusal) from None
    if verdict in ("drift", "moved"):
        settled = yield from _decisions().settle_drift(one, record, moved=verdict == "moved")
        if settled is not None:
            verdict, order = "reuse", settled
        else:
            verdict = "run"
    elif verdict == "volatile" and one.kept and _decisions().is_failure(run, record):
        # A failure of another execution: as it stands on record it is what anybody has of it.
        verdict, order = "reuse", session.reuse(call, record, False)
    if verdict == "reuse":
        if not alone:
            yield Turn(order)
        session.delivered(order)
        if one.bound.blocked is not None:
            from kitaru import _used_up

            _used_up.served(one)
        return (yield from _serve(one))
    if verdict == "park":
        yield Forever()
    elif verdict == "in_doubt":
        if run.rehearses and one.spec.reconcile is not None:
            # An act of the flow on another execution is looked for there.
            unless = "its reconcile says whether" if one.spec.function is not None else "unless it was done before"
            yield Rest(f"{one.name} ({unless})")
        served = yield from _decisions().reconcile(one, record)
        if served is not _decisions().RUN:
            return served
    elif verdict == "began":
        yield from _decisions().began(one, record)
    elif verdict == "mutated":
        yield from _decisions().mutated(one, record)
    elif verdict == "volatile" and not one.spec.rerunnable:
        yield from _decisions().volatile(one, record)
    elif verdict == "race":
        if (one.spec.on_drift or run.on_drift) != "rerun":
            yield from _decisions().race(one, record)
        session.rerun(call)
    return (yield from _attempts(one))


def _attempts(one: Identified) -> Generator[Step, Any, Any]:
    run, spec, call, bound = one.run, one.spec, one.call, one.bound
    session = run.session
    due = session.retry_at(call)
    if due > 0 and not run.rehearses and (left := (due - session.now()) / 1000) > 0:
        # An earlier process was to wait so long after a failed try.
        yield Pause(one.name, left, due)
    run.check_new(one.frame)
    if run.unread and one.bound.blocked is not None:
        from kitaru import _used_up

        yield from _used_up.asked(one)
    queues = spec.limit is not None and not run.rehearses
    while True:
        if queues and not (yield Queue()):
            yield Hold()
            continue
        try:
            begun = session.start(call, bound.text, spec.once, True)
            if begun is not None and begun[3] is not None:
                # Somebody changed its inputs: it begins if they are what its body takes.
                _decisions().give_changed(one, *begun[3])
                begun = session.start(call, bound.text, spec.once, False)
        except (KitaruInputsError, KitaruOverrideError) as refusal:
            yield from _decisions().refused_value(one, refusal)
        except KitaruError as refusal:
            raise run.refused(refusal) from None
        if begun is not None:
            break
        if queues:
            _native.end_turn(session, call)
        one.asks()
        yield Hold()
    key, scope, failed, _ = begun
    if run.rehearses and not one.looks:
        yield Rest(key)
    attempt = failed + 1
    while True:
        one.frame.lives()
        frame = Frame(run, scope, parent=one.frame, call=call, key=key, attempt=attempt)
        frame.once = spec.once
        try:
            try:
                result = yield Body(frame)
            finally:
                if queues:
                    # It goes back with what is written of the try.
                    _native.end_turn(session, call)
        except Unwind:
            raise
        except BaseException as raised:
            error = raised.inner if isinstance(raised, Stopped) else raised
            if run.closing is not None or (frame.abandoned and is_cancel(error)):
                raise
            if one.frame.run is run and given_up(one.frame):
                raise
            if spec.once and (is_cancel(error) or (frame.abandoned and isinstance(error, _CUT_OFF))):
                yield from _decisions().in_doubt(one, frame.key or one.name)
            after = _failed(one, frame, error, attempt)
            if after is None:
                raise
            if type(after) is Pause:
                yield after
                attempt += 1
            elif after is not _AT_ONCE:
                yield from after
            run.check_new(one.frame)
            while session.is_held or (queues and not (yield Queue())):
                # Another try is a body too.
                yield Hold()
            try:
                if spec.once:
                    session.start(call, bound.text, True, False)
            except KitaruError as refusal:
                raise run.refused(refusal) from None
            continue
        return (yield from _returned(one, frame, result, attempt))


_AT_ONCE: Any = object()
# How a body is cut off from outside: how far it came, nobody knows.
_CUT_OFF = (KitaruTimeoutError, KitaruCallLostError)
# What a provider answers when it is asked too much.
_ASKS_TO_WAIT = {429, 503, 529}


def _returned(one: Identified, frame: Frame, result: Any, attempt: int) -> Generator[Step, Any, Any]:
    run, spec, session = one.run, one.spec, one.run.session
    if run.closing is not None:
        raise Unwind(run.closing)
    if given_up(frame):
        _refuse(run, frame)
    one.frame.lives()
    changed = _changed(one)
    text, value, problem = result.parts if type(result) is Kept else keep(spec, result)
    strict: KitaruEncodeError | None = None
    try:
        if problem is None:
            try:
                yield Ended(one.call, text, attempt)
            except BaseException as error:
                # The flow goes on as if it had not ended, so that is what has to stand on record.
                if is_cancel(error) and not run.leaving:
                    if changed is not None:
                        session.mutates(one.call, changed)
                    session.end_cancelled(one.call, attempt)
                    if changed is not None:
                        yield from _decisions().mutated(one)
                raise
        else:
            said = f"{problem}. {problem.hint}"
            # What could not be sent back cannot be handed on.
            if spec.once or spec.strict or run.strict or spec.runtime is not None:
                strict = KitaruEncodeError(f"{frame.key}: {said}")
            else:
                session.note(
                    frame.key, "volatile-result", f"{frame.key}: the result was handed on but not stored: {said}"
                )
                _warn(f"{frame.key}: the result is not stored: {said}")
            session.end_volatile(one.call, problem.path, spec.rerunnable, attempt)
    except KitaruError as refusal:
        raise run.refused(refusal) from None
    if changed is not None:
        yield from _decisions().mutated(one)
    if strict is not None:
        raise strict
    return value


def _changed(one: Identified) -> str | None:
    """The path of an argument that was changed while the call ran; its end, which follows, will say so."""
    if one.changed is not None:
        one.run.session.mutates(one.call, one.changed)
        return one.changed
    for signature, bound in one.watched:
        path = signature.rebind_check(bound)
        if path is not None:
            one.run.session.mutates(one.call, path)
            return path
    return None


def _failed(one: Identified, frame: Frame, error: BaseException, attempt: int) -> Any:
    """Records a failed try. Returns the pause before the next one, `_AT_ONCE`, what asks somebody to decide, or
    ``None``: no more tries."""
    run, spec, session, call = one.run, one.spec, one.run.session, one.call
    try:
        if is_cancel(error):
            if not run.leaving:
                changed = _changed(one)
                session.end_cancelled(call, attempt)
                if changed is not None:
                    return _decisions().mutated(one, error=error)
            elif run.unwinding:
                run.cut.append(frame.key or one.name)
            return None
        if not isinstance(error, Exception):
            return None
        if _changed(one) is not None:
            # Neither a handler nor another try may go on from what it left.
            session.end_raised(call, _written(one, error), attempt)
            return _decisions().mutated(one, error=error)
        sources = run.sources(error)
        stale = run.stale(sources)
        if stale:
            # The failure was only read from the record: what it came from runs now, and this body again.
            session.drop_records(stale, "failed")
            session.restart_body(call, True)
            return _AT_ONCE
        data = _written(one, error)
        if spec.limit is not None:
            _quiet_all(one, frame, error)
        retry = spec.retry_pause(error, attempt)
        if retry is not None:
            until = session.now() + int(retry * 1000)
            # What is dropped rides along with the failed try: a crash must not leave a second try with what
            # the first one failed by.
            if sources:
                session.drop_records(sources, "retry")
            session.restart_body(call, bool(sources))
            session.attempt_failed(call, attempt, data, until)
            return Pause(frame.key or one.name, retry, until)
        record = session.end_raised(call, data, attempt)
        run.remember(error, record, fresh=True)
        _, _, _, written, rebuilds = data
        if rebuilds:
            settle_error(error, written)
        if spec.pause_on_failure:
            return _decisions().exhausted(one, frame.key or one.name, record, attempt, error)
    except KitaruError as refusal:
        raise run.refused(refusal) from None
    return None


def _quiet_all(one: Identified, frame: Frame, error: Exception) -> None:
    """A provider that asks to be left alone is, by all who share the limit."""
    asked = retry_after(error)
    if asked is not None and asked > 0 and status_of(error) in _ASKS_TO_WAIT and one.spec.limit is not None:
        key, why = frame.key or one.name, f"{type(error).__name__}: Retry-After {asked:g} s"
        by = f"{key} of {one.run.id[-8:]}"
        _native.close_limit(one.run.session, one.spec.limit, math.ceil(min(asked, 1e9) * 1000), by, why)


def _serve(one: Identified) -> Generator[Step, Any, Any]:
    run = one.run
    try:
        kind, text = run.session.serve(one.call)
    except KitaruError as refusal:
        raise run.refused(refusal) from None
    if kind == "error":
        error = decode_error(text or "null")
        record = run.session.record_of(one.call)
        if record is not None:
            run.remember(error, record[1], fresh=record[1] in run.fresh)
        raise Stopped(error) if isinstance(error, StopIteration) else error
    if kind == "supplied":
        return (yield from _decisions().supplied_result(one, text or "null"))
    return restored(one.spec, text or "null")


def _written(one: Identified, error: BaseException) -> Written:
    return one.raised[1] if one.raised is not None and one.raised[0] is error else error_tuple(error)


def error_tuple(error: BaseException) -> Written:
    """An exception as the engine takes it."""
    data = encode_error(error)
    return data["type"], data["message"], data["traceback"], data["value"], data["rebuilds"]


def _decisions() -> Any:
    """A room that few executions enter: it is imported by the first that does."""
    from kitaru import _decisions

    return _decisions


def _json_text(value: Any) -> str:
    import json

    return json.dumps(value)


def _warn(message: str) -> None:
    import warnings

    warnings.warn(message, KitaruValueNotStored, stacklevel=2)


class KitaruValueNotStored(UserWarning):
    """A result was handed on but could not be stored."""


__all__ = ["Identified", "identify", "steps"]
