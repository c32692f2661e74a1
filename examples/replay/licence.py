"""Reads a licence paragraph by paragraph and makes a page of points of it.

One paragraph is longer than the model reads at once, so the run fails there; README.md says what comes then.
"""

from __future__ import annotations

import re
import textwrap

from models import shorten

from kitaru import checkpoint, flow


@checkpoint
def paragraphs(file: str) -> list[str]:
    """The paragraphs of a text that say something."""
    with open(file, encoding="utf-8") as text:
        found = [" ".join(one.split()) for one in re.split(r"\n\s*\n", text.read())]
    return [one for one in found if len(one.split()) >= 20]


@checkpoint
def point(text: str, model: str = "small") -> str:
    """What a paragraph comes down to."""
    return shorten(text, model)


@checkpoint
def page(points: list[str]) -> str:
    """The points, each on a line."""
    return "\n".join(f"- {textwrap.shorten(one, 72)}" for one in points)


@flow
def summary(file: str = "licence.txt") -> str:
    """A page of points."""
    return page([point(text) for text in paragraphs(file)])


if __name__ == "__main__":
    print(summary())
