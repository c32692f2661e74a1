"""Where a call's record does not settle what becomes of it: drift, doubt, and what pauses until somebody decides.

Entered when that is met, which is rare. Not here: which verdict a call gets (core), and its path (``_calls``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

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
    Unwind,
)

if TYPE_CHECKING:
    from kitaru._calls import Identified
    from kitaru._run import Run


def give_changed(one: Identified, text: str, changed: list[str]) -> None:
    """Gives a call's body the arguments that somebody changed. Pauses if they are not what it takes."""
    from kitaru import _overrides

    try:
        one.give(_overrides.given(one.spec, text, changed, settable=one.settable))
    except (KitaruInputsError, KitaruOverrideError) as refusal:
        raise _refused_value(one.run, refusal) from None


def supplied_result(one: Identified, text: str) -> Any:
    """A result that somebody supplied. Pauses if it is not what the call returns."""
    from kitaru import _overrides

    try:
        return _overrides.supplied(one.spec, text)
    except KitaruInputsError as refusal:
        raise _refused_value(one.run, refusal) from None


def _refused_value(run: Run, refusal: KitaruError) -> Unwind:
    """A value that somebody put in is not what the code takes: they decide again."""
    text = f"{refusal}\nReplay or resume with a value that fits."
    return run.pause('{"requested":{"by":"bad-override"}}', text, refusal)


def settle_drift(one: Identified, record: int, *, moved: bool) -> int | None:
    """What becomes of a drifted call: the order of the record to serve, or ``None`` to run it. May pause."""
    run, spec, session = one.run, one.spec, one.run.session
    key, _, before, recorded_at = session.drifted(one.call, record)
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
    text += (
        f"\nIf it is the same call, use the recorded result of {key}: kitaru resume {short} --on-drift reuse\n"
        f"If it is another one, run it (may cost): kitaru resume {short} --on-drift rerun"
    )
    if policy == "fail":
        raise run.pause(pause, text, KitaruDivergenceError(text))
    raise run.pause(pause, text)


def mutated(one: Identified, record: int | None = None, error: BaseException | None = None) -> Unwind:
    """A call changed one of its arguments, and what is recorded of it lacks that. ``error``: how it failed then."""
    run = one.run
    try:
        key, path, reason = run.session.mutated(one.call, record)
    except KitaruError as refusal:
        return run.refused(refusal)
    failed = f" before it failed with {type(error).__name__}: {error}" if error is not None else ""
    short = run.id[-8:]
    text = (
        f"{key} changed its argument {path}{failed}; on re-entry, when what is recorded of it is used, that change "
        "would be missing. Let it work on a copy and return what is new\n"
        f"Then run it again (may cost): kitaru resume {short} --on-drift rerun\n"
        f"Or use what is recorded of it, without that change: kitaru resume {short} --on-drift reuse"
    )
    return run.pause(reason, text, KitaruMutatedArgumentError(text, exec_id=run.id))


def volatile(one: Identified, record: int) -> Unwind:
    """A call ran, and what came of it could not be stored."""
    run = one.run
    key, seq, path = _record(run, record)
    what = f"result could not be stored ({path})" if path else "exception could not be stored as it was"
    reason = json.dumps({"volatile": {"key": key, "record": seq, "path": path or ""}})
    return run.pause(
        reason,
        f"{key} has run, but its {what}; running it again may cost again. "
        f"To run it again: kitaru resume {run.id[-8:]} --rerun {key}  (rerunnable=True says so in the code)",
    )


def race(one: Identified, record: int) -> Unwind:
    """Tasks that nothing tells apart may have changed places."""
    run = one.run
    key, _, _ = _record(run, record)
    reason = json.dumps({"race_diverged": {"key": one.name, "served": key}})
    return run.pause(
        reason,
        f"{one.name} is not what followed {key} when it was recorded: tasks that neither inputs nor scope "
        f"tell apart may have changed places. Give their calls id=, or let such calls run with "
        f"on_drift='rerun' (may cost), then: kitaru resume {run.id[-8:]}",
    )


def exhausted(one: Identified, key: str, record: int, attempt: int, error: BaseException) -> Unwind:
    """Tries ran out, and the checkpoint asks to pause then."""
    run = one.run
    reason = json.dumps({"retries_exhausted": {"key": key, "record": record, "message": str(error)}})
    times = "once" if attempt == 1 else f"{attempt} times"
    return run.pause(
        reason,
        f"{key} failed {times}, last: {type(error).__name__}: {error}. To try again: kitaru resume {run.id[-8:]}",
    )


def reconcile(one: Identified, record: int) -> Any:
    """The result of a declared effect that began, as ``reconcile=`` found it; :data:`RUN` if it did not happen.

    Raises where nobody knows.
    """
    run, spec, session = one.run, one.spec, one.run.session
    key, seq, _ = _record(run, record)
    if spec.reconcile is None:
        raise _doubt(run, key, seq)
    found = spec.reconcile(*one.bound.args, **one.bound.kwargs)
    if found is NOT_DONE:
        session.note(key, "reconciled", f"{key} had not happened, says reconcile; it runs now")
        return RUN
    # Encoded first: as long as nothing is recorded the doubt stands.
    text, value, problem = keep(spec, found, "reconcile.return")
    if problem is not None:
        raise KitaruEncodeError(f"{key}: {problem}. {problem.hint}")
    try:
        session.start(one.call, one.bound.text, True)
        session.end_returned(one.call, text, 1, (0, 0, 0.0))
    except KitaruError as refusal:
        raise run.refused(refusal) from None
    session.note(key, "reconciled", f"{key} had happened, says reconcile")
    return value


def in_doubt(one: Identified, key: str) -> None:
    """An effect that must happen once was cut off: nobody knows whether it happened."""
    if one.run.root_ended:
        return
    record = one.run.session.record_of(one.call)
    raise _doubt(one.run, key, record[1] if record is not None else 0)


def _doubt(run: Run, key: str, seq: int) -> Unwind:
    text = (
        f"{key} began and its outcome is unknown: this may have happened. When you know that it did not, "
        f"run it again: kitaru resume {run.id[-8:]} --rerun {key}"
    )
    reason = json.dumps({"in_doubt": {"key": key, "record": seq}})
    return run.pause(reason, text, KitaruInDoubtError(text, exec_id=run.id))


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
