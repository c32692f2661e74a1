"""Flows called from flows: the child is an execution of its own, linked to the call that made it.

Its identifier is derived from that call (or from its key), so that a crash between the child's creation and the
parent's record cannot create two. A child that suspends suspends its parent. Not here: the path of the call
(``_calls``), and what a flow does to other executions by a client (``_steer``).
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import itertools
import threading
from typing import TYPE_CHECKING, Any

from kitaru import _config, _context, _native
from kitaru._calls import Identified
from kitaru._drive import call_async, call_sync, park_async, park_sync
from kitaru._given import given, recorded_inputs
from kitaru._handles import Handle
from kitaru._outcomes import ENDED, describe, is_paused_alone, must_be_the_same, outcome, parked
from kitaru._parked import Others, Parked
from kitaru._spec import Spec
from kitaru.errors import (
    KitaruCancelledError,
    KitaruError,
    KitaruMutatedArgumentError,
    KitaruNotFoundError,
    KitaruPaused,
    KitaruStateError,
    KitaruStoreError,
    KitaruSuspended,
    KitaruUsageError,
    Unwind,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kitaru._context import Frame
    from kitaru._flow import Flow
    from kitaru._given import Given
    from kitaru._run import Run

# Executions whose call is under way in this process, and how many calls that is.
_carried: dict[str, int] = {}
_lock = threading.Lock()
# Numbers for parked executions that have no call of their own: below all that calls and pauses have.
_numbers = itertools.count(-(1 << 40), -1)


def is_carried(exec_id: str) -> bool:
    """Whether a flow of this process carries that execution on, or waits with it."""
    return exec_id in _carried


@contextlib.contextmanager
def _carrying(exec_id: str) -> Iterator[None]:
    with _lock:
        _carried[exec_id] = _carried.get(exec_id, 0) + 1
    try:
        yield
    finally:
        with _lock:
            _carried[exec_id] -= 1
            if not _carried[exec_id]:
                del _carried[exec_id]


class Carried:
    """An execution that a flow carries on beside itself, however often that waits."""

    def __init__(self, run: Run, frame: Frame, exec_id: str, call: int | None = None) -> None:
        self.run = run
        self.frame = frame
        self.id = exec_id
        self.call = next(_numbers) if call is None else call
        self.made: Run | None = None
        self.held_at = 0
        # Whether it is somebody else's to carry on, as far as was seen.
        self.elsewhere = False

    @property
    def key(self) -> str:
        """What its part of the parent is called."""
        return self.id[-8:]

    def enter(self) -> tuple[bool, Any, bool]:
        """Whether it has ended, with its result; else what running it here gives, and whether that is awaited."""
        return self.go_on(describe(self.id))

    def go_on(self, known: dict[str, Any]) -> tuple[bool, Any, bool]:
        """The same for an execution that is there already."""
        self.made, self.held_at, self.elsewhere = None, int(known["last_seq"]), False
        if known["status"] in ENDED:
            return True, outcome(known), False
        if known["held"] or self.is_anothers(known):
            # Somebody carries it on by itself: its next event is the news that the parent waits for.
            self.elsewhere = True
            raise KitaruSuspended(f"{known['flow']} runs elsewhere", exec_id=self.id, waits=[])
        if is_paused_alone(known):
            raise parked(known)
        flow = self.flow_of(known)
        self.made = self.taken(flow, known)
        return False, flow._enter(self.made, recorded_inputs(flow, known)), flow.is_async

    def taken(self, flow: Flow[Any, Any], known: dict[str, Any]) -> Run:
        """Takes it up. Where somebody was faster, it is as if that one had held it before."""
        from kitaru import _runner

        try:
            made = _runner.take_up(flow, known, "parent")
        except KitaruStateError as refusal:
            if refusal.code not in ("held", "conflict", "already-ended"):
                raise
            self.elsewhere = True
            raise KitaruSuspended(f"{known['flow']} runs elsewhere", exec_id=self.id, waits=[]) from None
        made.above = self.frame
        return made

    def is_anothers(self, known: dict[str, Any]) -> bool:
        """Whether somebody else has to carry it on."""
        return False

    def flow_of(self, known: dict[str, Any]) -> Flow[Any, Any]:
        """Its flow's code."""
        from kitaru import _runner

        return _runner.loaded(known["entry"]) or _runner.load_entry(known["entry"], self.id)

    def parked(self, waiting: KitaruSuspended) -> Parked:
        """The parent's side of a child that waits."""
        waiting.seen = self.made.left_at if self.made is not None else self.held_at
        others = Others([self.id], 1, ends=True) if self.elsewhere else None
        return Parked(self.call, self.key, self.frame, child=waiting, others=others)

    def stop_with_it(self) -> None:
        """It was cancelled: with the flow that carries it, or by itself."""
        self.run.session.look()
        self.run.heed()

    def must_be_its_own(self, failure: KitaruStoreError) -> None:
        """A failure of the store that is not what its flow raised is no outcome of it: this flow is left as well."""
        if self.made is None or self.made.closing is not None:
            self.run.leave_if_store_failed(failure)

    def body_sync(self) -> Any:
        """Carries it on to its end. Blocks this thread."""
        with _carrying(self.id):
            if self.run.rehearses and describe(self.id)["status"] not in ENDED:
                others = Others([self.id], 1, ends=True)
                park_sync(self.run, Parked(self.call, self.key, self.frame, rests=True, others=others))
            while True:
                try:
                    over, value, awaitable = self.enter()
                    if over or not awaitable:
                        return value
                    return _context.in_frame(None, functools.partial(_run_to_end, value))
                except _LEFT as suspended:
                    waiting = _as_suspended(suspended)
                except KitaruCancelledError:
                    self.stop_with_it()
                    raise
                except KitaruStoreError as failure:
                    self.must_be_its_own(failure)
                    raise
                park_sync(self.run, self.parked(waiting))

    async def body_async(self) -> Any:
        """The same in this task, for an async flow."""
        with _carrying(self.id):
            while True:
                try:
                    over, value, _ = self.enter()
                    return value if over else await value
                except _LEFT as suspended:
                    waiting = _as_suspended(suspended)
                except KitaruCancelledError:
                    self.stop_with_it()
                    raise
                except KitaruStoreError as failure:
                    self.must_be_its_own(failure)
                    raise
                await park_async(self.run, self.parked(waiting))


class Child(Carried):
    """A child call that has its identity."""

    def __init__(self, flow: Flow[Any, Any], frame: Frame, args: Any, kwargs: Any) -> None:
        run = frame.run
        run.check_new(frame)
        if any(above.once for above in frame.chain()):
            raise KitaruUsageError(
                f"flow {flow.name} inside an effect='once' checkpoint is refused: it might wait. Call it before."
            )
        self.flow = flow
        bound = flow.signature().bind(args, kwargs)
        digest, opaque = bound.digest, bound.kind == "opaque"
        wished = flow._chosen.key
        if wished is not None:
            digest = _native.blake3((digest or b"") + b"key:" + wished.encode("utf-8", "surrogatepass"))
        try:
            call = run.session.identify(frame.scope, flow.name, "child", digest, opaque, False, False, flow.code())
            keyed = None if wished is None else _native.keyed_id(flow.name, wished)
            exec_id = run.session.child_id(call, keyed)
            # Before anything of this pass is on record.
            self._before = run.session.standing(call)
        except KitaruError as refusal:
            raise run.refused(refusal) from None
        super().__init__(run, frame, exec_id, call)
        self.one = Identified(run, frame, Spec(None, flow.name, flow.signature()), flow.name, bound, call)
        self.one.kept = True
        # By decision it is one that began otherwise.
        self._adopted = keyed is not None and exec_id != keyed
        # Set when the execution is on record, or its call is over.
        self.there = threading.Event()
        self.one.execution = self.id
        # Whether the flow is held before it begins.
        self.asked = False
        self.one.asks = self._is_asked
        if run.rehearses:
            # Nothing is made and nobody is carried on, but what has ended is its outcome.
            self.one.looks = self._is_over()
        if run.rehearses or self._before[0] == "ended":
            self.there.set()

    @property
    def key(self) -> str:
        """The call's key."""
        record = self.run.session.record_of(self.call)
        return record[0] if record is not None else self.flow.name

    def _is_asked(self) -> None:
        """Lets those go on that wait for its identifier."""
        self.asked = True
        self.there.set()

    def _is_over(self) -> bool:
        """Whether the execution is there and has an outcome that its call takes as it is."""
        try:
            known = describe(self.id)
        except KitaruNotFoundError:
            return False
        return known["status"] in ENDED and not (known["status"] == "failed" and self._is_to_run_again(known))

    def create(self, arguments: Given) -> Run | None:
        """Makes the execution; ``None``: it is there already."""
        return self.flow._create(arguments, id=self.id, parent=(self.run.id, self.key))()

    def enter(self) -> tuple[bool, Any, bool]:
        """See :class:`Carried`. The first time it makes the execution."""
        if self.run.rehearses:
            return self.go_on(describe(self.id))
        arguments = given(self.flow.name, self.one.spec.signature, self.one.given)
        self.made = self.create(arguments)
        self.there.set()
        if self.made is not None:
            self.made.above = self.frame
            self.elsewhere = False
            return False, self.flow._enter(self.made, arguments), self.flow.is_async
        return self.go_on(describe(self.id))

    def go_on(self, known: dict[str, Any]) -> tuple[bool, Any, bool]:
        """See :class:`Carried`."""
        if self.flow._chosen.key is not None and not self._adopted:
            must_be_the_same(self.flow, known, self.flow._chosen.key, self.one.bound)
        if known["status"] == "failed" and self._is_to_run_again(known):
            self.held_at, self.elsewhere = int(known["last_seq"]), False
            self.made = self.taken(self.flow, known)
            return False, self.flow._enter(self.made, recorded_inputs(self.flow, known)), self.flow.is_async
        return super().go_on(known)

    def _is_to_run_again(self, known: dict[str, Any]) -> bool:
        """Whether a failure is one that this flow had before and that is to be made anew; else nobody has it yet."""
        word, since = self._before
        if self._is_foreign(known):
            return False
        return word == "dropped" or (word == "open" and int(known["updated_at"]) < since)

    def _is_foreign(self, known: dict[str, Any]) -> bool:
        return (known["parent"] or {}).get("id") != self.run.id

    def is_anothers(self, known: dict[str, Any]) -> bool:
        """See :class:`Carried`: a key's execution may be the child of another flow."""
        return self._is_foreign(known) and _native.manage_root(_config.engine(), self.id) != self.id

    def flow_of(self, known: dict[str, Any]) -> Flow[Any, Any]:
        """See :class:`Carried`."""
        return self.flow

    def parked(self, waiting: KitaruSuspended) -> Parked:
        """See :class:`Carried`: whoever carries on what is not this flow's own tells it by its end."""
        made = super().parked(waiting)
        if made.others is None and self.flow._chosen.key is not None and self._is_foreign(describe(self.id)):
            made.others = Others([self.id], 1, ends=True)
        return made


# How a child leaves its process that somebody has to go on with.
_LEFT = (KitaruSuspended, KitaruPaused, KitaruMutatedArgumentError)


def _run_to_end(value: Any) -> Any:
    """A loop of its own for an async child: its tasks are the child's, not its parent's."""
    import asyncio

    return asyncio.run(_awaited(value))


async def _awaited(value: Any) -> Any:
    return await value


def _as_suspended(error: KitaruSuspended | KitaruPaused | KitaruMutatedArgumentError) -> KitaruSuspended:
    if isinstance(error, KitaruSuspended):
        return error
    return KitaruSuspended(f"paused\n{error}", exec_id=error.exec_id, waits=["paused"], wake_at=None)


def call_child(flow: Flow[Any, Any], frame: Frame, args: Any, kwargs: Any) -> Any:
    """Calls ``flow`` from inside another: its result, or an awaitable of it for an async flow."""
    child = Child(flow, frame, args, kwargs)
    if flow.is_async:
        return call_async(child.one, child.body_async)
    return call_sync(child.one, child.body_sync)


class ChildHandle(Handle[Any]):
    """A child execution that runs on a thread of its own beside its parent."""

    _child: Child | None = None
    # Whether the flow has resumed it after its call was over: then its outcome is no longer that of the call.
    resumed = False

    @property
    def exec_id(self) -> str:
        """The execution's identifier, once the execution is on record."""
        child = self._child
        assert child is not None
        child.there.wait()
        if child.asked:
            # There is none yet: the flow is held, before it begins or until somebody says which it is, and this part
            # cannot wait for that.
            child.run.unwinding = True
            raise Unwind(KitaruPaused(f"{child.flow.name} has not begun", exec_id=child.run.id))
        return child.id

    @property
    def status(self) -> str:
        """The execution's status, as the store has it. A flow that looks again later sees what it saw then."""
        from kitaru._steer import glance

        return glance(self.exec_id)

    def result(self, timeout: float | None = None) -> Any:
        """The result, waiting for it. Raises what the flow raised."""
        if self.resumed:
            from kitaru._fleet import result

            return result(self.exec_id)
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the flow raised, waiting for it; ``None`` if it returned."""
        if self.resumed:
            try:
                self.result(timeout)
            except Exception as error:
                return error
            return None
        return super().exception(timeout)

    async def _awaited(self) -> Any:
        if self.resumed:
            from kitaru._fleet import result_awaited

            return await result_awaited(self.exec_id)
        return await super()._awaited()

    def done(self) -> bool:
        """Whether it has ended, or its call was given up."""
        return self.status in ENDED if self.resumed else super().done()

    def wait(self, timeout: float | None = None) -> Any:
        """The result, waiting for it."""
        return self.result(timeout)

    def get(self) -> Any:
        """The result, waiting for it."""
        return self.result()


def run_child(flow: Flow[Any, Any], frame: Frame, args: Any, kwargs: Any) -> Any:
    """Starts ``flow`` beside the flow that calls this."""
    if flow._chosen.detached:
        from kitaru._detached import run_detached

        return run_detached(flow, frame, args, kwargs)
    child = Child(flow, frame, args, kwargs)
    handle = ChildHandle()
    handle._child = child
    frame.run.children[child.id] = handle

    def work() -> Any:
        try:
            return call_sync(child.one, child.body_sync)
        finally:
            child.there.set()

    beside(frame, child.id, handle, work)
    return handle


def beside(frame: Frame, exec_id: str, handle: Handle[Any], work: Callable[[], Any]) -> None:
    """Runs ``work`` on a thread of its own, as a part of the flow. Its outcome is the handle's."""
    run: Run = frame.run
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
            value = work()
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
    threading.Thread(target=contextvars.Context().run, args=(main,), name=f"kitaru-{exec_id[-8:]}").start()


def carry_on(frame: Frame, exec_id: str) -> None:
    """Carries an execution below this flow on beside it, whose own call is over: its outcome is read from the store."""
    carried = Carried(frame.run, frame, exec_id)
    # From now on, and not from when its thread has begun: whoever looks at once must not find it left alone.
    kept = contextlib.ExitStack()
    kept.enter_context(_carrying(exec_id))
    handle = frame.run.children.get(exec_id)
    if handle is not None:
        handle.resumed = True

    def work() -> Any:
        with kept:
            return carried.body_sync()

    try:
        beside(frame, exec_id, Handle(), work)
    except RuntimeError:
        kept.close()
        raise


def child_has_news(run: Run, suspended: KitaruSuspended) -> bool:
    """Whether something happened to a child since it parked its parent, or it can go on."""
    if suspended.wake_at is not None and run.session.now() >= suspended.wake_at:
        return True
    if run.session.stop_requested() == "cancel":
        return True
    return _native.manage_stirred(_config.engine(), suspended.left())
