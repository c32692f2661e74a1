"""The code of a deployment on this machine: laid out where an execution needs it, and told again from where it lies.

Not here: which version is which, and the files themselves (the engine).
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

# Deployments whose code this process has loaded, by the folder that they lie in.
_loaded: dict[str, dict[str, Any]] = {}


def placed(entry: dict[str, Any], place: tuple[str | None, str | None] | None = None) -> dict[str, Any]:
    """A recorded entry point as it is on this machine: its paths, and the interpreter that it is to be run with.

    ``place``: store and home, where they are not those of this process.

    Raises :class:`~kitaru.errors.KitaruStoreError` (``snapshot``) where the code is not to be had as it was deployed.
    """
    deployment = entry.get("deployment")
    if deployment is None:
        return entry
    from kitaru import _config, _native

    home = os.path.abspath(_config.place(*(place or (None, None)))[1])
    if not entry["interpreter"]:
        engine = _config.engine() if place is None else _config.opened(*place)
        entry = json.loads(_native.deployment_at(engine, home, json.dumps(entry), sys.executable))
    _loaded[os.path.join(home, "deployed", deployment["snapshot"])] = deployment
    return entry


def recorded(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry point of a flow of this process as an execution records it: one of a deployment is wherever that is."""
    file = entry["file"]
    for root, deployment in _loaded.items():
        if file is not None and _is_below(file, root):
            path = [os.path.relpath(folder, root) for folder in entry["path"] if _is_below(folder, root)]
            return {
                **entry,
                "file": os.path.relpath(file, root),
                "cwd": os.path.relpath(entry["cwd"], root) if _is_below(entry["cwd"], root) else "",
                "path": ["" if folder == "." else folder for folder in path],
                "interpreter": "",
                "deployment": deployment,
            }
    return entry


def anywhere(text: str) -> str:
    """A text that may have paths in it, as it is on whatever machine a deployment lies."""
    for root in _loaded:
        text = text.replace(root, "<deployment>")
    return text


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root + os.sep)
