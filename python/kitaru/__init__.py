"""Kitaru: durable control for Python AI agents.

Two decorators: ``@flow`` for the function that is one run, ``@checkpoint`` for each unit of work that must never be
paid for twice. Everything public stands here; names are loaded when they are first used, so that importing the
package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kitaru._checkpoint import call as call
    from kitaru._checkpoint import checkpoint as checkpoint
    from kitaru._config import configure as configure
    from kitaru._decisions import NOT_DONE as NOT_DONE
    from kitaru._fleet import gather as gather
    from kitaru._fleet import wait_for as wait_for
    from kitaru._flow import flow as flow
    from kitaru._flow_handle import FlowHandle as FlowHandle
    from kitaru._inside import Execution as Execution
    from kitaru._inside import current_execution as current_execution
    from kitaru._inside import idempotency_key as idempotency_key
    from kitaru._inside import load as load
    from kitaru._inside import log as log
    from kitaru._inside import progress as progress
    from kitaru._inside import save as save
    from kitaru._inside import usage as usage
    from kitaru._open_call import open_call as open_call
    from kitaru._threads import carry as carry
    from kitaru._values import RawValue as RawValue
    from kitaru._values import identity as identity
    from kitaru._values import register as codec  # noqa: F401
    from kitaru._waits import now as now
    from kitaru._waits import random as random
    from kitaru._waits import sleep as sleep
    from kitaru._waits import uuid as uuid
    from kitaru._waits import wait as wait
    from kitaru._worker import worker as worker
    from kitaru.client import KitaruClient as KitaruClient
    from kitaru.errors import KitaruAnswerError as KitaruAnswerError
    from kitaru.errors import KitaruCallLostError as KitaruCallLostError
    from kitaru.errors import KitaruCancelledError as KitaruCancelledError
    from kitaru.errors import KitaruDamagedError as KitaruDamagedError
    from kitaru.errors import KitaruDivergenceError as KitaruDivergenceError
    from kitaru.errors import KitaruEncodeError as KitaruEncodeError
    from kitaru.errors import KitaruEntryPointError as KitaruEntryPointError
    from kitaru.errors import KitaruError as KitaruError
    from kitaru.errors import KitaruFencedError as KitaruFencedError
    from kitaru.errors import KitaruFlowNotFoundError as KitaruFlowNotFoundError
    from kitaru.errors import KitaruForkedError as KitaruForkedError
    from kitaru.errors import KitaruGeneratorError as KitaruGeneratorError
    from kitaru.errors import KitaruImportError as KitaruImportError
    from kitaru.errors import KitaruInDoubtError as KitaruInDoubtError
    from kitaru.errors import KitaruInputsError as KitaruInputsError
    from kitaru.errors import KitaruMutatedArgumentError as KitaruMutatedArgumentError
    from kitaru.errors import KitaruNodeLostError as KitaruNodeLostError
    from kitaru.errors import KitaruNonRetryableError as KitaruNonRetryableError
    from kitaru.errors import KitaruNotFoundError as KitaruNotFoundError
    from kitaru.errors import KitaruNotRecordedError as KitaruNotRecordedError
    from kitaru.errors import KitaruOverrideError as KitaruOverrideError
    from kitaru.errors import KitaruOverrideNotTaken as KitaruOverrideNotTaken
    from kitaru.errors import KitaruPaused as KitaruPaused
    from kitaru.errors import KitaruPlacementError as KitaruPlacementError
    from kitaru.errors import KitaruStateError as KitaruStateError
    from kitaru.errors import KitaruStoreError as KitaruStoreError
    from kitaru.errors import KitaruSuspended as KitaruSuspended
    from kitaru.errors import KitaruSyncOnLoopError as KitaruSyncOnLoopError
    from kitaru.errors import KitaruTimeoutError as KitaruTimeoutError
    from kitaru.errors import KitaruUsageError as KitaruUsageError
    from kitaru.errors import KitaruWaitTimeoutError as KitaruWaitTimeoutError

_WHERE: dict[str, tuple[str, str]] = {
    "NOT_DONE": ("kitaru._decisions", "NOT_DONE"),
    "call": ("kitaru._checkpoint", "call"),
    "checkpoint": ("kitaru._checkpoint", "checkpoint"),
    "configure": ("kitaru._config", "configure"),
    "FlowHandle": ("kitaru._flow_handle", "FlowHandle"),
    "flow": ("kitaru._flow", "flow"),
    "gather": ("kitaru._fleet", "gather"),
    "wait_for": ("kitaru._fleet", "wait_for"),
    "carry": ("kitaru._threads", "carry"),
    "Execution": ("kitaru._inside", "Execution"),
    "current_execution": ("kitaru._inside", "current_execution"),
    "idempotency_key": ("kitaru._inside", "idempotency_key"),
    "load": ("kitaru._inside", "load"),
    "log": ("kitaru._inside", "log"),
    "progress": ("kitaru._inside", "progress"),
    "save": ("kitaru._inside", "save"),
    "usage": ("kitaru._inside", "usage"),
    "open_call": ("kitaru._open_call", "open_call"),
    "RawValue": ("kitaru._values", "RawValue"),
    "identity": ("kitaru._values", "identity"),
    "codec": ("kitaru._values", "register"),
    "now": ("kitaru._waits", "now"),
    "random": ("kitaru._waits", "random"),
    "sleep": ("kitaru._waits", "sleep"),
    "uuid": ("kitaru._waits", "uuid"),
    "wait": ("kitaru._waits", "wait"),
    "worker": ("kitaru._worker", "worker"),
    "KitaruClient": ("kitaru.client", "KitaruClient"),
}

__all__ = [*_WHERE]


def __getattr__(name: str) -> Any:
    place = _WHERE.get(name)
    if place is None and name.startswith("Kitaru"):
        place = ("kitaru.errors", name)
    if place is None and name == "__version__":
        place = ("kitaru._native", "__version__")
    if place is None:
        raise AttributeError(f"module 'kitaru' has no attribute {name!r}")
    import importlib

    found = getattr(importlib.import_module(place[0]), place[1])
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
