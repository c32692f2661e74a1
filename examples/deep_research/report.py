"""How the report looks: title, who wrote it, body, numbered sources.

Bodies cite findings as ``[@3]``, by their place in the list; here that becomes the number of a source in the order
of first mention. Not here: choosing sentences (``summary``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import summary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from writer import Finding

_CITED = re.compile(r"\[@(\d+)\]")
_BARE = re.compile(r"(?<=\s)\[\d+\]")
_NEAR = 0.6  # of the best passage's strength: one that is weaker is left out
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


def extractive_body(weights: summary.Weights, findings: Sequence[Finding]) -> str:
    """A body of the sources' own sentences: the best in short, then source by source, then what to mind."""
    strengths = [finding.analysis.relevance for finding in findings]
    # Between equals, the source that has more to say goes first.
    order = sorted(
        range(len(findings)),
        key=lambda place: (-strengths[place], -_amount(findings[place], weights), place),
    )
    least = _NEAR * max(strengths, default=0.0)
    useful = [place for place in order if strengths[place] > 0 and strengths[place] >= least][:_DETAILED]
    if not useful:
        return "## In short\n\nNone of the sources read says much about this."
    told: list[str] = []

    def fresh(place: int, passages: Sequence[str], *, weak: bool = False) -> list[str]:
        new = []
        for passage in passages:
            name = findings[place].source.name
            strong = weak or summary.strength(passage, name, weights) >= least
            if strong and not any(summary.alike(passage, known) for known in told):
                told.append(passage)
                new.append(passage)
        return new

    def line(place: int, passages: Sequence[str]) -> str:
        return f"**{_label(findings[place])}**: {' '.join(passages)} [@{place + 1}]"

    short = [line(place, new) for place in useful[:_SHORT] if (new := fresh(place, findings[place].analysis.says[:1]))]
    grouped = sorted(useful, key=lambda place: _first_of_file(place, useful, findings))
    minded = [
        line(place, new) for place in useful if (new := fresh(place, findings[place].analysis.cautions, weak=True))
    ][:_CAUTIONS]
    more = [line(place, new) for place in grouped if (new := fresh(place, findings[place].analysis.says))]
    parts = ["## In short", "", *(f"- {one}" for one in short)]
    if more:
        parts += ["", "## What the sources say", "", "\n\n".join(more)]
    if minded:
        parts += ["", "## To mind", "", *(f"- {one}" for one in minded)]
    return "\n".join(parts)


def _amount(finding: Finding, weights: summary.Weights) -> float:
    """How much a source says in all."""
    said = dict.fromkeys([*finding.analysis.says, *finding.analysis.cautions])
    return sum(summary.strength(passage, finding.source.name, weights) for passage in said)


def _first_of_file(place: int, useful: Sequence[int], findings: Sequence[Finding]) -> int:
    """Where the sources of one file begin in the list, so that they stand together."""
    file = findings[place].source.file
    return next(at for at, other in enumerate(useful) if findings[other].source.file == file)


def _label(finding: Finding) -> str:
    """The source's name in bold text, with underscores that stay underscores."""
    return finding.source.name.replace("_", "\\_")
