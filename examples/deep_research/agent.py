"""The agent: plan, search, rank, read some thirty sources, ask a human, analyse each, write a cited report.

Every step is a checkpoint, so none is paid for twice. Not here: what the steps are made of (``corpus``, ``ranking``,
``writer``, ``report``).
"""

from __future__ import annotations

from dataclasses import dataclass

import corpus as library
import display
import ranking
import report
from corpus import Source
from writer import Finding, ProviderError, Question, ReplyError, writer

import kitaru
from kitaru import checkpoint, flow

_QUERIES = 4
_HITS = 40  # a query
_AT_ONCE = 4  # analyses
_PATIENCE = 30.0  # seconds that a step waits because a provider asks for it


@dataclass(frozen=True)
class Reading:
    """What was noted of one source."""

    question: Question
    source: Source
    notes: list[str]


def passing(error: Exception) -> bool:
    """Whether another try soon may succeed. A provider that wants a longer pause ends the run: resume it later."""
    if isinstance(error, ProviderError):
        soon = error.retry_after is None or error.retry_after <= _PATIENCE
        return soon and (error.status_code in (408, 409, 429) or error.status_code >= 500)
    return isinstance(error, (ReplyError, ConnectionError, TimeoutError))


@checkpoint(retries=2, retry_on=passing)
def plan(topic: str) -> list[str]:
    """What to search for."""
    display.running("plan")
    return writer().plan(topic, _QUERIES)


@checkpoint
def search(query: str, corpus: str | None) -> list[Source]:
    """The best sources for one query."""
    display.running(f"search {query}")
    return ranking.index(corpus).search(query, _HITS)


@checkpoint
def rank(topic: str, hits: list[list[Source]], limit: int, corpus: str | None) -> tuple[Question, list[Source]]:
    """The question with its words weighed, and the sources to read, best first."""
    display.running("rank")
    return Question(topic, ranking.index(corpus).weights(topic)), ranking.fuse(hits, limit)


@checkpoint(retries=2, retry_on=passing)
def read(question: Question, source: Source, corpus: str | None) -> Reading:
    """What a source says of the topic."""
    display.running(f"read {source.name}")
    text = library.text_of(corpus, source)
    return Reading(question, source, writer().read(question, source, text))


@checkpoint(retries=2, retry_on=passing)
def analyse(reading: Reading) -> Finding:
    """What a source contributes."""
    display.running(f"analyse {reading.source.name}")
    who = writer()
    return Finding(reading.source, who.analyse(reading.question, reading.source, reading.notes), who.name)


@checkpoint(retries=2, retry_on=passing)
def write(question: Question, findings: list[Finding], read_count: int, corpus: str | None) -> str:
    """The report."""
    display.running("write the report")
    who = writer()
    body = who.report(question, findings)
    return report.compose(question.topic, library.root_of(corpus).absolute(), body, findings, read_count, who.name)


@flow
def deep_research(topic: str, corpus: str | None = None, sources: int = 34) -> str:
    """A cited report on ``topic`` in Markdown, from the standard library's documentation or the folder ``corpus``."""
    with display.showing(2 + _QUERIES + 2 * sources + 1) as steps:
        queries = plan(topic)
        steps.finished()
        hits = []
        for query in queries:
            hits.append(search(query, corpus))
            steps.finished()
        question, chosen = rank(topic, hits, sources, corpus)
        steps.finished()
        steps.total = 2 + len(queries) + 2 * len(chosen) + 1

        readings = []
        for source in chosen:
            readings.append(read(question, source, corpus))
            steps.finished()
        useful = [reading for reading in readings if reading.notes]
        steps.total = 2 + len(queries) + len(chosen) + len(useful) + 1

        if not useful:
            return f"Nothing found: none of the {len(chosen)} sources that share words with {topic!r} speaks of it."

        steps.clear()
        approved = kitaru.wait(
            schema=bool,
            name="approval",
            question=f"Read {len(chosen)} sources, {len(useful)} of them on the topic. Analyse them and write?",
        )
        if not approved:
            return f"Stopped by the reviewer after {len(chosen)} sources."

        findings = analyse.map(useful, limit=_AT_ONCE)
        steps.finished(len(findings))
        text = write(question, findings, len(chosen), corpus)
        steps.finished()
        return text
