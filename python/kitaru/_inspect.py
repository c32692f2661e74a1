"""The code as it is now, beside what is on record: digests by name, what has changed, and whether values that somebody
wants to put in place of recorded ones are what the code takes.

Not here: what a replay makes of it (core plans, the command shows).
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from kitaru import _overrides
from kitaru._inputs import fitted_or_why, hints_of
from kitaru._values import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kitaru._flow import Flow


def inspect(wanted: dict[str, Any]) -> dict[str, Any]:
    """Loads the flow of a recorded entry point and looks at its code.

    ``wanted`` has ``entry`` and ``id``; ``checks``, each with ``path``, ``kind`` (``flow``, ``input``, ``output`` or
    ``answer``), ``checkpoint``, ``name`` and ``value`` (plain JSON, of a parameter the whole); and what is on record:
    ``recorded``, code digests by name of checkpoint or child flow, and ``flow_recorded``.

    Returns ``flow_code``; ``codes``, digests by name; ``problems``, each a ``path`` and a ``message``; and what has
    changed of the code since it was recorded, ``changes`` by name and ``flow_change``.

    Raises :class:`~kitaru.errors.KitaruImportError` and what else loading a flow raises.
    """
    from kitaru._runner import load_entry

    return look(load_entry(wanted["entry"], wanted.get("id")), wanted)


def look(flow: Flow[Any, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The same for a flow that is here."""
    found = _by_name(flow)
    return {
        "flow_code": flow.code(),
        "codes": {name: one.code() if one is not None else None for name, one in found.items()},
        "problems": list(_problems(flow, found, wanted.get("checks", ()))),
        "changes": explain_changes(wanted.get("recorded") or {}, flow),
        "flow_change": _flow_change(flow, wanted.get("flow_recorded")),
    }


def inspected(
    job: dict[str, Any], *, here: bool | None = None, place: tuple[str | None, str | None] | None = None
) -> dict[str, Any]:
    """The same for a job, leaving the working directory as it is: in this process (``here``, the default where it is
    the interpreter that the execution was recorded with), else in one of its own. ``place``: its store and home."""
    from kitaru import _deployed, _elsewhere, _runner

    interpreter = _deployed.placed(job["inspect"]["entry"], place)["interpreter"]
    if not (_runner.is_this_interpreter(interpreter) if here is None else here):
        text, code, message, hint = _elsewhere.told_by(job, interpreter, quiet=True, silent=here is False, place=place)
        if text is None:
            raise _runner.as_error(code, message, hint)
        found: dict[str, Any] = json.loads(text)
        return found
    before = os.getcwd()
    try:
        return inspect(job["inspect"])
    finally:
        os.chdir(before)


def explain_changes(recorded: dict[str, str | None], flow: Flow[Any, Any] | None = None) -> dict[str, str]:
    """What has changed of the code of checkpoints and child flows since those digests were recorded, by name.

    What is not known here by its name (``kitaru.call`` takes any) is left out.
    """
    found = _by_name(flow)
    changed = {}
    for name, digest in recorded.items():
        why = _change(found.get(name), digest)
        if why is not None:
            changed[name] = why
    return changed


def explain_all(name: str, code: str | None, recorded: dict[str, str | None]) -> dict[str, str]:
    """The same with the flow of that name, whose code's digest was ``code``, in front of its calls."""
    flow = _by_name(None).get(name)
    own = _flow_change(flow, code) if flow is not None else None
    return {**({name: own} if own is not None else {}), **explain_changes(recorded, flow)}


def _flow_change(flow: Any, recorded: str | None) -> str | None:
    return _change(flow, recorded, own=True)


def _change(one: Any, recorded: str | None, *, own: bool = False) -> str | None:
    from kitaru import _config
    from kitaru._values import same_code, what_changed

    if recorded is None or one is None or same_code(recorded, one.code()):
        return None
    return what_changed(_config.engine().code(recorded), _code_of(one), recorded, own=own)


def _code_of(one: Any) -> Any:
    from kitaru._values import code_of

    return None if one is None else code_of(one._coded)


def _by_name(flow: Flow[Any, Any] | None) -> dict[str, Any]:
    """Checkpoints and flows by name. ``None`` stands for several of one name that cannot be told apart."""
    from kitaru._checkpoint import known

    several: dict[str, list[Any]] = {}
    for one in list(known):
        several.setdefault(one.name, []).append(one)
    found = {name: _the_one(flow, those) for name, those in several.items()}
    return found if flow is None else {**found, flow.name: flow}


def _the_one(flow: Flow[Any, Any] | None, those: list[Any]) -> Any:
    near = [one for one in those if flow is not None and one.__module__ == flow.__module__]
    candidates = near or those
    return candidates[0] if len({one.code() for one in candidates}) == 1 else None


def _problems(flow: Flow[Any, Any], found: dict[str, Any], checks: Any) -> Iterator[dict[str, str]]:
    for check in checks:
        message = _problem(flow, found, check)
        if message is not None:
            yield {"path": check["path"], "message": message}


def _problem(flow: Flow[Any, Any], found: dict[str, Any], check: dict[str, Any]) -> str | None:
    """What is wrong with a value; ``None``: nothing, or it shows only when the value is used."""
    kind, name = check["kind"], check.get("name") or ""
    one: Any = flow if kind == "flow" else found.get(check.get("checkpoint") or "")
    if one is None or kind == "answer":
        return None
    function = one._coded
    hints = hints_of(function)
    if kind == "output":
        return fitted_or_why(check["value"], hints.get("return", Any))[1]
    if (names := _parameters(function)) is not None and name not in names:
        what = "flow" if kind == "flow" else "checkpoint"
        return f"{what} {one.name} takes no {name}; it takes: {', '.join(names) or 'nothing'}"
    # It is the whole of a parameter, with what was recorded around the part that is changed.
    whole = decode(json.dumps(check["value"]))
    steps = _overrides.steps(check["path"].partition(f"flow.{name}" if kind == "flow" else f".inputs.{name}")[2])
    return _overrides.at_place(whole, hints.get(name, Any), steps)[1]


def _parameters(function: Any) -> list[str] | None:
    """Names of what a function takes; ``None``: any name."""
    import inspect as standard

    try:
        parameters = standard.signature(function).parameters
    except (TypeError, ValueError):
        return None
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return None
    return list(parameters)
