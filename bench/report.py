"""Prints the figures and writes docs/performance.md: ratios beside targets, and the machine's name.

Not here: measuring. No path of the machine goes into the document.
"""

from __future__ import annotations

import datetime
import os
import pathlib
import platform
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit import Row

_DOCUMENT = """# Performance

Written by `make bench`. Every figure is the median of {rounds} rounds. A round measures ours and what stands beside
it one after the other, and a ratio is the median of the rounds' ratios: compare ratios between machines, not times.
The table names what each figure is to reach. {short}

Machine: {machine}. Measured on {day}.

| figure | ours | beside it | ratio | target | |
|---|---|---|---|---|---|
{rows}

LangGraph runs with its SQLite saver and `durability="sync"`, DBOS with a SQLite system database; both do the same
steps in an environment of their own. A LangGraph step is a superstep of a graph that leads to itself; its saver
commits with SQLite's `synchronous` as the connection has it.
{note}"""


def number(value: float) -> str:
    """Three digits that matter."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cells(row: Row) -> list[str]:
    """One line of the table."""
    unit = f" {row.unit}" if row.unit else ""
    beside = "; ".join(f"{name} {number(value)}" for name, value in row.beside.items())
    ratio = "" if row.ratio is None else number(row.ratio)
    verdict = "" if row.target == "no target" else "pass" if row.good else "short"
    ours = f"{int(row.ours)}" if not row.unit else number(row.ours) + unit
    return [row.what, ours, beside, ratio, row.target, verdict]


def show(rows: list[Row]) -> None:
    """Prints a figure's rows."""
    for row in rows:
        what, ours, beside, ratio, target, verdict = cells(row)
        print(f"  {verdict or '-':5}  {what}: {ours}" + (f"  (ratio {ratio})" if ratio else ""))
        print(f"         target: {target}" + (f"; beside: {beside}" if beside else ""), flush=True)


def machine(folder: pathlib.Path) -> str:
    """CPU, cores, memory, disk, kernel and Python."""
    parts = [f"{_cpu()}, {os.cpu_count()} cores", f"{_memory():.0f} GB of memory", _disk(folder)]
    kernel = f"{platform.system()} {platform.release()}"
    return ", ".join([*parts, kernel, f"{platform.python_implementation()} {platform.python_version()}"])


def _cpu() -> str:
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (ValueError, OSError, AttributeError):
        return 0.0


def _disk(folder: pathlib.Path) -> str:
    """File system and kind of the disk below ``folder``, as Linux tells."""
    best = ("", "unknown file system", "")
    try:
        for line in pathlib.Path("/proc/mounts").read_text().splitlines():
            device, point, kind = line.split()[:3]
            inside = point == "/" or os.fspath(folder).startswith(point + "/")
            if inside and len(point) >= len(best[0]):
                best = (point, kind, device)
        stat = os.stat(folder)
        place = pathlib.Path(f"/sys/dev/block/{os.major(stat.st_dev)}:{os.minor(stat.st_dev)}")
        queue = place / "queue" if (place / "queue").exists() else place / ".." / "queue"
        rotates = (queue / "rotational").read_text().strip() == "1"
        name = os.path.basename(best[2]).rstrip("0123456789")
        virtual = name.startswith(("vd", "xvd"))
        kind = "virtual disk" if virtual else "rotating disk" if rotates else "SSD"
        return f"{best[1]} on a {kind}"
    except (OSError, ValueError, AttributeError):
        return f"{best[1]} on {sys.platform}"


def write(path: pathlib.Path, rows: list[Row], *, rounds: int, folder: pathlib.Path, where: str) -> None:
    """Writes the document. ``where`` is what was said of the time, kept from the document that stands there."""
    lines = "\n".join("| " + " | ".join(cells(row)) + " |" for row in rows)
    missed = [row.what for row in rows if not row.good]
    short = "All targets are reached." if not missed else f"Short: {'; '.join(missed)}."
    note = f"\n{where}\n" if where else ""
    text = _DOCUMENT.format(
        rounds=rounds, short=short, machine=machine(folder), day=datetime.date.today(), rows=lines, note=note
    )
    path.write_text(text)
