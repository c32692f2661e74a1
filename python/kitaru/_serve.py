"""The side of a process that runs executions one after another for a worker, each to its end or suspension.

A job comes as a line of JSON on what was standard input, and what was told goes out as one on what was standard output.
Not here: what a job does (``_runner``), and jobs in a process of their own (``_cli.child``).
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from typing import IO, Any


def serve() -> int:
    """Runs jobs until no more come. Returns 0."""
    from kitaru import _config, _runner

    given, told = _pipes()
    _config.configure(interactive=False)
    jobs: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_hear, args=(given, jobs), name="kitaru-hears", daemon=True).start()
    code: dict[str, tuple[int, int]] | None = None
    while (job := jobs.get()) is not None:
        if code is not None and code != _code(job):
            # What is loaded here is not what stands there: it must not run.
            _tell(told, {"told": None})
            return 0
        heard = _run(job, _runner)
        # Taken afterwards: what the flow imported while it ran is loaded too. What changed meanwhile is loaded by
        # nobody knows which half.
        before, code = code, _code(job)
        changed = before is not None and any(code.get(file) != seen for file, seen in before.items())
        again = not changed and not _is_left_busy()
        _tell(told, {"told": heard, "again": again})
        if not again:
            break
    return 0


def _pipes() -> tuple[IO[str], IO[str]]:
    """The ends of the pipes to the worker, out of the user's reach: no program that it starts inherits them."""
    given, told = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return os.fdopen(given, encoding="utf-8"), os.fdopen(told, "w", encoding="utf-8")


def _hear(given: IO[str], jobs: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    from kitaru import _config

    for line in given:
        said = json.loads(line)
        if "hand_over" in said:
            _config.engine().hand_over(said["hand_over"])
        else:
            jobs.put(said)
    # The worker is gone, or needs this process no more: what runs goes on to its end.
    jobs.put(None)


def _run(job: dict[str, Any], runner: Any) -> Any:
    import contextlib

    from kitaru import _wake
    from kitaru._cli import _reported

    # Whoever asked for it sees to what waited for it, unless that is to be seen to here.
    seen_to: Any = contextlib.nullcontext() if job.pop("sees_to_waiters", False) else _wake.seen_to(_wake.root_of(job))
    with seen_to:
        return _reported(lambda: runner.execute(job))


def _tell(told: IO[str], what: dict[str, Any]) -> None:
    try:
        told.write(json.dumps(what) + "\n")
        told.flush()
    except BrokenPipeError:
        # The worker is gone: all of it is on record.
        pass


def _code(job: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """The files of the project's modules that are loaded, with when they were written and their lengths."""
    entry = (job.get("resume") or job["start"])["entry"]
    folders = tuple(os.path.join(folder, "") for folder in {entry["cwd"], *entry["path"]})
    installed = tuple(os.path.join(folder, "") for folder in {sys.prefix, sys.base_prefix, sys.exec_prefix})
    found: dict[str, tuple[int, int]] = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.startswith(folders) or file.startswith(installed):
            continue
        try:
            seen = os.stat(file)
            found[file] = (seen.st_mtime_ns, seen.st_size)
        except OSError:
            found[file] = (0, 0)
    return found


def _is_left_busy() -> bool:
    """Whether something of an execution still runs here: a body that was abandoned, or a thread that is waited for."""
    own = threading.current_thread()
    return any(
        thread is not own and (not thread.daemon or thread.name.startswith("kitaru-"))
        for thread in threading.enumerate()
        if thread.name != "kitaru-hears"
    )
