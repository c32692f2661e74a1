"""``@flow``: the decorated function, its executions and their handles.

Not here: what happens inside an execution (``_edge``, ``_calls``) and children (``_children``).
"""

from __future__ import annotations

import copy
import functools
import json
import sys
import threading
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from kitaru import _context, _entry
from kitaru._checkpoint import kind_of, known
from kitaru._entry import entry_point, is_importable
from kitaru._given import given
from kitaru._hook import install_excepthook
from kitaru._options import Chosen, chosen, split
from kitaru._run import Run
from kitaru._spec import judge_priority
from kitaru._values import Signature
from kitaru.errors import (
    KitaruGeneratorError,
    KitaruPaused,
    KitaruSuspended,
    KitaruSyncOnLoopError,
    KitaruUsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping, Sequence

    from kitaru._given import Given
    from kitaru._native import Session

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
T = TypeVar("T")


class Flow(Generic[P, R]):
    """A decorated flow. Calling it runs one execution and returns its result (``await`` for async ones)."""

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str | None = None,
        on_drift: str = "ask",
        strict: bool = False,
        tags: tuple[str, ...] = (),
        priority: int = 0,
    ) -> None:
        self._function = function
        # Whose code it is: of a method, not what it is bound to.
        self._coded: Any = function
        self._kind = kind_of(function)
        self.name: str = name or getattr(function, "__qualname__", repr(function)).rsplit("<locals>.", 1)[-1]
        if self._kind == "generator":
            raise KitaruGeneratorError(f"{self.name} is a generator: a flow returns one value")
        if on_drift not in ("ask", "reuse", "rerun", "fail"):
            raise KitaruUsageError(f"on_drift={on_drift!r}: it is 'ask', 'reuse', 'rerun' or 'fail'")
        self._on_drift = on_drift
        judge_priority(priority)
        self._strict = strict
        self._priority = priority
        self._chosen = chosen(Chosen(), tags=tags)
        self._here_only = not is_importable(function)
        self._signature: Signature | None = None
        self._code: tuple[str | None] | None = None
        functools.update_wrapper(self, function)
        known.add(self)

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function."""
        return self._kind == "async"

    def signature(self) -> Signature:
        """The function's signature, made once."""
        if self._signature is None:
            self._signature = Signature(self._function)
        return self._signature

    def code(self) -> str | None:
        """Digest of the flow's code, taken once."""
        if self._code is None:
            from kitaru._values import code_digest

            self._code = (code_digest(self._coded),)
        return self._code[0]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True  # pytest and IPython leave such frames out
        frame = _context.frame()
        on_loop = _context.running_task() is not None
        if self._kind == "sync" and on_loop:
            raise KitaruSyncOnLoopError(
                f"{self.name} is a sync flow and was called on a running event loop, which it would block: "
                f"use `await {self.name}.run(...)`"
            )
        if frame is not None:
            from kitaru._children import call_child

            return call_child(self, frame, args, kwargs)  # type: ignore[no-any-return]
        install_excepthook()
        return self._begun(args, kwargs)  # type: ignore[no-any-return]

    def options(
        self,
        *,
        key: str | None = None,
        tags: str | Sequence[str] = (),
        detached: bool = False,
        pause_before: str | Sequence[str] = (),
    ) -> Flow[P, R]:
        """The same flow, whose executions are started with these options when it is called or run.

        ``key``: what the execution is known by; the same key starts once, and whoever comes later gets that
        execution's result. ``tags``: labels to find it by. ``detached``: inside a flow, an execution that is not
        cancelled or paused with it, and that it does not wait for. ``pause_before``: calls to pause before.

        Raises :class:`KitaruUsageError` for values that mean nothing.
        """
        return self._with(key=key, tags=tags, detached=detached, pause_before=pause_before)

    def _with(self, **options: Any) -> Flow[P, R]:
        if not options:
            return self
        other = copy.copy(self)
        other._chosen = chosen(self._chosen, **options)
        return other

    @overload
    def run(self: Flow[Q, Coroutine[Any, Any, T]], *args: Q.args, **kwargs: Q.kwargs) -> FlowHandle[T]: ...
    @overload
    def run(self: Flow[Q, T], *args: Q.args, **kwargs: Q.kwargs) -> FlowHandle[T]: ...
    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Starts an execution on a thread of its own and returns its handle at once.

        ``key=``, ``tags=``, ``detached=`` and ``pause_before=`` are those of :meth:`options`, unless the flow's own
        function has a parameter of that name or takes any keyword.
        """
        kwargs, options = split(self._function, kwargs)
        return self._with(**options)._run(args, kwargs)

    def _run(self, args: Any, kwargs: Any) -> Any:
        frame = _context.frame()
        if frame is not None:
            from kitaru._children import run_child

            return run_child(self, frame, args, kwargs)
        given = self._given(args, kwargs)

        def follow() -> Any:
            from kitaru import _keyed

            return _keyed.follow(self, self._key_id(), args, kwargs)

        return FlowHandle(self, self._create(given), given, follow)

    def resume(self, exec_id: str) -> R:
        """Goes on with an execution of this flow in this process; returns its result (``await`` for async).

        Raises :class:`KitaruSyncOnLoopError` for a sync flow on a running loop: use :meth:`resumed`.
        """
        from kitaru._runner import take

        if self._kind == "sync" and _context.running_task() is not None:
            raise KitaruSyncOnLoopError(
                f"{self.name} is a sync flow and would block the event loop that runs here: "
                f"use `await {self.name}.resumed({exec_id!r})`"
            )
        return self._enter(*take(self, exec_id, "resume"))  # type: ignore[no-any-return]

    @overload
    def resumed(self: Flow[Q, Coroutine[Any, Any, T]], exec_id: str) -> FlowHandle[T]: ...
    @overload
    def resumed(self: Flow[Q, T], exec_id: str) -> FlowHandle[T]: ...
    def resumed(self, exec_id: str) -> Any:
        """The same on a thread of its own, as :meth:`run` does: returns the handle at once."""
        from kitaru._runner import take

        run, given = take(self, exec_id, "resume")
        return FlowHandle(self, lambda: run, given)

    def replay(
        self,
        exec_id: str,
        *,
        from_: str | int | None = None,
        reuse: str | None = None,
        keep: str | None = None,
        set: Mapping[str, Any] | None = None,
        ask_again: str | Iterable[str] = (),
        on_drift: str | None = None,
        tags: Iterable[str] = (),
    ) -> R:
        """Runs an execution of this flow again as another one, in this process and with this code; returns its result
        (``await`` for async). What is asked means what it does for ``KitaruClient().executions.replay``.

        Raises what that raises, and what :meth:`resume` does.
        """
        from kitaru import _replaying

        if self._kind == "sync" and _context.running_task() is not None:
            raise KitaruSyncOnLoopError(
                f"{self.name} is a sync flow and would block the event loop that runs here: "
                f"use KitaruClient().executions.replay in a thread"
            )
        if _context.frame() is not None:
            raise KitaruUsageError(
                f"{self.name}.replay(...) inside a flow would not be recorded: use KitaruClient().executions.replay"
            )
        wanted = _replaying.asked(from_, reuse, keep, set, ask_again, tags)
        return self._enter(*_replaying.begin(self, exec_id, wanted, on_drift))  # type: ignore[no-any-return]

    def _begun(self, args: Any, kwargs: Any) -> Any:
        """Runs a new execution, or goes by that of the same key: its result, or an awaitable of it."""
        __tracebackhide__ = True
        given = self._given(args, kwargs)
        run = self._create(given)()
        if run is not None:
            return self._enter(run, given)
        from kitaru._keyed import follow

        return follow(self, self._key_id(), args, kwargs)

    def _key_id(self) -> str:
        """The identifier of the execution of this flow and key."""
        from kitaru import _native

        return _native.keyed_id(self.name, self._chosen.key or "")

    def _given(self, args: Any, kwargs: Any) -> Given:
        """The arguments of a new execution. Raises when a module is being loaded for a resume."""
        from kitaru import _runner

        _runner.refuse_while_loading(self)
        return given(self.name, self.signature(), self.signature().bind(args, kwargs))

    def _create(
        self, given: Given, *, id: str | None = None, parent: tuple[str, str] | None = None
    ) -> Callable[[], Run | None]:
        """What creates an execution, or gives ``None`` if one with its identifier is there: the function that is
        returned does the writing."""
        from kitaru import _config

        entry, code = json.dumps(entry_point(self._function)), self.code()
        engine, wished = _config.engine(), self._chosen
        if id is None and wished.key is not None:
            id = self._key_id()

        def create() -> Run | None:
            session = engine.start(
                id,
                self.name,
                given.text,
                entry,
                code,
                parent,
                list(wished.tags),
                wished.key,
                wished.detached,
                list(wished.pause_before),
            )
            return None if session is None else self._made(session)

        return create

    def _submit(self, given: Given, id: str) -> bool:
        """Creates an execution that nobody has taken yet; whether it is new."""
        from kitaru import _config

        entry, code, wished = json.dumps(entry_point(self._function)), self.code(), self._chosen
        rest = (list(wished.tags), wished.key, list(wished.pause_before))
        return _config.engine().submit(id, self.name, given.text, entry, code, *rest)

    def _made(self, session: Session) -> Run:
        from kitaru import _config

        strict = self._strict or _config.is_strict()
        run = Run(session, self.name, strict=strict, on_drift=self._on_drift, priority=self._priority)
        if (code := self.code()) is not None:
            run.keep_code(code, self._coded)
        run.here_only = self._here_only
        if run.here_only:
            _entry.here.add(run.id)
        return run

    def _enter(self, run: Run, given: Given) -> Any:
        """Runs an execution: here for a sync flow, as an awaitable for an async one."""
        __tracebackhide__ = True
        from kitaru import _edge

        def once() -> Any:
            args, kwargs = given.arguments()
            return self._function(*args, **kwargs)

        return _edge.run_async(run, once) if self._kind == "async" else _edge.run_sync(run, once)

    @overload
    def __get__(self, instance: None, owner: Any = None) -> Flow[P, R]: ...
    @overload
    def __get__(self: Flow[Concatenate[Any, Q], T], instance: object, owner: Any = None) -> Flow[Q, T]: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        bound = Flow(
            functools.partial(self._function, instance),
            name=self.name,
            on_drift=self._on_drift,
            strict=self._strict,
        )
        bound._chosen = self._chosen
        bound._kind = self._kind
        bound._coded = self._coded
        bound.__wrapped__ = self._function  # type: ignore[attr-defined]
        return bound

    def __repr__(self) -> str:
        return f"<flow {self.name}>"


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


@overload
def flow(function: Callable[P, R], /) -> Flow[P, R]: ...
@overload
def flow(
    *,
    name: str | None = None,
    on_drift: str = "ask",
    strict: bool = False,
    tags: tuple[str, ...] = (),
    priority: int = 0,
) -> Callable[[Callable[P, R]], Flow[P, R]]: ...
def flow(function: Any = None, /, **options: Any) -> Any:
    """Makes a function a flow: each call is an execution that survives crashes and can be resumed.

    ``name`` (default: the function's), ``on_drift`` (what happens when a recorded call is met with other inputs:
    ``"ask"``, ``"reuse"``, ``"rerun"``, ``"fail"``), ``strict`` (unrecorded calls and unencodable results are
    errors), ``tags``, ``priority`` (whose calls go first at limits that they share: higher does).
    """
    if function is None:
        return lambda inner: Flow(inner, **options)
    if not callable(function):
        raise KitaruUsageError(f"@flow decorates a function, not {function!r}")
    return Flow(function, **options)
