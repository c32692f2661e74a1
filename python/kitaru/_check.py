"""``kitaru check``: which open executions of a flow would resume cleanly with the code as it is now, and which would
stop, and where. Each is rehearsed in a process of its own; nothing is written to the store.

Not here: the rehearsal of one (``_rehearsal``) and how it is shown (Rust).
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru._elsewhere import Place

_OPEN = ["running", "waiting", "sleeping", "paused", "interrupted"]
# A rehearsal runs no bodies: one that takes so long, in seconds, would not end.
_PATIENCE = 60.0


def check(target: str) -> dict[str, Any]:
    """Rehearses the open executions of ``FILE.py:FLOW`` or ``module:FLOW``, newest first.

    Returns the ``flow``'s name, what ``changed`` of its code by checkpoint, and of each of the ``executions`` its
    ``id``, ``status``, ``recorded`` entry point's ``file``, whether it is ``clean``, how many records were ``served``,
    and what would happen then: what ``runs``, ``waits`` and ``sleeps``; or ``why`` it would stop, with a ``text``.
    ``others`` counts open executions of flows of that name in other files.

    Raises :class:`~kitaru.errors.KitaruImportError` and what else loading a flow raises.
    """
    from kitaru import _config, _entry, _native, _runner

    flow = _runner.load_target(target)
    engine = _config.engine()
    mine = _entry.entry_point(flow._coded)
    rows = json.loads(_native.manage_list(engine, _OPEN, flow.name, None, None, 1_000_000, 1))
    entries = {row["id"]: json.loads(engine.describe(row["id"]))["entry"] for row in rows}
    own = [row for row in rows if _is_of(mine, entries[row["id"]])]
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        found = list(pool.map(lambda row: _rehearsed(target, mine, row["id"], entries[row["id"]]), own))
    return {
        "flow": flow.name,
        "executions": [{"id": row["id"], "status": row["status"], **one} for row, one in zip(own, found, strict=True)],
        "others": len(rows) - len(own),
    }


def _is_of(mine: dict[str, Any], entry: dict[str, Any]) -> bool:
    """Whether an execution was made by that flow: by the same file, or a copy of it elsewhere (a checkout in CI)."""
    one, other = mine["file"], entry["file"]
    if one is None or other is None:
        return mine["module"] is not None and bool(mine["module"] == entry["module"])
    return bool(os.path.basename(one) == os.path.basename(other))


def _rehearsed(target: str, mine: dict[str, Any], exec_id: str, entry: dict[str, Any]) -> dict[str, Any]:
    # The very file that it was recorded from is loaded as a resume loads it; a copy as it stands here.
    same = (
        mine["file"] is not None
        and entry["file"] is not None
        and os.path.realpath(mine["file"]) == (os.path.realpath(entry["file"]))
    )
    job = {"id": exec_id, "target": target, "entry": entry if same else None}
    return _told(job, entry["interpreter"] if same else sys.executable)


def rehearse(id: str, entry: dict[str, Any], place: Place | None = None) -> dict[str, Any]:
    """Rehearses an execution with the code of another entry point: what :func:`check` says of each. ``place``: its
    store and home, where they are not those of the environment."""
    from kitaru._deployed import placed

    return _told({"id": id, "target": None, "entry": entry}, placed(entry, place)["interpreter"], place)


def _told(job: dict[str, Any], interpreter: str, place: Place | None = None) -> dict[str, Any]:
    from kitaru import _elsewhere
    from kitaru.errors import KitaruError

    try:
        told = _elsewhere.told_by({"rehearse": job}, interpreter, silent=True, place=place, timeout=_PATIENCE)
    except KitaruError as error:
        return {"clean": False, "served": 0, "why": error.code, "text": str(error)}
    if told is None:
        text = (
            f"no call of it would run, wait or end within {_PATIENCE:.0f} s: its code between checkpoints does not end"
        )
        return {"clean": False, "served": 0, "why": "endless", "text": text}
    found: dict[str, Any] = told
    return found


def rehearse_one(wanted: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> None:
    """The other process's side: rehearses one execution and tells what was found."""
    from kitaru import _rehearsal, _runner
    from kitaru.errors import KitaruError

    try:
        if wanted["entry"] is not None:
            flow = _runner.load_entry(wanted["entry"], wanted["id"])
        else:
            flow = _runner.load_target(wanted["target"])
    except KitaruError as error:
        tell({"clean": False, "served": 0, "why": error.code, "text": str(error)})
        return
    _rehearsal.rehearse(flow, wanted["id"], tell)
