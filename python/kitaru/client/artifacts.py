"""``client.artifacts``: values that executions saved by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kitaru.client.items import Artifact, decoded, time_of
from kitaru.client.recording import looks

if TYPE_CHECKING:
    from kitaru._native import Engine
    from kitaru.client.items import Place


class Artifacts:
    """``client.artifacts``: values that executions saved by name."""

    def __init__(self, engine: Engine, place: Place | None) -> None:
        self._engine = engine
        self._place = place

    @looks("artifacts.list")
    def list(self, id: str) -> list[Artifact]:
        """An execution's artifacts, by name."""
        from kitaru import _native

        return [self._made(one) for one in json.loads(_native.manage_artifacts(self._engine, id))]

    @looks("artifacts.get")
    def get(self, id: str, name: str) -> Artifact:
        """One artifact. Raises :class:`~kitaru.errors.KitaruNotFoundError` if there is none of that name."""
        from kitaru import _native

        return self._made(json.loads(_native.manage_artifact(self._engine, id, name)[0]))

    @looks("artifacts.load")
    def load(self, id: str, name: str) -> Any:
        """The value of one artifact, decoded. Raises as :meth:`get` does."""
        from kitaru import _native

        return decoded(_native.manage_artifact(self._engine, id, name)[1])

    def _made(self, item: dict[str, Any]) -> Artifact:
        return Artifact(
            item["execution_id"], item["name"], item["call"], item["bytes"], time_of(item["at"]), self._place
        )
