"""One research agent: it searches the documentation for a topic, reads a few sources, and says what they contribute.

Its pieces are those of `examples/deep_research`. Not here: the master over ten of them (`master`).
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from dataclasses import dataclass

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "deep_research"))

import corpus as library
import ranking
from corpus import Source
from writer import Finding, Question, writer

import kitaru
from kitaru import checkpoint, flow

_HITS = 24
_MODULES = 5  # are offered where a topic is too wide
_indexing = threading.Lock()


@dataclass(frozen=True)
class Section:
    """What one agent brings home."""

    topic: str
    question: Question
    findings: list[Finding]
    read: int


@checkpoint
def search(topic: str, corpus: str | None) -> tuple[Question, list[Source]]:
    """The topic with its words weighed, and the sources that speak of it, best first."""
    with _indexing:  # ten agents begin at once, and one index is enough
        index = ranking.index(corpus)
    return Question(topic, index.weights(topic)), index.search(topic, _HITS)


@checkpoint
def read(question: Question, source: Source, corpus: str | None) -> list[str]:
    """Sentences of a source that bear on the topic."""
    return writer().read(question, source, library.text_of(corpus, source))


@checkpoint
def analyse(question: Question, source: Source, notes: list[str]) -> Finding:
    """What a source contributes."""
    who = writer()
    return Finding(source, who.analyse(question, source, notes), who.name)


def module_of(source: Source) -> str:
    """Which part of the library a source belongs to."""
    return source.name.partition(".")[0]


@flow
def research(topic: str, corpus: str | None = None, sources: int = 4) -> Section:
    """Findings on ``topic``. A topic of one word is too wide: then it asks which part of the library is meant."""
    question, found = search(topic, corpus)
    if len(topic.split()) == 1:
        modules = [name for name, _ in Counter(map(module_of, found)).most_common(_MODULES)]
        meant = kitaru.wait(
            schema={"enum": modules},
            name="which",
            question=f"{topic!r} is spoken of in {', '.join(modules)}. Which is meant?",
            metadata={"topic": topic, "modules": modules},
        )
        found = [source for source in found if module_of(source) == meant]
    findings = []
    for source in found[:sources]:
        notes = read(question, source, corpus)
        if notes:
            findings.append(analyse(question, source, notes))
    return Section(topic, question, findings, len(found[:sources]))
