"""``client.deployments``: versions of flows' code, the tags that name them, and starting what was deployed.

Not here: deploying (``kitaru deploy`` reads a project), and running what is started (workers).
"""

from __future__ import annotations

import dataclasses
import json
import threading
from typing import TYPE_CHECKING, Any

from kitaru.client.handles import ExecutionHandle
from kitaru.client.items import time_of, who
from kitaru.client.recording import flow_frame, looks

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Sequence

    from kitaru._elsewhere import Helper
    from kitaru._native import Engine
    from kitaru.client.items import Place


@dataclasses.dataclass(frozen=True)
class Deployment:
    """A version of a flow's code. ``tags`` named it when it was looked at; ``snapshot`` is the digest of its files,
    ``size`` their bytes; ``lock`` is the file that pins what it depends on."""

    flow: str
    version: str
    tags: tuple[str, ...]
    at: datetime.datetime
    by: str
    snapshot: str
    file: str | None
    code: str | None
    files: int
    size: int
    python: str
    lock: str | None


def _deployment(item: dict[str, Any]) -> Deployment:
    names = ("flow", "version", "by", "snapshot", "file", "code", "files", "size", "python", "lock")
    return Deployment(tags=tuple(item["tags"]), at=time_of(item["at"]), **{name: item[name] for name in names})


class Deployments:
    """``client.deployments``."""

    def __init__(self, engine: Engine, place: Place | None) -> None:
        self._engine = engine
        self._place = place
        self._lock = threading.Lock()
        # The process that binds the inputs of what is started, and of which code it is.
        self._helper: tuple[str, Helper] | None = None

    @looks("deployments.list")
    def list(self, flow: str | None = None) -> list[Deployment]:
        """All of a flow, or of all flows, the newest first."""
        from kitaru import _native

        return [_deployment(one) for one in json.loads(_native.manage_deployments(self._engine, flow))]

    @looks("deployments.get")
    def get(self, target: str) -> Deployment:
        """What ``flow@tag``, ``flow@version`` or ``flow@latest`` names.

        Raises :class:`~kitaru.errors.KitaruNotFoundError` if that is nothing.
        """
        from kitaru import _native

        return _deployment(json.loads(_native.manage_deployment(self._engine, target)))

    def tag(self, flow: str, version: str, tag: str) -> Deployment:
        """Has a tag name a version. What runs stays on the version that it began with."""
        from kitaru import _native

        def change(by: str, _again: bool) -> Deployment:
            # What it names already it names still: to do it again changes nothing.
            return _deployment(json.loads(_native.manage_tag_deployment(self._engine, flow, version, tag, by)))

        done: Deployment = self._change("deployments.tag", {"flow": flow, "version": version, "tag": tag}, change)
        return done

    def rollback(self, flow: str, tag: str = "prod") -> Deployment:
        """Has a tag name again what it named before."""
        from kitaru import _native
        from kitaru._steer import NOT_DONE

        def change(by: str, again: bool) -> Any:
            if again:
                # Twice would be a version too far.
                return NOT_DONE
            return _deployment(json.loads(_native.manage_roll_back(self._engine, flow, tag, by)))

        done: Deployment = self._change("deployments.rollback", {"flow": flow, "tag": tag}, change)
        return done

    def submit(
        self,
        target: str,
        inputs: dict[str, Any] | None = None,
        *,
        pool: str = "default",
        key: str | None = None,
        tags: Sequence[str] = (),
    ) -> ExecutionHandle:
        """Leaves an execution of ``flow@tag`` or ``flow@version`` to the workers of a pool.

        ``inputs`` are plain JSON, fitted to the flow's signature by a process that has its code. A ``key`` starts once.
        Raises :class:`~kitaru.errors.KitaruInputsError` for inputs that do not fit.
        """
        from kitaru import _native

        def start(by: str, _again: bool) -> str:
            # Within a flow its own call is what it is known by, so that it starts once.
            request = None if flow_frame() is None else by
            found = json.loads(_native.manage_runnable(self._engine, target, key, request))
            job = {
                "id": found["id"],
                "entry": found["entry"],
                "inputs": inputs or {},
                "tags": [*tags],
                "key": key,
                "pause_before": [],
                "request": request,
                "pool": pool,
            }
            return self._started({"start": job})

        asked = {"target": target, "inputs": inputs or {}, "pool": pool, "key": key, "tags": [*tags]}
        return ExecutionHandle(self._change("deployments.submit", asked, start))

    def _started(self, job: dict[str, Any]) -> str:
        from kitaru._deployed import placed
        from kitaru._elsewhere import Helper
        from kitaru._runner import as_error

        entry = job["start"]["entry"] = placed(job["start"]["entry"], self._place)
        of = json.dumps([entry["interpreter"], entry["cwd"], entry["file"], entry["module"]])
        with self._lock:
            if self._helper is None or self._helper[0] != of:
                self._helper = (of, Helper(entry["interpreter"], self._place))
            told = self._helper[1].ask(job)
        exec_id, _, code, message, hint = told
        if exec_id is None:
            raise as_error(code, message, hint)
        return str(exec_id)

    def _change(self, verb: str, given: dict[str, Any], do: Callable[[str, bool], Any]) -> Any:
        frame = flow_frame()
        if frame is None:
            return do(who(), False)
        from kitaru._steer import act

        return act(frame, verb, given, do)


Deployment.__module__ = "kitaru.client"
