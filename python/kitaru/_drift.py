"""A recorded call that is met again with other inputs, or elsewhere: what becomes of it, and what is said of it.

Not here: which record it might be (core).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru._values import harmless_difference
from kitaru.errors import KitaruDivergenceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kitaru._calls import Identified


def settle(one: Identified, record: int, *, moved: bool) -> int | None:
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
        raise run.pause(pause, text, KitaruDivergenceError(text))
    raise run.pause(pause, text)


def _since(one: Identified, flow_code: str | None) -> Iterator[str]:
    """What of the code has changed since the call was recorded, which most likely is why it drifted."""
    from kitaru._inspect import explain_changes

    recorded = {name: digest for name, digest, _ in one.run.session.recorded_codes()}
    found = explain_changes({one.run.flow: flow_code, **recorded})
    if found:
        yield "Changed since: " + ", ".join(f"{change['name']} ({change['why']})" for change in found)
