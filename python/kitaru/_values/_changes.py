"""What has changed between two versions of a function's code, in a sentence: its own source, or what it uses.

A manifest is ``{"pieces": [...]}``: functions, classes and modules with a digest of each part of their own, and by
how they name it the numbers of the pieces that they use; the function itself is the first. Not here: making one
(``_code``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kitaru._values._code import Code

# So many reasons are told; of the others how many there are.
_TOLD = 3

Pieces = list[dict[str, Any]]


def what_changed(before: str | None, now: Code | None, recorded: str | None, *, own: bool = False) -> str | None:
    """What of a function's code is another than when ``recorded`` was taken; ``None``: nothing.

    ``before`` is the manifest that was kept of that digest, if one was. ``own``: changes of checkpoints that it calls
    are theirs, and none of its own.
    """
    from kitaru._values._code import same_code

    if now is None or recorded is None:
        return None if now is None and recorded is None else "its code cannot be compared: there was or is no source"
    same = same_code(recorded, now.digest)
    if same:
        return None
    if same is None:
        kind, version, _ = recorded.split(":", 2)
        mine = now.digest.split(":", 2)[1]
        if version != mine:
            return f"its code cannot be compared: it was recorded by Python {version}, this is {mine}"
        had = "has" if kind == "source" else "had"
        return f"its code cannot be compared: a part of it {had} no source that could be trusted"
    if before is None:
        return "its code; what of it is not on record"
    reasons = list(_reasons(json.loads(before)["pieces"], json.loads(now.manifest)["pieces"], own=own))
    if not reasons:
        return None if own else "its code"
    more = len(reasons) - _TOLD
    return "; ".join(reasons[:_TOLD]) + (f"; and {more} more" if more > 0 else "")


def _reasons(before: Pieces, now: Pieces, *, own: bool) -> Iterator[str]:
    """The differences, nearest first."""
    ahead: list[tuple[int, int, tuple[str, ...]]] = [(0, 0, ())]
    seen: set[tuple[int, int]] = set()
    while ahead:
        old, new, way = ahead.pop(0)
        if (old, new) in seen:
            continue
        seen.add((old, new))
        a, b = before[old], now[new]
        yield from _own(a, b, way)
        for name, place in b["uses"].items():
            if name in a["uses"] and not (own and now[place]["kind"] == "call"):
                ahead.append((a["uses"][name], place, (*way, _called(now[place]))))
        if a["own"].get("source") == b["own"].get("source"):
            # Named as before, but something else stands there now.
            for name in sorted(a["uses"].keys() ^ b["uses"].keys()):
                yield _sentence(way, f"{name.removeprefix('closure ').removeprefix('default ')}, which it uses")


def _own(before: dict[str, Any], now: dict[str, Any], way: tuple[str, ...]) -> Iterator[str]:
    a, b = before["own"], now["own"]
    if a.get("source") != b.get("source"):
        # Other names that it reads follow from that.
        yield _sentence(way, None)
        shared = a.keys() & b.keys()
    else:
        shared = a.keys() | b.keys()
    for part in sorted(shared - {"source"}):
        if a.get(part) != b.get(part):
            kind, _, name = part.partition(" ")
            which = {"default": f"the default of {name}", "closure": f"{name}, which it closes over"}
            yield _sentence(way, which.get(kind, f"{name}, which it reads"))


def _sentence(way: tuple[str, ...], what: str | None) -> str:
    if not way:
        return what or "its own source"
    return f"{', which '.join(way)}, changed" if what is None else f"{', which '.join(way)}: {what}"


def _called(piece: dict[str, Any]) -> str:
    place = f" in {piece['file']}" if piece["file"] else ""
    if piece["kind"] == "class":
        return f"uses class {piece['name']}{place}"
    if piece["kind"] == "module":
        return f"imports {piece['name']}"
    return f"calls {piece['name']}(){place}"
