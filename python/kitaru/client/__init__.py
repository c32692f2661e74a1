"""``KitaruClient``: look at executions and act on them from Python, as the ``kitaru`` command does from a shell.

Both call the same functions of the engine. Not here: starting executions (call the flow) and what a value is
made of (``_values``); how an execution is carried on is in ``_runner``.
"""

from __future__ import annotations

import os

from kitaru.client.artifacts import Artifacts
from kitaru.client.executions import Executions
from kitaru.client.items import Artifact, Call, Execution, Failure, LogLine, Parent, Usage, Wait


class KitaruClient:
    """Executions and artifacts of a store: the configured one, or ``store`` in ``home``.

    Raises :class:`~kitaru.errors.KitaruStoreError` when the store cannot be opened.
    """

    def __init__(self, store: str | None = None, home: str | os.PathLike[str] | None = None) -> None:
        from kitaru import _config

        folder = None if home is None else os.fspath(home)
        if store is None and folder is not None:
            store = os.path.join(os.path.abspath(os.path.expanduser(folder)), "kitaru.db")
        default = _config.place(store, folder)[:2] == _config.place(None, None)[:2]
        engine = _config.engine() if default else _config.opened(store, folder)
        place = None if default else (store, folder)
        self.executions = Executions(engine, place)
        self.artifacts = Artifacts(engine)


__all__ = [
    "Artifact",
    "Artifacts",
    "Call",
    "Execution",
    "Executions",
    "Failure",
    "KitaruClient",
    "LogLine",
    "Parent",
    "Usage",
    "Wait",
]
