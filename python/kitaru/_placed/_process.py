"""A process for one call, as whoever made the call sees it: messages that come, and an end.

Not here: the process itself (``_keeper``, ``_inside``), and what is made of the messages (``_heard``).
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from kitaru._placed import _keeper
from kitaru.errors import KitaruPlacementError

if TYPE_CHECKING:
    from kitaru._placed._job import Job

    Message = tuple[list[Any], bytes]

# Longer than the keeper itself takes to end a tree that will not go, in seconds.
_PATIENCE = 8.0


class Process:
    """A call's process. Made, it is starting; :meth:`hear` ends with a message ``ended`` that says how it did."""

    def __init__(self, job: Job, memory: int | None, *, cwd: str | None = None) -> None:
        if not hasattr(os, "fork"):
            raise KitaruPlacementError("runtime='process' is not to be had on this system: it needs Linux or macOS")
        if memory is not None and not sys.platform.startswith("linux"):
            raise KitaruPlacementError("memory= is not to be had on this system: only Linux tells what a process has")
        talk, theirs = socket.socketpair()
        word, keepers = socket.socketpair()
        flags: list[str] = getattr(subprocess, "_args_from_interpreter_flags", list)()
        argv = [theirs.fileno(), keepers.fileno(), os.getpid(), memory or 0]
        try:
            self._popen = subprocess.Popen(
                [sys.executable, *flags, _keeper.__file__, *map(str, argv)],
                pass_fds=(theirs.fileno(), keepers.fileno()),
                stdin=subprocess.DEVNULL,
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            for one in (talk, word):
                one.close()
            raise KitaruPlacementError(f"a process cannot be started: {error}") from None
        finally:
            theirs.close()
            keepers.close()
        self._talk, self._word = talk, word
        self._unframed = _keeper.Unframed()
        self._told = bytearray()
        self._ahead = memoryview(_keeper.frame([job.header], job.arguments))
        self.memory = memory
        self.is_over = False
        talk.setblocking(False)
        word.setblocking(False)

    def hear(self, seconds: float | None) -> list[Message]:
        """What has come, waiting for so long at most. The last message of all is ``["ended", {...}]``."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self.is_over:
            left = None if until is None else max(0.0, until - time.monotonic())
            reading = [self._word, *([self._talk] if self._talk.fileno() >= 0 else [])]
            writing = [self._talk] if len(self._ahead) and self._talk.fileno() >= 0 else []
            can_read, can_write, _ = select.select(reading, writing, [], left)
            if can_write:
                self._send()
            found = self._receive() if self._talk in can_read else []
            if self._word in can_read:
                found += self._ended()
            if found or (left is not None and left <= 0):
                return found
        return []

    def say(self, header: list[Any], body: bytes = b"") -> None:
        """Answers."""
        self._ahead = memoryview(bytes(self._ahead) + _keeper.frame(header, body))

    def is_done(self) -> None:
        """What came of the call is known: its process has a moment to end by itself, and what it left is ended."""
        self._tell(_keeper.OVER)

    def kill(self) -> None:
        """Has it ended at once, with all that it has started. From any thread."""
        self._tell(_keeper.KILL)

    def see_out(self) -> list[Message]:
        """Waits for the end of it. Returns what was still said."""
        found: list[Message] = []
        until = time.monotonic() + _PATIENCE
        while not self.is_over and time.monotonic() < until:
            found += self.hear(max(0.0, until - time.monotonic()))
        if not self.is_over:
            self._close()
        return found

    def _tell(self, letter: bytes) -> None:
        try:
            self._word.send(letter)
        except OSError:
            return  # it has ended by itself

    def _send(self) -> None:
        try:
            self._ahead = self._ahead[self._talk.send(self._ahead) :]
        except BlockingIOError:
            return
        except OSError:
            self._ahead = memoryview(b"")

    def _receive(self) -> list[Message]:
        found: list[Message] = []
        while True:
            try:
                data = self._talk.recv(1 << 20)
            except BlockingIOError:
                return found
            except OSError:
                data = b""
            if not data:
                self._talk.close()
                return found
            found += self._unframed.feed(data)

    def _ended(self) -> list[Message]:
        try:
            data = self._word.recv(4096)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        self._told += data
        if data and not self._told.endswith(b"\n"):
            return []
        # The keeper's own death says nothing: somebody has killed it.
        told = json.loads(self._told) if self._told else {"exit": None, "signal": 9, "had": None, "left": []}
        # What was said before the end may not have been read yet.
        found = self._receive() if self._talk.fileno() >= 0 else []
        self._close()
        return [*found, (["ended", told], b"")]

    def _close(self) -> None:
        self.is_over = True
        for one in (self._talk, self._word):
            one.close()
        self._popen.wait()
