"""The path of a call, once for sync and async: identify, decide, serve or run, record.

:func:`steps` is a generator that yields what has to be waited for (a body, a pause, a turn in delivery order)
and is driven by ``_drive``. Not here: how that waiting is done, what becomes of a drift (``_drift``), and options of
the decorators (``_checkpoint``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kitaru import _native
from kitaru._context import Frame, is_cancel
from kitaru._drift import settle
from kitaru._overrides import given, supplied
from kitaru._values import Unencodable, decode, decode_error, encode, encode_error
from kitaru.errors import (
    KitaruEncodeError,
    KitaruError,
    KitaruInDoubtError,
    KitaruInputsError,
    KitaruMutatedArgumentError,
    KitaruOverrideError,
    KitaruPaused,
    KitaruTimeoutError,
    Unwind,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from kitaru._run import Run
    from kitaru._spec import Spec
    from kitaru._values import Bound


class Turn:
    """Wait for the turn of a recorded outcome in delivery order."""

    __slots__ = ("order",)

    def __init__(self, order: int) -> None:
        self.order = order


class Body:
    """Run the body in this frame; send its result, or throw what it raised."""

    __slots__ = ("frame",)

    def __init__(self, frame: Frame) -> None:
        self.frame = frame


class Ended:
    """Make a result durable. A task that is cancelled meanwhile has the cancellation thrown in."""

    __slots__ = ("attempts", "call", "text", "usage")

    def __init__(self, call: int, text: str, attempts: int, usage: tuple[int, int, float]) -> None:
        self.call = call
        self.text = text
        self.attempts = attempts
        self.usage = usage


class Pause:
    """Let time pass before the next try."""

    __slots__ = ("key", "seconds", "until")

    def __init__(self, key: str, seconds: float, until: int) -> None:
        self.key = key
        self.seconds = seconds
        self.until = until


class Forever:
    """Park a call that the flow cancelled once, until it is cancelled again or the flow goes quiet."""

    __slots__ = ()


class Rest:
    """Stay here: this is a rehearsal, and the body would run now."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key


Step = Turn | Body | Ended | Pause | Forever | Rest


class Identified:
    """A call that has its identity. Made in the synchronous part of the call."""

    __slots__ = ("bound", "call", "frame", "given", "name", "run", "settable", "spec")

    def __init__(self, run: Run, frame: Frame, spec: Spec, name: str, bound: Bound, call: int) -> None:
        self.run = run
        self.frame = frame
        self.spec = spec
        self.name = name
        self.bound = bound
        # What the body is given: the same, unless somebody has changed it.
        self.given = bound
        # Whether that is where its body has them from.
        self.settable = True
        self.call = call


def identify(frame: Frame, spec: Spec, bound: Bound, *, id: str | None = None) -> Identified:
    """Gives the call its identity, in the scope of ``frame``."""
    run = frame.run
    if run.closing is not None or run.draining or given_up(frame):
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
    return Identified(run, frame, spec, spec.name, bound, call)


def given_up(frame: Frame) -> bool:
    """Whether the code of a frame belongs to a body that ran out of its time."""
    at: Frame | None = frame
    while at is not None:
        if at.abandoned:
            return True
        at = at.parent
    return False


def _refuse(run: Run, frame: Frame) -> None:
    run.check()
    if run.draining:
        raise Unwind(KitaruError("the flow is about to begin again from its top", code="earlier-pass"))
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
        settled = settle(one, record, moved=verdict == "moved")
        if settled is not None:
            verdict, order = "reuse", settled
        else:
            verdict = "run"
    if verdict == "reuse":
        if not alone:
            yield Turn(order)
        session.delivered(order)
        return _serve(one)
    if verdict == "park":
        yield Forever()
    elif verdict == "in_doubt":
        if run.rehearses and one.spec.reconcile is not None:
            yield Rest(f"{one.name} (its reconcile says whether)")
        served = _reconcile(one, record)
        if served is not _RUN:
            return served
    elif verdict == "volatile" and not one.spec.rerunnable:
        key, seq, path = _record(run, record)
        what = f"result could not be stored ({path})" if path else "exception could not be stored as it was"
        reason = f'{{"volatile":{{"key":{_quote(key)},"record":{seq},"path":{_quote(path or "")}}}}}'
        raise run.pause(
            reason,
            f"{key} has run, but its {what}; running it again may cost again. "
            f"To run it again: kitaru resume {run.id[-8:]} --rerun {key}  (rerunnable=True says so in the code)",
        )
    elif verdict == "race" and (one.spec.on_drift or run.on_drift) == "rerun":
        session.rerun(call)
    elif verdict == "race":
        key, _, _ = _record(run, record)
        reason = f'{{"race_diverged":{{"key":{_quote(one.name)},"served":{_quote(key)}}}}}'
        raise run.pause(
            reason,
            f"{one.name} is not what followed {key} when it was recorded: tasks that neither inputs nor scope "
            f"tell apart may have changed places. Give their calls id=, or let such calls run with "
            f"on_drift='rerun' (may cost), then: kitaru resume {run.id[-8:]}",
        )
    return (yield from _attempts(one))


def _attempts(one: Identified) -> Generator[Step, Any, Any]:
    run, spec, call, bound = one.run, one.spec, one.call, one.bound
    session = run.session
    due = session.retry_at(call)
    if due > 0 and not run.rehearses and (left := (due - session.now()) / 1000) > 0:
        # An earlier process was to wait so long after a failed try.
        yield Pause(one.name, left, due)
        run.check()
    try:
        key, scope, failed, changed = session.start(call, bound.text, spec.once)
        if changed is not None:
            one.given = given(one.spec, *changed, settable=one.settable)
    except KitaruError as refusal:
        raise _refused_change(run, refusal) from None
    if run.rehearses:
        yield Rest(key)
    attempt = failed + 1
    while True:
        frame = Frame(run, scope, parent=one.frame, call=call, key=key, attempt=attempt)
        frame.once = spec.once
        try:
            result = yield Body(frame)
        except Unwind:
            raise
        except BaseException as error:
            if run.closing is not None or (frame.abandoned and is_cancel(error)):
                raise
            if one.frame.run is run and given_up(one.frame):
                raise
            if spec.once and (is_cancel(error) or (frame.abandoned and isinstance(error, KitaruTimeoutError))):
                _in_doubt(one, frame.key or one.name)
            pause = _failed(one, frame, error, attempt)
            if pause is None:
                raise
            if pause is not _AT_ONCE:
                yield pause
                attempt += 1
            run.check()
            try:
                if spec.once:
                    session.start(call, bound.text, True)
            except KitaruError as refusal:
                raise run.refused(refusal) from None
            continue
        return (yield from _returned(one, frame, result, attempt))


_AT_ONCE: Any = object()
_RUN: Any = object()


def _returned(one: Identified, frame: Frame, result: Any, attempt: int) -> Generator[Step, Any, Any]:
    run, spec, session = one.run, one.spec, one.run.session
    used = frame.usage
    if run.closing is not None:
        raise Unwind(run.closing)
    if given_up(frame):
        _refuse(run, frame)
    problem: Unencodable | None = None
    try:
        text = encode(_dumped(spec, result), "checkpoint.return", pickle=spec.pickle)
    except Unencodable as found:
        problem = found
    try:
        if problem is None:
            try:
                yield Ended(one.call, text, attempt, used)
            except BaseException as error:
                # The flow goes on as if it had not ended, so that is what has to stand on record.
                if is_cancel(error) and not run.root_ended and run.closing is None:
                    session.end_cancelled(one.call, attempt, (0, 0, 0.0))
                raise
        elif spec.once or spec.strict or run.strict:
            session.end_volatile(one.call, problem.path, spec.rerunnable, attempt, used)
            raise KitaruEncodeError(f"{frame.key}: {problem}. {problem.hint}")
        else:
            session.note(
                frame.key,
                "volatile-result",
                f"{frame.key}: the result was handed on but not stored: {problem}. {problem.hint}",
            )
            _warn(f"{frame.key}: the result is not stored: {problem}. {problem.hint}")
            session.end_volatile(one.call, problem.path, spec.rerunnable, attempt, used)
    except KitaruEncodeError:
        raise
    except KitaruError as refusal:
        raise run.refused(refusal) from None
    if one.given.mutable:
        changed = spec.signature.rebind_check(one.given)
        if changed is not None:
            raise KitaruMutatedArgumentError(
                f"{frame.key} changed its argument {changed}: on re-entry, when its recorded result is used, that "
                "change would be missing. Return the new value instead, or leave the argument out with ignore=."
            )
    # The caller gets what a re-entry would get where that is cheap to promise: the value itself.
    return result


def _dumped(spec: Spec, result: Any) -> Any:
    """The encodable form of a result. A codec of the user's that fails does not lose what was paid for."""
    if spec.codec is None:
        return result
    try:
        return spec.codec[0](result)
    except Exception as error:
        said = f"Its codec= raised {type(error).__name__}: {error}"
        raise Unencodable("checkpoint.return", type(result).__qualname__, said) from error


def _failed(one: Identified, frame: Frame, error: BaseException, attempt: int) -> Any:
    """Records a failed try. Returns the pause before the next one, `_AT_ONCE`, or ``None``: no more tries."""
    run, spec, session, call = one.run, one.spec, one.run.session, one.call
    used = frame.usage
    try:
        if is_cancel(error):
            if not run.root_ended:
                session.end_cancelled(call, attempt, used)
            return None
        if not isinstance(error, Exception):
            return None
        sources = run.sources(error)
        stale = run.stale(sources)
        if stale:
            # The failure was only read from the record: what it came from runs now, and this body again.
            session.drop_records(stale, "failed")
            session.restart_body(call, True)
            return _AT_ONCE
        data = error_tuple(error)
        retry = spec.retry_pause(error, attempt)
        if retry is not None:
            until = session.now() + int(retry * 1000)
            # What is dropped rides along with the failed try: a crash must not leave a second try with what
            # the first one failed by.
            if sources:
                session.drop_records(sources, "retry")
            session.restart_body(call, bool(sources))
            session.attempt_failed(call, attempt, data, until, used)
            return Pause(frame.key or one.name, retry, until)
        record = session.end_raised(call, data, attempt, used)
        run.remember(error, record, fresh=True)
        if spec.pause_on_failure:
            key = frame.key or one.name
            reason = f'{{"retries_exhausted":{{"key":{_quote(key)},"record":{record},"message":{_quote(str(error))}}}}}'
            raise run.pause(
                reason,
                f"{key} failed {_times(attempt)}, last: {type(error).__name__}: {error}. "
                f"To try again: kitaru resume {run.id[-8:]}",
            )
    except KitaruError as refusal:
        raise run.refused(refusal) from None
    return None


def _serve(one: Identified) -> Any:
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
        raise error
    if kind == "supplied":
        try:
            return supplied(one.spec, text or "null")
        except KitaruError as refusal:
            raise _refused_change(run, refusal) from None
    value = decode(text or "null", allow_pickle=one.spec.pickle)
    return value if one.spec.codec is None else one.spec.codec[1](value)


def _refused_change(run: Run, refusal: KitaruError) -> Unwind:
    """A value that somebody put in is not what the code takes: they decide again. Other refusals are as always."""
    if not isinstance(refusal, (KitaruInputsError, KitaruOverrideError)):
        return run.refused(refusal)
    text = f"{refusal}\nReplay or resume with a value that fits."
    return run.pause('{"requested":{"by":"bad-override"}}', text, refusal)


def _reconcile(one: Identified, record: int) -> Any:
    run, spec, session = one.run, one.spec, one.run.session
    key, seq, _ = _record(run, record)
    if spec.reconcile is not None:
        # `reconcile` says what is known of the effect: its result, or that it did not happen.
        found = spec.reconcile(*one.bound.args, **one.bound.kwargs)
        if found is not NOT_DONE:
            # Encoded first: as long as nothing is recorded the doubt stands.
            text_found = encode(found, "reconcile.return", pickle=spec.pickle)
            try:
                session.start(one.call, one.bound.text, True)
                session.end_returned(one.call, text_found, 1, (0, 0, 0.0))
            except KitaruError as refusal:
                raise run.refused(refusal) from None
            session.note(key, "reconciled", f"{key} had happened, says reconcile")
            return found
        session.note(key, "reconciled", f"{key} had not happened, says reconcile; it runs now")
        return _RUN
    raise _doubt(run, key, seq)


def _doubt(run: Run, key: str, seq: int) -> Unwind:
    text = (
        f"{key} began and its outcome is unknown: this may have happened. When you know that it did not, "
        f"run it again: kitaru resume {run.id[-8:]} --rerun {key}"
    )
    reason = f'{{"in_doubt":{{"key":{_quote(key)},"record":{seq}}}}}'
    return run.pause(reason, text, KitaruInDoubtError(text, exec_id=run.id))


def _in_doubt(one: Identified, key: str) -> None:
    """An effect that must happen once was cut off: nobody knows whether it happened."""
    if one.run.root_ended:
        return
    record = one.run.session.record_of(one.call)
    raise _doubt(one.run, key, record[1] if record is not None else 0)


class _NotDone:
    def __repr__(self) -> str:
        return "kitaru.NOT_DONE"


NOT_DONE: Any = _NotDone()
"""What a ``reconcile`` function returns to say that the effect has not happened, so that the call runs."""


def error_tuple(error: BaseException) -> tuple[str, str, str, str, bool]:
    """An exception as the engine takes it."""
    data = encode_error(error)
    return data["type"], data["message"], data["traceback"], data["value"], data["rebuilds"]


def _times(attempt: int) -> str:
    return "once" if attempt == 1 else f"{attempt} times"


def _record(run: Run, record: int) -> tuple[str, int, str | None]:
    found = run.session.record_at(record)
    return found if found is not None else ("?", 0, None)


def _quote(text: str) -> str:
    return _json_text(text)


def _json_text(value: Any) -> str:
    import json

    return json.dumps(value)


def _warn(message: str) -> None:
    import warnings

    warnings.warn(message, KitaruValueNotStored, stacklevel=2)


class KitaruValueNotStored(UserWarning):
    """A result was handed on but could not be stored."""


__all__ = ["NOT_DONE", "Body", "Forever", "Identified", "KitaruPaused", "Pause", "Rest", "Turn", "identify", "steps"]
