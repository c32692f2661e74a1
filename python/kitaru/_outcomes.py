"""How an execution stands that somebody else may have run: what became of it, as its recorded result or failure.

Not here: waiting for it (``_children``, ``_fleet``), and looking at it as a user does (``client``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kitaru import _config
from kitaru.errors import KitaruCancelledError, KitaruEncodeError, KitaruPaused, KitaruStateError, KitaruSuspended

if TYPE_CHECKING:
    from kitaru._flow import Flow
    from kitaru._values import Bound

ENDED = ("completed", "failed", "cancelled")


def describe(exec_id: str) -> dict[str, Any]:
    """The execution's row, with its values as JSON texts. Raises :class:`KitaruNotFoundError`."""
    known: dict[str, Any] = json.loads(_config.engine().describe(exec_id))
    return known


def outcome(known: dict[str, Any]) -> Any:
    """The result of an execution that has ended. Raises what its flow raised, or that it was cancelled."""
    flow, exec_id = known["flow"], known["id"]
    if known["status"] == "cancelled":
        raise KitaruCancelledError(f"{flow} ({exec_id}) was cancelled")
    if known["status"] == "failed":
        from kitaru._values import decode_error

        raise decode_error(known["error"])
    if (known["reason"] or {}).get("code") == "volatile-result":
        raise KitaruEncodeError(
            f"{flow} ({exec_id}) completed, but {known['reason']['text']}: it cannot be had again. "
            "Return plain data from it, or register a codec with kitaru.codec"
        )
    from kitaru._values import decode

    return decode(known["result"])


def parked(known: dict[str, Any]) -> KitaruSuspended | KitaruPaused:
    """What one meets who wants the result of an execution that waits for somebody."""
    reason = known["reason"] or {}
    short = known["id"][-8:]
    if known["status"] == "paused":
        return KitaruPaused(
            f"{known['flow']} ({short}) is paused: {reason.get('text', '')}", exec_id=known["id"], reason=reason
        )
    text = f"{known['flow']} ({short}) is {reason.get('text', known['status'])}; see: kitaru show {short}"
    suspended = KitaruSuspended(text, exec_id=known["id"], waits=reason.get("waits", ()))
    suspended.executions = list(reason.get("executions", ()))
    return suspended


def is_paused_alone(known: dict[str, Any]) -> bool:
    """Whether it is paused by itself: then somebody has to say that it goes on. One that was paused with an execution
    above it goes on with that one."""
    if known["status"] != "paused":
        return False
    pause = (known["reason"] or {}).get("pause") or {}
    asked = pause.get("requested") if isinstance(pause, dict) else None
    return not (isinstance(asked, dict) and asked.get("with"))


def must_be_the_same(flow: Flow[Any, Any], known: dict[str, Any], key: str, bound: Bound) -> None:
    """Refuses the execution of a key that was started with other inputs: nobody gets another's result."""
    before = known["inputs"]
    if before == bound.text or flow.signature().encodes_the_same(before, bound.digest):
        return
    raise KitaruStateError(
        f"{flow.name} was started with key {key!r} and other inputs: it is execution {known['id']}",
        code="key-conflict",
        hint=f"kitaru show {known['id'][-8:]}; give other inputs another key",
    )
