"""One execution in this process: its session, who of its tasks and threads is alive, and how it stops.

Not here: the path of a call (``_calls``), whether the flow is quiet (``_quiet``), and loading a flow (``_runner``).
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any

from kitaru import _capture, _context, _threads
from kitaru.errors import (
    KitaruCancelledError,
    KitaruDamagedError,
    KitaruError,
    KitaruNotFoundError,
    KitaruPaused,
    KitaruStoreError,
    KitaruSuspended,
    KitaruUsageError,
    Unwind,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from kitaru._native import Session
    from kitaru._parked import Parked
    from kitaru._quiet import Side
    from kitaru._turns import Asking


class Run:
    """See the module. Made anew for each time an execution is taken up."""

    counts_tasks = True
    asks: Callable[..., str] | None = None
    """Asks whoever holds the execution, where this only stands for it in another process: see ``_placed``."""
    rehearses = False
    """Whether recorded calls are served and no body runs: see ``_rehearsal``."""

    def __init__(
        self, session: Session, flow: str, *, strict: bool = False, on_drift: str = "ask", priority: int = 0
    ) -> None:
        self.session = session
        self.flow = flow
        self.strict = strict
        self.on_drift = on_drift
        # Of its calls that have none of their own, at limits.
        self.priority = priority
        self.pid = os.getpid()
        self.lock = threading.RLock()
        # Told when a thread of the flow begins to wait, and when a recorded outcome is handed to one.
        self.turned = threading.Condition(self.lock)
        self.closing: KitaruError | None = None
        self.root_ended = False
        # The flow's function has raised; what was started beside it still ends, but nobody waits for an answer.
        self.root_failed = False
        # Why what is parked is not waited for any more.
        self.given_up: KitaruError | None = None
        # Between two passes: what is still under way ends, and nothing new begins.
        self.draining = False
        # The code behind each checkpoint's name, in this pass.
        self.named: dict[str, str] = {}
        # The same of what ``kitaru.call`` was given.
        self.called: dict[str, Any] = {}
        # What recorded calls were given and would have used up, by identity, and the records of those calls.
        self.unread: dict[int, tuple[Any, list[tuple[str, int]]]] = {}
        # Bodies whose outcome is not on record yet, and the task or thread that will record it.
        self.bodies: dict[_context.Frame, asyncio.Task[Any] | int] = {}
        self.parked: dict[int, Parked] = {}
        # Calls that wait for their turn at a limit.
        self.queued: dict[int, Parked] = {}
        self.items_alive = 0
        self.threads_busy = 0
        self.item_threads: set[int] = set()
        # Threads of the flow's own code that were given a place in it, and how deep each is.
        self.carried: dict[int, int] = {}
        # Since when, and in which of these threads, something unknown is waited for.
        self.unknown_since: float | None = None
        self.strangers: list[str] = []
        # Set when a sync flow's own thread has come to its edge.
        self.over = threading.Event()
        # Held while a thread asks inline or leaves, so that two do not.
        self.one_leaves = threading.RLock()
        # Held while the flow is left, and by whoever stops being parked: nobody goes on once it was found quiet.
        self.parting = threading.RLock()
        # What each thread of the flow waits for that waits for another one.
        self.joins: dict[int, Any] = {}
        self.guests_parked = 0
        self.root_thread: int | None = None
        self.root_joining = 0
        # The handle that the root waits for, where it does.
        self.root_joins: Any = None
        self.handles: set[Any] = set()
        self.sides: dict[int, Side] = {}
        self.askers: dict[int, Asking] = {}
        self.known_errors: dict[int, tuple[BaseException, list[int], bool]] = {}
        self.refusals = 0
        # Where in its parent this one is carried on, if it is a child in this process.
        self.above: _context.Frame | None = None
        # Children by identifier, as they were started beside this flow.
        self.children: dict[str, Any] = {}
        # Whether no other process can load the flow: it was defined in a notebook, at a prompt or in `python -c`.
        self.here_only = False
        # Sequence of the event that parked the execution: what comes later is news to a parent that waits for it.
        self.left_at = 0
        self.old_records = 0
        self.notes: list[str] = []
        # Somebody pressed Ctrl-C when a wait was asked on the terminal.
        self.left_by_interrupt = False
        # Whether what was put in place in a replay for nothing is said here, beside being noted.
        self.says_not_taken = False
        # What a pause raises at the flow's edge, where that is more than `KitaruPaused`.
        self.held_as: KitaruError | None = None
        # The flow is held and one of its tasks could not wait for that: it unwinds, while the others end first.
        self.unwinding = False
        # What was cut off by that, by key.
        self.cut: list[str] = []
        self.root = _context.Frame(self, _context.ROOT_SCOPE)
        self.mark_old()

    @property
    def id(self) -> str:
        """The execution's identifier."""
        return self.session.id

    def mark_old(self) -> None:
        """Failures recorded from here on count as made by this process."""
        self.fresh: set[int] = set()

    def begin_pass(self) -> None:
        """The flow's function is about to run again from its top."""
        self.session.begin_pass()
        self.named.clear()
        self.called.clear()
        self.unread.clear()
        self.known_errors.clear()
        self.root = _context.Frame(self, _context.ROOT_SCOPE)
        self.root_ended = self.root_failed = self.unwinding = False
        self.given_up = None

    def meet(self, name: str, code: str, function: Any) -> None:
        """A checkpoint of that name is called for the first time in this pass: what it is made of is kept.

        Raises :class:`KitaruUsageError` where another one has the name.
        """
        if self.named.setdefault(name, code) != code:
            raise KitaruUsageError(
                f"two different checkpoints are named {name!r} in this flow, so that one could be given the "
                "other's results: give one of them a name of its own with @checkpoint(name=...)"
            )
        self.keep_code(code, function)

    def keep_code(self, digest: str, function: Any) -> None:
        """Keeps what a code digest is made of, once in this process, so that it can be told what changed."""
        from kitaru import _config

        engine = _config.engine()
        if engine.is_new_code(digest):
            from kitaru._values import code_of

            code = code_of(function)
            if code is not None and code.digest == digest:
                engine.keep_code(digest, code.manifest)

    # -- who is alive ---------------------------------------------------------------------------------

    def alone(self) -> bool:
        """Whether no other task or thread of the flow is alive beside the caller."""
        if self.items_alive or (self.carried and not _threads.alone(self)):
            return False
        alive = 0
        for side in self.sides.values():
            alive += side.alive(2)
            if alive > 1:
                return False
        return True

    def side(self, loop: asyncio.AbstractEventLoop) -> Side:
        """What this execution keeps for one event loop."""
        known = self.sides.get(id(loop))
        if known is None or known.loop is not loop:
            from kitaru._quiet import Side

            for key, other in list(self.sides.items()):
                if other.loop.is_closed():
                    self.sides.pop(key, None)
            known = self.sides[id(loop)] = Side(self, loop)
        return known

    def live_sides(self) -> list[Side]:
        """The loops that run now. A loop that sync code ran and left (`run_sync`) has nothing to say."""
        return [side for side in list(self.sides.values()) if side.loop.is_running()]

    def enter_thread(self) -> None:
        """A thread of the flow works."""
        with self.lock:
            self.threads_busy += 1

    def leave_thread(self) -> None:
        """A thread of the flow has ended, or waits for another."""
        with self.turned:
            self.threads_busy -= 1
            self.turned.notify_all()

    def wake(self, order: int) -> None:
        """It is this outcome's turn: wakes whoever asked for it, thread or task."""
        with self.turned:
            asking = self.askers.get(order)
            if asking is not None:
                asking.hand()
                self.turned.notify_all()
                return
        for side in self.live_sides():
            if order in side.waiters:
                side.loop.call_soon_threadsafe(side.hand_out, order)

    def drop_side(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forgets a loop that has ended."""
        self.sides.pop(id(loop), None)

    # -- stopping -------------------------------------------------------------------------------------

    def check(self) -> None:
        """Refuses to go on once the execution is being left."""
        if self.closing is not None:
            self.refusals += 1
            if self.refusals > 1000:
                from kitaru._edge import abandon_thread

                abandon_thread(self)
            raise Unwind(self.closing)

    def check_new(self, frame: _context.Frame) -> None:
        """Refuses to begin anything once the execution is being left or the flow's function has ended.

        Bodies that run then may still make the calls that they need to end.
        """
        self.check()
        if (self.draining or self.root_ended) and frame.body() is None:
            raise Unwind(KitaruError("the flow's function has ended: nothing new begins in it", code="earlier-pass"))

    def stop(self, error: KitaruError) -> Unwind:
        """Leaves the execution with ``error``: parked waits end first, then the root. Returns what to raise."""
        with self.lock:
            if self.closing is None:
                self.closing = error
            parked = list(self.parked.values())
        for one in parked:
            if one.cancel is not None:
                with contextlib.suppress(RuntimeError):  # its loop is closed: nothing is left to wake there
                    one.cancel()
        for side in list(self.sides.values()):
            side.cancel_root()
        with self.turned:
            self.turned.notify_all()
        if self.strangers and self.root_thread is not None:
            _threads.see_out(self)
        return Unwind(self.closing)

    def leave_if_store_failed(self, error: KitaruStoreError) -> None:
        """Leaves where the store failed. Returns if it only says what is not there or damaged: that is for the flow."""
        if not isinstance(error, (KitaruNotFoundError, KitaruDamagedError)):
            raise self.refused(error) from None

    def refused(self, error: KitaruError) -> Unwind:
        """The engine refused to go on: fenced out, stopping, or the store failed."""
        if error.code == "stopping":
            self.obey()
            assert self.closing is not None
            return Unwind(self.closing)
        if error.code == "closed" and self.closing is not None:
            return Unwind(self.closing)
        if error.code == "earlier-pass":
            # Left over from before the flow began again: only this task or thread ends.
            return Unwind(error)
        return self.stop(error)

    def has_failed(self) -> bool:
        """The flow is quiet: whether it has failed, so that what is parked is given up instead of waited for."""
        if self.root_failed and self.given_up is None:
            self.given_up = KitaruError("the flow has failed meanwhile")
        return self.root_failed

    def obey(self) -> None:
        """Somebody asked from outside to cancel: records it and leaves."""
        if self.closing is not None:
            return
        _capture.finish(self)
        self.session.cancel("request")
        self.stop(KitaruCancelledError(f"execution {self.id} was cancelled"))

    def heed(self) -> None:
        """Leaves if somebody asked from outside to cancel."""
        if self.session.stop_requested() == "cancel":
            self.obey()
        self.check()

    @property
    def leaving(self) -> bool:
        """Whether what is cancelled now is cancelled by the way the flow ends, and not by what it does."""
        return self.root_ended or self.unwinding or self.closing is not None

    def hold(self, reason: str, text: str, error: KitaruError | None = None) -> None:
        """No body begins from here on, and when what runs has ended the execution is paused, for that reason.

        ``error``: what is raised then at the flow's edge, if it is not to be :class:`KitaruPaused`.
        """
        with self.lock:
            if not self.session.is_held:
                self.held_as = error
            self.session.hold(reason, text)

    def halt(self) -> bool:
        """Pauses a held execution. ``False``: something came first, and the flow goes on."""
        with self.lock:
            if self.closing is not None:
                return True
        cut = [f"{key}: it will run again" for key in self.cut]
        for side in self.sides.values():
            cut += [f"the task {name}: it waited for something else" for name in side.strangers]
        cut += [f"{name}: it waited for something else" for name in self.strangers]
        _capture.finish(self)
        try:
            halted = self.session.halt(cut)
        except KitaruError as refusal:
            self.refused(refusal)
            return True
        if halted is None:
            return False
        import json

        self.left_at, reason, text = halted
        self.stop(self.held_as or KitaruPaused(text, exec_id=self.id, reason=json.loads(reason)))
        return True

    def suspend(self) -> bool:
        """Parks the execution on all that it waits for. ``False``: something came first, and the flow goes on."""
        from kitaru._quiet import is_quiet

        with self.parting:
            if self.closing is not None:
                return True
            return is_quiet(self) and self._suspend(list(self.parked.values()))

    def _suspend(self, parked: list[Parked]) -> bool:
        own = [one.key for one in parked if one.child is None and one.news is None and not one.pause]
        nested = [f"{one.key}: {wait}" for one in parked if one.child is not None for wait in one.child.waits]
        wakes = [one.deadline for one in parked if one.deadline is not None]
        wakes += [one.child.wake_at for one in parked if one.child is not None and one.child.wake_at is not None]
        wake_at = min(wakes, default=None)
        # How the children were left that this process ran: whoever moves one carries the flow on.
        below = [seen for one in parked if one.child is not None and one.others is None for seen in one.child.left()]
        sleeping = bool(parked) and all(one.sleeping for one in parked)
        others = [
            (one.others.least, one.others.ends, one.others.executions) for one in parked if one.others is not None
        ]
        # A child that asks nothing waits for time, or for others.
        quiet = [one.key for one in parked if one.child is not None and one.others is None and not one.child.waits]
        _capture.finish(self)
        try:
            left_at = self.session.suspend(own, nested + quiet, others, below, wake_at, sleeping)
            if left_at is None:
                return False
            self.left_at = left_at
        except KitaruError as refusal:
            self.refused(refusal)
            return True
        from kitaru._edge import suspension_message

        text = suspension_message(self, parked, wake_at, sleeping)
        asked = [one.key for one in parked if one.child is None and one.news is None and not one.sleeping]
        waits = asked + nested
        suspended = KitaruSuspended(text, exec_id=self.id, waits=waits, wake_at=wake_at)
        suspended.executions = sorted({id for _, _, ids in others for id in ids})
        suspended.below = below
        suspended.interrupted = self.left_by_interrupt
        self.stop(suspended)
        return True

    # -- failures -------------------------------------------------------------------------------------

    def remember(self, error: BaseException, record: int, *, fresh: bool) -> None:
        """Ties an exception that the flow gets to the record of the call that raised it."""
        if fresh:
            self.fresh.add(record)
        known = self.known_errors.get(id(error))
        records = [*known[1], record] if known is not None else [record]
        self.known_errors[id(error)] = (error, records, fresh)

    def sources(self, error: BaseException) -> list[int]:
        """Records of the failed calls that an exception came from, stopping on each path at the first."""
        found: list[int] = []
        seen: set[int] = set()
        ahead: list[BaseException | None] = [error]
        while ahead:
            one = ahead.pop()
            if one is None or id(one) in seen:
                continue
            seen.add(id(one))
            known = self.known_errors.get(id(one))
            if known is not None:
                found.extend(record for record in known[1] if record not in found)
                continue
            ahead += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
        return found

    def stale(self, sources: list[int]) -> list[int]:
        """Those of ``sources`` that were only read from the record: they must run again."""
        return [record for record in sources if record not in self.fresh]
