"""Settings of this process: where the store is, whether to ask on the terminal, how strict to be.

An explicit ``configure`` wins over the environment (``KITARU_HOME``, ``KITARU_STORE``, ``KITARU_SYNCHRONOUS``,
``KITARU_GRACE``, ``KITARU_INTERACTIVE``).
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru._native import Engine

_lock = threading.Lock()
_settings: dict[str, Any] = {}
_engines: dict[tuple[str, str, bool, int], Engine] = {}


def configure(
    *,
    store: str | None = None,
    home: str | os.PathLike[str] | None = None,
    interactive: bool | None = None,
    strict: bool | None = None,
    synchronous: str | None = None,
    grace: float | None = None,
    redact: Callable[[str], str] | None = None,
) -> None:
    """Sets what is given, for executions that start from here on.

    ``store``: a path, or ``memory:``, which begins with an empty store each time it is said here (for tests);
    ``home``: the folder of everything else; ``interactive``: ask waits on the
    terminal (default: where there is one); ``strict``: unrecorded calls and unencodable results are errors;
    ``synchronous``: ``full`` (default: a finished step survives a power cut) or ``normal`` (a crash of the process);
    ``grace``: seconds for which a suspension waits for a task that waits for something outside (default 60);
    ``redact``: given each line that an execution prints or logs, before it is kept; what it returns is kept instead.
    Values are not given to it: a call that is met again must get what it returned.
    """
    if synchronous is not None and synchronous not in ("full", "normal"):
        raise KitaruUsageError(f"synchronous={synchronous!r}: it is 'full' or 'normal'")
    given = {
        "store": store,
        "home": None if home is None else os.fspath(home),
        "interactive": interactive,
        "strict": strict,
        "synchronous": synchronous,
        "grace": grace,
        "redact": redact,
    }
    _settings.update({name: value for name, value in given.items() if value is not None})
    if store == "memory:":
        _forget_memory()


def _forget_memory() -> None:
    """Lets the store in memory be a new one. Whoever holds on to the present one keeps it."""
    with _lock:
        known = [key for key in _engines if key[0] == "memory:" and key[3] == os.getpid()]
        if known:
            from kitaru._native import forget_memory

            for key in known:
                del _engines[key]
            forget_memory()


_adopted: dict[int, Engine] = {}


def adopt(engine: Engine) -> None:
    """The ``kitaru`` command's store is the one that its flows run on, whatever their code configures."""
    _adopted[os.getpid()] = engine


def overruled() -> str | None:
    """The store that the code of a flow asked for by ``configure``; ``None`` if it asked for none."""
    store, home = _settings.get("store"), _settings.get("home")
    if store is None and home is None:
        return None
    return str(store or os.path.join(os.path.abspath(os.path.expanduser(str(home))), "kitaru.db"))


def shown(store: str) -> str:
    """A store's address without what may be a secret in it."""
    scheme, apart, rest = store.partition("://")
    if not apart:
        return store
    base, _, query = rest.partition("?")
    schema = [pair for pair in query.split("&") if pair.startswith("schema=")]
    return f"{scheme}://{base.rpartition('@')[2]}{''.join(f'?{pair}' for pair in schema[:1])}"


def engine() -> Engine:
    """The engine on the configured store, opened once in this process."""
    adopted = _adopted.get(os.getpid())
    if adopted is not None:
        return adopted
    return opened(None, None)


def place(store: str | None, home: str | None) -> tuple[str, str, str]:
    """Store, home and ``full`` or ``normal``: as given, else as configured, else from the environment."""
    if store is None and home is None:
        store, home = _settings.get("store"), _settings.get("home")
    home = home or os.environ.get("KITARU_HOME") or os.path.expanduser("~/.kitaru")
    home = os.path.abspath(os.path.expanduser(home))
    store = store or os.environ.get("KITARU_STORE") or os.path.join(home, "kitaru.db")
    synchronous = _settings.get("synchronous") or os.environ.get("KITARU_SYNCHRONOUS") or "full"
    return store, home, synchronous.lower()


def opened(store: str | None, home: str | None) -> Engine:
    """The engine on that store and home, opened once in this process; see :func:`place`."""
    from kitaru._native import Engine

    store, home, synchronous = place(store, home)
    normal = synchronous == "normal"
    key = (store, home, normal, os.getpid())
    with _lock:
        found = _engines.get(key)
        if found is None:
            found = _engines[key] = Engine(store, home, normal)
        return found


def redactor() -> Callable[[str], str] | None:
    """What looks at lines before they are kept."""
    return _settings.get("redact")


def is_strict() -> bool:
    """Whether unrecorded calls and unencodable results are errors."""
    return bool(_settings.get("strict", False))


def grace() -> float:
    """Seconds for which a suspension waits for a task that waits for something outside of the flow."""
    known = _settings.get("grace")
    if known is None:
        known = os.environ.get("KITARU_GRACE", "60")
    try:
        return max(0.0, float(known))
    except ValueError:
        raise KitaruUsageError(f"KITARU_GRACE={known!r}: it is a number of seconds") from None


def is_interactive() -> bool:
    """Whether waits are asked on the terminal."""
    known = _settings.get("interactive")
    if known is not None:
        return bool(known)
    if os.environ.get("KITARU_INTERACTIVE") == "0" or hasattr(sys, "ps1"):
        return False
    try:
        return sys.stdin.isatty() and sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False
