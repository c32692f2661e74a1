"""A call on a Ray cluster, as whoever made the call sees it: the messages of its process there, and an end.

Ray finds the machine; what runs there is a process of the call's own as everywhere, started by a task (``_node``) that
passes its messages on as a stream. An attempt is its stream: another attempt has another one, and from one that was
given up nothing is read any more, so a machine that was lost and comes back cannot add anything. Ray itself tries
nothing again. Not here: what is made of the messages (``_heard``).
"""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING, Any

from kitaru import _capture
from kitaru._drive import credit
from kitaru._parked import Parked
from kitaru.errors import KitaruCallLostError, KitaruNodeLostError, KitaruPlacementError

if TYPE_CHECKING:
    from kitaru._calls import Identified
    from kitaru._context import Frame
    from kitaru._placed._job import Job
    from kitaru._placed._process import Message

# Arguments from here on are put where the machines of the cluster fetch them from, in bytes.
_LARGE = 64 * 1024
# When it is said that a call waits for a place, and how long an end is waited for, in seconds.
_LONG = 5.0
_PATIENCE = 8.0


def place(one: Identified, frame: Frame, job: Job) -> OnRay:
    """Has the cluster run a call. Raises :class:`KitaruPlacementError` if there is none."""
    return OnRay(one, frame, job, _cluster())


class OnRay:
    """See the module."""

    def __init__(self, one: Identified, frame: Frame, job: Job, ray: Any) -> None:
        from kitaru._placed._node import work

        self._ray = ray
        self._run, self._frame, self._call = one.run, frame, one.call
        self._wanted = wanted = options(one.spec.resources, one.spec.memory)
        arguments: Any = job.arguments if len(job.arguments) < _LARGE else ray.put(job.arguments)
        task = ray.remote(num_returns="streaming", max_retries=0, **wanted)(work)
        self._stream = task.options(name=f"kitaru {frame.key}").remote(
            json.dumps(job.header), arguments, one.spec.memory
        )
        self._since: float | None = time.monotonic()
        # While it has no place its time does not run.
        self._waits = Parked(-1 - one.call, one.name, frame)
        self._waits.since = self._since
        with one.run.lock:
            one.run.queued[one.call] = self._waits
        self.is_over = False

    def hear(self, seconds: float | None) -> list[Message]:
        """What has come, waiting for so long at most. The last message of all is ``ended``, or ``lost``."""
        if self.is_over:
            return []
        try:
            ready, _ = self._ray.wait([self._stream], timeout=seconds)
            if not ready:
                self._say_that_it_waits()
                return []
            header, body = self._ray.get(next(self._stream))
        except StopIteration:
            # It never ends without a last message: somebody has taken that.
            return self._over(KitaruCallLostError(f"{self._frame.key}: its process ended before the call had"))
        except self._ray.exceptions.RayError as error:
            return self._over(self._lost(error))
        self._has_begun()
        if header[0] == "ended":
            self.is_over = True
        return [(header, body)]

    def say(self, header: list[Any], body: bytes = b"") -> None:
        """Nobody listens there: what asks is refused on its machine."""

    def is_done(self) -> None:
        """The task sees to the end of its process by itself."""

    def kill(self) -> None:
        """Has it ended at once, with all that it has started. From any thread."""
        # By the task, which sees to the end of the whole tree. By force Ray would kill what sees to that with the task.
        self._cancel(force=False)

    def _cancel(self, *, force: bool) -> None:
        try:
            self._ray.cancel(self._stream, force=force)
        except (self._ray.exceptions.RayError, ValueError):
            return  # it is over, or the cluster is not to be reached

    def see_out(self) -> list[Message]:
        """Waits for the end of it. Returns what was still said."""
        found: list[Message] = []
        until = time.monotonic() + _PATIENCE
        while not self.is_over and (left := until - time.monotonic()) > 0:
            found += self.hear(left)
        if not self.is_over:
            self._cancel(force=True)
        self.is_over = True
        self._has_begun()
        return found

    def _over(self, error: KitaruCallLostError) -> list[Message]:
        self.is_over = True
        self._has_begun()
        return [(["lost", error], b"")]

    def _has_begun(self) -> None:
        if self._since is None:
            return
        self._since = None
        with self._run.lock:
            self._run.queued.pop(self._call, None)
        credit(self._run, self._waits)

    def _say_that_it_waits(self) -> None:
        if self._since is None or time.monotonic() - self._since < _LONG:
            return
        self._since = float("inf")
        text = f"waits for a machine of the cluster that has {_shown(self._wanted)} free"
        _capture.keep(self._run.session, self._frame.key, "progress", text)

    def _lost(self, error: Exception) -> KitaruCallLostError:
        known, key = self._ray.exceptions, self._frame.key
        said = " ".join(str(error).split())[:500]
        if isinstance(error, known.OutOfMemoryError):
            return KitaruCallLostError(f"{key}: Ray ended its process to save memory: {said}", code="call-memory")
        if isinstance(error, known.RayTaskError):
            return KitaruCallLostError(f"{key}: its machine could not run it: {said}")
        return KitaruNodeLostError(f"{key}: the machine that it ran on was lost: {said}")


def options(resources: dict[str, float] | None, memory: int | None) -> dict[str, Any]:
    """What is wanted of a machine, as Ray takes it."""
    made: dict[str, Any] = {} if memory is None else {"memory": memory}
    own: dict[str, float] = {}
    for name, much in (resources or {}).items():
        known = {"CPU": "num_cpus", "GPU": "num_gpus", "num_cpus": "num_cpus", "num_gpus": "num_gpus"}.get(name)
        if known is not None:
            made[known] = much
        else:
            own[name] = much
    if own:
        made["resources"] = own
    return made


def _shown(wanted: dict[str, Any]) -> str:
    flat = {**{name: much for name, much in wanted.items() if name != "resources"}, **wanted.get("resources", {})}
    return ", ".join(f"{name} {much:g}" for name, much in flat.items()) or "a processor"


def _cluster() -> Any:
    """Ray, connected. A cluster is started only where ``RAY_ADDRESS=local`` says so."""
    try:
        import ray
    except ImportError:
        raise KitaruPlacementError("runtime='ray' needs Ray: pip install 'kitaru[ray]'", code="no-cluster") from None
    if not ray.is_initialized():
        address = os.environ.get("RAY_ADDRESS") or "auto"
        try:
            _must_answer(address)
            ray.init(address=address, log_to_driver=False, ignore_reinit_error=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise KitaruPlacementError(
                f"there is no Ray cluster to run it on ({address}): {' '.join(str(error).split())[:300]}. Set "
                "RAY_ADDRESS to a cluster's address, or to local to have one started for this program, or call "
                "ray.init() before",
                code="no-cluster",
            ) from None
    return ray


def _must_answer(address: str) -> None:
    """Ray itself would try for minutes to reach a cluster that is not there. Raises :class:`OSError`."""
    host, apart, port = address.rpartition(":")
    if apart and "/" not in address and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
