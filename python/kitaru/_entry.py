"""Where a flow's code is: what an execution records of it, so that another process can load it again."""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

# Executions of flows that no other process can load, by identifier: this process had them, so it can go on with them.
here: set[str] = set()


_remembered: tuple[Any, str] | None = None


def main_file() -> str | None:
    """The file that runs as ``__main__``; ``None`` in a notebook, at a prompt and for a program from standard input.

    The interpreter forgets it when the program's last line has run, while executions may still be at work: it is
    remembered from the first time that it was asked for.
    """
    global _remembered
    main = sys.modules.get("__main__")
    file: str | None = getattr(main, "__file__", None)
    if file is None:
        return _remembered[1] if _remembered is not None and _remembered[0] is main else None
    if file.startswith("<"):
        return None  # a program read from standard input calls its file `<stdin>`
    _remembered = (main, file)
    return file


def main_name() -> str:
    """The import name of what runs as ``__main__``, derived from its file; ``__main__`` where there is none."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        name: str = spec.name
        return name[: -len(".__main__")] if name.endswith(".__main__") else name
    file = main_file()
    if file is None:
        return "__main__"
    return _stem(file)


@functools.lru_cache(maxsize=4)
def _stem(file: str) -> str:
    # Every value of a class of the program asks for it.
    return os.path.splitext(os.path.basename(file))[0]


def is_importable(function: Any) -> bool:
    """Whether another process can load the function: not if it was defined in a notebook or at a prompt."""
    return getattr(function, "__module__", None) != "__main__" or main_file() is not None


def entry_point(function: Any) -> dict[str, Any]:
    """The entry point of a flow, with the fields of the engine's ``EntryPoint``. ``module`` is ``None`` in a
    notebook or at a prompt: such a flow can only go on in its own process."""
    module: str | None = getattr(function, "__module__", None)
    file = main_file() if module == "__main__" else getattr(sys.modules.get(module or ""), "__file__", None)
    as_module = False
    if module == "__main__":
        spec = getattr(sys.modules["__main__"], "__spec__", None)
        as_module = spec is not None
        module = main_name()
        if not is_importable(function):
            module = None
    found = {
        "module": module,
        "file": None if file is None else os.path.abspath(file),
        "qualname": getattr(function, "__qualname__", repr(function)),
        "interpreter": sys.executable,
        "cwd": os.getcwd(),
        "path": [folder for folder in _own_path(file, module, os.getcwd(), tuple(sys.path)) if os.path.isdir(folder)],
        "as_module": as_module,
    }
    from kitaru._deployed import recorded

    return recorded(found)


@functools.lru_cache(maxsize=64)
def _own_path(file: str | None, module: str | None, cwd: str, path: tuple[str, ...]) -> list[str]:
    """The folders in front of the import path that the module needs: its root, and what the user added."""
    found: list[str] = []
    if file is not None and module is not None:
        root = os.path.dirname(os.path.abspath(file))
        for _ in range(module.count(".")):
            root = os.path.dirname(root)
        found.append(root)
    prefixes = (sys.prefix, sys.base_prefix, sys.exec_prefix)
    for entry in path:
        folder = os.path.abspath(entry or cwd)
        if folder not in found and not folder.startswith(prefixes):
            found.append(folder)
    return found
