"""Executions that a flow starts and lets go: not stopped with it, and not waited for unless it asks for their result.

The call that starts one is over when the execution is there; whoever has its handle reads its outcome from the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kitaru._children import Child
from kitaru._drive import call_sync
from kitaru._given import given, recorded_inputs
from kitaru._outcomes import describe, must_be_the_same
from kitaru.errors import KitaruStateError

if TYPE_CHECKING:
    from kitaru._context import Frame
    from kitaru._flow import Flow
    from kitaru._given import Given
    from kitaru.client.handles import ExecutionHandle


def run_detached(flow: Flow[Any, Any], frame: Frame, args: Any, kwargs: Any) -> ExecutionHandle:
    """Starts ``flow`` on a thread of its own. Returns its handle."""
    from kitaru.client.handles import ExecutionHandle

    child = Child(flow, frame, args, kwargs)

    def start() -> str:
        arguments = given(flow.name, flow.signature(), child.one.given)
        made = child.create(arguments)
        if made is not None:
            _let_go(flow, made, arguments)
        elif flow._chosen.key is not None:
            must_be_the_same(flow, describe(child.id), flow._chosen.key, child.one.bound)
        return child.id

    exec_id = call_sync(child.one, start)
    if not frame.run.rehearses:
        _go_on(flow, exec_id)
    return ExecutionHandle(exec_id)


def _let_go(flow: Flow[Any, Any], run: Any, arguments: Given) -> None:
    from kitaru._flow_handle import FlowHandle

    FlowHandle(flow, lambda: run, arguments)._looked = True


def _go_on(flow: Flow[Any, Any], exec_id: str) -> None:
    """Takes up one whose process is gone: that of the flow that started it, most likely."""
    known = describe(exec_id)
    if known["status"] != "interrupted" or known["held"]:
        return
    from kitaru._runner import take_up

    try:
        run = take_up(flow, known, "parent")
    except KitaruStateError:
        # Somebody was faster, or it is to be looked at first.
        return
    _let_go(flow, run, recorded_inputs(flow, known))
