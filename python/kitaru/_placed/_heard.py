"""What comes back of a call that runs elsewhere, and what is made of it: here, where the execution is held.

Reports become those of the call; a result becomes what its record will give; a failure is raised as itself; an end
without either is an error that says what happened. Nothing that comes when the call's attempt is over is taken. Not
here: where messages come from (``_process``, ``_on_ray``).
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

from kitaru import _capture, _inside
from kitaru._placed import _traces
from kitaru._results import Kept
from kitaru._values import Unencodable, decode_error, rebuild
from kitaru.errors import KitaruCallLostError, KitaruError, KitaruPlacementError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kitaru._calls import Identified
    from kitaru._context import Frame

    Answer = Callable[[list[Any], bytes], None]


class Heard:
    """One attempt's messages. ``outcome`` gives its result or raises its failure, once ``is_known``."""

    def __init__(self, one: Identified, frame: Frame, answer: Answer) -> None:
        self._one = one
        self._frame = frame
        self._answer = answer
        self._outcome: Callable[[], Kept] | None = None

    @property
    def is_known(self) -> bool:
        """Whether it has been said what came of the attempt."""
        return self._outcome is not None

    def outcome(self) -> Kept:
        """The result; or raises what the body raised, or what kept it from its end."""
        assert self._outcome is not None
        return self._outcome()

    def take(self, header: list[Any], body: bytes) -> None:
        """Takes one message. To be called in the call's own place in the flow."""
        kind, details = header[0], header[1:]
        if kind in _REPORTS:
            _REPORTS[kind](self._frame, *details)
        elif kind == "ask":
            self._ask(*details)
        elif kind != "began" and self._outcome is None:
            self._settle(kind, details, body)

    def _settle(self, kind: str, details: list[Any], body: bytes) -> None:
        one, frame = self._one, self._frame
        if kind == "returned":
            one.changed = details[0]
            self._outcome = lambda: _result(one, body)
        elif kind == "raised":
            one.changed = details[0]
            self._outcome = lambda: _raise(one, details[1:], body)
        elif kind == "unstored":
            path, type_name, hint, one.changed = details
            self._outcome = lambda: Kept(("", None, Unencodable(path, type_name, hint)))
        elif kind == "refused":
            said = f"{frame.key}: {details[0]}"
            self._outcome = lambda: _fail(KitaruPlacementError(said))
        elif kind == "differs":
            text = _difference(one, *details)
            self._outcome = lambda: _fail(KitaruPlacementError(f"{frame.key}: {text}"))
        elif kind == "lost":
            error: KitaruError = details[0]
            self._outcome = lambda: _fail(error)
        elif kind == "ended":
            why = _why(one, frame, details[0])
            self._outcome = lambda: _fail(why)

    def _ask(self, number: int, verb: str, *details: Any) -> None:
        try:
            text = _ASKED[verb](self._frame, *details)
        except Exception as error:
            from kitaru._values import encode_error

            self._answer(["answer", number, False], _bytes(encode_error(error)["value"]))
        else:
            self._answer(["answer", number, True], _bytes(text))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _fail(error: BaseException) -> Kept:
    raise error


def _result(one: Identified, body: bytes) -> Kept:
    text = body.decode("utf-8", "surrogatepass")
    try:
        value = rebuild(text, None, "checkpoint.return", allow_pickle=one.spec.pickle)
    except Unencodable as problem:
        return Kept(("", None, problem))
    return Kept((text, value, None))


def _raise(one: Identified, told: list[Any], body: bytes) -> Kept:
    *data, rebuilds, traces = told
    value = body.decode("utf-8", "surrogatepass")
    error = decode_error(value)
    _traces.given(error, traces)
    kind, message, traceback = data
    # As it was where it was raised: whether it survives its record is to be told of that one, and not of this copy.
    one.raised = error, (kind, message, traceback, value, rebuilds)
    raise error


def _difference(one: Identified, digest: str, manifest: str) -> str:
    from kitaru._values import code_of, what_changed

    found = what_changed(manifest, code_of(one.spec.function), digest)
    return (
        f"a process of its own does not load the same code of {one.spec.name}"
        + (f": {found}" if found else "")
        + ". A file that was edited needs a new start of the program; what is set while the program runs is an argument"
    )


def _why(one: Identified, frame: Frame, told: dict[str, Any]) -> KitaruCallLostError:
    """Why a process ended before its call did."""
    key = frame.key or one.name
    most = one.spec.memory
    if told["had"] is not None and most is not None:
        has, may = (f"{much / 2**20:.0f} MiB" for much in (told["had"], most))
        return KitaruCallLostError(
            f"{key}: its process and what it started had {has} of memory and may have {may} (memory=): ended",
            code="call-memory",
        )
    if told["signal"] is not None:
        name = _signal(told["signal"])
        guess = "; the machine may have run out of memory" if name == "SIGKILL" else ""
        return KitaruCallLostError(f"{key}: its process was ended by {name} before the call had{guess}")
    if told.get("asked"):
        return KitaruCallLostError(f"{key}: its process was told to end before the call had")
    return KitaruCallLostError(f"{key}: its process ended with exit status {told['exit']} before the call had")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# -- reports --------------------------------------------------------------------------------------------------


def _print(frame: Frame, name: str, text: str) -> None:
    stream = getattr(sys, name)
    if stream is not None:
        stream.write(text)


def _line(frame: Frame, stream: str, text: str) -> None:
    frame.lives()
    _capture.keep(frame.run.session, frame.key, stream, text)


def _used(frame: Frame, taken: int, given: int, cost: float) -> None:
    frame.lives()
    frame.run.session.used(frame.key or "", (taken, given, cost))


def _record(frame: Frame, name: str, level: int, text: str, path: str, line: int) -> None:
    import logging

    if logging.getLogger(name).isEnabledFor(level):
        record = logging.LogRecord(name, level, path, line, "%s", (text,), None)
        logging.getLogger().handle(record)


_REPORTS: dict[str, Callable[..., None]] = {"print": _print, "line": _line, "used": _used, "record": _record}


def _save(frame: Frame, name: str, text: str) -> str:
    frame.lives()
    _inside.save_text(frame, name, text)
    return ""


def _load(frame: Frame, name: str, execution: str) -> str:
    frame.lives()
    return _inside.load_text(frame, name, execution)


_ASKED: dict[str, Callable[..., str]] = {"save": _save, "load": _load}
