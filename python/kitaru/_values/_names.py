"""Classes and functions by name: ``module:qualname``, with ``__main__`` under the name derived from its file.

So what ``python agent.py`` records is found by a process that loads the file as module ``agent``, and the other
way round. Not here: how a flow's module is loaded for a resume (``_runner``).
"""

from __future__ import annotations

import sys
import types
import weakref
from typing import Any

from kitaru._entry import main_name
from kitaru._values._refusal import NotLoaded, Unencodable

# Classes of the interpreter that do not stand where they say.
_UNNAMED = {held: f"types:{name}" for name, held in vars(types).items() if isinstance(held, type)}
_known: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


def name_of(thing: Any) -> str:
    """The name under which a class or function is recorded, whether or not it can be found under it."""
    module = getattr(thing, "__module__", None) or "builtins"
    if module == "__main__":
        module = main_name()
    qualname = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", None) or type(thing).__name__
    return f"{module}:{qualname}"


def shown(thing: type) -> str:
    """A class's name as messages print it."""
    return thing.__qualname__ if thing.__module__ == "builtins" else f"{thing.__module__}.{thing.__qualname__}"


def reference(thing: Any, *, local: bool = False) -> str:
    """The same for what must be found again. Raises :class:`Unencodable` for what a function made at run time.

    With ``local`` (for digests, which nobody loads) such a name will do.
    """
    known = _known.get(thing)
    if known is not None:
        return known
    name = name_of(thing)
    if not _same(name, thing) and isinstance(thing, type):
        name = _UNNAMED.get(thing, name)
    if not _same(name, thing):
        if local:
            return name
        kind = "class" if isinstance(thing, type) else "function"
        raise Unencodable("", name.replace(":", "."), f"Define the {kind} at the top level of its module")
    _known[thing] = name
    return name


def _same(name: str, thing: Any) -> bool:
    try:
        found = find(name)
    except NotLoaded:
        return False
    if found is thing:
        return True
    # The same file, loaded as `__main__` and by its name.
    return isinstance(thing, type) and isinstance(found, type) and name_of(found) == name


def find(name: str) -> Any:
    """What stands under a recorded name. Raises :class:`NotLoaded`."""
    module_name, _, qualname = name.partition(":")
    for module in _modules(module_name, name):
        found: Any = module
        for part in qualname.split("."):
            found = getattr(found, part, _MISSING)
            if found is _MISSING:
                break
        else:
            return found
    raise NotLoaded(name.replace(":", "."), f"module {module_name} has no {qualname}")


_MISSING: Any = object()


def _modules(module_name: str, name: str) -> Any:
    if module_name in ("__main__", main_name()):
        yield sys.modules["__main__"]
        if module_name == "__main__":
            return
    known = sys.modules.get(module_name)
    if known is not None:
        yield known
        return
    try:
        yield _import(module_name)
    except (Exception, SystemExit) as error:
        # Whatever a module raises while it is imported means the same here: the class cannot be had.
        reason = f"module {module_name} cannot be imported: {type(error).__name__}: {error}"
        raise NotLoaded(name.replace(":", "."), reason) from None


def _import(module_name: str) -> Any:
    import importlib

    from kitaru._runner import _loading_code

    # A script without a guard must not start its flow because somebody reads a value of its class.
    with _loading_code():
        return importlib.import_module(module_name)


def find_class(name: str, base: type | None = None) -> type:
    """The class of a recorded name. Raises :class:`NotLoaded`, also if it is no (longer a) ``base``."""
    found = find(name)
    if not isinstance(found, type) or (base is not None and not issubclass(found, base)):
        what = "a class" if base is None else f"a {base.__name__}"
        raise NotLoaded(name.replace(":", "."), f"it is no longer {what}")
    return found
