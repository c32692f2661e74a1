"""Keeps what calls print and log: standard output, standard error and ``logging``, by call.

Output goes on to where it would have gone; a copy of each line goes to the execution's log. Installed while
executions run in this process. Not here: how logs are stored and shown.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

from kitaru import _config, _context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kitaru._native import Session
    from kitaru._run import Run

_lock = threading.Lock()
_users = 0
_installed: list[_Tee] = []
_handler: Any = None
# Whether this thread is in ``configure(redact=)``: what that prints is nobody's line.
_redacting = threading.local()

# Kept in place of a line that was not to be kept as it is, where nobody could say how.
UNREADABLE = "(a line that configure(redact=) failed on)"


def keep(session: Session, key: str | None, stream: str, text: str) -> None:
    """Adds a line to an execution's log, as ``configure(redact=)`` wants it."""
    redact = _config.redactor()
    if redact is None:
        session.log(key, stream, text)
        return
    if getattr(_redacting, "now", False):
        return
    _redacting.now = True
    try:
        kept = redact(text)
    except Exception:
        kept = UNREADABLE
    finally:
        _redacting.now = False
    session.log(key, stream, kept if isinstance(kept, str) else UNREADABLE)


class _Tee:
    """Stands in for a text stream and copies what code inside a flow writes."""

    def __init__(self, inner: Any, name: str) -> None:
        self._inner = inner
        self._name = name
        # Lines that have not ended, by execution and call.
        self._partial: weakref.WeakKeyDictionary[Run, dict[str | None, str]] = weakref.WeakKeyDictionary()

    def write(self, text: str) -> int:
        written = self._inner.write(text)
        frame = None if getattr(_redacting, "now", False) else _context.frame_or_none()
        if frame is not None:
            key, partial = _key(frame), self._partial.setdefault(frame.run, {})
            *lines, rest = (partial.pop(key, "") + text).split("\n")
            for line in lines:
                keep(frame.run.session, key, self._name, line)
            if rest:
                partial[key] = rest
        return written  # type: ignore[no-any-return]

    def finish(self, run: Run) -> None:
        """An execution is left: lines of it that have not ended do now."""
        for key, text in self._partial.pop(run, {}).items():
            keep(run.session, key, self._name, text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _key(frame: _context.Frame) -> str | None:
    body = frame.body()
    return body.key if body is not None else None


def start() -> None:
    """Begins to copy; counted."""
    global _users
    with _lock:
        _users += 1
        if _users > 1:
            return
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None and not isinstance(stream, _Tee):
                tee = _Tee(stream, name)
                setattr(sys, name, tee)
                _installed.append(tee)
        _listen_to_logging()


def stop() -> None:
    """Ends copying with the last user."""
    global _users
    with _lock:
        _users -= 1
        if _users > 0:
            return
        for tee in _installed:
            # Somebody may have put another stream in place since: theirs stays.
            if getattr(sys, tee._name) is tee:
                setattr(sys, tee._name, tee._inner)
        _installed.clear()
        _unlisten()


def finish(run: Run) -> None:
    """Keeps the lines of an execution that have not ended. To be called before its end is recorded."""
    for tee in _installed:
        tee.finish(run)


@contextlib.contextmanager
def capturing() -> Iterator[None]:
    """Copies while the block runs."""
    start()
    try:
        yield
    finally:
        stop()


def _listen_to_logging() -> None:
    global _handler
    logging = sys.modules.get("logging")
    if logging is None:
        return
    if _handler is None:

        class Handler(logging.Handler):  # type: ignore[name-defined, misc]
            def emit(self, record: Any) -> None:
                frame = _context.frame_or_none()
                if frame is not None:
                    text = f"{record.levelname} {record.name}: {record.getMessage()}"
                    keep(frame.run.session, _key(frame), "log", text)

        _handler = Handler()
    logging.getLogger().addHandler(_handler)


def _unlisten() -> None:
    logging = sys.modules.get("logging")
    if logging is not None and _handler is not None:
        logging.getLogger().removeHandler(_handler)
