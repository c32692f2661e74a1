"""A network between workers and their database that can be cut and slowed.

Not here: when that happens.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time


class Proxy:
    """Passes on what comes to its port."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._delay = 0.0
        self._is_down = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def slow(self, seconds: float) -> None:
        """From here on each piece takes so long; 0: none."""
        self._delay = seconds

    def cut(self, *, down: bool = False) -> None:
        """Ends all connections. ``down``: and refuses new ones, until :meth:`up`."""
        self._is_down = down
        with self._lock:
            ended, self._open = self._open, set()
        for one in ended:
            # One that ends by itself just now is ended.
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def up(self) -> None:
        """Takes connections again."""
        self._is_down = False

    def close(self) -> None:
        """Ends it."""
        self.cut(down=True)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                taken, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(taken,), daemon=True).start()

    def _pass(self, taken: socket.socket) -> None:
        with taken:
            if self._is_down:
                return
            try:
                further = socket.create_connection(self._to, timeout=5)
            except OSError:
                return
            with further:
                for one in (taken, further):
                    one.settimeout(None)
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._open |= {taken, further}
                with contextlib.suppress(OSError):
                    self._both(taken, further)
                with self._lock:
                    self._open -= {taken, further}

    def _both(self, one: socket.socket, other: socket.socket) -> None:
        while True:
            for ready in select.select([one, other], [], [])[0]:
                piece = ready.recv(1 << 16)
                if not piece:
                    return
                if self._delay:
                    time.sleep(self._delay)
                (other if ready is one else one).sendall(piece)
