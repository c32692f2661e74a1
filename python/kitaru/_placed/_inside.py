"""The process of a call: loads the function, runs its body, and says what came of it.

Not here: the process around it (``_keeper``), and what the body may ask for (``_stand_in``).
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from kitaru import _context
from kitaru._placed import _traces
from kitaru._placed._stand_in import Channel, Run, forward_logging, redirect

if TYPE_CHECKING:
    import socket

    from kitaru._checkpoint import Checkpoint


class _Refused(Exception):
    """The body cannot be begun. ``header`` says why."""

    def __init__(self, *header: Any) -> None:
        super().__init__(header)
        self.header = list(header)


def work(job: dict[str, Any], arguments: bytes, channel: socket.socket) -> None:
    """Does a job to its end, and says what came of it."""
    talk = Channel(channel)
    redirect(talk)
    settle = forward_logging(talk, job["level"])
    try:
        checkpoint = _loaded(job)
        text = arguments.decode("utf-8", "surrogatepass")
        bound = _bound(checkpoint, text)
    except _Refused as refused:
        talk.say(refused.header)
        return
    settle()
    run = Run(talk, job)
    at: Any = run
    frame = _context.Frame(at, bytes.fromhex(job["scope"]), call=0, key=job["key"], attempt=job["attempt"])
    frame.once = job["once"]
    _context.running.add(at)
    entered = _context.enter(frame)
    try:
        result = _body(checkpoint, bound)
    except BaseException as error:
        _context.leave(entered)
        _raised(talk, checkpoint, bound, error)
    else:
        _context.leave(entered)
        _returned(talk, checkpoint, bound, result)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _body(checkpoint: Checkpoint[Any, Any], bound: Any) -> Any:
    function: Any = checkpoint._function
    if checkpoint._kind != "async":
        return function(*bound.args, **bound.kwargs)
    import asyncio

    async def body() -> Any:
        return await function(*bound.args, **bound.kwargs)

    return asyncio.run(body())


# -- before ---------------------------------------------------------------------------------------------------


def _loaded(job: dict[str, Any]) -> Checkpoint[Any, Any]:
    from kitaru.errors import KitaruError

    try:
        module = _module(job)
    except KitaruError as error:
        hint = "" if error.hint is None else f": {error.hint}"
        raise _Refused("refused", f"its process cannot load it: {error}{hint}") from None
    found = _found(module, job)
    if found is None:
        where = f"{job['file'] or job['module']}"
        raise _Refused("refused", f"its process finds no checkpoint {job['qualname']} in {where}")
    from kitaru._values import code_of, same_code

    code = code_of(found._function)
    digest = None if code is None else code.digest
    if code is not None and same_code(job["code"], digest) is False:
        raise _Refused("differs", digest, code.manifest)
    return found


def _module(job: dict[str, Any]) -> Any:
    from kitaru import _runner

    file = job["file"]
    if job["is_main"] and file is not None:
        return _runner._import_file(file, job["module"], job["path"])
    for folder in reversed(job["path"]):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    import importlib.util

    try:
        is_found = importlib.util.find_spec(job["module"]) is not None
    except (ImportError, ValueError):
        is_found = False
    if not is_found and file is not None:
        return _runner._import_file(file, job["module"].rpartition(".")[2], [])
    return _runner._import(job["module"])


def _found(module: Any, job: dict[str, Any]) -> Checkpoint[Any, Any] | None:
    """The checkpoint: under its name, or of those that the module has made the one of that function and name."""
    from kitaru._checkpoint import Checkpoint, known

    at: Any = module
    for part in job["qualname"].split("."):
        at = getattr(at, part, None)
    for _ in range(100):
        if isinstance(at, Checkpoint) or at is None:
            break
        at = getattr(at, "_checkpoint", None) or getattr(at, "__func__", None) or getattr(at, "__wrapped__", None)
    if isinstance(at, Checkpoint) and at.name == job["name"]:
        return at
    for one in list(known):
        function = getattr(one, "_function", None)
        if (
            isinstance(one, Checkpoint)
            and one.name == job["name"]
            and getattr(function, "__qualname__", None) == job["qualname"]
            and getattr(function, "__module__", None) == module.__name__
        ):
            return one
    return None


def _bound(checkpoint: Checkpoint[Any, Any], text: str) -> Any:
    from kitaru._values import Unencodable, rebuild

    signature = checkpoint.spec().signature
    try:
        args, kwargs = signature.spread(dict(rebuild(text, None, "its input")))
        return signature.bind(args, kwargs)
    except Unencodable as problem:
        raise _Refused("refused", f"{problem} in its process. {problem.hint}") from None


# -- afterwards -----------------------------------------------------------------------------------------------


def _returned(talk: Channel, checkpoint: Checkpoint[Any, Any], bound: Any, result: Any) -> None:
    from kitaru._results import keep

    spec = checkpoint.spec()
    changed = _changed(checkpoint, bound)
    text, _, problem = keep(spec, result)
    if problem is not None:
        talk.say(["unstored", problem.path, problem.type_name, problem.hint, changed])
        return
    talk.say(["returned", changed], str(text).encode("utf-8", "surrogatepass"))


def _raised(talk: Channel, checkpoint: Checkpoint[Any, Any], bound: Any, error: BaseException) -> None:
    from kitaru._calls import error_tuple
    from kitaru.errors import Unwind

    if isinstance(error, Unwind):
        error = error.error
    kind, message, traceback, value, rebuilds = error_tuple(error)
    header = ["raised", _changed(checkpoint, bound), kind, message, traceback, rebuilds, _traces.taken(error)]
    talk.say(header, value.encode("utf-8", "surrogatepass"))


def _changed(checkpoint: Checkpoint[Any, Any], bound: Any) -> str | None:
    """The argument that the body changed: whoever made the call does not see that change, and must not go on so."""
    return checkpoint.spec().signature.rebind_check(bound) if bound.mutable else None
