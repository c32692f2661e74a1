"""A flow's edge: where its function is entered again and again until it has an outcome, and what leaves it.

Not here: options and handles (``_flow``) and how an execution is found and loaded (``_runner``).
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from kitaru import _capture, _config, _context, _ending, _native, _wake
from kitaru._calls import _warn, error_tuple
from kitaru._context import is_cancel
from kitaru._values import Unencodable, encode
from kitaru.errors import (
    KitaruDivergenceError,
    KitaruError,
    KitaruMutatedArgumentError,
    KitaruSuspended,
    KitaruUsageError,
    Unwind,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from kitaru._parked import Parked
    from kitaru._quiet import Side
    from kitaru._run import Run

_HERE = os.path.dirname(os.path.abspath(__file__))
_UNWIND_SECONDS = 5.0
# Which execution failed last and by which exception, so that a script that dies of it can say how to go on.
last_failed: dict[str, Any] = {}


def run_sync(run: Run, function: Callable[[], Any]) -> Any:
    """Runs a sync flow's function to an outcome, in this thread."""
    __tracebackhide__ = True
    run.root_thread = threading.get_ident()
    _context.running.add(run)
    try:
        with _capture.capturing():
            while True:
                again, value = _pass(run, function)
                if not again:
                    return value
    finally:
        run.over.set()
        _context.running.discard(run)
        _let_go(run)
        _wake.after(run.id)


def _pass(run: Run, function: Callable[[], Any]) -> tuple[bool, Any]:
    __tracebackhide__ = True
    run.begin_pass()
    entered = _context.enter(run.root)
    error: BaseException | None = None
    value: Any = None
    try:
        value = function()
    except BaseException as caught:
        error = caught
    finally:
        _context.leave(entered)
    run.root_failed = isinstance(error, Exception)
    if not isinstance(error, (KeyboardInterrupt, SystemExit)):
        # Only whoever interrupts does not want to wait.
        _ending.settle_threads(run)
    while run.unwinding and run.session.is_held and run.closing is None:
        run.halt()
    return _outcome(run, value, error)


async def run_async(run: Run, function: Callable[[], Awaitable[Any]]) -> Any:
    """Runs an async flow's function to an outcome, as a task of the running loop."""
    import asyncio

    from kitaru import _loops

    loop = asyncio.get_running_loop()
    _loops.install(loop)
    _context.running.add(run)
    _capture.start()
    try:
        while True:
            run.begin_pass()
            side = run.side(loop)
            root = loop.create_task(_root(run, function))
            side.root = root
            error, value = await _await_root(run, side, root)
            if run.unwinding:
                await _halt_unwound(run, side)
            again, value = _outcome(run, value, error)
            if not again:
                return value
            await _ending.end_tasks(side)
    finally:
        run.drop_side(loop)
        _context.running.discard(run)
        _capture.stop()
        _let_go(run)
        _wake.after(run.id)


def _let_go(run: Run) -> None:
    """A failure of the store kept the way that the flow has ended from being recorded. What still runs of it here is
    not begun elsewhere beside that."""
    if run.session.is_open and not run.rehearses and not run.bodies:
        run.session.abandon()


async def _halt_unwound(run: Run, side: Side) -> None:
    """Pauses a held execution whose root could not wait for that, when the other tasks' bodies have ended."""
    import asyncio

    from kitaru._quiet import is_quiet

    while run.closing is None and run.session.is_held:
        tasks = [task for task in side.tasks if not task.done()]
        if is_quiet(run, parked=False):
            run.halt()
        elif tasks:
            await asyncio.wait(tasks, timeout=0.02)
        else:
            await asyncio.sleep(0.01)
    for task in list(side.tasks):
        if task.done() and not task.cancelled():
            task.exception()


async def _root(run: Run, function: Callable[[], Awaitable[Any]]) -> Any:
    import asyncio

    task = asyncio.current_task()
    assert task is not None
    _context.enter(run.root)
    run.side(asyncio.get_running_loop()).add(task)
    try:
        try:
            value = await function()
        except Exception:
            run.root_failed = True
            await _settled(run)
            raise
        await _settled(run)
        return value
    finally:
        run.root_ended = True


async def _settled(run: Run) -> None:
    """What was started beside the flow is paid for already: it ends, and is recorded, before the flow does."""
    import asyncio

    while run.closing is None and (left := list(run.handles)):
        await run.side(asyncio.get_running_loop()).join(left[0])


_context.transparent(_root)


async def _await_root(run: Run, side: Side, root: Any) -> tuple[BaseException | None, Any]:
    import asyncio

    try:
        while not root.done():
            if run.closing is not None:
                done, _ = await asyncio.wait({root}, timeout=_UNWIND_SECONDS)
                if not done:
                    # It will not unwind: it is abandoned. The execution is released already.
                    return run.closing, None
            else:
                await asyncio.wait({root}, timeout=0.5 if run.sides else None)
        if (
            run.closing is None
            and not run.unwinding
            and (root.cancelled() or isinstance(root.exception(), (Exception, type(None))))
        ):
            await _ending.settle_tasks(run, side)
    except asyncio.CancelledError:
        # Whoever awaits the flow was cancelled: so is the flow, and it is left interrupted.
        run.root_ended = True
        if run.closing is None:
            _capture.finish(run)
            run.session.interrupt("cancellation of the task that awaited the flow")
            run.stop(KitaruError("the task that awaited the flow was cancelled", code="interrupted"))
        root.cancel()
        await asyncio.wait({root}, timeout=_UNWIND_SECONDS)
        raise
    if root.cancelled():
        return asyncio.CancelledError(), None
    error = root.exception()
    return (error, None) if error is not None else (None, root.result())


def _outcome(run: Run, value: Any, error: BaseException | None) -> tuple[bool, Any]:
    """Records how a pass ended. Returns whether to begin another, and the flow's result; or raises."""
    __tracebackhide__ = True
    session = run.session
    closing = run.closing
    if closing is not None:
        if isinstance(error, Unwind) and isinstance(closing, (KitaruMutatedArgumentError, KitaruDivergenceError)):
            # Somebody has to mend something, and looks for the line.
            closing = closing.with_traceback(clean(error.__traceback__))
        raise closing from None
    if run.unwinding:
        # What held it is gone: it was unwound for nothing, and begins again.
        return True, None
    _capture.finish(run)
    try:
        if error is None and hasattr(value, "__await__"):
            _close(value)
            error = KitaruUsageError(
                f"{run.flow} returned {type(value).__name__!r}, which nobody awaited: return `await ...` instead"
            )
        if error is None:
            try:
                _say_not_taken(run, session.complete(encode(value, "flow.return"), None))
            except Unencodable as problem:
                _warn(f"{run.flow}: its result is not stored: {problem}. {problem.hint}")
                _say_not_taken(run, session.complete("null", problem.path))
            return False, value
        if isinstance(error, Unwind):
            raise error.error from None
        if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)) or is_cancel(error):
            session.interrupt(type(error).__name__, in_haste=isinstance(error, KeyboardInterrupt))
            raise error.with_traceback(clean(error.__traceback__))
        sources = run.sources(error)
        stale = run.stale(sources)
        if stale:
            session.drop_records(stale, "failed")
            return True, None
        _say_not_taken(run, session.fail(error_tuple(error), sources))
        last_failed.update(error=id(error), flow=run.flow, exec_id=run.id)
    except KitaruError as refusal:
        if refusal.code == "stopping":
            run.obey()
            assert run.closing is not None
            raise run.closing from None
        if refusal.code == "server-away" and isinstance(error, KeyboardInterrupt):
            # What was paid for meanwhile is not on record.
            _warn(f"{run.flow}: the store was not told of what came last: {refusal}")
            raise error.with_traceback(clean(error.__traceback__)) from None
        if refusal is error:
            raise refusal.with_traceback(clean(refusal.__traceback__)) from None
        raise refusal from None
    raise error.with_traceback(clean(error.__traceback__))


def _say_not_taken(run: Run, sentences: list[str]) -> None:
    """What somebody put in place for nothing is no small thing: they meant to see what comes of it."""
    if run.says_not_taken and sentences:
        import warnings

        from kitaru.errors import KitaruOverrideNotTaken

        for sentence in sentences:
            warnings.warn(sentence, KitaruOverrideNotTaken, stacklevel=2)


def _close(value: Any) -> None:
    close = getattr(value, "close", None)
    if callable(close):
        close()


def clean(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback without this library's frames."""
    from types import TracebackType as Traceback

    frames = []
    while traceback is not None:
        if not traceback.tb_frame.f_code.co_filename.startswith(_HERE):
            frames.append(traceback)
        traceback = traceback.tb_next
    cleaned: TracebackType | None = None
    for one in reversed(frames):
        cleaned = Traceback(cleaned, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return cleaned


def clean_chain(error: BaseException) -> None:
    """The same for an exception, its causes, contexts and members, in place."""
    seen: set[int] = set()
    ahead: list[BaseException | None] = [error]
    while ahead:
        one = ahead.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = clean(one.__traceback__)
        ahead += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def suspension_message(run: Run, parked: list[Parked], wake_at: int | None, sleeping: bool) -> str:
    """The one message that a suspension prints."""
    short = run.id[-8:]
    lines: list[str] = []
    if sleeping:
        import datetime

        until = datetime.datetime.fromtimestamp((wake_at or 0) / 1000).astimezone()
        lines.append(f"{run.flow} ({short}) sleeps until {until:%Y-%m-%d %H:%M:%S}.{_FREE * (not run.here_only)}")
        if run.here_only:
            lines.append(f"  {_HERE_ONLY}. Then go on with")
            lines.append(f"  kitaru.KitaruClient().executions.resume({run.id!r})")
        else:
            lines.append("Then wake it with: kitaru resume --due")
        return "\n".join(lines)
    questions = [one for one in parked if one.question is not None]
    asked = questions or [one for one in parked if one.child is not None and one.child.waits]
    decides = not questions and any(one.child is not None and one.child.waits == ["paused"] for one in parked)
    what = "a decision" if decides else "an answer" if asked else "other executions"
    lines.append(f"{run.flow} ({short}) waits for {what}.{_FREE * (not run.here_only)}")
    for one in questions:
        lines.append(f"  {one.key}: {one.question.text}")
        if run.here_only:
            which = f", wait={one.key!r}" if len(questions) > 1 else ""
            value = _python_example(one.question.json_schema)
            lines.append(f"  kitaru.KitaruClient().executions.input({run.id!r}, {value}{which})")
            continue
        lines.append(f"  {_native.answer_command(short, one.question.schema_text, one.key)}")
    for one in parked:
        if one.others is not None:
            shown = ", ".join(id[-8:] for id in one.others.executions[:5])
            more = ", …" if len(one.others.executions) > 5 else ""
            lines.append(f"  {one.key}: {shown}{more}")
        if one.child is not None:
            lines.extend("  " + line for line in str(one.child).splitlines()[1:])
    if run.here_only:
        lines.append(f"  {_HERE_ONLY}.")
    strangers = [*run.strangers, *(name for side in run.sides.values() for name in side.strangers)]
    if strangers:
        grace = f"{_config.grace():g}"
        lines.append(f"  left behind after {grace} s, waiting for something else: {', '.join(strangers)}")
    return "\n".join(lines)


_FREE = " No process needs to run."
_HERE_ONLY = "It was defined in a notebook or at a prompt: only this process can go on with it"


def _python_example(schema: Any) -> str:
    kind = schema.get("type") if isinstance(schema, dict) else None
    return {"boolean": "True", "integer": "1", "number": "1.5", "string": "'text'", "array": "[]"}.get(
        str(kind), "ANSWER"
    )


def ask_inline(run: Run) -> bool:
    """On a terminal: asks the oldest open question here. ``True``: it was answered.

    A child leaves its questions to the flow that started it: that one may have the answer. When nothing of it can go
    on it asks them here.
    """
    if not _config.is_interactive() or run.above is not None:
        return False
    questions = [one for one in run.parked.values() if one.question is not None]
    from kitaru._inline import ask, ask_below

    if questions:
        return ask(run, questions[0])
    return any(one.child is not None for one in run.parked.values()) and ask_below(run)


def abandon_thread(run: Run) -> None:
    """A flow that swallows its own unwinding: it is released already, so the process may go."""
    if threading.get_ident() == run.root_thread:
        abandon(run)
    threading.Event().wait()


def abandon(run: Run) -> None:
    """Leaves the process, if what will not unwind is its main thread; the execution is released already."""
    if run.root_thread == threading.main_thread().ident:
        status = 75 if isinstance(run.closing, KitaruSuspended) else 1
        sys.stderr.write(f"{run.closing}\n(the flow's code would not stop: left by force)\n")
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(status)
