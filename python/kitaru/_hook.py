"""What is shown of an exception that a script does not catch. Not here: what leaves a flow (``_edge``)."""

from __future__ import annotations

import sys
from typing import Any

from kitaru.errors import KitaruSuspended


def install_excepthook() -> None:
    """An uncaught suspension at the top of a script is one message and exit status 75, not a traceback.

    Other exceptions are shown by the hook that was there, without this library's frames.
    """
    previous = sys.excepthook
    if getattr(previous, "_kitaru", False):
        return

    def hook(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
        from kitaru.errors import KitaruPaused

        if isinstance(error, (KitaruSuspended, KitaruPaused)):
            sys.stderr.write(f"{error}\n")
            sys.stderr.flush()
            raise SystemExit(130 if getattr(error, "interrupted", False) else 75)
        from kitaru._edge import clean_chain, last_failed

        clean_chain(error)
        previous(kind, error, error.__traceback__)
        if last_failed.get("error") == id(error):
            short = last_failed["exec_id"][-8:]
            sys.stderr.write(f"{last_failed['flow']} {short} failed. After a fix: kitaru retry {short}\n")

    hook._kitaru = True  # type: ignore[attr-defined]
    sys.excepthook = hook
