"""A flow's arguments as its passes get them: each its own, as they were at the call.

A pass may change what it was given, and the next must not see that. Not here: arguments of checkpoints, which are
watched instead (``_values._signature``), and inputs from a command line (``_inputs``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from kitaru.errors import KitaruEncodeError

if TYPE_CHECKING:
    from kitaru._values import Bound, Signature

Arguments: TypeAlias = "tuple[tuple[Any, ...], dict[str, Any]]"


class Given:
    """The arguments of one execution. ``text`` is their JSON, as it is recorded."""

    __slots__ = ("_live", "_ready", "_signature", "text")

    def __init__(self, signature: Signature, text: str) -> None:
        self.text = text
        self._signature = signature
        # What cannot be changed is handed out as it is.
        self._live: Arguments | None = None
        # Those of the first pass, where they are built already.
        self._ready: Arguments | None = None

    def arguments(self) -> Arguments:
        """``(args, kwargs)`` for one pass."""
        if self._live is not None:
            return self._live
        ready, self._ready = self._ready, None
        return ready if ready is not None else self._signature.unbind(self.text)


def given(flow: str, signature: Signature, bound: Bound) -> Given:
    """The arguments of a new execution. Raises :class:`KitaruEncodeError` if a resume could not give them again."""
    if bound.text is None:
        raise KitaruEncodeError(
            f"flow {flow}: its argument {bound.blocked} has no codec, so that a resume could not give it "
            "again. Pass plain data, or register a codec with kitaru.codec"
        )
    made = Given(signature, bound.text)
    if not bound.mutable:
        made._live = (bound.args, bound.kwargs)
        return made
    problem = signature.detach(bound)
    if problem is not None:
        raise KitaruEncodeError(f"flow {flow}: {problem}, so that a resume could not give it. {problem.hint}")
    made._ready = (bound.args, bound.kwargs)
    return made
