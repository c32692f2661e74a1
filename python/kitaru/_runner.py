"""Finding and loading a flow to start or to resume it: what ``kitaru run`` and ``kitaru resume`` do in Python.

Not here: what an execution does (``_edge``) and the command line (Rust).
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from kitaru.errors import (
    KitaruEntryPointError,
    KitaruFlowNotFoundError,
    KitaruImportError,
    KitaruPaused,
    KitaruStateError,
)

if TYPE_CHECKING:
    from types import ModuleType

    from kitaru._flow import Flow
    from kitaru._run import Run

_loading = threading.local()


def refuse_while_loading(flow: Flow[Any, Any]) -> None:
    """A module that is loaded for a resume must not start executions while it is imported."""
    file: str | None = getattr(_loading, "file", None)
    if file is None:
        return
    line = "?"
    at: Any = sys._getframe(1)
    while at is not None:
        if os.path.abspath(at.f_code.co_filename) == file and at.f_code.co_name == "<module>":
            line = str(at.f_lineno)
        at = at.f_back
    raise KitaruEntryPointError(
        f"{file}:{line} starts {flow.name} whenever the file is imported, so nothing can be resumed from it. "
        'Put that line under:  if __name__ == "__main__":'
    )


def load_target(target: str) -> Flow[Any, Any]:
    """The flow of ``FILE.py:FLOW`` or ``module:FLOW``. The flow's name may be left out if there is one only."""
    place, _, name = target.rpartition(":") if ":" in target[2:] else (target, "", "")
    if place.endswith(".py") or os.sep in place:
        module = _import_file(os.path.abspath(place), None, [])
    else:
        sys.path.insert(0, os.getcwd())
        module = _import(place)
    return _flow_in(module, name, place)


def load_entry(entry: dict[str, Any]) -> Flow[Any, Any]:
    """The flow of a recorded entry point, from any directory."""
    if entry["module"] is None:
        raise KitaruFlowNotFoundError(
            f"{entry['qualname']} was defined in a notebook or at a prompt: only that process can go on with it"
        )
    if os.path.isdir(entry["cwd"]):
        os.chdir(entry["cwd"])
    file = entry["file"]
    if file is None:
        for folder in reversed(entry["path"]):
            sys.path.insert(0, folder)
        module = _import(entry["module"])
    else:
        if not os.path.exists(file):
            raise KitaruImportError(f"{file}, which defines the flow {entry['qualname']}, is no longer there")
        module = _import_file(file, entry["module"], entry["path"])
    return _flow_in(module, entry["qualname"], file or entry["module"])


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
    _loading.file = file
    try:
        if name.count("."):
            return _import(name)
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise KitaruImportError(f"{file} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        # Classes and flows of a script are recorded under this name, also by `python agent.py` itself.
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except KitaruEntryPointError:
            sys.modules.pop(name, None)
            raise
        except BaseException as error:
            sys.modules.pop(name, None)
            raise _not_importable(file, error) from error
        return module
    finally:
        _loading.file = None


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except KitaruEntryPointError:
        raise
    except BaseException as error:
        raise _not_importable(name, error) from error


def _not_importable(what: str, error: BaseException) -> KitaruImportError:
    if isinstance(error, KeyboardInterrupt):
        raise error
    place = ""
    traceback = error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if "importlib" not in file and os.path.dirname(os.path.abspath(__file__)) not in os.path.abspath(file):
            place = f" ({file}:{traceback.tb_lineno})"
        traceback = traceback.tb_next
    if isinstance(error, SyntaxError):
        place = f" ({error.filename}:{error.lineno})"
    return KitaruImportError(f"{what} cannot be imported: {type(error).__name__}: {error}{place}")


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


def take(flow: Flow[Any, Any], exec_id: str, why: str) -> tuple[Run, Any, Any]:
    """Takes an execution of ``flow`` up. Returns its run and the flow's arguments."""
    from kitaru import _config

    known = json.loads(_config.engine().describe(exec_id))
    if known["flow"] != flow.name:
        raise KitaruStateError(f"execution {exec_id} is one of {known['flow']}, not of {flow.name}")
    run = take_up(flow, known, why)
    args, kwargs = flow.signature().unbind(known["inputs"])
    return run, args, kwargs


def take_up(flow: Flow[Any, Any], known: dict[str, Any], why: str) -> Run:
    """Takes a described execution up; what made it fail is marked to run again."""
    from kitaru import _config

    engine = _config.engine()
    try:
        session = engine.take(known["id"], flow.code(), why)
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


def execute(job: dict[str, Any]) -> str:
    """Runs a job of the command line to its end or suspension. Returns the execution's identifier.

    What the flow raises is not raised here: it is on record, and the command line shows it.
    """
    from kitaru._flow import FlowHandle  # noqa: F401
    from kitaru.errors import KitaruError

    if "run" in job:
        flow = load_target(job["run"]["target"])
        flow._tags = (*flow._tags, *job["run"].get("tags", ()))
        run = flow._start((), _inputs(flow, job["run"]["inputs"]))
        args, kwargs = flow.signature().unbind(json.dumps(job["run"]["inputs"]), plain=True)
    else:
        wanted = job["resume"]
        flow = load_entry(wanted["entry"])
        try:
            run, args, kwargs = take(flow, wanted["id"], wanted.get("why", "resume"))
        except KitaruPaused as paused:
            return paused.exec_id
    try:
        value = flow._enter(run, args, kwargs)
        if flow.is_async:
            import asyncio

            asyncio.run(_awaited(value))
    except KitaruError:
        if run.closing is None and run.session.is_open:
            raise
    except Exception:
        if run.session.is_open:
            raise
    return run.id


async def _awaited(value: Any) -> Any:
    return await value


def _inputs(flow: Flow[Any, Any], given: dict[str, Any]) -> dict[str, Any]:
    return given
