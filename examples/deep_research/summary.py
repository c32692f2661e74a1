"""The extractive summariser: chooses sentences by what they share with the topic. It never writes one of its own.

Stands in for a model where none is configured. Not here: how the report looks (``report``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from words import keywords, sentences, terms

_CAUTION = re.compile(
    r"\b(?:must(?: not)?|never|warning|caution|danger\w*|unsafe|insecure|security|deprecated|race|careful|beware|"
    r"do(?:es)? not|don't|cannot|can't|should(?: not|n't)?|raises?|error|unless|leaks?|undefined)\b",
    re.IGNORECASE,
)
_LEANING = re.compile(r"(?:It|This|These|That|Those|They|Otherwise|However|But|Also|Then|In this case|He|Both)\b")
_FOOTNOTE = re.compile(r"\s*\[\d+\]_?")


def queries(topic: str, most: int) -> list[str]:
    """What to search for: the topic, then the topic seen from several sides."""
    core = " ".join(keywords(topic)) or topic
    sides = ["error exception raise fail", "note warning must never unless", "example safe recommended"]
    return [topic, *(f"{core} {side}" for side in sides)][:most]


def notes(topic: str, name: str, text: str, most: int = 6) -> list[str]:
    """The sentences of a source that speak of the topic, in the source's order. Empty if none does."""
    prose = [_FOOTNOTE.sub("", sentence) for sentence in sentences(text)]
    wanted = keywords(topic)
    named = set(terms(name))
    scored = [(_score(sentence, place, wanted, named), place) for place, sentence in enumerate(prose)]
    best = sorted((pair for pair in scored if pair[0] >= 0.34), reverse=True)[:most]
    kept = sorted(place for _, place in best)
    # A sentence that leans on the one before is not understood without it.
    for place in list(kept):
        if _LEANING.match(prose[place]) and place and place - 1 not in kept:
            kept.append(place - 1)
    return [prose[place] for place in sorted(kept)[: most + 2]]


def relevance(topic: str, name: str, found: Sequence[str]) -> float:
    """How much of the topic the notes cover, 0 to 1; a word that only the name has counts for two thirds."""
    wanted = keywords(topic)
    if not wanted or not found:
        return 0.0
    said = set(terms(" ".join(found)))
    named = set(terms(name))
    return round(sum(1.0 if word in said else 2 / 3 if word in named else 0.0 for word in wanted) / len(wanted), 3)


def split_cautions(topic: str, name: str, found: Sequence[str]) -> tuple[list[str], list[str]]:
    """The notes as statements, best first, and as what one must mind."""
    wanted, named = keywords(topic), set(terms(name))
    standing = [sentence for sentence in found if not _LEANING.match(sentence)]
    ranked = sorted(standing, key=lambda sentence: -_score(sentence, found.index(sentence), wanted, named))
    cautions = [sentence for sentence in ranked if _CAUTION.search(sentence)]
    return ranked[:3], cautions[:2]


def alike(one: str, other: str) -> bool:
    """Whether two sentences say nearly the same: more than half of their words are common to both."""
    left, right = set(terms(one)), set(terms(other))
    return bool(left and right) and len(left & right) / len(left | right) > 0.5


def _score(sentence: str, place: int, wanted: Sequence[str], named: set[str]) -> float:
    words = set(terms(sentence))
    hits = sum(word in words for word in wanted)
    if not wanted or not (hits or (place == 0 and named & set(wanted))):
        return 0.0
    length = len(sentence.split())
    score = (hits + 0.5 * sum(word in named and word not in words for word in wanted)) / len(wanted)
    score += 0.2 if place == 0 else 0.0
    score -= 0.15 if length < 7 or length > 40 else 0.0
    return score - (0.15 if _LEANING.match(sentence) else 0.0)


