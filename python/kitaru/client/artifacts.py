"""``client.artifacts``: values that executions saved by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kitaru.client.items import Artifact, decoded, time_of

if TYPE_CHECKING:
    from kitaru._native import Engine


class Artifacts:
    """``client.artifacts``: values that executions saved by name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(self, id: str) -> list[Artifact]:
        """An execution's artifacts, by name."""
        from kitaru import _native

        return [self._made(one) for one in json.loads(_native.manage_artifacts(self._engine, id))]

    def get(self, id: str, name: str) -> Artifact:
        """One artifact. Raises :class:`~kitaru.errors.KitaruNotFoundError` if there is none of that name."""
        from kitaru import _native

        return self._made(json.loads(_native.manage_artifact(self._engine, id, name)[0]))

    def load(self, id: str, name: str) -> Any:
        """The value of one artifact, decoded. Raises as :meth:`get` does."""
        from kitaru import _native

        return decoded(_native.manage_artifact(self._engine, id, name)[1])

    def _made(self, item: dict[str, Any]) -> Artifact:
        return Artifact(
            item["execution_id"], item["name"], item["call"], item["bytes"], time_of(item["at"]), self._engine
        )
