"""Finding and loading a flow to start or to resume it: what ``kitaru run`` and ``kitaru resume`` do in Python.

Not here: what an execution does (``_edge``) and the command line (Rust).
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import shlex
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from kitaru import _entry
from kitaru._deployed import placed
from kitaru._given import Given, recorded_inputs
from kitaru._inputs import arguments
from kitaru.errors import (
    KitaruCancelledError,
    KitaruEntryPointError,
    KitaruError,
    KitaruFlowNotFoundError,
    KitaruImportError,
    KitaruMutatedArgumentError,
    KitaruPaused,
    KitaruStateError,
    KitaruSuspended,
    from_engine,
)

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from kitaru._flow import Flow
    from kitaru._run import Run

_loading = threading.local()


def refuse_while_loading(flow: Flow[Any, Any]) -> None:
    """A module that is loaded to run or resume a flow must not start executions while it is imported."""
    if not getattr(_loading, "depth", 0):
        return
    place = "its module"
    at: Any = sys._getframe(1)
    while at is not None and "importlib" not in at.f_code.co_filename:
        if at.f_code.co_name == "<module>":
            place = f"{at.f_code.co_filename}:{at.f_lineno}"
        at = at.f_back
    raise KitaruEntryPointError(
        f"{place} starts {flow.name} whenever the file is imported, so nothing can be run or resumed from it",
        hint='put that line under:  if __name__ == "__main__":',
    )


@contextlib.contextmanager
def _loading_code() -> Iterator[None]:
    _loading.depth = getattr(_loading, "depth", 0) + 1
    try:
        yield
    finally:
        _loading.depth -= 1


def load_target(target: str) -> Flow[Any, Any]:
    """The flow of ``FILE.py:FLOW`` or ``module:FLOW``. The flow's name may be left out if there is one only."""
    place, _, name = target.rpartition(":") if ":" in target[2:] else (target, "", "")
    if place.endswith(".py") or os.sep in place:
        module = _import_file(os.path.abspath(place), None, [])
    else:
        sys.path.insert(0, os.getcwd())
        module = _import(place)
    return _flow_in(module, name, place)


def load_entry(entry: dict[str, Any], exec_id: str | None = None) -> Flow[Any, Any]:
    """The flow of a recorded entry point, from any directory; goes to the recorded one first.

    A flow of a notebook is found in the process that had the execution ``exec_id``, as it is defined there now.

    Raises :class:`KitaruImportError` saying which part of the recorded surroundings is missing.
    """
    if entry["module"] is None:
        if exec_id in _entry.here:
            return _flow_in(sys.modules["__main__"], entry["qualname"], "this session")
        raise KitaruFlowNotFoundError(
            f"{entry['qualname']} was defined in a notebook or at a prompt: only that process can go on with it"
        )
    shown = entry["file"] or entry["module"]
    entry = placed(entry)
    if not os.path.isdir(entry["cwd"]):
        raise KitaruImportError(
            f"the working directory that {entry['qualname']} ran in is gone: {entry['cwd']}",
            hint=f"make it again: mkdir -p {shlex.quote(entry['cwd'])}",
        )
    os.chdir(entry["cwd"])
    file = entry["file"]
    try:
        if file is None:
            for folder in reversed(entry["path"]):
                if folder not in sys.path:
                    sys.path.insert(0, folder)
            module = _import(entry["module"])
        else:
            if not os.path.exists(file):
                raise KitaruImportError(f"{file}, which defines the flow {entry['qualname']}, is no longer there")
            module = _import_file(file, entry["module"], entry["path"])
    except KitaruImportError as error:
        gone = [folder for folder in entry["path"] if not os.path.isdir(folder)]
        if gone:
            error.hint = f"gone from the import path that it ran with: {', '.join(gone)}"
        raise
    return _flow_in(module, entry["qualname"], shown)


def loaded(entry: dict[str, Any]) -> Flow[Any, Any] | None:
    """The flow of a recorded entry point, if this process has its module; ``None``: it has not."""
    from kitaru._flow import Flow

    name = entry["module"]
    module = sys.modules.get("__main__" if name is None else name)
    if module is None and name == _entry.main_name():
        module = sys.modules["__main__"]
    found: Any = module
    for part in entry["qualname"].split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, Flow) else None


def _import_file(file: str, name: str | None, path: list[str]) -> ModuleType:
    if not os.path.exists(file):
        raise KitaruImportError(f"there is no file {file}")
    name = name or os.path.splitext(os.path.basename(file))[0]
    for folder in reversed([*path, os.path.dirname(file)] if name.count(".") == 0 else path):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    main = sys.modules.get("__main__")
    if main is not None and os.path.abspath(getattr(main, "__file__", None) or "") == file:
        return main
    known = sys.modules.get(name)
    if known is not None and os.path.abspath(getattr(known, "__file__", None) or "") == file:
        return known
    if os.path.basename(file) == "__main__.py":
        # `python -m package`: its relative imports need the package around it.
        return _import(f"{name}.__main__")
    if name.count("."):
        return _import(name)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise KitaruImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Classes and flows of a script are recorded under this name, also by `python agent.py` itself.
    sys.modules[name] = module
    try:
        with _loading_code():
            spec.loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(name, None)
        if isinstance(error, KitaruEntryPointError):
            raise
        raise _not_importable(file, error) from error
    return module


def _import(name: str) -> ModuleType:
    try:
        with _loading_code():
            return importlib.import_module(name)
    except KitaruEntryPointError:
        raise
    except BaseException as error:
        raise _not_importable(name, error) from error


def _not_importable(what: str, error: BaseException) -> KitaruImportError:
    if isinstance(error, KeyboardInterrupt):
        raise error
    place, said = "", str(error)
    traceback = error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if "importlib" not in file and os.path.dirname(os.path.abspath(__file__)) not in os.path.abspath(file):
            place = f" ({file}:{traceback.tb_lineno})"
        traceback = traceback.tb_next
    if isinstance(error, SyntaxError):
        place, said = f" ({error.filename}:{error.lineno})", error.msg
    said = " ".join(said.split())
    return KitaruImportError(f"{what} cannot be imported: {type(error).__name__}: {said}{place}")


def _flow_in(module: ModuleType, name: str, place: str) -> Flow[Any, Any]:
    from kitaru._flow import Flow

    flows = {key: value for key, value in vars(module).items() if isinstance(value, Flow)}
    if not name:
        if len(set(map(id, flows.values()))) == 1:
            return next(iter(flows.values()))
        raise KitaruFlowNotFoundError(
            f"{place} has {len(flows)} flows: name one, as {place}:{next(iter(flows), 'FLOW')}"
        )
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, Flow):
        by_name = [flow for flow in flows.values() if flow.name == name]
        if by_name:
            return by_name[0]
        known = ", ".join(sorted(flows)) or "none"
        raise KitaruFlowNotFoundError(f"{place} has no flow {name!r}; it has: {known}")
    return found


def take(
    flow: Flow[Any, Any], exec_id: str, why: str, entry: dict[str, Any] | None = None, epoch: int | None = None
) -> tuple[Run, Given]:
    """Takes an execution of ``flow`` up. Returns its run and the flow's arguments.

    ``entry``: where its code is from now on, if it was elsewhere. ``epoch``: that in which whoever asked saw it.
    Raises :class:`KitaruStateError` (``conflict``) if another process has had it since.
    """
    from kitaru import _config

    known = json.loads(_config.engine().describe(exec_id))
    if known["flow"] != flow.name:
        raise KitaruFlowNotFoundError(f"execution {exec_id} is one of the flow {known['flow']}, not of {flow.name}")
    # Before it is taken up: inputs that do not fit must leave it as it is.
    given = recorded_inputs(flow, known)
    if epoch is not None:
        known["epoch"] = epoch
    return take_up(flow, known, why, entry), given


def take_up(flow: Flow[Any, Any], known: dict[str, Any], why: str, entry: dict[str, Any] | None = None) -> Run:
    """Takes an execution up as it was described; what made it fail is marked to run again.

    Raises :class:`KitaruStateError` (``conflict``) if another process has had it since.
    """
    from kitaru import _config

    engine = _config.engine()
    try:
        moved = None if entry is None else json.dumps(entry)
        session = engine.take(known["id"], flow.code(), why, moved, known["epoch"])
    except KitaruStateError as refusal:
        if refusal.code != "no-progress":
            raise
        reason = json.loads(engine.describe(known["id"])).get("reason") or {}
        raise KitaruPaused(reason.get("text", str(refusal)), exec_id=known["id"], reason=reason) from None
    run = flow._made(session)
    reason = known.get("reason") or {}
    if known["status"] == "failed" and reason.get("sources"):
        session.drop_records(reason["sources"], "failed")
        session.begin_pass()
    return run


class Ran(NamedTuple):
    """A job that came to its flow's end or suspension."""

    exec_id: str
    interrupted: bool


def execute(job: dict[str, Any]) -> Ran:
    """Runs a job to the flow's end or suspension.

    What the flow raises is not raised here: it is on record, and whoever asked shows it. What could not be
    recorded is raised.
    """
    if "run" in job:
        asked = job["run"]
        flow = load_target(asked["target"])
        args, kwargs = arguments(flow, asked["inputs"])
        flow = flow._with(tags=asked.get("tags", ()), key=asked.get("key"), pause_before=asked.get("pause_before", ()))
        if asked.get("deadline") is not None:
            flow = flow._with(deadline=asked["deadline"] / 1000)
        if asked.get("pool") is not None:
            from kitaru._submitted import submit

            return Ran(submit(flow._with(pool=asked["pool"]), args, kwargs).exec_id, interrupted=False)
        given = flow._given(args, kwargs)
        run = flow._create(given)()
        if run is None:
            return _finished(flow, flow._key_id(), lambda: _followed(flow, args, kwargs))
        return finish(flow, run, given)
    if "start" in job:
        return Ran(_submit(job["start"]), interrupted=False)
    wanted = job["resume"]
    flow = load_entry(wanted["entry"], wanted["id"])
    try:
        moved = wanted["entry"] if wanted.get("moves") else None
        taken = take(flow, wanted["id"], wanted.get("why", "resume"), moved, wanted.get("epoch"))
    except KitaruPaused as paused:
        return Ran(paused.exec_id, interrupted=False)
    taken[0].on_drift = wanted.get("on_drift") or taken[0].on_drift
    return finish(flow, *taken)


def _submit(asked: dict[str, Any]) -> str:
    """Creates an execution of a recorded flow and leaves it to whoever asked. Returns its identifier.

    Raises :class:`KitaruInputsError` for inputs that do not fit, and :class:`KitaruStateError` (``key-conflict``) for
    an execution that is there with other inputs.
    """
    from kitaru._outcomes import describe, must_be_the_same

    flow = load_entry(asked["entry"])
    args, kwargs = arguments(flow, asked["inputs"])
    flow = flow._with(tags=asked["tags"], key=asked["key"], pause_before=asked["pause_before"], pool=asked["pool"])
    if asked.get("deadline") is not None:
        flow = flow._with(deadline=asked["deadline"] / 1000)
    exec_id: str = asked["id"]
    if not flow._leave(flow._given(args, kwargs), exec_id)[1]:
        bound = flow.signature().bind(args, kwargs)
        must_be_the_same(flow, describe(exec_id), asked["key"] or asked["request"], bound)
    return exec_id


def bind(asked: dict[str, Any]) -> dict[str, Any]:
    """Loads a flow, by ``target`` or by a recorded ``entry``, and binds its ``inputs``, plain JSON.

    Returns its name, ``flow``, its ``entry`` point and the bound ``inputs`` as a JSON text, as executions record them.
    Raises :class:`KitaruInputsError` for inputs that do not fit.
    """
    flow = load_target(asked["target"]) if "target" in asked else load_entry(asked["entry"])
    given = flow._given(*arguments(flow, asked["inputs"]))
    return {
        "flow": flow.name,
        "entry": _entry.entry_point(flow._function),
        "inputs": given.text,
        "deadline": flow._chosen.deadline,
    }


def released(entry: dict[str, Any]) -> dict[str, Any]:
    """Loads what is about to be deployed, from the files that would be: what is missing there is seen now.

    Returns the ``flow``'s name, its ``qualname``, the digest of its ``code`` and the version of ``python``.
    """
    flow = load_entry(entry)
    return {
        "flow": flow.name,
        "qualname": _entry.entry_point(flow._function)["qualname"],
        "code": flow.code(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }


def finish(flow: Flow[Any, Any], run: Run, given: Given) -> Ran:
    """Runs an execution that this process has taken."""
    return _finished(flow, run.id, lambda: flow._enter(run, given), run)


def _followed(flow: Flow[Any, Any], args: Any, kwargs: Any) -> Any:
    from kitaru._keyed import follow

    return follow(flow, flow._key_id(), args, kwargs)


def _finished(flow: Flow[Any, Any], exec_id: str, work: Callable[[], Any], run: Run | None = None) -> Ran:
    try:
        value = work()
        if flow.is_async:
            import asyncio

            asyncio.run(_awaited(value))
    except KitaruSuspended as suspended:
        return Ran(exec_id, suspended.interrupted)
    except (KitaruPaused, KitaruCancelledError, KitaruMutatedArgumentError):
        return Ran(exec_id, False)
    except KitaruError as refusal:
        if run is None and refusal.code == "key-conflict":
            raise
        # Fenced out, or the store failed: no end of this execution is on record.
        if run is not None and (run.closing is not None or run.session.is_open):
            raise
    except BaseException:
        # Whatever the flow's code raised is on record, odd ones too.
        if run is not None and run.session.is_open:
            raise
    return Ran(exec_id, False)


async def _awaited(value: Any) -> Any:
    return await value


def entry_of(job: dict[str, Any]) -> dict[str, Any] | None:
    """The recorded entry point that a job is about; ``None``: it names its flow itself."""
    entry: dict[str, Any] | None = (job.get("resume") or job.get("start") or {}).get("entry")
    return entry


def is_this_interpreter(interpreter: str) -> bool:
    """Whether that is the interpreter of this process, under whatever name its environment gives it."""
    mine, other = os.path.abspath(sys.executable), os.path.abspath(interpreter)
    if mine == other:
        return True
    return os.path.dirname(mine) == os.path.dirname(other) and os.path.realpath(mine) == os.path.realpath(other)


def execute_elsewhere(
    job: dict[str, Any], *, quiet: bool, silent: bool = False, place: tuple[str | None, str | None] | None = None
) -> Ran:
    """Runs a job in the interpreter that its execution was recorded with, in a process of its own.

    ``quiet``: its output goes to stderr; ``silent``: nowhere (it is kept with the execution all the same).
    ``place``: store and home, where they are not those of the environment.
    """
    from kitaru._elsewhere import told_by

    interpreter = placed(entry_of(job) or {"interpreter": sys.executable}, place)["interpreter"]
    told = told_by(job, interpreter, quiet=quiet, silent=silent, place=place)
    exec_id, interrupted, error_code, message, hint = told
    if exec_id is None:
        raise as_error(error_code, message, hint)
    return Ran(exec_id, interrupted)


def leave_elsewhere(job: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Leaves a resume to a process of its own, which nobody waits for. What it says is kept with the execution."""
    import subprocess

    from kitaru._elsewhere import environment

    code = "from kitaru._wake import alone; alone()"
    return subprocess.Popen(
        [placed(job["resume"]["entry"])["interpreter"], "-c", code, json.dumps(job)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(None),
        start_new_session=True,
    )


def as_error(code: str, message: str, hint: str | None) -> KitaruError:
    """An error that another process told, as the class that stands for its code."""
    for kind in (KitaruImportError, KitaruFlowNotFoundError, KitaruEntryPointError):
        if kind.code == code:
            return kind(message, hint=hint)
    return from_engine(code, message, hint)
