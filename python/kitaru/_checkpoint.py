"""``@checkpoint``, ``kitaru.call`` and ``.submit()``/``.map()``: how a call begins.

Not here: what becomes of it (``_calls``).
"""

from __future__ import annotations

import functools
import threading
import weakref
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from kitaru import _context
from kitaru._calls import identify
from kitaru._drive import call_async, call_sync
from kitaru._spec import Spec, as_tuple, judge
from kitaru._values import Signature
from kitaru.errors import KitaruGeneratorError, KitaruNotRecordedError, KitaruUsageError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
    from typing import Literal

    from typing_extensions import TypeVarTuple, Unpack

    from kitaru._calls import Watched
    from kitaru._context import Frame
    from kitaru._handles import Handle
    from kitaru._spec import Codec, Options
    from kitaru._values import Bound

    Arguments = TypeVarTuple("Arguments")

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
T = TypeVar("T")
X = TypeVar("X")

_COROUTINE, _GENERATOR, _ASYNC_GENERATOR = 0x80, 0x20, 0x200


def kind_of(function: Any) -> str:
    """``sync``, ``async`` or ``generator``."""
    target = function
    while isinstance(target, functools.partial):
        target = target.func
    target = getattr(target, "__func__", target)
    code = getattr(target, "__code__", None)
    if code is None:
        code = getattr(getattr(type(target), "__call__", None), "__code__", None)  # noqa: B004
    flags = getattr(code, "co_flags", 0)
    if flags & (_GENERATOR | _ASYNC_GENERATOR):
        return "generator"
    return "async" if flags & _COROUTINE else "sync"


# What was decorated in this process, to be found by name: checkpoints, and flows that others call.
known: weakref.WeakSet[Any] = weakref.WeakSet()


class Checkpoint(Generic[P, R]):
    """A decorated unit of work. Calling it in a flow runs it once and records what it returns."""

    def __init__(self, function: Callable[P, R], options: dict[str, Any]) -> None:
        self._function = self._coded = function
        self._options = options
        self._kind = kind_of(function)
        name = options.pop("name", None) or _name(function)
        if self._kind == "generator":
            raise KitaruGeneratorError(
                f"{name} is a generator: a checkpoint returns one value. Collect into a list, or record a stream "
                "with `with kitaru.open_call(...)`"
            )
        judge(**options)
        self._identity = options.pop("identity", None)
        self._ignore = as_tuple(options.pop("ignore", ()))
        self._name = name
        runtime = options.get("runtime")
        if runtime is not None:
            from kitaru._placed._options import must_have_a_name

            must_have_a_name(function, runtime)
        self._spec: Spec | None = None
        functools.update_wrapper(self, function)
        known.add(self)
        if self._ignore:
            # A misspelt name is said here, not at the first call.
            self.spec()

    @property
    def name(self) -> str:
        """The checkpoint's name, as keys print it."""
        return self._name

    def code(self) -> str | None:
        """Digest of the checkpoint's code, taken once."""
        return self.spec().code()

    def spec(self) -> Spec:
        """Options and signature, made at the first call so that importing a module stays cheap."""
        found = self._spec
        if found is None:
            signature = Signature(self._function, ignore=self._ignore, identity=self._identity)
            returns = getattr(self._function, "__annotations__", {}).get("return")
            found = self._spec = Spec(
                self._function,
                self._name,
                signature,
                returns=returns if not isinstance(returns, str) else None,
                **self._options,
            )
        return found

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        frame = _context.frame()
        if frame is None:
            if _context.running:
                _not_recorded(self._name)
            return self._function(*args, **kwargs)
        call_id = self.named(kwargs)
        spec = self._spec or self.spec()
        return self.made(frame, spec.signature.bind(args, kwargs), call_id)  # type: ignore[no-any-return]

    def made(self, frame: Frame, bound: Bound, call_id: str | None, *, own: bool = False) -> Any:
        """Makes a call whose arguments are bound. ``own``: its body has copies, as they were when they were bound."""
        spec = self._spec or self.spec()
        code = spec.code()
        if code is not None and frame.run.named.get(spec.name) != code:
            frame.run.meet(spec.name, code, self._function)
        one = identify(frame, spec, bound, id=call_id)
        if spec.runtime is not None:
            from kitaru._placed import _bodies as placed

            if self._kind == "async":
                return call_async(one, lambda: placed.run_async(one))
            return call_sync(one, lambda: placed.run(one))
        function: Any = self._function

        def body() -> Any:
            if own:
                spec.signature.detach(one.given)
            return function(*one.given.args, **one.given.kwargs)

        return call_async(one, body) if self._kind == "async" else call_sync(one, body)

    def named(self, kwargs: dict[str, Any]) -> str | None:
        """Takes ``id=`` out of the arguments if it is ours: given, and no parameter of the function's own."""
        if "id" not in kwargs:
            return None
        code = getattr(self._function, "__code__", None)
        if code is None or "id" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
            return None
        call_id = kwargs.pop("id")
        return None if call_id is None else str(call_id)

    @overload
    def submit(  # type: ignore[overload-overlap]
        self: Checkpoint[Q, Coroutine[Any, Any, T]], *args: Q.args, **kwargs: Q.kwargs
    ) -> asyncio.Task[T]: ...
    @overload
    def submit(self: Checkpoint[Q, T], *args: Q.args, **kwargs: Q.kwargs) -> Handle[T]: ...
    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the call beside the others: in a thread of its own, or for async functions in a task."""
        from kitaru._handles import submit

        return submit(self, args, kwargs)

    @overload
    def map(  # type: ignore[overload-overlap]
        self: Checkpoint[Concatenate[X, Q], Coroutine[Any, Any, T]], items: Iterable[X], *, limit: int | None = None
    ) -> Coroutine[Any, Any, list[T]]: ...
    @overload
    def map(self: Checkpoint[Concatenate[X, Q], T], items: Iterable[X], *, limit: int | None = None) -> list[T]: ...
    def map(self, items: Iterable[Any], *, limit: int | None = None) -> Any:
        """One call an item, at most ``limit`` at a time; the results in the items' order (await it if async)."""
        from kitaru._handles import map_items

        return map_items(self, list(items), limit)

    @overload
    def __get__(self, instance: None, owner: Any = None) -> Checkpoint[P, R]: ...
    @overload
    def __get__(
        self: Checkpoint[Concatenate[Any, Q], T], instance: object, owner: Any = None
    ) -> BoundCheckpoint[Q, T]: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        return BoundCheckpoint(self, instance)

    def __repr__(self) -> str:
        return f"<checkpoint {self._name}>"


class BoundCheckpoint(Generic[P, R]):
    """A checkpoint looked up on an instance: ``self`` is its first argument."""

    def __init__(self, checkpoint: Checkpoint[Any, Any], instance: Any) -> None:
        self._checkpoint = checkpoint
        self._instance = instance

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._checkpoint(self._instance, *args, **kwargs)  # type: ignore[no-any-return]

    @overload
    def submit(  # type: ignore[overload-overlap]
        self: BoundCheckpoint[Q, Coroutine[Any, Any, T]], *args: Q.args, **kwargs: Q.kwargs
    ) -> asyncio.Task[T]: ...
    @overload
    def submit(self: BoundCheckpoint[Q, T], *args: Q.args, **kwargs: Q.kwargs) -> Handle[T]: ...
    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """See :meth:`Checkpoint.submit`."""
        return self._checkpoint.submit(self._instance, *args, **kwargs)

    @overload
    def map(  # type: ignore[overload-overlap]
        self: BoundCheckpoint[Concatenate[X, Q], Coroutine[Any, Any, T]],
        items: Iterable[X],
        *,
        limit: int | None = None,
    ) -> Coroutine[Any, Any, list[T]]: ...
    @overload
    def map(
        self: BoundCheckpoint[Concatenate[X, Q], T], items: Iterable[X], *, limit: int | None = None
    ) -> list[T]: ...
    def map(self, items: Iterable[Any], *, limit: int | None = None) -> Any:
        """See :meth:`Checkpoint.map`."""
        from kitaru._handles import map_items

        return map_items(self._checkpoint, [(self._instance, item) for item in items], limit, spread=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._checkpoint, name)


@overload
def checkpoint(function: Callable[P, R], /) -> Checkpoint[P, R]: ...
@overload
def checkpoint(
    *,
    name: str | None = None,
    retries: int = 0,
    backoff: float = 1.0,
    factor: float = 2.0,
    max_backoff: float = 60.0,
    jitter: float = 0.5,
    retry_on: Any = None,
    timeout: float | None = None,
    idle_timeout: float | None = None,
    effect: str | None = None,
    reconcile: Callable[..., Any] | None = None,
    identity: Callable[..., Any] | None = None,
    ignore: str | Sequence[str] = (),
    on_drift: str | None = None,
    on_failure: str = "raise",
    pickle: bool = False,
    rerunnable: bool = False,
    strict: bool = False,
    limit: str | None = None,
    priority: int | None = None,
    runtime: Literal["process", "ray"] | None = None,
    memory: int | str | None = None,
    resources: dict[str, float] | None = None,
) -> Callable[[Callable[P, R]], Checkpoint[P, R]]: ...
def checkpoint(function: Any = None, /, **options: Any) -> Any:
    """Makes a function a checkpoint: in a flow, a finished call is kept and never made twice.

    ``retries``, ``backoff`` and ``max_backoff`` (seconds), ``factor``, ``jitter`` (0 to 1) and ``retry_on`` (an
    exception type, a tuple, a function, or ``"transient"`` for a provider's passing errors) say how failures are
    tried again; ``timeout`` and ``idle_timeout`` (seconds) how long a try may take; ``effect="once"`` with
    ``reconcile`` that the effect must not happen twice; ``identity`` and ``ignore`` what tells calls apart;
    ``on_drift`` what happens when recorded inputs have changed (``"ask"``, ``"reuse"``, ``"rerun"``, ``"fail"``);
    ``on_failure="pause"`` pauses the flow when tries run out; ``pickle`` allows pickled results; ``rerunnable``
    lets a call whose result could not be stored run again unasked; ``strict`` makes such a result an error;
    ``limit`` names what calls share that must not come too fast or too many at once (``kitaru limits``), and
    ``priority`` says which of them go first (default: the flow's); ``runtime="process"`` runs it in a process of its
    own, with at most ``memory`` (bytes, or a text such as ``"512MiB"``), and ``runtime="ray"`` on a Ray cluster, with
    ``resources`` (such as ``{"GPU": 1}``).

    Raises :class:`KitaruGeneratorError` for generator functions.
    """
    _check_options(options)
    if function is None:
        return lambda inner: _decorated(inner, dict(options))
    return _decorated(function, options)


_OPTIONS = frozenset(
    (
        "name",
        "retries",
        "backoff",
        "factor",
        "max_backoff",
        "jitter",
        "retry_on",
        "timeout",
        "idle_timeout",
        "effect",
        "reconcile",
        "identity",
        "ignore",
        "on_drift",
        "on_failure",
        "pickle",
        "rerunnable",
        "strict",
        "limit",
        "priority",
        "runtime",
        "memory",
        "resources",
    )
)


def _check_options(options: Mapping[str, Any], *, block: str | None = None) -> None:
    """``block``: what takes them, where that is no decorator."""
    for name in options:
        if block is not None and name in ("runtime", "memory", "resources"):
            raise KitaruUsageError(f"{name}= goes with @checkpoint: what {block} runs, runs where it stands")
        if name not in _OPTIONS:
            raise KitaruUsageError(f"@checkpoint has no option {name!r}; it has {', '.join(sorted(_OPTIONS))}")


def _decorated(function: Any, options: dict[str, Any]) -> Any:
    if isinstance(function, (staticmethod, classmethod)):
        wrapper = type(function)
        return wrapper(Checkpoint(function.__func__, options))
    if not callable(function):
        raise KitaruUsageError(f"@checkpoint decorates a function, not {function!r}")
    return Checkpoint(function, options)


def _name(function: Any) -> str:
    name: str = getattr(function, "__qualname__", None) or getattr(function, "__name__", None) or repr(function)
    return name.rsplit("<locals>.", 1)[-1]


_warned: set[str] = set()
_warned_lock = threading.Lock()


def _on_host_loop() -> bool:
    """Whether this is another task of a loop that flows share with their host (a request of a web server, a cell).

    Tasks inherit their context, so one without a frame was not made by a flow.
    """
    task = _context.running_task()
    if task is None:
        return False
    loop = task.get_loop()
    return any(side.loop is loop for run in list(_context.running) for side in run.live_sides())


def _not_recorded(name: str) -> None:
    """A checkpoint without context while a flow runs here: most likely a thread that lost it."""
    from kitaru._config import is_strict

    if threading.current_thread() is threading.main_thread() and not any(
        run.root_thread == threading.get_ident() or run.sides for run in list(_context.running)
    ):
        return
    if _on_host_loop():
        return
    message = (
        f"checkpoint {name} was called in a thread that does not belong to the running flow: it is not recorded. "
        f"Use {name}.submit(...), or pass the thread's function through kitaru.carry(...)"
    )
    if is_strict() or any(run.strict for run in list(_context.running)):
        raise KitaruNotRecordedError(message)
    with _warned_lock:
        if name in _warned:
            return
        _warned.add(name)
    import warnings

    warnings.warn(message, RuntimeWarning, stacklevel=3)


def call(
    name: str,
    body: Callable[[Unpack[Arguments]], R],
    /,
    *args: Unpack[Arguments],
    identity: Any = None,
    codec: Codec | None = None,
    id: str | None = None,
    **options: Unpack[Options],
) -> R:
    """A checkpoint without a decorator, for whoever wraps a framework: runs ``body(*args)`` as the call ``name``.

    ``identity`` is any encodable value that tells calls apart (default: ``args``, and what ``body`` brings along: the
    object of a method, a partial's arguments, what it closes over). ``codec`` is a pair of
    functions that turn the result into an encodable value and back. ``options`` are those of ``@checkpoint``.
    For an async ``body`` the result is awaitable. Outside a flow it is just the body.
    """
    frame = _context.frame()
    asynchronous = kind_of(body) == "async"
    if frame is None:
        if _context.running:
            _not_recorded(name)
        return body(*args)
    _check_options(options, block="kitaru.call")
    along: dict[str, Any] = {}
    if identity is None and id is None:
        from kitaru import _bodies

        along = _bodies.brought(body)
        _bodies.meet(frame.run, name, body)
    signature, bound = free_bound(args if identity is None else identity, along, empty=identity is None and not args)
    spec = Spec(body, name, signature, codec=codec, **options)
    one = identify(frame, spec, bound, id=id, beside=watch(body, args, identity, bound))
    one.settable = False
    if asynchronous:
        return call_async(one, lambda: body(*args))  # type: ignore[arg-type, return-value]
    return call_sync(one, lambda: body(*args))  # type: ignore[no-any-return]


def free_bound(value: Any, along: dict[str, Any] | None = None, *, empty: bool) -> tuple[Signature, Bound]:
    """What tells a call without a signature apart: any value, or nothing; and what comes ``along`` with its body."""
    signature = Signature(_anything)
    return signature, signature.bind((), {**({} if empty else {"identity": value}), **(along or {})})


def watch(body: Any, args: tuple[Any, ...], identity: Any, bound: Bound) -> Watched:
    """The arguments of a call that is known by something else, or as a whole by nothing."""
    if not args or (identity is None and bound.text is not None):
        return ()
    signature = Signature(body or _several)
    try:
        found = signature.bind(args, {})
    except TypeError:
        # They do not fit: the body will say so, as a failure of the call.
        return ()
    return ((signature, found),) if found.mutable else ()


def _several(*arguments: Any) -> None:
    """The signature of a block's arguments."""


def _anything(**identity: Any) -> None:
    """The signature of calls that have none of their own."""
