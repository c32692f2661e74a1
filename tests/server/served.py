"""A server of a test's own, and requests to it. Not here: any expectation."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import pathlib
import re
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import jsonschema

from lab import KITARU, Lab


@functools.cache
def document() -> Any:
    """The API's own description."""
    path = pathlib.Path(__file__).parents[2] / "docs" / "openapi.json"
    return json.loads(path.read_text())


@functools.cache
def _routes() -> list[tuple[re.Pattern[str], str]]:
    def pattern(path: str) -> str:
        parts = re.split(r"\{(\w+)\}", path)
        # A key or a name may have slashes in it.
        every = zip(parts[0::2], [*parts[1::2], None])
        return "".join(
            re.escape(text) + ("" if name is None else ".+" if name in ("key", "name") else "[^/]+")
            for text, name in every
        )

    return [(re.compile(pattern(path)), path) for path in document()["paths"]]


def must_be_as_documented(method: str, path: str, status: int, told: Any) -> None:
    """Holds an answer against the schema that the document has for it."""
    asked = f"/api/v1{path.split('?')[0]}"
    found = [known for pattern, known in _routes() if pattern.fullmatch(asked)]
    operations = [document()["paths"][known].get(method.lower()) for known in found]
    operations = [one for one in operations if one is not None]
    if not operations:
        assert status in (404, 405), f"{method} {path} is not documented"
        return
    answers = operations[-1]["responses"]
    assert str(status) in answers or status >= 400, f"{method} {path}: {status} is not documented"
    (content,) = answers.get(str(status), answers["default"])["content"].values()
    schema = {**content["schema"], "components": document()["components"]}
    jsonschema.Draft202012Validator(schema).validate(told)


class Served:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], url: str, token: str | None = None) -> None:
        self.process = process
        self.url = url
        # What is shown by whoever asks.
        self.token = token
        self.host, port = url.split("://")[1].split(":")
        self.port = int(port)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and text of an answer. ``headers`` replace those that are sent."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        with contextlib.closing(connection):
            sent = {"Content-Type": "application/json"} if body is not None else {}
            if self.token is not None:
                sent["Authorization"] = f"Bearer {self.token}"
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {**sent, **(headers or {})})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read().decode()

    def raw(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
        """The same for a body that is no JSON; nothing is sent but these headers."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read().decode()

    def message(self, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
        """Status and bytes of what is answered to a message of a store elsewhere."""
        sent = {"Content-Type": "application/vnd.kitaru.store", **headers}
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("POST", f"/api/v1/store/{path}", body, sent)
            response = connection.getresponse()
            return response.status, response.read()

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
        told = json.loads(text)
        must_be_as_documented(method, path, seen, told)
        return told

    @contextlib.contextmanager
    def events(self, exec_id: str, last: str | None = None) -> Iterator[Iterator[tuple[str, str, Any]]]:
        """Event, identifier and data of what is streamed of an execution, from ``last`` on."""
        with self.stream(f"/executions/{exec_id}/events", last) as events:
            yield events

    @contextlib.contextmanager
    def stream(self, path: str, last: str | None = None) -> Iterator[Iterator[tuple[str, str, Any]]]:
        """The same at any path of the API."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        with contextlib.closing(connection):
            headers = {} if last is None else {"Last-Event-ID": last}
            if self.token is not None:
                headers["Authorization"] = f"Bearer {self.token}"
            connection.request("GET", f"/api/v1{path}", headers=headers)
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
def serving(
    lab: Lab, command: str = "up", *more: str, token: str | None = None, store: str | None = None
) -> Iterator[Served]:
    """Serves a lab's store, or the one of that address, at a free port. ``token``: what is shown by whoever asks."""
    env = {} if store is None else {"KITARU_STORE": store}
    process = lab.spawn(KITARU, command, "--port", "0", "--output", "json", *more, **env)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate()[1])
        yield Served(process, json.loads(line)["item"]["url"], token)
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=30)
