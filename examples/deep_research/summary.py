"""The extractive summariser: chooses sentences by what they share with the topic. It never writes one of its own.

Stands in for a model where none is configured. Not here: how the report looks (``report``).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

from words import keywords, paragraphs, terms

Weights = Mapping[str, float]
"""The topic's words, stemmed, each with how much it tells: its inverse document frequency in the corpus."""

_CAUTION = re.compile(
    r"\b(?:must(?: not)?|never|warning|caution|danger\w*|unsafe|insecure|security|deprecated|race|careful|beware|"
    r"do(?:es)? not|don't|cannot|can't|should(?: not|n't)?|raises?|error|unless|leaks?|undefined)\b",
    re.IGNORECASE,
)
_WORTH = 0.34  # of 1: a passage that scores less says little of the topic
_PHRASES = 0.15  # of a passage's strength: words that stand beside each other as in the topic
_DANGER = re.compile(
    r"\b(?:unsafe|insecure|security|race|never|must not|not be used|deprecated|danger\w*)\b", re.IGNORECASE
)
_LEANING = re.compile(
    r"[(\"'*]*(?:It|This|These|That|Those|They|Otherwise|However|But|Also|Then|In this case|Both|So|Hence|Therefore|"
    r"Thus|Note that this|As such|Instead|Here|Such)\b"
)
_FOOTNOTE = re.compile(r"\s*\[\d+\]_?")


def queries(topic: str, most: int) -> list[str]:
    """What to search for: the topic, then the topic seen from several sides."""
    core = " ".join(keywords(topic)) or topic
    return [topic, *(f"{core} {side}" for side in ("error raises", "warning must", "recommended"))][:most]


def notes(weights: Weights, name: str, text: str, most: int = 6) -> list[str]:
    """The passages of a source that speak of the topic, in the source's order. Empty if none does."""
    found = passages(text)
    scored = [(_score(passage, place, weights, name), place) for place, passage in enumerate(found)]
    best = sorted((pair for pair in scored if pair[0] >= _WORTH), key=lambda pair: (-pair[0], pair[1]))[:most]
    return [found[place] for _, place in sorted(best, key=lambda pair: pair[1])]


def passages(text: str) -> list[str]:
    """The sentences of a text, word for word; one that leans on the sentence before it stays with it."""
    found: list[str] = []
    leaned = True
    for paragraph in paragraphs(text):
        leaned = leaned or not paragraph
        for sentence in paragraph:
            tidy = _FOOTNOTE.sub("", sentence)
            if _LEANING.match(tidy) and not leaned:
                found[-1] += f" {tidy}"
                leaned = True
            else:
                found.append(tidy)
                leaned = False
    return found


def split_cautions(weights: Weights, name: str, found: Sequence[str]) -> tuple[list[str], list[str]]:
    """The notes as statements, best first, and as what one must mind."""
    scores = {passage: _score(passage, place, weights, name) for place, passage in enumerate(found)}
    ranked = sorted(scores, key=lambda passage: -scores[passage])
    near = [passage for passage in ranked if scores[passage] >= 0.75 * scores[ranked[0]]]
    return near[:3], [passage for passage in near if _CAUTION.search(passage)][:2]


def alike(one: str, other: str) -> bool:
    """Whether two passages say nearly the same: more than half of their words are common to both."""
    left, right = set(terms(one)), set(terms(other))
    return bool(left and right) and len(left & right) / len(left | right) > 0.5


def strength(passage: str, name: str, weights: Weights) -> float:
    """How much of the topic a passage covers, 0 to 1: by itself, with its source's name, and in the topic's order."""
    said, whole = terms(passage), sum(weights.values())
    words, named = set(said), set(terms(name))
    if not whole or not words & weights.keys():
        return 0.0
    own = sum(weight for word, weight in weights.items() if word in words)
    both = sum(weight for word, weight in weights.items() if word in words or word in named)
    covered = (0.6 * both + 0.4 * own) / whole
    # "regular expression" says more than "regular" here and "expression" there.
    pairs = list(itertools.pairwise(weights))
    if pairs:
        there = set(itertools.pairwise(said))
        covered = (1 - _PHRASES) * covered + _PHRASES * sum(pair in there for pair in pairs) / len(pairs)
    return round(covered, 3)


def _score(passage: str, place: int, weights: Weights, name: str) -> float:
    length = len(passage.split())
    told = strength(passage, name, weights) + (0.1 if place == 0 else 0.0)
    if _DANGER.search(passage):
        # A warning is about what its source is about, also where it does not say that again.
        told = max(told, 0.9 * strength(f"{name} {passage}", name, weights))
    return told - (0.1 if length < 6 or length > 60 else 0.0)
