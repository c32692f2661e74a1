"""A flow's edge: where its function is entered again and again until it has an outcome, and what leaves it.

Not here: options and handles (``_flow``) and how an execution is found and loaded (``_runner``).
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from kitaru import _capture, _config, _context
from kitaru._calls import _warn, error_tuple
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

    from kitaru._quiet import Side
    from kitaru._run import Parked, Run

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
        _context.running.discard(run)


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
    if not isinstance(error, (KeyboardInterrupt, SystemExit)):
        # Submitted bodies are paid for already. Only whoever interrupts does not want to wait for them.
        run.root_joining += 1
        for handle in list(run.handles):
            handle.settled()
        run.root_joining -= 1
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
            error, value = await _await_root(run, root)
            again, value = _outcome(run, value, error)
            if not again:
                return value
            await _drain(run, side)
    finally:
        run.drop_side(loop)
        _context.running.discard(run)
        _capture.stop()


async def _drain(run: Run, side: Side) -> None:
    """Ends what an earlier pass left behind: bodies that run are paid for, so they end and are recorded first."""
    import asyncio

    run.draining = True
    try:
        for parked in list(run.parked.values()):
            if parked.cancel is not None:
                parked.cancel()
        for future in list(side.cancelled):
            future.cancel()
        while run.bodies:
            await asyncio.wait([task for task in side.tasks if not task.done()] or [_tick()], timeout=0.05)
            if run.closing is not None:
                return
        left = [task for task in side.tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_UNWIND_SECONDS)
        for task in list(side.tasks):
            if task.done() and not task.cancelled():
                task.exception()
    finally:
        run.draining = False


def _tick() -> Any:
    import asyncio

    return asyncio.ensure_future(asyncio.sleep(0.01))


async def _root(run: Run, function: Callable[[], Awaitable[Any]]) -> Any:
    import asyncio

    task = asyncio.current_task()
    assert task is not None
    _context.enter(run.root)
    run.side(asyncio.get_running_loop()).add(task)
    try:
        return await function()
    finally:
        run.root_ended = True


_context.transparent(_root)


async def _await_root(run: Run, root: Any) -> tuple[BaseException | None, Any]:
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
    except asyncio.CancelledError:
        # Whoever awaits the flow was cancelled: so is the flow, and it is left interrupted.
        run.root_ended = True
        if run.closing is None:
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
    try:
        if error is None and hasattr(value, "__await__"):
            _close(value)
            error = KitaruUsageError(
                f"{run.flow} returned {type(value).__name__!r}, which nobody awaited: return `await ...` instead"
            )
        if error is None:
            try:
                session.complete(encode(value, "flow.return"), None)
            except Unencodable as problem:
                _warn(f"{run.flow}: its result is not stored: {problem}. {problem.hint}")
                session.complete("null", problem.path)
            return False, value
        if isinstance(error, Unwind):
            raise error.error from None
        if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)) or _is_cancel(error):
            session.interrupt(type(error).__name__)
            raise error.with_traceback(clean(error.__traceback__))
        sources = run.sources(error)
        stale = run.stale(sources)
        if stale:
            session.drop_records(stale, "failed")
            return True, None
        session.fail(error_tuple(error), sources)
        last_failed.update(error=id(error), flow=run.flow, exec_id=run.id)
    except KitaruError as refusal:
        if refusal.code == "stopping":
            run.obey()
            assert run.closing is not None
            raise run.closing from None
        if refusal is error:
            raise refusal.with_traceback(clean(refusal.__traceback__)) from None
        raise refusal from None
    raise error.with_traceback(clean(error.__traceback__))


def _close(value: Any) -> None:
    close = getattr(value, "close", None)
    if callable(close):
        close()


def _is_cancel(error: BaseException) -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


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
    lines.append(f"{run.flow} ({short}) waits for an answer.{_FREE * (not run.here_only)}")
    for one in questions:
        lines.append(f"  {one.key}: {one.question.text}")
        if run.here_only:
            which = f", wait={one.key!r}" if len(questions) > 1 else ""
            value = _python_example(one.question.json_schema)
            lines.append(f"  kitaru.KitaruClient().executions.input({run.id!r}, {value}{which})")
            continue
        lines.append(f"  kitaru input {short} --value {_example(one.question.json_schema)} --wait {one.key}")
    for one in parked:
        if one.child is not None:
            lines.extend("  " + line for line in str(one.child).splitlines()[1:])
    if run.here_only:
        lines.append(f"  {_HERE_ONLY}.")
    strangers = [name for side in run.sides.values() for name in side.strangers]
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


def _example(schema: Any) -> str:
    kind = schema.get("type") if isinstance(schema, dict) else None
    return {"boolean": "true", "integer": "1", "number": "1.5", "string": "'\"text\"'", "array": "'[]'"}.get(
        str(kind), "JSON"
    )


def ask_inline(run: Run) -> bool:
    """On a terminal: asks the oldest open question here. ``True``: it was answered."""
    if not _config.is_interactive():
        return False
    questions = [one for one in run.parked.values() if one.question is not None]
    if not questions:
        return False
    from kitaru._inline import ask

    return ask(run, questions[0])


def abandon_thread(run: Run) -> None:
    """A flow that swallows its own unwinding: it is released already, so the process may go."""
    closing = run.closing
    if threading.get_ident() == run.root_thread and threading.current_thread() is threading.main_thread():
        status = 75 if isinstance(closing, KitaruSuspended) else 1
        sys.stderr.write(f"{closing}\n(the flow's code swallows every exception and would not stop: left by force)\n")
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(status)
    threading.Event().wait()
