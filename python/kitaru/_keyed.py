"""A key starts once: what whoever comes later gets of the execution that is there already.

Not here: keyed children of a flow (``_children``).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kitaru import _config, _native
from kitaru._given import recorded_inputs
from kitaru._outcomes import ENDED, describe, must_be_the_same, outcome, parked
from kitaru._run import Run
from kitaru.errors import KitaruStateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kitaru._flow import Flow

_LOOK = 0.05


def follow(flow: Flow[Any, Any], exec_id: str, args: Any, kwargs: Any) -> Any:
    """The result of the execution that is there: waits while another process runs it, and goes on with one that nobody
    runs. For an async flow an awaitable of it.

    Raises what the flow raised; :class:`KitaruSuspended` or :class:`KitaruPaused` while it waits for somebody;
    :class:`KitaruStateError` (``key-conflict``) if it was started with other inputs.
    """
    if flow.is_async:
        return _follow_async(flow, exec_id, args, kwargs)
    for found in _followed(flow, exec_id, args, kwargs):
        if found is None:
            time.sleep(_LOOK)
        elif isinstance(found, Run):
            return flow._enter(found, recorded_inputs(flow, describe(exec_id)))
        else:
            return found[0]
    raise AssertionError("a follower that found nothing")


async def _follow_async(flow: Flow[Any, Any], exec_id: str, args: Any, kwargs: Any) -> Any:
    import asyncio

    for found in _followed(flow, exec_id, args, kwargs):
        if found is None:
            await asyncio.sleep(_LOOK)
        elif isinstance(found, Run):
            return await flow._enter(found, recorded_inputs(flow, describe(exec_id)))
        else:
            return found[0]
    raise AssertionError("a follower that found nothing")


def _followed(flow: Flow[Any, Any], exec_id: str, args: Any, kwargs: Any) -> Iterator[Run | tuple[Any] | None]:
    """``None``: look again soon. A run: this process has taken it up. A tuple: its result."""
    bound = flow.signature().bind(args, kwargs)
    while True:
        known = describe(exec_id)
        must_be_the_same(flow, known, flow._chosen.key or "", bound)
        if known["status"] in ENDED:
            yield (outcome(known),)
            return
        root = _native.manage_root(_config.engine(), exec_id)
        if known["held"] or (root != exec_id and describe(root)["held"]):
            yield None
            continue
        parks = known["status"] in ("waiting", "sleeping", "paused")
        if root != exec_id or known["status"] == "paused":
            raise parked(known)
        if parks and not _native.manage_stirred(_config.engine(), [(exec_id, int(known["last_seq"]))]):
            raise parked(known)
        from kitaru._runner import take_up

        try:
            taken = take_up(flow, known, "key")
        except KitaruStateError as refusal:
            if refusal.code not in ("held", "conflict", "already-ended"):
                raise
            # Somebody was faster.
            yield None
            continue
        yield taken
        return
