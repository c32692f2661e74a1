"""The code of an execution as it is now: its digests, by checkpoint and flow.

Not here: what of it has changed, and whether overrides fit it.
"""

from __future__ import annotations

import sys
from typing import Any


def inspect(job: dict[str, Any]) -> dict[str, Any]:
    """What ``kitaru replay`` wants to know of a flow's code: ``flow_code``, ``codes``, ``problems``.

    Raises :class:`~kitaru.errors.KitaruImportError` where the code cannot be loaded.
    """
    from kitaru._checkpoint import Checkpoint
    from kitaru._flow import Flow
    from kitaru._runner import load_entry

    wanted = job["inspect"]
    flow = load_entry(wanted["entry"], wanted["id"])
    codes: dict[str, str | None] = {}
    for module in list(sys.modules.values()):
        for held in list(getattr(module, "__dict__", {}).values()):
            if isinstance(held, Checkpoint):
                codes[held.name] = held.spec().code()
            elif isinstance(held, Flow):
                codes[held.name] = held.code()
    return {"flow_code": flow.code(), "codes": codes, "problems": []}
