"""What a decorator's options say of a checkpoint, in the form that the path of a call reads.

Not here: the decorators themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kitaru.errors import KitaruNonRetryableError, KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal, TypeAlias, TypedDict

    from kitaru._values import Signature

    Codec: TypeAlias = tuple[Callable[[Any], Any], Callable[[Any], Any]]

    class Options(TypedDict, total=False):
        """What ``@checkpoint`` takes besides a function, as ``call`` and ``open_call`` take it."""

        retries: int
        backoff: float
        factor: float
        max_backoff: float
        jitter: float
        retry_on: Any
        timeout: float | None
        idle_timeout: float | None
        effect: Literal["once"] | None
        reconcile: Callable[..., Any] | None
        on_drift: Literal["ask", "reuse", "rerun", "fail"] | None
        on_failure: Literal["raise", "pause"]
        pickle: bool
        rerunnable: bool
        strict: bool
        limit: str | None
        priority: int | None


_TRANSIENT_STATUS = {408, 409, 425, 429, 500, 502, 503, 504, 529}
_DEFAULT_BACKOFF = 1.0


class Spec:
    """A checkpoint's name, options and signature."""

    __slots__ = (
        "_code",
        "backoff",
        "codec",
        "factor",
        "function",
        "idle_timeout",
        "jitter",
        "limit",
        "max_backoff",
        "memory",
        "name",
        "on_drift",
        "once",
        "pause_on_failure",
        "pickle",
        "priority",
        "reconcile",
        "rerunnable",
        "resources",
        "retries",
        "retry_on",
        "returns",
        "runtime",
        "signature",
        "strict",
        "timeout",
    )

    def __init__(
        self,
        function: Callable[..., Any] | None,
        name: str,
        signature: Signature,
        *,
        retries: int = 0,
        backoff: float = _DEFAULT_BACKOFF,
        factor: float = 2.0,
        max_backoff: float = 60.0,
        jitter: float = 0.5,
        retry_on: Any = None,
        timeout: float | None = None,
        idle_timeout: float | None = None,
        effect: str | None = None,
        reconcile: Callable[..., Any] | None = None,
        on_drift: str | None = None,
        on_failure: str = "raise",
        pickle: bool = False,
        rerunnable: bool = False,
        strict: bool = False,
        limit: str | None = None,
        priority: int | None = None,
        runtime: str | None = None,
        memory: int | str | None = None,
        resources: dict[str, float] | None = None,
        returns: Any = None,
        codec: Codec | None = None,
    ) -> None:
        judge(
            retries=retries,
            backoff=backoff,
            factor=factor,
            max_backoff=max_backoff,
            jitter=jitter,
            retry_on=retry_on,
            timeout=timeout,
            idle_timeout=idle_timeout,
            effect=effect,
            reconcile=reconcile,
            on_drift=on_drift,
            on_failure=on_failure,
            limit=limit,
            priority=priority,
            runtime=runtime,
            memory=memory,
            resources=resources,
        )
        self.function = function
        self.name = name
        self.signature = signature
        self.retries = retries
        self.backoff = backoff
        self.factor = factor
        self.max_backoff = max_backoff
        self.jitter = jitter
        self.retry_on = retry_on
        self.timeout = timeout
        self.idle_timeout = idle_timeout
        self.once = effect == "once"
        self.reconcile = reconcile
        self.on_drift = on_drift
        self.pause_on_failure = on_failure == "pause"
        self.pickle = pickle
        self.rerunnable = rerunnable
        self.strict = strict
        self.limit = limit
        self.priority = priority
        # Where the body runs: here, in a process of its own, or on a cluster; and what it may have there.
        self.runtime = runtime
        self.memory = None if memory is None else _placement().in_bytes(memory)
        self.resources = resources
        self.returns = returns
        # How a result is turned into an encodable value and back, where the value itself has no codec.
        self.codec = codec
        self._code: Any = _UNKNOWN

    def code(self) -> str | None:
        """Digest of the checkpoint's code, taken once."""
        if self._code is _UNKNOWN:
            from kitaru._values import code_digest

            self._code = code_digest(self.function) if self.function is not None else None
        return self._code  # type: ignore[no-any-return]

    def retry_pause(self, error: Exception, attempt: int) -> float | None:
        """Seconds before the next try after the failed ``attempt`` (from 1); ``None``: no more tries.

        A provider's ``Retry-After`` is obeyed where it asks for longer than the backoff.
        """
        if attempt > self.retries or isinstance(error, KitaruNonRetryableError) or not self._worth(error):
            return None
        full = min(self.backoff * self.factor ** (attempt - 1), self.max_backoff)
        import random

        pause = full * (1.0 - self.jitter) + full * self.jitter * random.random()
        asked = retry_after(error)
        return max(pause, asked) if asked is not None else pause

    def _worth(self, error: Exception) -> bool:
        on = self.retry_on
        if on is None:
            return True
        if on == "transient":
            return is_transient(error)
        if isinstance(on, type):
            return isinstance(error, on)
        if isinstance(on, tuple):
            return isinstance(error, on)
        return bool(on(error))


def judge(
    *,
    retries: Any = 0,
    backoff: Any = _DEFAULT_BACKOFF,
    factor: Any = 2.0,
    max_backoff: Any = 60.0,
    jitter: Any = 0.5,
    retry_on: Any = None,
    timeout: Any = None,
    idle_timeout: Any = None,
    effect: Any = None,
    reconcile: Any = None,
    on_drift: Any = None,
    on_failure: Any = "raise",
    limit: Any = None,
    priority: Any = None,
    runtime: Any = None,
    memory: Any = None,
    resources: Any = None,
    **_others: Any,
) -> None:
    """Refuses option values that mean nothing, before anything is paid for. Raises :class:`KitaruUsageError`."""
    if effect not in (None, "once"):
        raise KitaruUsageError(f"effect={effect!r}: it is 'once' or left out")
    if on_drift not in (None, "ask", "reuse", "rerun", "fail"):
        raise KitaruUsageError(f"on_drift={on_drift!r}: it is 'ask', 'reuse', 'rerun' or 'fail'")
    if on_failure not in ("raise", "pause"):
        raise KitaruUsageError(f"on_failure={on_failure!r}: it is 'raise' or 'pause'")
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        raise KitaruUsageError(f"retries={retries!r}: it is a whole number, from 0 on")
    for name, value in (
        ("backoff", backoff),
        ("factor", factor),
        ("max_backoff", max_backoff),
        ("jitter", jitter),
        ("timeout", timeout),
        ("idle_timeout", idle_timeout),
    ):
        if value is None and name in ("timeout", "idle_timeout"):
            continue
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not value >= 0:
            raise KitaruUsageError(f"{name}={value!r}: it is a number, from 0 on")
    if not (retry_on is None or retry_on == "transient" or isinstance(retry_on, tuple) or callable(retry_on)):
        raise KitaruUsageError(
            f"retry_on={retry_on!r}: it is 'transient', an exception class, a tuple of them, or a function of the error"
        )
    if limit is not None:
        _judge_limit(limit)
    if priority is not None:
        judge_priority(priority)
    if runtime is not None or memory is not None or resources is not None:
        _placement().judge(runtime, memory, resources)
    if reconcile is not None and effect != "once":
        raise KitaruUsageError("reconcile= goes with effect='once'")
    if getattr(getattr(reconcile, "__code__", None), "co_flags", 0) & 0x80:
        raise KitaruUsageError("reconcile= is a plain function; it cannot be awaited")


def _placement() -> Any:
    """A room that few checkpoints enter: it is imported by the first that does."""
    from kitaru._placed import _options

    return _options


def _judge_limit(limit: Any) -> None:
    from kitaru import _native

    problem = (
        _native.limit_problem(limit) if isinstance(limit, str) else "it is the name of a limit, such as openai:gpt"
    )
    if problem is not None:
        raise KitaruUsageError(f"limit={limit!r}: {problem}")


def judge_priority(priority: Any) -> None:
    """Refuses what is no priority. Raises :class:`KitaruUsageError`."""
    if not isinstance(priority, int) or isinstance(priority, bool) or not -1000 <= priority <= 1000:
        raise KitaruUsageError(f"priority={priority!r}: it is a whole number from -1000 to 1000; higher goes first")


_UNKNOWN: Any = object()


def is_transient(error: BaseException) -> bool:
    """Whether a provider's error is worth another try: 408, 409, 425, 429, 5xx, 529, timeouts, lost connections."""
    status = status_of(error)
    if status is not None:
        return status in _TRANSIENT_STATUS or 500 <= status < 600
    return isinstance(error, (TimeoutError, ConnectionError)) or "timeout" in type(error).__name__.lower()


def status_of(error: BaseException) -> int | None:
    """The HTTP status that a provider's error carries, as the common SDKs name it."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "status", "code"):
            found = getattr(holder, name, None)
            if isinstance(found, int) and not isinstance(found, bool) and 100 <= found < 600:
                return found
    return None


def retry_after(error: BaseException) -> float | None:
    """Seconds that a provider asks to wait (``Retry-After``, RFC 9110 section 10.2.3), where it does."""
    own = getattr(error, "retry_after", None)
    if isinstance(own, (int, float)) and not isinstance(own, bool):
        return float(own)
    for holder in (getattr(error, "response", None), error):
        headers = getattr(holder, "headers", None)
        if headers is None:
            continue
        try:
            text = headers.get("retry-after") or headers.get("Retry-After")
        except (AttributeError, TypeError):
            continue
        if text is None:
            continue
        try:
            return max(0.0, float(text))
        except ValueError:
            return _until(str(text))
    return None


def _until(text: str) -> float | None:
    import time
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def as_tuple(names: str | Sequence[str]) -> tuple[str, ...]:
    """One name or several."""
    return (names,) if isinstance(names, str) else tuple(names)
