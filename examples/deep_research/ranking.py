"""Which documents speak of a topic: BM25 over names and texts, and the fusion of several queries' lists.

BM25: Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), with the usual k1 = 1.2, b = 0.75, and
a name that counts as often as ``_NAME`` repetitions in the text. Fusion: Cormack, Clarke and Büttcher, "Reciprocal
Rank Fusion" (2009). Not here: where documents come from (``corpus``).
"""

from __future__ import annotations

import functools
import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from corpus import Document, Source, documents
from words import keywords, terms

if TYPE_CHECKING:
    from collections.abc import Sequence

_K1, _B = 1.2, 0.75
_NAME = 3
_FUSION = 20


class Index:
    """An inverted index."""

    def __init__(self, texts: Sequence[Document]) -> None:
        self._sources = [document.source for document in texts]
        self._postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._lengths: list[int] = []
        for number, document in enumerate(texts):
            words = terms(document.text)
            counts = Counter(words)
            for word in terms(document.source.name):
                counts[word] += _NAME
            self._lengths.append(len(words))
            for word, count in counts.items():
                self._postings[word].append((number, count))
        self._mean = sum(self._lengths) / max(len(self._lengths), 1)

    def weight(self, word: str) -> float:
        """The word's inverse document frequency; 0 for one that no document has."""
        has = len(self._postings.get(word, ()))
        return math.log(1 + (len(self._sources) - has + 0.5) / (has + 0.5)) if has else 0.0

    def weights(self, topic: str) -> dict[str, float]:
        """The topic's words, each with its weight; those that no document has are left out."""
        found = {word: round(self.weight(word), 2) for word in keywords(topic)}
        return {word: weight for word, weight in found.items() if weight}

    def search(self, query: str, limit: int) -> list[Source]:
        """The best documents, best first. One that has few of the query's words, by weight, is not among them."""
        scores: dict[int, float] = defaultdict(float)
        covered: dict[int, float] = defaultdict(float)
        words = keywords(query)
        whole = sum(self.weight(word) for word in words)
        for word in words:
            weight = self.weight(word)
            for number, count in self._postings.get(word, ()):
                length = 1 - _B + _B * self._lengths[number] / self._mean
                scores[number] += weight * count * (_K1 + 1) / (count + _K1 * length)
                covered[number] += weight
        # A document that has all the words goes before one that has one of them very often.
        best = sorted(scores, key=lambda n: (-scores[n] * (covered[n] / whole) ** 1.5, self._sources[n].name))
        return [self._sources[number] for number in best[:limit]]


@functools.lru_cache(maxsize=2)
def index(corpus: str | None) -> Index:
    """The index of a corpus, made when it is first asked for."""
    return Index(documents(corpus))


def fuse(lists: Sequence[Sequence[Source]], limit: int) -> list[Source]:
    """One list from several: what stands high in many comes first. No module fills more than a third of it."""
    scores: dict[Source, float] = defaultdict(float)
    for one in lists:
        for place, source in enumerate(one):
            scores[source] += 1 / (_FUSION + place)
    chosen: list[Source] = []
    held: Counter[str] = Counter()
    for source in sorted(scores, key=lambda source: (-scores[source], source.name)):
        if len(chosen) < limit and held[source.file] < max(limit // 3, 2):
            chosen.append(source)
            held[source.file] += 1
    return chosen
