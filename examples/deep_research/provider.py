"""A simulated model provider on a loopback port: the OpenAI chat-completions protocol, with an hourly quota.

Its answers are the extractive summariser's. Beyond the quota it answers 429 with a Retry-After that nobody waits for.
It counts what it is asked, so that the demo can show facts. Not here: the story (``demo``).
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from corpus import Source
from writer import Analysis, Extractive, Finding, Question

_LATENCY = 0.03  # seconds an answer takes
_PRICE_IN, _PRICE_OUT = 2.5e-6, 1e-5  # US dollars a token


class Provider:
    """The server, from its making to :meth:`stop`."""

    def __init__(self, quota: int | None) -> None:
        self.quota = quota
        self.answered: list[str] = []  # the user messages
        self.refused = 0
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, reply = provider.answer(self.path, json.loads(text))
                body = json.dumps(reply).encode()
                with contextlib.suppress(ConnectionError):  # whoever asked may have been killed
                    self.send_response(status)
                    for name, value in {**headers, "Content-Length": str(len(body))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: the demo tells."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, request: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and body for one request."""
        if path != "/v1/chat/completions":
            return 404, {}, {"error": {"message": f"no such path: {path}"}}
        prompt = str(request["messages"][-1]["content"])
        with self._lock:
            if self.quota is not None and len(self.answered) >= self.quota:
                self.refused += 1
                message = f"Rate limit reached: {self.quota} requests an hour"
                return 429, {"Retry-After": "3600"}, {"error": {"message": message, "type": "rate_limit_error"}}
            self.answered.append(prompt)
        time.sleep(_LATENCY)
        content = reply_to(json.loads(prompt))
        into, out = sum(len(one["content"]) for one in request["messages"]) // 4, len(content) // 4
        used = {"prompt_tokens": into, "completion_tokens": out, "cost": into * _PRICE_IN + out * _PRICE_OUT}
        choice = {"index": 0, "message": {"role": "assistant", "content": content}}
        return 200, {}, {"choices": [choice], "model": request["model"], "usage": used}


def reply_to(task: dict[str, Any]) -> str:
    """What the summariser answers to one of the agent's prompts."""
    writer = Extractive()
    topic = str(task["topic"])
    if task["task"] == "plan":
        return json.dumps({"queries": writer.plan(topic, task["most"])})
    question = Question(topic, task["term_weights"])
    if task["task"] == "report":
        findings = [
            Finding(
                Source(one["name"], one["file"], one["line"]),
                Analysis(one["relevance"], one["says"], one["cautions"]),
                writer.name,
            )
            for one in task["findings"]
        ]
        return writer.report(question, findings)
    source = Source(task["name"], "", 0)
    if task["task"] == "read":
        return json.dumps({"notes": writer.read(question, source, task["text"])})
    found = writer.analyse(question, source, task["notes"])
    return json.dumps({"relevance": found.relevance, "says": found.says, "cautions": found.cautions})
