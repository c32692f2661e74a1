"""Two stand-ins for models that need no network: a paragraph in, its weightiest sentence out.

They differ in how much they read at once and in what they cost, as models do. Replace them by real ones.
"""

from __future__ import annotations

import collections
import dataclasses
import re

import kitaru


class TooLong(Exception):
    """A text is longer than a model reads at once."""


@dataclasses.dataclass(frozen=True)
class Model:
    """How many words a model reads at once, and what a thousand of them cost, in US dollars."""

    window: int
    price: float


MODELS = {"small": Model(window=150, price=0.02), "large": Model(window=1000, price=0.10)}


def shorten(text: str, model: str) -> str:
    """The sentence of a text whose words the text uses most."""
    words = re.findall(r"[a-z]{4,}", text.lower())
    length, one = len(text.split()), MODELS[model]
    if length > one.window:
        raise TooLong(f"{length} words: {model} reads {one.window} at once")
    count = collections.Counter(words)
    sentences = re.split(r"(?<=[.;:])\s+", text)

    def weight(sentence: str) -> float:
        own = re.findall(r"[a-z]{4,}", sentence.lower())
        return sum(count[word] for word in own) / (len(own) + 5)

    best = max(sentences, key=weight)
    kitaru.usage(model=model, input_tokens=length, output_tokens=len(best.split()), cost_usd=length / 1000 * one.price)
    return best
