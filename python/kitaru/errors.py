"""What can go wrong, as users catch it. Every class has a ``code`` with a page: ``kitaru explain CODE``.

Control flow that must not be swallowed by ``except Exception`` inside a flow travels as :class:`Unwind`, a
``BaseException``; at the flow's edge it becomes one of the ordinary errors here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class KitaruError(Exception):
    """Base of all ordinary errors of this library."""

    code = "kitaru"
    #: What to do, where there is more to say than the message says.
    hint: str | None = None

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        if hint is not None:
            self.hint = hint


class KitaruUsageError(KitaruError, TypeError):
    """The library was called in a way that it does not support. The message names what to use."""

    code = "usage"


class KitaruInputsError(KitaruUsageError):
    """A flow was given arguments that its function does not take."""

    code = "bad-inputs"


class KitaruOverrideError(KitaruUsageError):
    """A value was put in a place that the recorded call does not have, or that takes no such value."""

    code = "bad-override"


class KitaruOverrideNotTaken(UserWarning):
    """A value was put in place in a replay, and no call was made that takes it."""


class KitaruGeneratorError(KitaruUsageError):
    """A generator function was decorated. Collect into a list, or use ``kitaru.open_call`` for streams."""

    code = "generator-function"


class KitaruSyncOnLoopError(KitaruUsageError):
    """A sync flow was called on a running event loop, which it would block. Use ``flow.run(...)``."""

    code = "sync-on-loop"


class KitaruStoreError(KitaruError):
    """The store refused or failed; ``code`` says how. Nothing was recorded by the call that raised it."""

    code = "store-io"


class KitaruDamagedError(KitaruStoreError, ValueError):
    """What is on record of a value is no JSON text: it was damaged, or somebody has changed it."""

    code = "store-damaged"


class KitaruNotFoundError(KitaruStoreError, LookupError):
    """No such execution, artifact or call."""

    code = "unknown-execution"


class KitaruStateError(KitaruError):
    """The execution is not in a state in which that can be done: it has ended, or somebody else holds it."""

    code = "held"


class KitaruFencedError(KitaruError):
    """Another process has taken the execution up since. This one may not record anything any more."""

    code = "fenced"


class KitaruCancelledError(KitaruError):
    """The execution was cancelled from outside."""

    code = "cancelled"


class KitaruForkedError(KitaruError):
    """A forked child called a checkpoint of its parent's execution. Only the parent may record."""

    code = "forked-child"


class KitaruNotRecordedError(KitaruError):
    """``strict``: a checkpoint was called in a thread without context while a flow runs in the process."""

    code = "not-recorded"


class KitaruMutatedArgumentError(KitaruError):
    """A checkpoint changed one of its arguments; on re-entry that change would be missing.

    What became of the call is recorded, and the execution ``exec_id`` is paused until somebody decides about it. No
    code of the flow can go on from this: it is raised at the flow's edge.
    """

    code = "mutated-argument"

    def __init__(self, message: str, *, exec_id: str = "") -> None:
        super().__init__(message)
        self.exec_id = exec_id


class KitaruEncodeError(KitaruError, TypeError):
    """A value has no codec, where one is required (``strict``, ``effect="once"``, artifacts)."""

    code = "unencodable"


class KitaruTimeoutError(KitaruError, TimeoutError):
    """A checkpoint took longer than its ``timeout``. Its late result is refused."""

    code = "timeout"


class KitaruWaitTimeoutError(KitaruError, TimeoutError):
    """A wait's deadline passed and ``on_timeout="raise"``."""

    code = "wait-timeout"


class KitaruAnswerError(KitaruError, ValueError):
    """An answer does not satisfy the wait's schema. The wait stays open."""

    code = "bad-answer"


class KitaruNonRetryableError(KitaruError):
    """Raise this (or a subclass) in a checkpoint to fail without another try, whatever ``retries`` says."""

    code = "non-retryable"


class KitaruPlacementError(KitaruNonRetryableError):
    """A call with ``runtime=`` cannot run there: nothing of it has been done. ``code`` says why."""

    code = "not-placeable"


class KitaruCallLostError(KitaruError):
    """The process of a call with ``runtime=`` ended before the call did. How far it came is not known.

    It is a failed try: with ``retries`` it is tried again.
    """

    code = "call-lost"


class KitaruNodeLostError(KitaruCallLostError, ConnectionError):
    """The machine of a cluster that a call ran on was lost. How far the call came is not known."""

    code = "node-lost"


class KitaruEntryPointError(KitaruError):
    """Loading a module for a resume started a flow: its call is not behind ``if __name__ == "__main__"``."""

    code = "entry-point"


class KitaruImportError(KitaruError):
    """The file or module that defines the flow cannot be imported."""

    code = "flow-import"


class KitaruFlowNotFoundError(KitaruError, LookupError):
    """The module no longer has that flow."""

    code = "unknown-flow"


class _Message:
    """What a notebook shows of a state: its message. IPython asks for this method."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


class KitaruSuspended(_Message, KitaruError):
    """The execution waits for an answer or for time; no process needs to run meanwhile.

    ``waits`` are the keys of its open waits, ``answer(value)`` answers one; ``executions`` are others that it waits
    for.
    """

    code = "suspended"

    def __init__(self, message: str, *, exec_id: str, waits: Sequence[str], wake_at: int | None = None) -> None:
        super().__init__(message)
        self.exec_id = exec_id
        self.waits = list(waits)
        self.wake_at = wake_at
        # Other executions that it waits for.
        self.executions: list[str] = []
        # Sequence of the event that parked it, and executions below it with theirs.
        self.seen = 0
        self.below: list[tuple[str, int]] = []
        # Whether somebody pressed Ctrl-C when asked on the terminal.
        self.interrupted = False

    def left(self) -> list[tuple[str, int]]:
        """It and what is parked below it, each with the sequence of its last event."""
        return [(self.exec_id, self.seen), *self.below]

    def answer(self, value: Any, *, wait: str | None = None) -> None:
        """Records the answer, from this process. Call the flow's ``resume`` or ``kitaru resume`` to go on."""
        from kitaru.client import KitaruClient

        KitaruClient().executions.input(self.exec_id, value, wait=wait, resume=False)


class KitaruPaused(_Message, KitaruError):
    """The execution is paused until somebody decides; the message says what about, and how."""

    code = "paused"

    def __init__(self, message: str, *, exec_id: str, reason: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.exec_id = exec_id
        self.reason = reason or {}


class KitaruInDoubtError(KitaruPaused):
    """A call with a declared effect began and its outcome is unknown: this may have happened."""

    code = "in-doubt"


class KitaruDivergenceError(KitaruError):
    """``on_drift="fail"``: a recorded call was met again with other inputs."""

    code = "divergence"


class Unwind(BaseException):
    """Carries a flow that must stop out of user code. Never raised past the flow's edge."""

    def __init__(self, error: KitaruError) -> None:
        super().__init__(str(error))
        self.error = error


_STATE = {
    "already-answered",
    "already-ended",
    "already-timed-out",
    "closed",
    "conflict",
    "deployment-exists",
    "does-not-fit",
    "held",
    "key-conflict",
    "no-progress",
    "paused",
    "schedule-exists",
    "stopping",
    "wait-cycle",
    "waiting",
}
_NOT_FOUND = {
    "ambiguous-id",
    "unknown-artifact",
    "unknown-breakpoint",
    "unknown-deployment",
    "unknown-limit",
    "unknown-schedule",
    "unknown-call",
    "unknown-execution",
    "unknown-wait",
}
_USAGE = {
    "bad-expression",
    "bad-json",
    "bad-limit",
    "bad-schedule",
    "bad-selector",
    "several-waits",
    "usage",
}


def from_engine(code: str, message: str, hint: str | None = None) -> KitaruError:
    """The exception for an engine's error, with that code."""
    if code == "fenced":
        return KitaruFencedError(message, hint=hint)
    if code == "bad-answer":
        return KitaruAnswerError(message, hint=hint)
    if code == "bad-override":
        return KitaruOverrideError(message, hint=hint)
    if code == "unknown-flow":
        return KitaruFlowNotFoundError(message, hint=hint)
    if code == "misuse":
        return KitaruError(message, code=code, hint=hint)
    kind: type[KitaruError] = KitaruStoreError
    if code in _NOT_FOUND:
        kind = KitaruNotFoundError
    elif code in _STATE:
        kind = KitaruStateError
    elif code in _USAGE:
        kind = KitaruUsageError
    return kind(message, code=code, hint=hint)
