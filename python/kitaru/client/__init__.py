"""``KitaruClient``: look at executions and act on them from Python, as the ``kitaru`` command does from a shell.

Both call the same functions of the engine. Not here: starting executions (call the flow) and what a value is
made of (``_values``); how an execution is carried on is in ``_runner``.
"""

from __future__ import annotations

import os

from kitaru.client.artifacts import Artifacts
from kitaru.client.breakpoints import Breakpoints
from kitaru.client.deployments import Deployment, Deployments
from kitaru.client.executions import Executions
from kitaru.client.handles import ExecutionHandle
from kitaru.client.items import (
    Artifact,
    Breakpoint,
    ByHand,
    Call,
    Execution,
    Failure,
    Limit,
    LogLine,
    Parent,
    Pending,
    Tree,
    Usage,
    Wait,
)
from kitaru.client.limits import Limits
from kitaru.client.planned import (
    CallRecord,
    Change,
    Compared,
    ComparedCall,
    Deleted,
    Diff,
    Difference,
    Plan,
    PlannedCall,
    Side,
    Sum,
)
from kitaru.client.schedules import Schedule, Schedules, Tick


class KitaruClient:
    """Executions, artifacts, breakpoints, limits, schedules and deployments of a store: the configured one, or
    ``store`` in ``home``.

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
        self.artifacts = Artifacts(engine, place)
        self.breakpoints = Breakpoints(engine)
        self.limits = Limits(engine)
        self.schedules = Schedules(engine)
        self.deployments = Deployments(engine, place)


__all__ = [
    "Artifact",
    "Artifacts",
    "Breakpoint",
    "Breakpoints",
    "ByHand",
    "Call",
    "CallRecord",
    "Change",
    "Compared",
    "ComparedCall",
    "Deleted",
    "Deployment",
    "Deployments",
    "Diff",
    "Difference",
    "Execution",
    "ExecutionHandle",
    "Executions",
    "Failure",
    "KitaruClient",
    "Limit",
    "Limits",
    "LogLine",
    "Parent",
    "Pending",
    "Plan",
    "PlannedCall",
    "Schedule",
    "Schedules",
    "Side",
    "Sum",
    "Tick",
    "Tree",
    "Usage",
    "Wait",
]
