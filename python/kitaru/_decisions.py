"""Where a call's record does not settle what becomes of it: drift, doubt, and what pauses until somebody decides.

Parts of the path of a call, entered when that is met, which is rare. What pauses lets what runs beside it end first.
Not here: which verdict a call gets (core), and its path (``_calls``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kitaru import _native
from kitaru._results import keep
from kitaru._values import harmless_difference
from kitaru.errors import (
    KitaruDivergenceError,
    KitaruEncodeError,
    KitaruError,
    KitaruInDoubtError,
    KitaruInputsError,
    KitaruMutatedArgumentError,
    KitaruOverrideError,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import NoReturn

    from kitaru._calls import Identified
    from kitaru._run import Run
    from kitaru._steps import Step


def _ask(one: Identified, reason: str, text: str, error: KitaruError | None = None) -> Generator[Step, Any, NoReturn]:
    """Pauses for that reason, when what runs has ended. ``error``: what the flow's edge raises then."""
    from kitaru._steps import Hold

    while True:
        one.run.hold(reason, text, error)
        yield Hold()


def give_changed(one: Identified, text: str, changed: list[str]) -> None:
    """Gives a call's body the arguments that somebody changed. Raises as :func:`kitaru._overrides.given` does."""
    from kitaru import _overrides

    one.give(_overrides.given(one.spec, text, changed, settable=one.settable))


def _word(key: str) -> str:
    import shlex

    return shlex.quote(key)


def supplied_result(one: Identified, text: str) -> Generator[Step, Any, Any]:
    """A result that somebody supplied. Pauses if it is not what the call returns."""
    from kitaru import _overrides

    try:
        return _overrides.supplied(one.spec, text)
    except (KitaruInputsError, KitaruOverrideError) as refusal:
        record = one.run.session.record_of(one.call)
        key = record[0] if record is not None else one.name
        return (
            yield from refused_value(one, refusal, f". To run it: kitaru resume {one.run.id[-8:]} --rerun {_word(key)}")
        )


def refused_value(
    one: Identified, refusal: KitaruInputsError | KitaruOverrideError, way_out: str = ""
) -> Generator[Step, Any, Any]:
    """A value that somebody put in is not what the code takes: they decide again."""
    from kitaru._steps import Hold

    while True:
        one.run.session.hold_before(one.call, one.bound.text, f"{refusal}{way_out}")
        yield Hold()


def settle_drift(one: Identified, record: int, *, moved: bool) -> Generator[Step, Any, int | None]:
    """What becomes of a drifted call: the order of the record to serve, or ``None`` to run it. May pause."""
    run, spec, session = one.run, one.spec, one.run.session
    key, _, before, recorded_at, flow_code = session.drifted(one.call, record)
    policy = spec.on_drift or run.on_drift
    now = one.bound.text
    if not moved and before is not None and now is not None and policy != "fail" and not spec.once:
        reason = harmless_difference(before, now, recorded_at, session.now())
        if reason is None and spec.signature.encodes_the_same(before, one.bound.digest):
            reason = "the codec of an argument has changed, its value has not"
        if reason is not None:
            session.note(key, "drift-reused", f"{key} is reused: {reason}")
            return session.reuse(one.call, record, False)
    if policy == "reuse":
        session.note(key, "drift-reused", f"{key} is reused with other inputs: on_drift='reuse'")
        return session.reuse(one.call, record, False)
    if policy == "rerun":
        session.rerun(one.call)
        return None
    pause, differences = session.drift_differences(one.call, record, moved, now)
    lines = [f"  {path}: {before or '(nothing)'} -> {after or '(nothing)'}" for path, before, after in differences]
    what = "stands elsewhere now" if moved else "has other inputs than when it was recorded"
    text = "\n".join([f"{key} {what}:", *lines])
    short = run.id[-8:]
    if not lines:
        text = (
            f"{key} has other inputs than when it was recorded; an argument without a codec keeps them from being shown"
        )
    text += "".join(f"\n{line}" for line in _since(one, flow_code))
    text += (
        f"\nIf it is the same call, use the recorded result of {key}: kitaru resume {short} --on-drift reuse\n"
        f"If it is another one, run it (may cost): kitaru resume {short} --on-drift rerun"
    )
    if policy == "fail":
        return (yield from _ask(one, pause, text, KitaruDivergenceError(text)))
    return (yield from _ask(one, pause, text))


def _since(one: Identified, flow_code: str | None) -> Iterator[str]:
    """What of the code has changed since the call was recorded, which most likely is why it drifted."""
    from kitaru._inspect import explain_all

    found = explain_all(one.run.flow, flow_code, dict(_native.recorded_codes(one.run.session)))
    if found:
        yield "Changed since: " + ", ".join(f"{name} ({why})" for name, why in found.items())


def mutated(
    one: Identified, record: int | None = None, error: BaseException | None = None
) -> Generator[Step, Any, Any]:
    """A call changed one of its arguments, and what is recorded of it lacks that. ``error``: how it failed then."""
    run = one.run
    try:
        key, path, reason = run.session.mutated(one.call, record)
    except KitaruError as refusal:
        raise run.refused(refusal) from None
    failed = f" before it failed with {type(error).__name__}: {error}" if error is not None else ""
    short = run.id[-8:]
    text = (
        f"{key} changed its argument {path}{failed}; on re-entry, when what is recorded of it is used, that change "
        "would be missing. Let it work on a copy and return what is new\n"
        f"Then run it again (may cost): kitaru resume {short} --on-drift rerun\n"
        f"Or use what is recorded of it, without that change: kitaru resume {short} --on-drift reuse"
    )
    return (yield from _ask(one, reason, text, KitaruMutatedArgumentError(text, exec_id=run.id)))


def volatile(one: Identified, record: int) -> Generator[Step, Any, Any]:
    """A call ran, and what came of it could not be stored."""
    run = one.run
    key, seq, path = _record(run, record)
    what = f"result could not be stored ({path})" if path else "exception could not be stored as it was"
    reason = json.dumps({"volatile": {"key": key, "record": seq, "path": path or ""}})
    return (
        yield from _ask(
            one,
            reason,
            f"{key} has run, but its {what}; running it again may cost again.\n"
            "rerunnable=True says in the code that this is fine.\n"
            f"To run it again: kitaru resume {run.id[-8:]} --rerun {_word(key)}\n"
            f"When you know its result: kitaru resume {run.id[-8:]} --set output=VALUE",
        )
    )


def race(one: Identified, record: int) -> Generator[Step, Any, Any]:
    """Tasks that nothing tells apart may have changed places."""
    run = one.run
    key, _, _ = _record(run, record)
    reason = json.dumps({"race_diverged": {"key": one.name, "served": key}})
    return (
        yield from _ask(
            one,
            reason,
            f"{one.name} is not what followed {key} when it was recorded: tasks that neither inputs nor scope "
            f"tell apart may have changed places. Give their calls id=, or let such calls run with "
            f"on_drift='rerun' (may cost), then: kitaru resume {run.id[-8:]}",
        )
    )


def exhausted(one: Identified, key: str, record: int, attempt: int, error: BaseException) -> Generator[Step, Any, Any]:
    """Tries ran out, and the checkpoint asks to pause then."""
    run = one.run
    reason = json.dumps({"retries_exhausted": {"key": key, "record": record, "message": str(error)}})
    times = "once" if attempt == 1 else f"{attempt} times"
    short = run.id[-8:]
    return (
        yield from _ask(
            one,
            reason,
            f"{key} failed {times}, last: {type(error).__name__}: {error}. To try again: kitaru resume {short}\n"
            f"When you know its result: kitaru resume {short} --set output=VALUE",
        )
    )


def began(one: Identified, record: int) -> Generator[Step, Any, Any]:
    """What began and has no outcome on record may be this call: an effect that must happen once, or a child
    execution. Of an effect no policy about drift decides that it happens again."""
    run, session = one.run, one.run.session
    if one.kept:
        return (yield from _child_left(one))
    key, _, _, _, flow_code = session.drifted(one.call, record)
    pause, differences = session.drift_differences(one.call, record, False, one.bound.text)
    lines = [f"  {path}: {before or '(nothing)'} -> {after or '(nothing)'}" for path, before, after in differences]
    short = run.id[-8:]
    if lines:
        what = f"{key} began with other inputs, and its outcome is unknown: this may have happened."
    else:
        what = f"{key} is on record with these inputs, made where nothing is made now: this may have happened."
    text = "\n".join(
        [
            what,
            *lines,
            *_since(one, flow_code),
            f"If it is the same effect, use what is on record of it: kitaru resume {short} --on-drift reuse",
            f"If it is another one, which is to happen too: kitaru resume {short} --on-drift rerun",
        ]
    )
    return (yield from _ask(one, pause, text, KitaruInDoubtError(text, exec_id=run.id)))


def _child_left(one: Identified) -> Generator[Step, Any, None]:
    """A child began that the call may be. Pauses, unless none of them is there, or the code says that it is another."""
    run, session = one.run, one.run.session
    policy = one.spec.on_drift or run.on_drift
    found = session.child_left(one.call, run.alone())
    if found is None or policy == "rerun":
        return
    record, child, status = found
    key, _, _, _, flow_code = session.drifted(one.call, record)
    pause, differences = session.drift_differences(one.call, record, False, one.bound.text)
    lines = [f"  {path}: {before or '(nothing)'} -> {after or '(nothing)'}" for path, before, after in differences]
    what = "began with other inputs" if lines else "began, and is called elsewhere or otherwise now"
    short = run.id[-8:]
    text = "\n".join(
        [
            f"{key} {what}, and has not come to its end here: execution {child[-8:]} is {status}.",
            *lines,
            *_since(one, flow_code),
            f"If it is the same, let it go on with the inputs that it has: kitaru resume {short} --on-drift reuse",
            f"If it is another one, begin that beside it (may cost): kitaru resume {short} --on-drift rerun",
            f"The one that began stays as it is until: kitaru cancel {child[-8:]}",
        ]
    )
    error = KitaruDivergenceError(text) if policy == "fail" else None
    # Whoever is told of it leaves the flow, which is to be held by then.
    run.hold(pause, text, error)
    one.asks()
    yield from _ask(one, pause, text, error)


def reconcile(one: Identified, record: int) -> Generator[Step, Any, Any]:
    """The result of a declared effect that began, as ``reconcile=`` found it; :data:`RUN` if it did not happen.

    Raises where nobody knows.
    """
    run, spec, session = one.run, one.spec, one.run.session
    key, seq, _ = _record(run, record)
    if spec.reconcile is None or _has_other_inputs(one, record):
        return (yield from _doubt(one, key, seq))
    found = spec.reconcile(*one.bound.args, **one.bound.kwargs)
    if found is NOT_DONE:
        session.note(key, "reconciled", f"{key} had not happened, says reconcile; it runs now")
        return RUN
    # Encoded first: as long as nothing is recorded the doubt stands.
    text, value, problem = keep(spec, found, "reconcile.return")
    if problem is not None:
        raise KitaruEncodeError(f"{key}: {problem}. {problem.hint}")
    try:
        session.start(one.call, one.bound.text, True, False)
        session.end_returned(one.call, text, 1)
    except KitaruError as refusal:
        raise run.refused(refusal) from None
    session.note(key, "reconciled", f"{key} had happened, says reconcile")
    return value


def _has_other_inputs(one: Identified, record: int) -> bool:
    """Whether an effect that somebody said is this call's began with other inputs: reconcile would look for these."""
    before = one.run.session.drifted(one.call, record)[2]
    same = before is None or before == one.bound.text
    return not same and not one.spec.signature.encodes_the_same(str(before), one.bound.digest)


def in_doubt(one: Identified, key: str) -> Generator[Step, Any, None]:
    """An effect that must happen once was cut off: nobody knows whether it happened."""
    if one.run.leaving:
        return
    record = one.run.session.record_of(one.call)
    yield from _doubt(one, key, record[1] if record is not None else 0)


def _doubt(one: Identified, key: str, seq: int) -> Generator[Step, Any, Any]:
    short = one.run.id[-8:]
    text = (
        f"{key} began and its outcome is unknown: this may have happened.\n"
        f"When you know that it did not, run it again: kitaru resume {short} --rerun {_word(key)}\n"
        f"When you know that it did, say with what result: kitaru resume {short} --set output=VALUE"
    )
    reason = json.dumps({"in_doubt": {"key": key, "record": seq}})
    return (yield from _ask(one, reason, text, KitaruInDoubtError(text, exec_id=one.run.id)))


def is_failure(run: Run, record: int) -> bool:
    """Whether what could not be stored as it was is an exception, and no result."""
    return _record(run, record)[2] is None


def _record(run: Run, record: int) -> tuple[str, int, str | None]:
    found = run.session.record_at(record)
    return found if found is not None else ("?", 0, None)


RUN: Any = object()
"""What :func:`reconcile` returns to have the call run."""


class _NotDone:
    def __repr__(self) -> str:
        return "kitaru.NOT_DONE"


NOT_DONE: Any = _NotDone()
"""What a ``reconcile`` function returns to say that the effect has not happened, so that the call runs."""
