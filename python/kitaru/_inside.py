"""What code inside a flow can say and ask: usage, progress, logs, artifacts, who it is.

Outside a flow these do nothing or raise, as each says. Not here: waits and readings (``_waits``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kitaru import _context
from kitaru._capture import keep
from kitaru._values import Unencodable, decode, encode
from kitaru.errors import KitaruEncodeError, KitaruError, KitaruNotFoundError, KitaruUsageError

if TYPE_CHECKING:
    from kitaru._context import Frame

# More than anybody can consume, and than a sum of in the store may hold.
_ABSURD = 2**53


class Execution(NamedTuple):
    """The execution that code runs in."""

    id: str
    flow: str
    call: str | None
    attempt: int


def current_execution() -> Execution | None:
    """The execution that the caller runs in, or ``None`` outside any flow."""
    frame = _context.frame()
    if frame is None:
        return None
    body = frame.body()
    attempt = body.attempt if body is not None else 1
    return Execution(frame.run.id, frame.run.flow, body.key if body is not None else None, attempt)


def idempotency_key() -> str:
    """A key for an outside effect: the same for every try of this call, in every process, and no other call's.

    64 hexadecimal digits over execution, name, input digest and occurrence. Raises
    :class:`KitaruUsageError` outside a checkpoint.
    """
    frame = _context.frame()
    body = frame.body() if frame is not None else None
    if body is None:
        raise KitaruUsageError("kitaru.idempotency_key() is for code inside a checkpoint")
    from kitaru import _native

    # The body's scope is a hash of scope, name, inputs and occurrence.
    return _native.blake3(body.run.id.encode() + body.scope).hex()


def usage(*, model: str | None = None, input_tokens: int = 0, output_tokens: int = 0, cost_usd: float = 0.0) -> None:
    """Adds what a model call consumed to the call it is made in. Outside a flow: nothing.

    Tries that fail count too, and those that a crash cuts off: it is on the disk well within a second. In the flow's
    own body, outside any call, it counts for the execution, and again in each re-entry, since that code runs again.

    Raises :class:`KitaruUsageError` for a number that is negative, not finite or absurd (2**53 and more).
    """
    if not all(0 <= one < _ABSURD for one in (input_tokens, output_tokens, cost_usd)):
        raise KitaruUsageError(f"usage({input_tokens=}, {output_tokens=}, {cost_usd=}): each is a number from 0 on")
    frame = _context.frame()
    if frame is None:
        return
    body, session = frame.body(), frame.run.session
    if body is not None:
        body.lives()
    key = body.key if body is not None else None
    session.used(key or "", (int(input_tokens), int(output_tokens), float(cost_usd)))
    if model is not None:
        keep(session, key, "usage", f"{model}: {input_tokens} tokens in, {output_tokens} out, ${cost_usd:g}")


def log(message: object, **fields: object) -> None:
    """Adds a line to the execution's log. Outside a flow: nothing."""
    frame = _context.frame()
    if frame is None:
        return
    body = frame.body()
    if body is not None:
        body.lives()
    text = str(message)
    if fields:
        text += " " + " ".join(f"{name}={value}" for name, value in fields.items())
    keep(frame.run.session, body.key if body is not None else None, "log", text)


def progress(message: str, *, fraction: float | None = None) -> None:
    """Says how far a step is, for whoever watches; counts as a sign of life for ``idle_timeout``."""
    frame = _context.frame()
    if frame is None:
        return
    body = frame.body()
    if body is not None:
        body.lives()
    text = message if fraction is None else f"{message} ({min(max(fraction, 0.0), 1.0):.0%})"
    keep(frame.run.session, body.key if body is not None else None, "progress", text)


def save(name: str, value: Any) -> None:
    """Stores a named value with the execution, durably. Saving the same name again replaces it.

    A re-entry does not save again what was saved.

    Raises :class:`KitaruEncodeError` if no codec takes the value, :class:`KitaruUsageError` outside a flow.
    """
    frame = _context.frame()
    if frame is None:
        raise KitaruUsageError("kitaru.save() was called outside any flow")
    run = frame.run
    run.check()
    try:
        text = encode(value, f"artifact {name}")
    except Unencodable as problem:
        raise KitaruEncodeError(f"artifact {name!r}: {problem}. {problem.hint}") from None
    if run.asks is not None:
        run.asks("save", name, text)
    else:
        save_text(frame, name, text)


def save_text(frame: Frame, name: str, text: str) -> None:
    """The same for a value's JSON text, in that place of a flow."""
    from kitaru import _native
    from kitaru._waits import met

    run, body = frame.run, frame.body()
    call, done = met(frame, "save", _native.blake3(f"{name}\0{text}"))
    if done is None:
        try:
            run.session.save(call, name, text, body.key if body is not None else None)
        except KitaruError as refusal:
            raise run.refused(refusal) from None


def load(name: str, *, execution: str | None = None) -> Any:
    """A value stored by :func:`save`, of this execution or of another.

    Inside a flow it is recorded, so that a re-entry loads the same, whatever was saved since. Raises
    :class:`KitaruNotFoundError` if there is none of that name.
    """
    frame = _context.frame()
    if execution is None:
        if frame is None:
            raise KitaruUsageError("kitaru.load() outside a flow needs execution=")
        execution = frame.run.id
    if frame is not None and frame.run.asks is not None:
        found = decode(frame.run.asks("load", name, execution))
    else:
        found = decode(load_text(frame, name, execution))
    if not found:
        raise KitaruNotFoundError(f"execution {execution} has no artifact {name!r}", code="unknown-artifact")
    return found[0]


def load_text(frame: Frame | None, name: str, execution: str) -> str:
    """The JSON text of a list that holds the value, and nothing where there is none."""
    from kitaru import _native
    from kitaru._config import engine
    from kitaru._waits import recorded

    def read() -> str:
        text = engine().artifact(execution, name)
        return "[]" if text is None else f"[{text}]"

    # That there was none is recorded too.
    return read() if frame is None else recorded(frame, "load", _native.blake3(f"{execution}\0{name}"), read)
