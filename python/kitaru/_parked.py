"""A call that waits for something outside the process, and whether that has come.

Not here: blocking a thread or a task on it (``_drive``), and leaving the process meanwhile (``_quiet``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru import _context
    from kitaru._run import Run
    from kitaru.errors import KitaruSuspended


class Others:
    """Executions that a call waits for: that so many of them have ended, or (not ``ends``) need somebody."""

    __slots__ = ("ends", "executions", "least")

    def __init__(self, executions: list[str], least: int, *, ends: bool) -> None:
        self.executions = executions
        self.least = least
        self.ends = ends


class Parked:
    """A call that waits for something outside the process: an answer, time, a child's answer, or others' end."""

    __slots__ = (
        "call",
        "cancel",
        "child",
        "deadline",
        "frame",
        "hold",
        "key",
        "news",
        "others",
        "pause",
        "question",
        "rests",
        "since",
        "sleeping",
        "thread",
    )

    def __init__(
        self,
        call: int,
        key: str,
        frame: _context.Frame,
        *,
        sleeping: bool = False,
        deadline: int | None = None,
        child: KitaruSuspended | None = None,
        pause: bool = False,
        others: Others | None = None,
        news: Callable[[], bool] | None = None,
        hold: bool = False,
        rests: bool = False,
    ) -> None:
        self.call = call
        self.key = key
        self.frame = frame
        self.sleeping = sleeping
        self.deadline = deadline
        self.child = child
        # Executions that this process does not carry on, and whether those have come so far.
        self.others = others
        self.news = news
        # A pause between tries: its end is not an event of its own, the next try is.
        self.pause = pause
        # A call whose body must not begin, because the execution is about to be paused.
        self.hold = hold
        # A call whose body would run, in a rehearsal.
        self.rests = rests
        self.question: Any = None
        self.since = 0.0
        self.thread: int | None = None
        self.cancel: Callable[[], None] | None = None


def has_news(run: Run, parked: Parked) -> bool:
    """Whether a parked wait is over, due, or must stop."""
    if run.session.stop_requested() == "cancel":
        return True
    if parked.hold:
        return not run.session.is_held
    if parked.child is not None:
        from kitaru._children import child_has_news

        # A child that goes on would begin bodies.
        return not run.session.is_held and child_has_news(run, parked.child)
    if parked.rests:
        return False
    if parked.news is not None:
        return run.session.stop_requested() == "cancel" or (not run.session.is_held and parked.news())
    if parked.pause:
        return parked.deadline is None or run.session.now() >= parked.deadline
    return run.session.wait_news(parked.call)[0] != "open"
