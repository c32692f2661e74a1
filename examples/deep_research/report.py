"""How the report looks: title, who wrote it, body, numbered sources.

Bodies cite findings as ``[@3]``, by their place in the list; here that becomes the number of a source in the order
of first mention. Not here: choosing sentences (``summary``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import summary

if TYPE_CHECKING:
    from writer import Finding

_CITED = re.compile(r"\[@(\d+)\]")
_BARE = re.compile(r"(?<=\s)\[\d+\]")
_ENOUGH = 0.5  # of the topic's words: a finding with fewer says little of it
_SHORT, _DETAILED, _CAUTIONS = 4, 14, 6


def citation_problem(body: str, findings: int) -> str | None:
    """What is wrong with a body's citations, if anything is."""
    cited = [int(number) for number in _CITED.findall(body)]
    if not cited and findings:
        return "the report cites nothing"
    wrong = [number for number in cited if not 1 <= number <= findings]
    if wrong:
        return f"the report cites findings that do not exist: {wrong}"
    if _BARE.search(body):
        return "the report cites in another form than [@3]"
    return None


def compose(topic: str, root: Path, body: str, findings: Sequence[Finding], read: int, by: str) -> str:
    """The whole report. ``root`` is the folder that the sources' paths are relative to, ``read`` how many were read."""
    numbers: dict[int, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"[{numbers.setdefault(int(match.group(1)), len(numbers) + 1)}]"

    body = _CITED.sub(number, body).strip()
    writers = sorted({by, *(finding.by for finding in findings)})
    lines = [f"# {topic}", "", _note(writers, read, len(numbers)), "", body, "", "## Sources", "", f"Under {root}:", ""]
    for place, shown in numbers.items():
        source = findings[place - 1].source
        lines.append(f"{shown}. `{source.name}`, {source.file}:{source.line}")
    return "\n".join(lines) + "\n"


def _note(writers: Sequence[str], read: int, cited: int) -> str:
    count = f"{read} sources read, {cited} cited."
    if list(writers) == ["extractive summariser"]:
        return (
            f"*{count} No model was configured: an extractive summariser chose these sentences; each stands in its "
            "source word for word.*"
        )
    return f"*{count} Read and written by: {', '.join(writers)}.*"


def extractive_body(topic: str, findings: Sequence[Finding]) -> str:
    """A body of the sources' own sentences: the best in short, then by module, then what to mind."""
    order = sorted(range(len(findings)), key=lambda place: (-findings[place].analysis.relevance, place))
    useful = [place for place in order if findings[place].analysis.relevance >= _ENOUGH and findings[place].analysis.says]
    if not useful:
        return "## In short\n\nNone of the sources read says much about this."
    told: list[str] = []
    short = []
    for place in useful:
        sentence = next((one for one in findings[place].analysis.says if _new(one, told)), None)
        if sentence is not None and len(short) < _SHORT:
            told.append(sentence)
            short.append(f"- {sentence} [@{place + 1}]")
    parts = ["## In short", "", *short, "", "## What the sources say", ""]
    groups: dict[str, list[int]] = {}
    for place in useful[:_DETAILED]:
        groups.setdefault(findings[place].source.file, []).append(place)
    for members in groups.values():
        for place in members:
            fresh = [one for one in findings[place].analysis.says if _new(one, told)]
            told.extend(fresh)
            if fresh:
                parts += [f"**{findings[place].source.name}.** {' '.join(fresh)} [@{place + 1}]", ""]
    minded = []
    for place in useful:
        for sentence in findings[place].analysis.cautions:
            if _new(sentence, told) and len(minded) < _CAUTIONS:
                told.append(sentence)
                minded.append(f"- {sentence} [@{place + 1}]")
    if minded:
        parts += ["## To mind", "", *minded]
    return "\n".join(parts)


def _new(sentence: str, told: Sequence[str]) -> bool:
    return not any(summary.alike(sentence, known) for known in told)
