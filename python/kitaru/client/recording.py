"""How a client's verbs are recorded where a flow calls them. Outside flows they are as they are.

Not here: what recording one means (``kitaru._steer``, which is loaded when a flow first uses a client).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from kitaru import _context

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru._context import Frame

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


def flow_frame() -> Frame | None:
    """Where the calling code stands in a flow; ``None`` outside any."""
    return _context.frame()


def looks(name: str) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R]]:
    """Makes a method one that only looks: inside a flow what it saw is recorded under that name."""

    def made(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
        @functools.wraps(method)
        def verb(self: S, *args: P.args, **kwargs: P.kwargs) -> R:
            frame = _context.frame()
            if frame is None:
                return method(self, *args, **kwargs)
            from kitaru import _steer

            found: R = _steer.look_by(frame, name, functools.partial(method, self), args, kwargs)
            return found

        return cast("Callable[Concatenate[S, P], R]", verb)

    return made


def seen(name: str, given: dict[str, Any], see: Callable[[], R]) -> R:
    """What ``see`` returns; inside a flow recorded under that name."""
    frame = _context.frame()
    if frame is None:
        return see()
    from kitaru import _steer

    found: R = _steer.look(frame, name, given, see)
    return found
