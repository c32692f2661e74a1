"""A handle on an execution that somebody else runs, or ran.

Not here: those that start one (``flow.run``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

_ENDED = ("completed", "failed", "cancelled")


class ExecutionHandle:
    """What ``flow.run()`` gives, for any execution of the configured store. Awaitable.

    Inside a flow its result is recorded, and no process runs while the flow waits for it.
    """

    def __init__(self, exec_id: str) -> None:
        self.exec_id = exec_id

    @property
    def status(self) -> str:
        """The execution's status, as the store has it. A flow that looks again later sees what it saw then."""
        from kitaru._steer import glance

        return glance(self.exec_id)

    def done(self) -> bool:
        """Whether the execution has ended."""
        return self.status in _ENDED

    def wait(self, timeout: float | None = None) -> Any:
        """The result, waiting for it; outside a flow at most ``timeout`` seconds. Raises what the flow raised.

        Outside a flow it does not wait for somebody: :class:`~kitaru.errors.KitaruSuspended` when the execution waits
        for an answer, :class:`~kitaru.errors.KitaruPaused` when it is paused or interrupted.
        """
        from kitaru._fleet import result

        return result(self.exec_id, timeout)

    def get(self) -> Any:
        """The result, waiting for it."""
        return self.wait()

    def result(self, timeout: float | None = None) -> Any:
        """The same as :meth:`wait`."""
        return self.wait(timeout)

    def __await__(self) -> Generator[Any, Any, Any]:
        """See :meth:`wait`."""
        from kitaru._fleet import result_awaited

        return result_awaited(self.exec_id).__await__()

    def __repr__(self) -> str:
        """Names the execution."""
        return f"<ExecutionHandle {self.exec_id}>"
