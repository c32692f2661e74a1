"""Who reads, analyses and writes: a model behind an OpenAI-compatible endpoint, or the extractive summariser.

``OPENAI_BASE_URL`` or ``OPENAI_API_KEY`` in the environment chooses the model (``OPENAI_MODEL`` its name,
``OPENAI_PRICE`` its price as "INPUT,OUTPUT" in US dollars per million tokens, where the provider's answer does not
say the cost itself). Not here: trying again (``agent``) and the report's frame (``report``).
"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import report
import summary

import kitaru

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corpus import Source

_TIMEOUT = 120.0  # seconds for one answer
_SYSTEM = """You are a careful research assistant. The user message is a JSON object: `task` says what to do, the \
other fields are its material (`term_weights`: how rare a word of the topic is in the library). Use the given \
material alone and add nothing from memory.
Tasks, and the form of the answer:
plan: give at most `most` search queries (keywords) that would find documentation on `topic`. \
JSON: {"queries": [string, …]}
read: copy at most 8 sentences of `text`, word for word, that help to answer `topic`. None is a good answer. \
JSON: {"notes": [string, …]}
analyse: from `notes`, say what the source contributes to `topic`. \
JSON: {"relevance": number from 0 to 1, "says": [string, …], "cautions": [string, …]}
report: answer `topic` in Markdown for a practitioner, from `findings`: begin with a section "## In short", then \
sections of your own. After each statement cite the findings that support it by their number, as [@3]. \
Only Markdown, no title, no list of sources."""


class ProviderError(Exception):
    """The provider refused. ``status_code`` is the HTTP status; ``retry_after`` seconds, where it names a time."""

    def __init__(self, message: str, *, status_code: int, retry_after: float | None) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.retry_after = retry_after


class ReplyError(Exception):
    """The model's answer does not have the form that was asked for. Asking again usually helps."""


@dataclass(frozen=True)
class Question:
    """The topic, and how much each of its words tells in this corpus."""

    topic: str
    weights: dict[str, float]


@dataclass(frozen=True)
class Analysis:
    """What a source contributes."""

    relevance: float
    says: list[str]
    cautions: list[str]


@dataclass(frozen=True)
class Finding:
    """A source's contribution, and who found it."""

    source: Source
    analysis: Analysis
    by: str


class Writer(Protocol):
    """What the agent needs of whoever writes."""

    name: str

    def plan(self, topic: str, most: int) -> list[str]:
        """Search queries."""

    def read(self, question: Question, source: Source, text: str) -> list[str]:
        """Sentences of the text that bear on the topic; none if it has none."""

    def analyse(self, question: Question, source: Source, notes: Sequence[str]) -> Analysis:
        """What the notes contribute."""

    def report(self, question: Question, findings: Sequence[Finding]) -> str:
        """The report's body in Markdown, citing findings by their place from 1, as ``[@3]``."""


def writer() -> Writer:
    """The model where the environment names one, else the extractive summariser."""
    if os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_KEY"):
        return Model()
    return Extractive()


class Extractive:
    """Chooses sentences. Free, offline, and never says what no source says."""

    name = "extractive summariser"

    def plan(self, topic: str, most: int) -> list[str]:
        """See :class:`Writer`."""
        return summary.queries(topic, most)

    def read(self, question: Question, source: Source, text: str) -> list[str]:
        """See :class:`Writer`."""
        return summary.notes(question.weights, source.name, text)

    def analyse(self, question: Question, source: Source, notes: Sequence[str]) -> Analysis:
        """See :class:`Writer`."""
        says, cautions = summary.split_cautions(question.weights, source.name, notes)
        best = max((summary.strength(one, source.name, question.weights) for one in says), default=0.0)
        return Analysis(best, says, cautions)

    def report(self, question: Question, findings: Sequence[Finding]) -> str:
        """See :class:`Writer`."""
        return report.extractive_body(question.weights, findings)


class Model:
    """A chat model. Each answer's tokens and cost are told to Kitaru."""

    def __init__(self) -> None:
        self._base = (os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1").rstrip("/")
        self._key = os.environ.get("OPENAI_API_KEY", "")
        self.name = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")

    def plan(self, topic: str, most: int) -> list[str]:
        """See :class:`Writer`."""
        found = _strings(self._ask_json(task="plan", topic=topic, most=most), "queries")[:most]
        return found or [topic]

    def read(self, question: Question, source: Source, text: str) -> list[str]:
        """See :class:`Writer`."""
        return _strings(self._ask_json(task="read", **_fields(question), name=source.name, text=text), "notes")

    def analyse(self, question: Question, source: Source, notes: Sequence[str]) -> Analysis:
        """See :class:`Writer`."""
        reply = self._ask_json(task="analyse", **_fields(question), name=source.name, notes=list(notes))
        weight = reply.get("relevance")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)):
            raise ReplyError(f"relevance is {weight!r}, not a number")
        return Analysis(min(max(float(weight), 0.0), 1.0), _strings(reply, "says"), _strings(reply, "cautions"))

    def report(self, question: Question, findings: Sequence[Finding]) -> str:
        """See :class:`Writer`."""
        material = [
            {
                "number": number,
                "name": finding.source.name,
                "file": finding.source.file,
                "line": finding.source.line,
                "relevance": finding.analysis.relevance,
                "says": finding.analysis.says,
                "cautions": finding.analysis.cautions,
            }
            for number, finding in enumerate(findings, 1)
        ]
        body = self._ask(task="report", **_fields(question), findings=material)
        problem = report.citation_problem(body, len(findings))
        if problem is not None:
            raise ReplyError(problem)
        return body

    def _ask_json(self, **task: Any) -> dict[str, Any]:
        text = self._ask(**task)
        inner = re.search(r"\{.*\}", text, re.DOTALL)
        try:
            found = json.loads(inner.group(0) if inner else text)
        except ValueError:
            raise ReplyError(f"not JSON: {text[:200]!r}") from None
        if not isinstance(found, dict):
            raise ReplyError(f"not a JSON object: {text[:200]!r}")
        return found

    def _ask(self, **task: Any) -> str:
        messages = [
            {"role": "system", "content": _SYSTEM},
            {"role": "user", "content": json.dumps(task, ensure_ascii=False)},
        ]
        request = urllib.request.Request(
            f"{self._base}/chat/completions",
            json.dumps({"model": self.name, "messages": messages}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
                reply = json.load(response)
        except urllib.error.HTTPError as refusal:
            raise _refused(refusal) from None
        except urllib.error.URLError as problem:
            raise ConnectionError(f"{self._base} cannot be reached: {problem.reason}") from None
        self._tell_usage(reply.get("usage") or {})
        try:
            content = reply["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            raise ReplyError("the answer holds no message") from None
        if not isinstance(content, str):
            raise ReplyError("the message holds no text")
        return content

    def _tell_usage(self, used: dict[str, Any]) -> None:
        into, out = int(used.get("prompt_tokens", 0)), int(used.get("completion_tokens", 0))
        cost = used.get("cost")  # some providers say it themselves
        if cost is None:
            price_in, _, price_out = os.environ.get("OPENAI_PRICE", "0,0").partition(",")
            cost = (into * float(price_in) + out * float(price_out or 0)) / 1e6
        kitaru.usage(model=self.name, input_tokens=into, output_tokens=out, cost_usd=float(cost))


def _fields(question: Question) -> dict[str, Any]:
    return {"topic": question.topic, "term_weights": question.weights}


def _refused(refusal: urllib.error.HTTPError) -> ProviderError:
    text = refusal.read().decode("utf-8", "replace")
    try:
        text = str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        text = text[:200]
    after = refusal.headers.get("Retry-After", "")
    seconds = float(after) if re.fullmatch(r"\d+(\.\d+)?", after) else None
    named = f" (Retry-After: {after} s)" if seconds is not None else ""
    message = f"{refusal.code} {refusal.reason}: {text}{named}"
    return ProviderError(message, status_code=refusal.code, retry_after=seconds)


def _strings(reply: dict[str, Any], name: str) -> list[str]:
    found = reply.get(name)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ReplyError(f"{name} is not a list of strings: {str(found)[:200]}")
    return found
