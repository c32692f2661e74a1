"""``flow.submit()``: an execution that workers run. It is on record when that returns, and nothing of it runs here.

Not here: which worker begins it (the engine's side), and executions of threads of this process (``_flow_handle``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kitaru import _config, _context
from kitaru._outcomes import describe, must_be_the_same
from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from kitaru._context import Frame
    from kitaru._flow import Flow
    from kitaru.client.handles import ExecutionHandle


def submit(flow: Flow[Any, Any], args: Any, kwargs: Any) -> ExecutionHandle:
    """See :meth:`Flow.submit`."""
    from kitaru.client.handles import ExecutionHandle

    if flow._here_only:
        raise KitaruUsageError(
            f"{flow.name} was defined in a notebook or at a prompt, where no worker can load it: "
            f"put it into a file, or use {flow.name}.run(...)"
        )
    if _config.place(None, None)[0] == "memory:":
        raise KitaruUsageError("a store in memory is another one in every process: no worker would find the execution")
    frame = _context.frame()
    if frame is not None:
        return ExecutionHandle(_submit_child(flow, frame, args, kwargs))
    given = flow._given(args, kwargs)
    key = flow._chosen.key
    exec_id, is_new = flow._leave(given, flow._key_id() if key is not None else None)
    if not is_new and key is not None:
        must_be_the_same(flow, describe(exec_id), key, flow.signature().bind(args, kwargs))
    return ExecutionHandle(exec_id)


def _submit_child(flow: Flow[Any, Any], frame: Frame, args: Any, kwargs: Any) -> str:
    from kitaru._children import Child
    from kitaru._drive import call_sync
    from kitaru._given import given

    child = Child(flow, frame, args, kwargs)

    def leave() -> str:
        arguments = given(flow.name, flow.signature(), child.one.given)
        _, is_new = flow._leave(arguments, child.id, (child.run.id, child.key))
        if not is_new and flow._chosen.key is not None:
            must_be_the_same(flow, describe(child.id), flow._chosen.key, child.one.bound)
        return child.id

    exec_id: str = call_sync(child.one, leave)
    return exec_id
