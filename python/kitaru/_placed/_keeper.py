"""The process around a call's: starts it, watches its memory, and ends it with all that it has started.

Run as a program, so that one start of Python makes two processes: this one, which imports nothing of anybody's and is
told what to do by a letter on a socket, and its fork, which becomes the call's (``_inside``). On Linux the processes of
the tree that lose their parent become this one's children, however they left it; so its having no more children is
the end of the tree. Not here: what is said between the call and whoever made it, but for how it is framed.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from typing import Any

# How often the memory of a tree that has a limit is looked at, in seconds.
LOOK = 0.05
# How long a process may take to end when its call is over, and how long a tree is killed for, in seconds.
_LAST_WORDS = 2.0
_STUBBORN = 5.0
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_HEAD = struct.Struct(">IQ")
_PDEATHSIG, _SUBREAPER = 1, 36

KILL, OVER = b"k", b"o"


def frame(header: list[Any], body: bytes = b"") -> bytes:
    """One message: a header of plain data, and bytes."""
    head = json.dumps(header).encode()
    return b"".join((_HEAD.pack(len(head), len(body)), head, body))


class Unframed:
    """Takes messages out of a stream of bytes as they become whole."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[tuple[list[Any], bytes]]:
        """The messages that are whole with ``data``."""
        self._held += data
        found: list[tuple[list[Any], bytes]] = []
        at = 0
        while len(self._held) - at >= _HEAD.size:
            head, body = _HEAD.unpack_from(self._held, at)
            start = at + _HEAD.size
            end = start + head + body
            if len(self._held) < end:
                break
            header = json.loads(bytes(self._held[start : start + head]))
            found.append((header, bytes(self._held[start + head : end])))
            at = end
        del self._held[:at]
        return found


def main() -> None:
    """Keeps one call's process: ``_keeper.py TALK WORD PARENT MEMORY``."""
    talk, word, parent, memory = (int(one) for one in sys.argv[1:5])
    for fd in (talk, word):
        os.set_inheritable(fd, False)
    woken, wakes = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    asked = [False]

    def ask(*_: Any) -> None:
        asked[0] = True

    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Both the closed socket and this tell that whoever made the call is gone: a fork of it may keep the socket open.
    _prctl(_PDEATHSIG, signal.SIGTERM)
    _prctl(_SUBREAPER, 1)
    if os.getppid() != parent:
        return
    me = os.getpid()
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        for one in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(one, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for fd in (woken, wakes, word):
            os.close(fd)
        os.setpgid(0, 0)
        _prctl(_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != me:
            os._exit(1)
        _work(talk)
        return
    os.close(talk)
    _keep(child, socket.socket(fileno=word), woken, memory, asked)


def _keep(child: int, word: socket.socket, woken: int, memory: int, asked: list[bool]) -> None:
    told: dict[str, Any] = {"exit": None, "signal": None, "had": None, "asked": False, "left": []}
    until: float | None = None
    while True:
        status = _reap(child)
        if status is not None:
            break
        if asked[0] or (until is not None and time.monotonic() >= until):
            told["asked"] = True
            break
        had = _memory() if memory else 0
        if memory and had > memory:
            told["had"] = had
            break
        wait = None if until is None else max(0.0, until - time.monotonic())
        if memory:
            wait = LOOK if wait is None else min(LOOK, wait)
        ready = select.select([word.fileno(), woken], [], [], wait)[0]
        if woken in ready:
            _empty(woken)
        if word.fileno() in ready:
            said = _letter(word)
            if said == OVER:
                until = time.monotonic() + _LAST_WORDS
            else:
                # Asked to kill it; or nobody is there any more who would take what comes of it.
                asked[0] = True
    if status is not None:
        told["exit" if os.WIFEXITED(status) else "signal"] = (
            os.WEXITSTATUS(status) if os.WIFEXITED(status) else os.WTERMSIG(status)
        )
    told["left"] = _end_all(child, woken)
    with contextlib.suppress(OSError):  # nobody is there any more who wants to know
        word.sendall(json.dumps(told).encode() + b"\n")


def _letter(word: socket.socket) -> bytes:
    try:
        return word.recv(1)
    except OSError:
        return b""


def _empty(pipe: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(pipe, 4096):
            pass


def _reap(child: int) -> int | None:
    """Takes note of who has ended. Returns the child's own status if it is among them."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, ended = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return status
            if pid == child:
                status = ended
    return status


def _end_all(child: int, woken: int) -> list[int]:
    """Kills the call's process and all below it, until none is left. Returns those that cannot be killed."""
    until = time.monotonic() + _STUBBORN
    while True:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        below = _below(os.getpid())
        for pid in below:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            return []
        if time.monotonic() >= until:
            return below
        # Rung by whoever ends; those that an ended one leaves behind do not ring.
        select.select([woken], [], [], 0.02)
        _empty(woken)


def _below(top: int) -> list[int]:
    """The processes below one, as Linux lists them; none elsewhere."""
    known: dict[int, list[int]] | None = None
    if not os.path.exists(f"/proc/{top}/task/{top}/children"):
        # A kernel that was built without that list.
        known = _parents()
    found: list[int] = []
    ahead = [top]
    while ahead:
        at = ahead.pop()
        children = _children(at) if known is None else known.get(at, [])
        found += children
        ahead += children
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as listed:
                found += map(int, listed.read().split())
    return found


def _parents() -> dict[int, list[int]]:
    """All processes by their parent."""
    found: dict[int, list[int]] = {}
    with contextlib.suppress(OSError):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/stat", encoding="utf-8") as told:
                # The program's name, which may hold anything, stands in brackets before.
                found.setdefault(int(told.read().rpartition(")")[2].split()[1]), []).append(int(pid))
    return found


def _memory() -> int:
    """The resident memory of the tree, in bytes."""
    total = 0
    for pid in _below(os.getpid()):
        with contextlib.suppress(OSError, IndexError, ValueError), open(f"/proc/{pid}/statm", encoding="ascii") as told:
            total += int(told.read().split()[1]) * _PAGE
    return total


def _prctl(option: int, value: int) -> None:
    """Asks Linux for something about this process. Elsewhere, and where it cannot be asked, nothing."""
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(option, int(value), 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return


def _work(talk: int) -> None:
    """The call's process: takes the job, and the surroundings that its maker has."""
    channel = socket.socket(fileno=talk)
    unframed = Unframed()
    jobs: list[tuple[list[Any], bytes]] = []
    while not jobs:
        data = channel.recv(1 << 20)
        if not data:
            return
        jobs = unframed.feed(data)
    header, body = jobs[0]
    job: dict[str, Any] = header[0]
    sys.path[:] = job["sys_path"]
    sys.argv[:] = job["argv"]
    from kitaru._placed._inside import work

    work(job, body, channel)


if __name__ == "__main__":
    main()
