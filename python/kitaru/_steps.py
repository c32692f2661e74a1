"""What the path of a call asks its driver to do or to wait for: one small class each.

Not here: the path (``_calls``) and the drivers (``_drive``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kitaru._context import Frame
    from kitaru._native import Text


class Turn:
    """Wait for the turn of a recorded outcome in delivery order."""

    __slots__ = ("order",)

    def __init__(self, order: int) -> None:
        self.order = order


class Body:
    """Run the body in this frame; send its result, or throw what it raised."""

    __slots__ = ("frame",)

    def __init__(self, frame: Frame) -> None:
        self.frame = frame


class Ended:
    """Make a result durable. A task that is cancelled meanwhile has the cancellation thrown in."""

    __slots__ = ("attempts", "call", "text")

    def __init__(self, call: int, text: str | Text, attempts: int) -> None:
        self.call = call
        self.text = text
        self.attempts = attempts


class Pause:
    """Let time pass before the next try."""

    __slots__ = ("key", "seconds", "until")

    def __init__(self, key: str, seconds: float, until: int) -> None:
        self.key = key
        self.seconds = seconds
        self.until = until


class Forever:
    """Park a call that the flow cancelled once, until it is cancelled again or the flow goes quiet."""

    __slots__ = ()


class Hold:
    """Park a call whose body must not begin, until the execution is paused or what held it is gone."""

    __slots__ = ()


class Queue:
    """Wait for the turn at the call's limit; send whether it has it, or the flow is held."""

    __slots__ = ()


class Rest:
    """Stay here: this is a rehearsal, and the body would run now."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key


class Stopped(Exception):
    """A body raised StopIteration, which a generator turns into another one: so it goes through the path in here."""

    def __init__(self, inner: StopIteration) -> None:
        self.inner = inner


Step = Turn | Body | Ended | Pause | Forever | Hold | Queue | Rest
