"""A reader of server-sent events that is cut off at any byte, and what it had by then. Not here: any expectation."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import struct
from typing import Any


@dataclasses.dataclass
class Told:
    """One event: its name, its data, and the last id that its stream had given."""

    event: str
    id: str
    data: Any

    @property
    def place(self) -> float:
        """Its place among all: half a step before a status that is told with it."""
        whole, _, half = self.id.partition(".")
        return int(whole) - (0.5 if half else 0)


def unchunked(raw: bytes) -> bytes:
    """The bytes of a chunked body, as far as they have come."""
    body: list[bytes] = []
    at = 0
    while (end := raw.find(b"\r\n", at)) > at:
        begin, length = end + 2, int(raw[at:end], 16)
        body.append(raw[begin : begin + length])
        at = begin + length + 2
    return b"".join(body)


class Reader:
    """Follows all executions, and remembers from where to go on."""

    def __init__(self, after: str) -> None:
        self.last = after
        self.told: list[Told] = []
        self.unnumbered: list[Told] = []

    def connect(self, host: str, port: int) -> socket.socket:
        """A connection that has asked."""
        made = socket.create_connection((host, port), timeout=20)
        head = f"GET /api/v1/events HTTP/1.1\r\nHost: {host}:{port}\r\nLast-Event-ID: {self.last}\r\n\r\n"
        made.sendall(head.encode())
        return made

    def read(self, connection: socket.socket, most: int, patience: float) -> bool:
        """Takes that many bytes at the most, and keeps the events that were whole by then. Whether more may come."""
        connection.settimeout(patience)
        raw = b""
        goes_on = True
        with contextlib.suppress(TimeoutError, ConnectionError):
            while len(raw) < most:
                more = connection.recv(min(65536, most - len(raw)))
                if not more:
                    goes_on = False
                    break
                raw += more
        self.keep(raw)
        return goes_on

    def keep(self, raw: bytes) -> None:
        """Keeps the events that are whole in that much of an answer."""
        head, found, rest = raw.partition(b"\r\n\r\n")
        if found:
            assert head.startswith(b"HTTP/1.1 200"), head
            self._keep(unchunked(rest))

    def cut(self, host: str, port: int, most: int) -> None:
        """Connects, reads that many bytes, and is gone."""
        with contextlib.closing(self.connect(host, port)) as connection:
            self.read(connection, most, 0.5)
            # Without a goodbye.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _keep(self, body: bytes) -> None:
        whole = body.rpartition(b"\n\n")[0]
        for block in whole.split(b"\n\n"):
            fields = dict(line.split(": ", 1) for line in block.decode().splitlines() if not line.startswith(":"))
            self.last = fields.get("id", self.last)
            if "data" not in fields:
                continue
            told = Told(fields["event"], self.last, json.loads(fields["data"]))
            (self.told if "id" in fields else self.unnumbered).append(told)
