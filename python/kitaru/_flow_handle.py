"""What ``flow.run()`` gives: an execution on a thread of its own, which the interpreter's exit waits for.

Not here: executions that somebody else runs (``client.handles``).
"""

from __future__ import annotations

import json
import sys
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kitaru.errors import KitaruPaused, KitaruSuspended

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from kitaru._flow import Flow
    from kitaru._given import Given
    from kitaru._run import Run

T = TypeVar("T")


class FlowHandle(Generic[T]):
    """An execution that runs on a thread of its own. Awaitable; the interpreter's exit waits for it."""

    def __init__(
        self,
        flow: Flow[Any, T],
        create: Callable[[], Run | None],
        given: Given,
        follow: Callable[[], Any] = lambda: None,
    ) -> None:
        import concurrent.futures
        import contextvars

        self._future: concurrent.futures.Future[T] = concurrent.futures.Future()
        # Whether anybody has asked how it ended.
        self._looked = False
        self._created: concurrent.futures.Future[str] = concurrent.futures.Future()

        def main() -> None:
            try:
                run = create()
                exec_id = flow._key_id() if run is None else run.id
                self._created.set_result(exec_id)
                threading.current_thread().name = f"kitaru-{exec_id[-8:]}"
                value = flow._enter(run, given) if run is not None else follow()
                if flow.is_async:
                    import asyncio

                    value = asyncio.run(_awaited(value))
            except BaseException as error:
                if not self._created.done():
                    self._created.set_exception(error)
                self._future.set_exception(error)
            else:
                self._future.set_result(value)
            finally:
                _unfinished.pop(thread, None)

        _await_at_exit()
        # The execution is created there too: executions that are started together share the sync of that.
        thread = threading.Thread(target=contextvars.Context().run, args=(main,), name=f"kitaru-{flow.name}")
        _unfinished[thread] = self
        try:
            thread.start()
        except RuntimeError:
            _unfinished.pop(thread, None)
            raise

    @property
    def exec_id(self) -> str:
        """The execution's identifier, once the execution is on record. Raises what kept it from being created."""
        return self._created.result()

    @property
    def status(self) -> str:
        """The execution's status, as the store has it."""
        from kitaru._config import engine

        return str(json.loads(engine().describe(self.exec_id))["status"])

    def wait(self, timeout: float | None = None) -> T:
        """The result, waiting at most ``timeout`` seconds. Raises what the flow raised, or
        :class:`KitaruSuspended` when it waits for an answer. ``TimeoutError`` when time ran out."""
        import concurrent.futures

        self._looked = True
        try:
            return self._future.result(timeout)
        except concurrent.futures.TimeoutError:
            if self._future.done():
                raise
            raise TimeoutError(f"execution {self.exec_id} is still running after {timeout} s") from None

    def get(self) -> T:
        """The result, waiting for it."""
        return self.wait()

    def done(self) -> bool:
        """Whether the execution no longer runs here."""
        return self._future.done()

    def __await__(self) -> Generator[Any, None, T]:
        import asyncio

        self._looked = True
        # A wait that is given up (`asyncio.wait_for`) leaves the execution and its result alone.
        return asyncio.shield(asyncio.wrap_future(self._future)).__await__()

    def _say(self) -> None:
        """Nobody can ask any more how it ended: a suspension must not pass unseen."""
        if self._looked or not self._future.done():
            return
        self._looked = True
        error = self._future.exception()
        if isinstance(error, (KitaruSuspended, KitaruPaused)) and sys.stderr is not None:
            sys.stderr.write(f"{error}\n")

    def __del__(self) -> None:
        if sys is not None and getattr(self, "_future", None) is not None:
            self._say()

    def __repr__(self) -> str:
        known = self._created.done() and self._created.exception() is None
        return f"<FlowHandle {self._created.result() if known else 'not created yet'}>"


_unfinished: dict[threading.Thread, FlowHandle[Any]] = {}
_registered = False


def _await_at_exit() -> None:
    """Makes the interpreter's exit wait for executions before it closes the thread pools that they may use."""
    global _registered
    if _registered:
        return
    import concurrent.futures.thread  # noqa: F401 - what is registered later is called earlier

    _registered = True
    # The standard library's own means for its thread pools; `atexit` comes too late, after they are closed.
    threading._register_atexit(_finish)  # type: ignore[attr-defined]


def _finish() -> None:
    while _unfinished:
        for thread, handle in list(_unfinished.items()):
            thread.join()
            handle._say()


async def _awaited(value: Any) -> Any:
    return await value
