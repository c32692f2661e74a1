"""A server of a test's own, and requests to it. Not here: any expectation."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

from lab import KITARU, Lab


class Served:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url
        self.host, port = url.removeprefix("http://").split(":")
        self.port = int(port)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and text of an answer. ``headers`` replace those that are sent."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        with contextlib.closing(connection):
            sent = {"Content-Type": "application/json"} if body is not None else {}
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {**sent, **(headers or {})})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read().decode()

    def get(self, path: str, status: int = 200) -> Any:
        """The JSON at a path of the API."""
        return self._told("GET", path, None, status)

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        """What the API answers to that."""
        return self._told("POST", path, body, status)

    def delete(self, path: str, status: int = 200) -> Any:
        """The same."""
        return self._told("DELETE", path, None, status)

    def _told(self, method: str, path: str, body: Any, status: int) -> Any:
        seen, headers, text = self.ask(method, f"/api/v1{path}", body)
        assert seen == status, f"{method} {path}: {seen} {text}"
        kind = "application/problem+json" if status >= 400 else "application/json"
        assert headers["content-type"] == kind
        return json.loads(text)

    @contextlib.contextmanager
    def events(self, exec_id: str, last: str | None = None) -> Iterator[Iterator[tuple[str, str, Any]]]:
        """Event, identifier and data of what is streamed, from ``last`` on."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        with contextlib.closing(connection):
            headers = {} if last is None else {"Last-Event-ID": last}
            connection.request("GET", f"/api/v1/executions/{exec_id}/events", headers=headers)
            response = connection.getresponse()
            assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
            yield _events(response)

    def until(self, exec_id: str, status: str) -> None:
        """Returns when an execution has that status."""
        with self.events(exec_id) as events:
            for event, _, data in events:
                if event == "status" and data["status"] == status:
                    return
        raise AssertionError(f"the stream ended before {status}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Stops it. Its exit status and what it complained of."""
        self.process.send_signal(how)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said


def _events(response: http.client.HTTPResponse) -> Iterator[tuple[str, str, Any]]:
    fields: dict[str, str] = {}
    while line := response.readline():
        text = line.decode().rstrip("\n")
        if text.startswith(":"):
            continue
        if not text:
            if "event" in fields:
                yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
            fields = {}
            continue
        name, _, value = text.partition(": ")
        fields[name] = value


@contextlib.contextmanager
def serving(lab: Lab, command: str = "up", *more: str) -> Iterator[Served]:
    """Serves a lab's store at a free port."""
    process = lab.spawn(KITARU, command, "--port", "0", "--output", "json", *more)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate()[1])
        yield Served(process, json.loads(line)["item"]["url"])
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=30)
