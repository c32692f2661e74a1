"""Carrying executions on for a client, and whatever was parked on them.

Here where it ran in such surroundings, else in a process of its own. Not here: what has to be written before one can go
on (the engine), and what programs do that only run a flow (``kitaru._wake``).
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru._native import Engine
    from kitaru.client.items import Place


def is_held_here(engine: Engine, id: str) -> bool:
    """Whether a flow of this process holds what an execution belongs to, so that it goes on in its place there."""
    from kitaru import _context, _native

    if not _context.running:
        return False
    root = _native.manage_root(engine, id)
    return any(run.id == root and run.session.is_open for run in list(_context.running))


def must_not_block(engine: Engine, id: str, verb: str, *, anew: bool = False) -> None:
    """In an async flow: refuses to carry another execution on in the thread of its loop, before anything is written.

    What else runs on that loop would stand still as long as that takes, and what is carried on may wait for just that.
    ``anew``: not that execution is carried on, but another one that is made of it.
    """
    from kitaru import _context, _native
    from kitaru._outcomes import ENDED
    from kitaru.errors import KitaruSyncOnLoopError

    if _context.running_task() is None or (not anew and is_held_here(engine, id)):
        return
    root = json.loads(engine.describe(id if anew else _native.manage_root(engine, id)))
    if not anew and (root["held"] or root["status"] in ENDED):
        # Nobody would be carried on.
        return
    raise KitaruSyncOnLoopError(
        f"executions.{verb} would carry {root['flow']} ({root['id'][-8:]}) on and block the event loop that runs here: "
        f"use `await asyncio.to_thread(executions.{verb}, ...)`"
    )


def carry_on(
    engine: Engine,
    place: Place | None,
    told: dict[str, Any],
    why: str,
    *,
    taken_is_fine: bool,
    on_drift: str | None = None,
    beside: bool = False,
) -> None:
    """Runs an execution to its end or suspension, then what waited for that.

    ``on_drift`` is what happens then to a call with other inputs than recorded. Raises what keeps it from going on;
    with ``taken_is_fine`` not that somebody else was faster. ``beside``: on a running event loop that is not waited
    for, and what cannot go on stays due.
    """
    from kitaru import _context, _wake
    from kitaru.errors import KitaruError

    if beside and _context.running_task() is not None:

        def work() -> None:
            with contextlib.suppress(KitaruError):
                carry_on(engine, place, told, why, taken_is_fine=True, on_drift=on_drift)

        _start(work)
        return
    try:
        with _wake.seen_to(told["root"]):
            _run(place, told, why, on_drift)
    except KitaruError as error:
        if not taken_is_fine or error.code not in ("held", "conflict", "fenced", "already-ended"):
            raise
    wake(engine, place, told["root"])


def wake(engine: Engine, place: Place | None, moved: str, *, beside: bool = False) -> None:
    """Carries on what waited for an execution that has ended, or needs somebody now. What cannot go on stays due.

    ``beside``: on a running event loop that is not waited for.
    """
    from kitaru import _context, _native, _wake
    from kitaru.errors import KitaruError

    if beside and _context.running_task() is not None:
        _start(lambda: wake(engine, place, moved))
        return
    ahead, seen = [moved], {moved}
    while ahead:
        for one in json.loads(_native.manage_waiters(engine, ahead.pop())):
            if one["id"] in seen:
                continue
            seen.add(one["id"])
            try:
                with _wake.seen_to(one["id"]):
                    _run(place, {"root": one["id"], "flow": one["flow"], "entry": one["entry"]}, "awaited")
            except KitaruError:
                continue
            ahead.append(one["id"])


def _run(place: Place | None, told: dict[str, Any], why: str, on_drift: str | None = None) -> None:
    from kitaru import _runner
    from kitaru.errors import KitaruFlowNotFoundError

    entry = told["entry"]
    job = {"resume": {"id": told["root"], "entry": entry, "why": why, "on_drift": on_drift, "epoch": told.get("epoch")}}
    if told.get("moves"):
        job["resume"]["moves"] = True
    if runs_here(place, entry, told["root"]):
        _on_own_thread(lambda: _runner.execute(job))
    elif entry["module"] is None:
        raise KitaruFlowNotFoundError(
            f"{told['flow']} was defined in a notebook or at a prompt: it goes on there, with "
            f"{told['flow']}.resume({told['root']!r})"
        )
    else:
        _runner.execute_elsewhere(job, quiet=True, silent=True, place=place)


def runs_here(place: Place | None, entry: dict[str, Any], exec_id: str) -> bool:
    """Whether an execution is carried on in this process, which keeps its working directory."""
    from kitaru import _config, _entry, _runner
    from kitaru._deployed import placed

    if place is not None:
        return False
    if entry["module"] is None:
        return exec_id in _entry.here
    here = _runner.is_this_interpreter(placed(entry)["interpreter"]) and entry["cwd"] == os.getcwd()
    return here or _config.place(None, None)[0] == "memory:"


def _on_own_thread(work: Callable[[], Any]) -> None:
    """Runs flow code on a thread of its own: this one may have an event loop, or be inside another flow."""
    problem: list[BaseException] = []

    def main() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            problem.append(error)

    _start(main).join()
    if problem:
        raise problem[0]


def _start(work: Callable[[], None]) -> threading.Thread:
    import contextvars

    thread = threading.Thread(target=contextvars.Context().run, args=(work,), name="kitaru-client")
    thread.start()
    return thread
