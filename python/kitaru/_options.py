"""How an execution is started, beside what its flow is given: key, tags, whether it is detached, where it pauses.

Not here: the flow (``_flow``), and what a key means where its execution is there already (``_keyed``).
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("key", "tags", "detached", "pause_before", "pool", "deadline")


class Chosen(NamedTuple):
    """See the module."""

    key: str | None = None
    tags: tuple[str, ...] = ()
    detached: bool = False
    pause_before: tuple[str, ...] = ()
    pool: str | None = None
    # Milliseconds.
    deadline: int | None = None


def chosen(before: Chosen, **given: Any) -> Chosen:
    """``before`` and what is given. Raises :class:`KitaruUsageError` for what means nothing."""
    key, detached, pool = given.get("key"), given.get("detached", False), given.get("pool")
    if key is not None and (not isinstance(key, str) or not key):
        raise KitaruUsageError(f"key={key!r}: it is a text, such as an order's number")
    if pool is not None and (not isinstance(pool, str) or not pool):
        raise KitaruUsageError(f"pool={pool!r}: it is the name of a pool of workers")
    if not isinstance(detached, bool):
        raise KitaruUsageError(f"detached={detached!r}: it is True or False")
    return Chosen(
        key or before.key,
        _more("tags", before.tags, given),
        detached or before.detached,
        _more("pause_before", before.pause_before, given),
        pool or before.pool,
        before.deadline if given.get("deadline") is None else _deadline(given["deadline"]),
    )


def _deadline(given: Any) -> int:
    import datetime

    seconds = given.total_seconds() if isinstance(given, datetime.timedelta) else given
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < 2**40:
        raise KitaruUsageError(f"deadline={given!r}: it is a number of seconds, or a timedelta, above 0")
    return max(1, round(seconds * 1000))


def _more(name: str, before: tuple[str, ...], given: dict[str, Any]) -> tuple[str, ...]:
    return (*before, *(text for text in _texts(name, given.get(name, ())) if text not in before))


def _texts(name: str, given: Any) -> tuple[str, ...]:
    texts = (given,) if isinstance(given, str) else given
    try:
        texts = tuple(texts)
    except TypeError:
        texts = (None,)
    if not all(isinstance(text, str) and text for text in texts):
        raise KitaruUsageError(f"{name}={given!r}: it is a text, or several")
    return texts


def split(function: Callable[..., Any], kwargs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keywords that are the flow's, and those that are options. A name that the flow's own function has as a
    parameter is the flow's; where it takes any keyword, all are."""
    wished = [name for name in NAMES if name in kwargs]
    if not wished:
        return kwargs, {}
    parameters = inspect.signature(function).parameters
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return kwargs, {}
    options = {name: kwargs[name] for name in wished if name not in parameters}
    return {name: value for name, value in kwargs.items() if name not in options}, options
