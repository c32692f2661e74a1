"""Recorded results in their order, for threads: one is handed out when no other thread of the flow can go on.

Handing out two at once would let threads race that did not race when the results were recorded. Not here: which
result is next (core decides) and the same for tasks (``_quiet``).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from kitaru import _threads

if TYPE_CHECKING:
    from kitaru._run import Run

_LOOK = 0.005
# A thread that waits for something outside of the flow holds up recorded results for so many looks: 0.1 s where they
# come in time. Time itself would not do: it also passes while a busy machine lets no thread of the flow go on.
PATIENCE = 20


class Asking:
    """A thread that waits for its turn. All of it is touched under the run's lock."""

    def __init__(self, run: Run) -> None:
        me = threading.get_ident()
        self._run = run
        self._root = me == run.root_thread
        self._item = me in run.item_threads
        self.thread = me
        self.handed = False
        self._count(-1)

    def hand(self) -> None:
        """It is its turn: it counts as busy before it has woken."""
        if not self.handed:
            self.handed = True
            self._count(1)

    def _count(self, step: int) -> None:
        if self._root:
            self._run.root_joining -= step
        elif self._item:
            self._run.threads_busy += step


def await_turn(run: Run, order: int) -> None:
    """Returns when it is this outcome's turn."""
    with run.turned:
        # Known here before it is asked for, so that whoever finds that it is its turn finds whom to tell.
        asking = run.askers[order] = Asking(run)
        run.session.ask(order)
        run.turned.notify_all()
        looks = 0
        try:
            while not asking.handed:
                run.check()
                if looks < PATIENCE and others_ready(run):
                    looks += not run.turned.wait(_LOOK)
                    continue
                turn, _ = run.session.next_delivery()
                if turn is not None:
                    run.wake(turn)
                    looks = 0
                    continue
                # Nobody asked for what stands before: it gives way if nobody does for so long.
                for _ in range(PATIENCE):
                    if run.turned.wait(_LOOK):
                        break
        finally:
            del run.askers[order]
            asking.hand()


def others_ready(run: Run) -> bool:
    """Whether a thread of the flow runs, or was just woken."""
    if run.threads_busy > 0 or _threads.ready(run):
        return True
    from kitaru._quiet import root_waits

    return not root_waits(run) and not _threads.root_blocked(run)
