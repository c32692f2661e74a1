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
from kitaru.errors import KitaruError, KitaruNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kitaru._flow import Flow
    from kitaru._native import Session
    from kitaru._parked import Parked

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
        self.found(True, _met(parked))
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


def _met(parked: Iterable[Parked]) -> Found:
    """What a resume would go on with: calls by their keys, and where a child is there already, what that one does."""
    found: Found = {"runs": [], "waits": [], "sleeps": []}
    children = {one.others.executions[0] for one in parked if one.rests and one.others is not None}
    for one in parked:
        if one.rests and one.others is not None:
            word, keys = _of_child(one.key, one.others.executions[0])
            found[word] += keys
        elif one.rests:
            found["runs"].append(one.key)
        elif one.sleeping:
            found["sleeps"].append(one.key)
        elif one.question is not None:
            found["waits"].append(one.key)
        elif one.others is not None:
            # Others than its own children, which speak for themselves.
            ids = [id for id in one.others.executions if id not in children]
            found["waits"] += [f"{one.key}: {id[-8:]}" for id in ids]
    return found


def _of_child(key: str, exec_id: str) -> tuple[str, list[str]]:
    """What a child meets that is carried on: it asks, sleeps, or does what is next in it."""
    from kitaru import _config

    engine = _config.engine()
    try:
        ((status, standing),) = _native.manage_standings(engine, [exec_id])
    except KitaruNotFoundError:
        return "runs", [key]
    if standing in ("asks", "paused"):
        asked = json.loads(_native.manage_waiting(engine, exec_id, True))
        asked += [
            one for one in json.loads(_native.manage_waiting(engine, None, False)) if one["execution_id"] == exec_id
        ]
        # Where nothing is asked, it or one below it is paused.
        return "waits", [f"{key}: {one['key']}" for one in asked] or [f"{key}: paused"]
    wakes = json.loads(_native.manage_get(engine, exec_id))["wake_at"]
    return ("sleeps" if status in ("waiting", "sleeping") and wakes is not None else "runs"), [key]


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
