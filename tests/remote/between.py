"""What stands between clients and a server in tests: it counts what passes. Not here: any expectation."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import threading
from collections.abc import Iterator


class Counted:
    """What passed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connections = 0
        self.requests: list[str] = []
        """Path of each."""
        self.bytes: list[int] = []
        """Length of each body."""
        self.seen = b""
        """All that clients sent."""

    def writes(self) -> int:
        """How many requests wrote."""
        return self.requests.count("/api/v1/store/write")


@contextlib.contextmanager
def counting(port: int) -> Iterator[Counted]:
    """Passes on to the server at ``port`` and counts."""
    listener = socket.create_server(("127.0.0.1", 0))
    own = listener.getsockname()[1]
    counted = Counted(f"http://127.0.0.1:{own}")

    def back(server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def there(client: socket.socket) -> None:
        counted.connections += 1
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=back, args=(server, client), daemon=True).start()
            reader = client.makefile("rb")
            while line := reader.readline():
                head = [line]
                while (line := reader.readline()) not in (b"\r\n", b""):
                    head.append(line)
                fields = {name.lower(): value.strip() for name, _, value in (one.partition(b":") for one in head[1:])}
                body = reader.read(int(fields.get(b"content-length", 0)))
                counted.requests.append(head[0].split()[1].decode())
                counted.bytes.append(len(body))
                # The server must be called by its own name.
                text = b"".join(head).replace(b":%d\r\n" % own, b":%d\r\n" % port)
                counted.seen += text
                server.sendall(text + b"\r\n" + body)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=there, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield counted
    finally:
        listener.close()


@contextlib.contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Something that answers everything alike: its address, and the headers of each request."""
    asked: list[dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            asked.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def packed(head: object) -> bytes:
    """A message of the protocol without bytes after it."""
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text
