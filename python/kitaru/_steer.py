"""What a flow asks of other executions, and does to them, as calls on its record: so that it takes the same way again.

A *look* is recorded with what was seen. An *act* is announced durably before it happens, and names its call in the
journal of what it acts upon: after a crash in between it is known whether it had happened, and an act that had is not
refused for that. Not here: the verbs (``client``), and waiting for others (``_fleet``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kitaru import _context
from kitaru._calls import Identified, _refuse, given_up
from kitaru._decisions import NOT_DONE
from kitaru._drive import call_sync
from kitaru._outcomes import describe
from kitaru._spec import Spec
from kitaru._values import Signature, decode, encode
from kitaru.errors import KitaruError, KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru._context import Frame


def _given(**given: Any) -> None:
    """What a recorded verb was given, by name."""


_SIGNATURE = Signature(_given)


def identified(
    frame: Frame, name: str, given: dict[str, Any], *, reconcile: Callable[..., Any] | None = None
) -> Identified:
    """A verb's call. With ``reconcile`` it is an act: announced before it happens."""
    run = frame.run
    if run.closing is not None or run.draining or given_up(frame):
        _refuse(run, frame)
    bound = _SIGNATURE.bind((), given)
    if bound.text is None:
        raise KitaruUsageError(f"{name} inside a flow is recorded: {bound.blocked} is no plain value")
    once = reconcile is not None
    spec = Spec(None, name, _SIGNATURE, effect="once" if once else None, reconcile=reconcile)
    try:
        call = run.session.identify(frame.scope, name, "client", bound.digest, False, False, once, None)
    except KitaruError as refusal:
        raise run.refused(refusal) from None
    one = Identified(run, frame, spec, name, bound, call)
    one.settable = False
    one.kept = not once
    return one


def look(frame: Frame, name: str, given: dict[str, Any], see: Callable[[], Any]) -> Any:
    """What ``see`` returns, or returned when the flow was here before."""
    return call_sync(identified(frame, name, given), lambda: _context.in_frame(None, see))


def act(frame: Frame, name: str, given: dict[str, Any], do: Callable[[str, bool], Any]) -> Any:
    """What ``do(by, again)`` returns, which is done once. ``by`` is for the journal of what is acted upon; ``again``:
    it may have been done before, and gives ``NOT_DONE`` if it was not."""

    def by() -> str:
        key, seq = frame.run.session.record_of(one.call) or (name, 0)
        return f"execution {frame.run.id}, {key} ({seq})"

    def reconcile(**_: Any) -> Any:
        return _context.in_frame(None, lambda: do(by(), True))

    one = identified(frame, name, given, reconcile=reconcile)
    return call_sync(one, lambda: _context.in_frame(None, lambda: do(by(), False)))


def look_by(frame: Frame, name: str, see: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The same for what is called with arguments: those are what it was given."""
    return look(frame, name, Signature(see).bind(args, kwargs).arguments, lambda: see(*args, **kwargs))


def glance(exec_id: str) -> str:
    """An execution's status as it is now, recorded like a reading of the clock. Never refused for its own sake: what
    only looks may look at any time."""
    frame = _context.frame_or_none()
    if frame is None or frame.run.closing is not None or frame.run.draining or not frame.run.session.is_open:
        return str(describe(exec_id)["status"])
    session = frame.run.session
    from kitaru._native import blake3

    try:
        call = session.identify(frame.scope, "kitaru.status", "reading", blake3(exec_id), False, False, False, None)
        verdict, _, _ = session.decide(call, True)
        if verdict == "reuse":
            return str(decode(session.serve(call)[1] or "null"))
    except KitaruError as refusal:
        raise frame.run.refused(refusal) from None
    seen = str(describe(exec_id)["status"])
    try:
        session.read(call, encode(seen))
    except KitaruError as refusal:
        raise frame.run.refused(refusal) from None
    return seen


__all__ = ["NOT_DONE", "act", "glance", "identified", "look", "look_by"]
