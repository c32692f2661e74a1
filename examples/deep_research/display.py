"""Shows where a run is: a line that is rewritten on a terminal, a line a step elsewhere. Writes to standard error.

A step that is kept from before is counted, not shown. The same goes to the execution's log by ``kitaru.progress``.
Not here: anything that the run depends on.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
from typing import TYPE_CHECKING

import kitaru

if TYPE_CHECKING:
    from collections.abc import Iterator

_shown: dict[str, Steps] = {}


class Steps:
    """The steps of one execution in this process."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.kept = 0  # finished steps that did not run here
        self._ran: set[str] = set()
        self._ran_finished = 0
        self._told = 0
        self._lock = threading.Lock()
        # Standard error itself: what goes through sys.stderr is kept in the execution's log, rewriting and all.
        self._out = sys.__stderr__
        self._terminal = self._out is not None and self._out.isatty()

    def finished(self, count: int = 1) -> None:
        """The flow has the results of ``count`` more steps. Those that did not run here are kept from before."""
        with self._lock:
            ran = len(self._ran) - self._ran_finished
            self.kept += count - ran
            self._ran_finished += ran

    def running(self, key: str, label: str) -> None:
        """The step of that key runs now. May be called by several threads at once, and again for another try."""
        with self._lock:
            self._ran.add(key)
            kept = self.kept
            number = kept + len(self._ran)
            if self._terminal:
                beside = f"  ({kept} kept from before)" if kept else ""
                self._rewrite(f"step {number}/{self.total}  {label}{beside}")
            else:
                if kept > self._told:
                    self._line(f"{kept} steps kept from before")
                    self._told = kept
                self._line(f"step {number}/{self.total}  {label}")
        kitaru.progress(f"step {number}/{self.total}: {label}", fraction=number / self.total)

    def clear(self) -> None:
        """Takes the rewritten line away, for whoever writes next."""
        if self._terminal:
            self._rewrite("")

    def _rewrite(self, text: str) -> None:
        if self._out is not None:
            width = shutil.get_terminal_size().columns - 1
            self._out.write("\r\x1b[K" + text[:width])
            self._out.flush()

    def _line(self, text: str) -> None:
        if self._out is not None:
            self._out.write(text + "\n")
            self._out.flush()


@contextlib.contextmanager
def showing(total: int) -> Iterator[Steps]:
    """Shows the current execution's steps while it is open."""
    execution = kitaru.current_execution()
    steps = Steps(total)
    if execution is not None:
        _shown[execution.id] = steps
    try:
        yield steps
    finally:
        steps.clear()
        if execution is not None:
            _shown.pop(execution.id, None)


def running(label: str) -> None:
    """Called by a step's body: it runs now."""
    execution = kitaru.current_execution()
    if execution is not None and execution.id in _shown:
        again = f" (try {execution.attempt})" if execution.attempt > 1 else ""
        _shown[execution.id].running(execution.call or label, label + again)
