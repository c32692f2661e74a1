"""Flows called from flows: the child is an execution of its own, linked to the call that made it.

Its identifier is derived from that call, so that a crash between the child's creation and the parent's record
cannot create two. A child that suspends suspends its parent. Not here: the path of the call (``_calls``).
"""

from __future__ import annotations

import contextvars
import json
import threading
from typing import TYPE_CHECKING, Any

from kitaru import _config, _context
from kitaru._calls import Identified
from kitaru._drive import call_async, call_sync, park_async, park_sync
from kitaru._given import given
from kitaru._handles import Handle
from kitaru._run import Parked, Run
from kitaru._spec import Spec
from kitaru._values import decode
from kitaru.errors import (
    KitaruCancelledError,
    KitaruEncodeError,
    KitaruError,
    KitaruMutatedArgumentError,
    KitaruPaused,
    KitaruStateError,
    KitaruSuspended,
    KitaruUsageError,
)

if TYPE_CHECKING:
    from kitaru._context import Frame
    from kitaru._flow import Flow


class _Child:
    """A child call that has its identity."""

    def __init__(self, flow: Flow[Any, Any], frame: Frame, args: Any, kwargs: Any) -> None:
        run = frame.run
        run.check()
        if any(above.once for above in frame.chain()):
            raise KitaruUsageError(
                f"flow {flow.name} inside an effect='once' checkpoint is refused: it might wait. Call it before."
            )
        self.flow = flow
        bound = flow.signature().bind(args, kwargs)
        spec = Spec(None, flow.name, flow.signature())
        try:
            call = run.session.identify(
                frame.scope, flow.name, "child", bound.digest, bound.kind == "opaque", False, False, flow.code()
            )
            self.id = run.session.child_id(call)
        except KitaruError as refusal:
            raise run.refused(refusal) from None
        # Its arguments need no watching: the child has its own.
        self.one = Identified(run, frame, spec, flow.name, bound, call)
        self.made: Run | None = None
        self.held_at = 0

    def enter(self) -> tuple[bool, Any]:
        """The child's result if it has ended, else what running it here gives (an awaitable for async flows)."""
        from kitaru import _runner

        engine = _config.engine()
        run = self.one.run
        record = run.session.record_of(self.one.call)
        key = record[0] if record is not None else self.flow.name
        arguments = given(self.flow.name, self.one.spec.signature, self.one.given)
        try:
            self.made = self.flow._create(arguments, id=self.id, parent=(run.id, key))()
        except KitaruStateError:
            known = json.loads(engine.describe(self.id))
            if known["status"] == "completed":
                if (known["reason"] or {}).get("code") == "volatile-result":
                    raise KitaruEncodeError(
                        f"child {self.flow.name} ({self.id}) completed, but {known['reason']['text']}: its parent "
                        "cannot have it again. Return plain data from it, or register a codec with kitaru.codec"
                    ) from None
                return True, decode(known["result"])
            if known["status"] == "cancelled":
                raise KitaruCancelledError(f"child {self.flow.name} ({self.id}) was cancelled") from None
            if known["held"]:
                # Somebody carries it on by itself: its next event is the news that the parent waits for.
                self.made, self.held_at = None, int(known["last_seq"])
                raise KitaruSuspended(
                    f"child {self.flow.name} runs elsewhere", exec_id=self.id, waits=[], wake_at=None
                ) from None
            self.made = _runner.take_up(self.flow, known, "parent")
        return False, self.flow._enter(self.made, arguments)

    def parked(self, suspended: KitaruSuspended) -> Parked:
        """The parent's side of a child that waits."""
        record = self.one.run.session.record_of(self.one.call)
        key = record[0] if record is not None else self.flow.name
        suspended.seen = self.made.left_at if self.made is not None else self.held_at
        return Parked(self.one.call, key, self.one.frame, child=suspended)

    def stop_with_it(self) -> None:
        """A child was cancelled: with its parent, or by itself."""
        run = self.one.run
        run.session.look()
        if run.session.stop_requested() is not None:
            run.obey()
            run.check()

    def body_sync(self) -> Any:
        while True:
            try:
                over, value = self.enter()
                if over or not self.flow.is_async:
                    return value
                import asyncio

                return asyncio.run(_awaited(value))
            except _LEFT as suspended:
                waiting = _as_suspended(suspended)
            except KitaruCancelledError:
                self.stop_with_it()
                raise
            park_sync(self.one.run, self.parked(waiting))

    async def body_async(self) -> Any:
        while True:
            try:
                over, value = self.enter()
                return value if over else await value
            except _LEFT as suspended:
                waiting = _as_suspended(suspended)
            except KitaruCancelledError:
                self.stop_with_it()
                raise
            await park_async(self.one.run, self.parked(waiting))


# How a child leaves its process that somebody has to go on with.
_LEFT = (KitaruSuspended, KitaruPaused, KitaruMutatedArgumentError)


async def _awaited(value: Any) -> Any:
    return await value


def _as_suspended(error: KitaruSuspended | KitaruPaused | KitaruMutatedArgumentError) -> KitaruSuspended:
    if isinstance(error, KitaruSuspended):
        return error
    return KitaruSuspended(f"paused\n{error}", exec_id=error.exec_id, waits=["paused"], wake_at=None)


def call_child(flow: Flow[Any, Any], frame: Frame, args: Any, kwargs: Any) -> Any:
    """Calls ``flow`` from inside another: its result, or an awaitable of it for an async flow."""
    child = _Child(flow, frame, args, kwargs)
    if flow.is_async:
        return call_async(child.one, child.body_async)
    return call_sync(child.one, child.body_sync)


class ChildHandle(Handle[Any]):
    """A child execution that runs on a thread of its own beside its parent."""

    exec_id: str = ""

    @property
    def status(self) -> str:
        """The execution's status, as the store has it."""
        return str(json.loads(_config.engine().describe(self.exec_id))["status"])

    def wait(self, timeout: float | None = None) -> Any:
        """The result, waiting for it."""
        return self.result(timeout)

    def get(self) -> Any:
        """The result, waiting for it."""
        return self.result()


def run_child(flow: Flow[Any, Any], frame: Frame, args: Any, kwargs: Any) -> Any:
    """Starts ``flow`` beside the flow that calls this."""
    child = _Child(flow, frame, args, kwargs)
    run: Run = frame.run
    handle = ChildHandle()
    handle.exec_id = child.id
    handle._run = run
    here = _context.Frame(run, frame.scope, parent=frame, key=frame.key)
    with run.lock:
        run.items_alive += 1
        run.threads_busy += 1
        run.handles.add(handle)

    def main() -> None:
        me = threading.get_ident()
        run.item_threads.add(me)
        here.thread = me
        _context.enter(here)
        value: Any = None
        error: BaseException | None = None
        try:
            value = call_sync(child.one, child.body_sync)
        except BaseException as raised:
            error = raised
        with run.lock:
            run.item_threads.discard(me)
            run.items_alive -= 1
            run.handles.discard(handle)
        if error is not None:
            handle.set_exception(error)
        else:
            handle.set_result(value)
        run.leave_thread()

    handle.set_running_or_notify_cancel()
    threading.Thread(target=contextvars.Context().run, args=(main,), name=f"kitaru-{child.id[-8:]}").start()
    return handle


def child_has_news(run: Run, suspended: KitaruSuspended) -> bool:
    """Whether something happened to a child since it parked its parent, or its time has come."""
    if suspended.wake_at is not None and run.session.now() >= suspended.wake_at:
        return True
    if run.session.stop_requested() is not None:
        return True
    return _position(suspended.exec_id) != suspended.seen


def _position(exec_id: str) -> int:
    return int(json.loads(_config.engine().describe(exec_id))["last_seq"])
