"""Whether what stands in journals can have happened: who wrote each event, and that each call was recorded once.

Pure: rows go in, sentences come out. Not here: where the rows are from.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Row(NamedTuple):
    """An event of a journal."""

    execution: str
    seq: int
    kind: str
    call: str | None
    epoch: int
    payload: dict[str, Any]


def problems(rows: Iterable[Row]) -> list[str]:
    """What cannot have happened, a sentence each. ``rows``: by execution and sequence."""
    by_execution: dict[str, list[Row]] = collections.defaultdict(list)
    for row in rows:
        by_execution[row.execution].append(row)
    return [problem for found in by_execution.values() for problem in _of_one(found)]


def _of_one(rows: list[Row]) -> Iterator[str]:
    epoch, ended = 0, False
    recorded: dict[str, int] = {}
    for place, row in enumerate(rows, start=1):
        where = f"{row.execution} event {row.seq} ({row.kind} {row.call or ''})"
        if row.seq != place:
            yield f"{where}: it is the {place}. of its journal"
        if ended:
            yield f"{where}: it comes after the end"
        if row.kind == "taken":
            if row.epoch <= epoch:
                yield f"{where}: taken up with epoch {row.epoch} after {epoch}"
            epoch = row.epoch
        elif row.epoch != epoch and not (row.kind == "created" and row.epoch == 1):
            # One that is taken by whoever creates it has its first epoch from the start.
            yield f"{where}: written by the owner of epoch {row.epoch}, while that of {epoch} had it"
        if row.kind == "calls_dropped":
            gone = set(row.payload["calls_dropped"]["records"])
            recorded = {call: seq for call, seq in recorded.items() if seq not in gone}
        if row.kind == "call_ended" and row.call is not None:
            if row.call in recorded:
                yield f"{where}: it was recorded in event {recorded[row.call]}"
            recorded[row.call] = row.seq
        ended = row.kind in ("completed", "cancelled")
