"""What is sent of a call: whose code, in what surroundings, with which arguments, and who the call is.

Not here: how it is sent (``_process``, ``_on_ray``), and what is made of it there (``_inside``).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from kitaru import _entry
from kitaru.errors import KitaruPlacementError

if TYPE_CHECKING:
    from kitaru._calls import Identified
    from kitaru._context import Frame


class Job(NamedTuple):
    """Plain data, and the arguments as the JSON text that is on record of them."""

    header: dict[str, Any]
    arguments: bytes


def job(one: Identified, frame: Frame) -> Job:
    """What is sent of a call. Raises :class:`KitaruPlacementError` for one that cannot be sent."""
    spec, given = one.spec, one.given
    function: Any = spec.function
    if given.text is None:
        raise KitaruPlacementError(
            f"{frame.key}: its argument {given.blocked} has no codec, so that it cannot be sent to another process. "
            "Pass plain data, register a codec with kitaru.codec, or open it in the body"
        )
    entry = _entry.entry_point(function)
    if entry["module"] is None:
        raise KitaruPlacementError(
            f"{frame.key}: {spec.name} was defined in a notebook or at a prompt, where no other process finds it. "
            "Put it in a module, and import it from there"
        )
    logging = sys.modules.get("logging")
    header = {
        "module": entry["module"],
        "file": entry["file"],
        "is_main": getattr(function, "__module__", None) == "__main__",
        "qualname": function.__qualname__,
        "name": spec.name,
        "code": spec.code(),
        "pickle": spec.pickle,
        "once": spec.once,
        "strict": one.run.strict,
        "exec_id": one.run.id,
        "flow": one.run.flow,
        "key": frame.key,
        "attempt": frame.attempt,
        "scope": frame.scope.hex(),
        "level": logging.getLogger().level if logging is not None else None,
        "cwd": os.getcwd(),
        "path": entry["path"],
        "sys_path": list(sys.path),
        "argv": list(sys.argv),
    }
    # Surrogates of a text that is no Unicode travel as they are.
    return Job(header, given.text.encode("utf-8", "surrogatepass"))
