"""Entering an execution again to see what a resume would do with the code as it is now, without a word to the store.

Recorded calls are served; whatever would run, or waits, stays where it is, and when nothing else can go on the rest is
known: that is where a resume begins to work. Code between checkpoints runs. Not here: which executions are looked at
(``_check``), and the engine that writes nothing (Rust).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kitaru import _native
from kitaru._inspect import explain_all
from kitaru._run import Run
from kitaru.errors import KitaruError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru._flow import Flow
    from kitaru._native import Session

Found = dict[str, Any]


class Rehearsal(Run):
    """A run whose bodies do not. ``tell`` is given what was found, once, before anything unwinds."""

    rehearses = True

    def __init__(
        self, session: Session, flow: str, tell: Callable[[Found], None], *, strict: bool = False, on_drift: str = "ask"
    ) -> None:
        super().__init__(session, flow, strict=strict, on_drift=on_drift)
        self._tell: Callable[[Found], None] | None = tell
        self.changed: dict[str, str] = {}

    def found(self, clean: bool, what: Found) -> None:
        """Says what was found. What comes later is only the unwinding."""
        tell, self._tell = self._tell, None
        if tell is not None:
            tell({"clean": clean, "served": self.session.served_count(), **what, "changed": self.changed})

    def suspend(self) -> bool:
        """Nothing else can go on: from here a resume would work, or wait."""
        with self.lock:
            parked = list(self.parked.values())
        runs = [one.key for one in parked if one.rests]
        sleeps = [one.key for one in parked if one.sleeping]
        waits = [one.key for one in parked if one.question is not None]
        self.found(True, {"runs": runs, "waits": waits, "sleeps": sleeps})
        self.stop(KitaruError("the rehearsal is over"))
        return True

    def halt(self) -> bool:
        """A resume would stop here, and ask."""
        halted = self.session.halt([])
        if halted is None:
            return False
        _, reason, text = halted
        (kind,) = json.loads(reason)
        self.found(False, {"why": kind, "text": text})
        self.stop(self.held_as or KitaruError(text))
        return True

    def keep_code(self, digest: str, function: Any) -> None:
        """Nothing is kept."""


def rehearse(flow: Flow[Any, Any], exec_id: str, tell: Callable[[Found], None]) -> None:
    """Enters an execution of ``flow`` again, in a process that does nothing else. Tells what a resume would meet."""
    from kitaru import _config
    from kitaru._given import recorded_inputs

    _config.configure(interactive=False, grace=_GRACE)
    engine = _config.engine().rehearsing()
    _config.adopt(engine)
    known = json.loads(engine.describe(exec_id))
    session = engine.rehearse(exec_id, flow.code())
    pause = (known["reason"] or {}).get("pause")
    if isinstance(pause, dict) and "retries_exhausted" in pause:
        # What a resume does first.
        session.drop_records([pause["retries_exhausted"]["record"]], "asked")
        session.begin_pass()
    run = Rehearsal(session, flow.name, tell, strict=flow._strict, on_drift=flow._on_drift)
    run.changed = explain_all(flow.name, known["code"], dict(_native.recorded_codes(session)))
    try:
        value = flow._enter(run, recorded_inputs(flow, known))
        if flow.is_async:
            import asyncio

            asyncio.run(_awaited(value))
    except BaseException as error:
        run.found(False, {"why": "raised", "text": _raised(error)})
        return
    run.found(True, {"runs": [], "waits": [], "sleeps": []})


# What waits for something outside of the flow is not waited for as long as in a real run, in seconds.
_GRACE = 1.0


async def _awaited(value: Any) -> Any:
    return await value


def _raised(error: BaseException) -> str:
    """An exception in a line, with the line of the user's code that it came from."""
    from kitaru._edge import clean

    at, place = clean(error.__traceback__), ""
    while at is not None:
        place = f" ({at.tb_frame.f_code.co_filename}:{at.tb_lineno})"
        at = at.tb_next
    return f"{type(error).__name__}: {' '.join(str(error).split())}{place}"
