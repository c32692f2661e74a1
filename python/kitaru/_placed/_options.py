"""``runtime=``, ``memory=`` and ``resources=`` of ``@checkpoint``: what they may be, judged at decoration.

Not here: whether a process or a cluster can be had, which is seen when the call is made.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from kitaru.errors import KitaruUsageError

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


def judge(runtime: Any, memory: Any, resources: Any) -> None:
    """Refuses what means nothing. Raises :class:`KitaruUsageError`."""
    if runtime not in (None, "process", "ray"):
        raise KitaruUsageError(f"runtime={runtime!r}: it is 'process', 'ray' or left out")
    if memory is not None:
        if runtime is None:
            raise KitaruUsageError("memory= goes with runtime='process' or runtime='ray'")
        in_bytes(memory)
    if resources is not None:
        if runtime != "ray":
            raise KitaruUsageError("resources= goes with runtime='ray'")
        if not isinstance(resources, dict) or not all(_is_share(name, much) for name, much in resources.items()):
            raise KitaruUsageError(f"resources={resources!r}: it is a dict of names and numbers, such as {{'GPU': 1}}")


def _is_share(name: Any, much: Any) -> bool:
    return isinstance(name, str) and isinstance(much, (int, float)) and not isinstance(much, bool) and much >= 0


def in_bytes(memory: Any) -> int:
    """``"512MiB"``, ``"2 GB"`` or a number of bytes, in bytes. Raises :class:`KitaruUsageError`."""
    found = 0
    if isinstance(memory, int) and not isinstance(memory, bool):
        found = memory
    elif isinstance(memory, str):
        parts = _SIZE.fullmatch(memory.strip())
        if parts is not None and parts[2].upper() in _UNITS:
            found = int(float(parts[1]) * _UNITS[parts[2].upper()])
    if found <= 0:
        raise KitaruUsageError(f"memory={memory!r}: it is a number of bytes or a text such as '512MiB' or '2GB'")
    return found


def must_have_a_name(function: Any, runtime: str) -> None:
    """Another process finds the function by its name. Raises :class:`KitaruUsageError` where it has none there."""
    name = getattr(function, "__qualname__", None)
    if isinstance(function, functools.partial) or not isinstance(name, str):
        raise KitaruUsageError(f"runtime={runtime!r}: {function!r} has no name that another process could find it by")
    if "<locals>" in name or "<lambda>" in name:
        raise KitaruUsageError(
            f"runtime={runtime!r}: {name} is defined inside a function, where another process cannot find it. "
            "Define it at the top level of its module, and pass what it closes over as an argument"
        )
