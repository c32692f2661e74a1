"""What stands for the execution in the process of a call: it passes on what the body reports, and refuses the rest.

``kitaru.usage``, ``log``, ``progress``, ``save``, ``load``, ``idempotency_key`` and ``current_execution`` work as in
any body. What is recorded by itself (checkpoints, flows, waits, readings) would need the journal, which only the
process that holds the execution may write. Not here: what becomes of it there (``_heard``).
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import queue
import sys
import threading
from typing import TYPE_CHECKING, Any

from kitaru._placed._keeper import Unframed, frame
from kitaru.errors import KitaruPlacementError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


class Channel:
    """The socket to whoever made the call."""

    def __init__(self, channel: socket.socket) -> None:
        self._socket = channel
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._asked: dict[int, queue.SimpleQueue[tuple[list[Any], bytes]]] = {}
        self._pid = os.getpid()

    def say(self, header: list[Any], body: bytes = b"") -> None:
        """Sends one message. From a fork of this process: nothing."""
        if os.getpid() != self._pid:
            return
        with self._lock, contextlib.suppress(OSError):  # nobody listens any more: this process is about to be ended
            self._socket.sendall(frame(header, body))

    def ask(self, verb: str, *details: Any) -> str:
        """Asks for what only the holder of the execution may do, and waits for it. Returns its answer."""
        number = next(self._numbers)
        answers: queue.SimpleQueue[tuple[list[Any], bytes]] = queue.SimpleQueue()
        with self._lock:
            if not self._asked:
                threading.Thread(target=self._hear, name="kitaru-answers", daemon=True).start()
            self._asked[number] = answers
        self.say(["ask", number, verb, *details])
        header, body = answers.get()
        text = body.decode("utf-8", "surrogatepass")
        if header[2]:
            return text
        from kitaru._values import decode_error

        raise decode_error(text)

    def _hear(self) -> None:
        unframed = Unframed()
        while data := self._socket.recv(1 << 16):
            for header, body in unframed.feed(data):
                self._asked[header[1]].put((header, body))


class Session:
    """The part of an execution's session that a body's reports go to."""

    def __init__(self, channel: Channel, exec_id: str) -> None:
        self._channel = channel
        self.id = exec_id

    def log(self, key: str | None, stream: str, text: str) -> None:
        """A line for the execution's log."""
        self._channel.say(["line", stream, text])

    def used(self, key: str, much: tuple[int, int, float]) -> None:
        """What was consumed."""
        self._channel.say(["used", *much])

    def open_scope(self, scope: bytes, *_: Any) -> bytes:
        """Tasks have no scopes of their own here: nothing is recorded by them."""
        return scope

    def adopt_scope(self, scope: bytes, _: str) -> bytes:
        """The same."""
        return scope

    def __getattr__(self, name: str) -> Any:
        raise refusal()


class _Side:
    """A loop in this process: nobody waits for what its tasks do."""

    def add(self, _: Any) -> None:
        """Takes no note."""


class Run:
    """What frames in this process belong to."""

    counts_tasks = False
    above = None

    def __init__(self, channel: Channel, job: dict[str, Any]) -> None:
        self.session = Session(channel, job["exec_id"])
        self.asks = channel.ask
        self.id = job["exec_id"]
        self.flow = job["flow"]
        self.strict = job["strict"]
        self.pid = os.getpid()
        self.lock = threading.RLock()
        self.turned = threading.Condition(self.lock)
        self.sides: dict[int, Any] = {}
        self.item_threads: set[int] = set()
        self.carried: dict[int, int] = {}
        self.root_thread = threading.get_ident()

    def check(self) -> None:
        """It goes on until it is ended."""

    def side(self, _: Any) -> _Side:
        """See :class:`_Side`."""
        return _Side()

    def live_sides(self) -> list[Any]:
        """None that anybody looks at."""
        return []

    def __getattr__(self, name: str) -> Any:
        raise refusal()


def refusal() -> KitaruPlacementError:
    """Why what is recorded by itself cannot be done here."""
    at: Any = sys._getframe(1)
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
    while at is not None and at.f_code.co_filename.startswith(ours):
        at = at.f_back
    place = f" ({os.path.basename(at.f_code.co_filename)}:{at.f_lineno})" if at is not None else ""
    return KitaruPlacementError(
        f"a call that runs in a process of its own makes no calls that are recorded: no checkpoints, flows, waits, "
        f"sleeps, now(), random() or uuid(){place}. Make them in the flow and pass what they give as an argument, or "
        "leave runtime= out",
        code="inside-process",
    )


class Stream(io.TextIOBase):
    """Standard output or error of the call: what is written goes to the stream of that name of who made it."""

    def __init__(self, channel: Channel, name: str, inner: Any) -> None:
        self._channel = channel
        self._name = name
        self._inner = inner
        self._lock = threading.RLock()
        # A line that has not ended: lines of several calls do not mix where they come out.
        self._partial = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Text travels as text."""
        return "utf-8"

    @property
    def name(self) -> str:
        """As Python names it."""
        return f"<{self._name}>"

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def write(self, text: str) -> int:
        """Sends on what lines are whole."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        with self._lock:
            whole, ended, rest = (self._partial + text).rpartition("\n")
            self._partial = rest
            if ended:
                self._channel.say(["print", self._name, whole + ended])
        return len(text)

    def flush(self) -> None:
        """Sends on what there is."""
        with self._lock:
            if self._partial:
                self._channel.say(["print", self._name, self._partial])
                self._partial = ""

    def fileno(self) -> int:
        """The real one's, for programs that the body starts."""
        return int(self._inner.fileno())

    def isatty(self) -> bool:
        """It is no terminal, whatever the real one is."""
        return False

    @property
    def buffer(self) -> Any:
        """Bytes go the same way."""
        return _Bytes(self)


class _Bytes(io.RawIOBase):
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.write(bytes(data).decode("utf-8", "backslashreplace"))
        return len(data)


def redirect(channel: Channel) -> None:
    """Has what is printed here come out where the call was made."""
    for name in ("stdout", "stderr"):
        inner = getattr(sys, f"__{name}__")
        setattr(sys, name, Stream(channel, name, inner))


def forward_logging(channel: Channel, level: int | None) -> Callable[[], None]:
    """Has what is logged here be logged where the call was made, by the handlers of there. Returns what settles that
    when the user's modules, which may set up logging of their own, are loaded."""
    if level is None:
        return lambda: None
    import logging

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if record.exc_info and record.exc_info[0] is not None:
                text += "\n" + (record.exc_text or logging.Formatter().formatException(record.exc_info))
            channel.say(["record", record.name, record.levelno, text, record.pathname, record.lineno])

    def settle() -> None:
        root = logging.getLogger()
        # Else each line would come out twice: by a handler of here, and by its like where the call was made.
        root.handlers[:] = [Handler()]
        root.setLevel(level)

    return settle
