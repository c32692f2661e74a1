"""Carrying on what was parked on an execution that has ended, or needs somebody now.

Whoever runs such an execution looks when it is over. A command or a client that carried it on carries the waiter on
too, and waits for that; any other program leaves it to a process of its own, since its user asked for something else.
Where that fails nothing is lost: the waiter is due, and ``kitaru resume --due`` takes it up. Not here: who waits for
whom (the engine knows).
"""

from __future__ import annotations

import collections
import contextlib
import json
import sys
import threading
from typing import TYPE_CHECKING, Any

from kitaru import _config, _entry, _native
from kitaru.errors import KitaruError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

_lock = threading.Lock()
# Whose waiters commands and clients of this process see to themselves, once for each of them: an execution that is
# carried on, or all (``None``).
_seen_to: collections.Counter[str | None] = collections.Counter()
# Processes that were left to themselves, so that they are not waited for when they are forgotten.
_left: list[subprocess.Popen[bytes]] = []


@contextlib.contextmanager
def seen_to(root: str | None) -> Iterator[None]:
    """While this lasts, whoever called it sees to those that wait for that execution or what is part of it; ``None``:
    for any execution."""
    with _lock:
        _seen_to[root] += 1
    try:
        yield
    finally:
        with _lock:
            _seen_to[root] -= 1
            if not _seen_to[root]:
                del _seen_to[root]


def root_of(job: dict[str, Any]) -> str | None:
    """The execution that a job carries on; ``None``: one that is still to be made."""
    found: str | None = job.get("resume", {}).get("id")
    return found


def waiters(exec_id: str) -> list[dict[str, Any]]:
    """Identifier, flow and entry point of what can go on because that execution has ended or needs somebody."""
    found: list[dict[str, Any]] = json.loads(_native.manage_waiters(_config.engine(), exec_id))
    return found


def after(exec_id: str) -> None:
    """An execution is over in this process. Never raises: what it raised or returned must reach its caller."""
    try:
        if _seen_to and (None in _seen_to or _native.manage_root(_config.engine(), exec_id) in _seen_to):
            return
        found = waiters(exec_id)
        for one in found:
            _leave(one)
    except (KitaruError, OSError):
        return


def _leave(one: dict[str, Any]) -> None:
    job = {"resume": {"id": one["id"], "entry": one["entry"], "why": "awaited"}}
    if _config.place(None, None)[0] == "memory:" or one["entry"]["module"] is None:
        # Only this process can.
        if one["entry"]["module"] is not None or one["id"] in _entry.here:
            _beside(job)
        return
    from kitaru._runner import leave_elsewhere

    _left[:] = [process for process in _left if process.poll() is None]
    _left.append(leave_elsewhere(job))


def _beside(job: dict[str, Any]) -> None:
    import contextvars

    def main() -> None:
        from kitaru._runner import execute

        with contextlib.suppress(KitaruError):
            execute(job)

    threading.Thread(target=contextvars.Context().run, args=(main,), name=f"kitaru-{job['resume']['id'][-8:]}").start()


def alone() -> None:
    """The other process: carries one execution on, then whatever waited for it."""
    from kitaru import _runner
    from kitaru._deployed import placed

    ahead = [json.loads(sys.argv[1])]
    seen: set[str] = set()
    while ahead:
        job = ahead.pop()
        seen.add(job["resume"]["id"])
        with contextlib.suppress(KitaruError), seen_to(job["resume"]["id"]):
            if _runner.is_this_interpreter(placed(job["resume"]["entry"])["interpreter"]):
                _runner.execute(job)
            else:
                _runner.execute_elsewhere(job, quiet=True, silent=True)
        found = [one for one in waiters(job["resume"]["id"]) if one["id"] not in seen]
        ahead += [{"resume": {"id": one["id"], "entry": one["entry"], "why": "awaited"}} for one in found]
