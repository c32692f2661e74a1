"""What a flow does to its own children beyond answering and stopping them: a resume, which goes on beside it.

A child whose call is still under way goes on in that call. One whose call is over (it had failed, and the flow went
on) is carried on anew, and its handle then tells its new outcome. Not here: recording the act (``_steer``).
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from kitaru import _children, _native, _steer
from kitaru._outcomes import ENDED, describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kitaru._context import Frame
    from kitaru.client.executions import Executions
    from kitaru.client.items import Execution

# A failure is on record a moment before the call that it ends, in seconds.
_PATIENCE = 5.0


def resume_in_flow(
    executions: Executions,
    frame: Frame,
    target: str,
    on_drift: str | None,
    keys: Sequence[str],
    put: Sequence[tuple[str, str]],
) -> Execution:
    """See :meth:`Executions.resume`."""
    from kitaru.client.carrying import must_not_block

    run, engine = frame.run, executions._engine

    def resume(by: str, again: bool) -> Any:
        alone = not _is_carried(target)
        if again:
            if _native.manage_acted(engine, target, by) is None:
                return _steer.NOT_DONE
            beside = _native.manage_root(engine, target) != target
            if not beside:
                executions._resume_again(target, by)
        else:
            must_not_block(engine, target, "resume")
            told = json.loads(_native.manage_prepare(engine, target, on_drift, [*keys], [*put], run.id, by))
            beside = told["in_place"]
            # It may have failed since it was looked at.
            alone = alone or (told["status"] == "failed" and _is_let_go(target))
            if not beside:
                executions._go_on(told)
        return {"execution": executions._get(target), "beside": beside and alone}

    given = {"id": target, "on_drift": on_drift, "rerun": tuple(keys), "set": tuple(put)}
    found = _steer.act(frame, "executions.resume", given, resume)
    if found["beside"]:
        if not _children.is_carried(target) and describe(target)["status"] not in ENDED:
            _children.carry_on(frame, target)
        elif (handle := run.children.get(target)) is not None:
            handle.resumed = True
    resumed: Execution = found["execution"]
    return resumed


def _is_let_go(exec_id: str) -> bool:
    """Waits for the end of the call of one that failed. ``False``: it does not come."""
    until = time.monotonic() + _PATIENCE
    while _children.is_carried(exec_id):
        if time.monotonic() > until:
            return False
        time.sleep(0.001)
    return True


def _is_carried(exec_id: str) -> bool:
    """Whether a call of this process still has it. The call of one that failed is about to be over."""
    until = time.monotonic() + _PATIENCE
    while _children.is_carried(exec_id):
        if describe(exec_id)["status"] != "failed" or time.monotonic() > until:
            return True
        time.sleep(0.001)
    return False
