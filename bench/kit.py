"""What the figures share: rounds, medians, ratios and the programs that are measured.

A figure is a module of this folder with ``NAME`` and ``measure(bench)``, which returns its rows. What it measures
are functions of the same file that run in processes of their own: ``python FILE FUNCTION ARGUMENTS…`` prints one
number (or JSON). A baseline runs in the same round as ours, right before it, so that a busy moment meets both.

Not here: printing and the document (``report``), and the choice of figures (``run``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent
PEERS = ROOT / ".venv-bench" / "bin" / "python"


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure, measured."""

    what: str
    ours: float
    unit: str
    target: str
    """What it should be, in words, for people."""
    good: bool
    beside: dict[str, float] = dataclasses.field(default_factory=dict)
    """Baselines and peers in the same unit, by name."""
    ratio: float | None = None
    """Ours to the baseline that the target names: the median of the rounds' ratios."""
    more_is_better: bool = False


class Bench:
    """The settings of one run, and what every figure needs."""

    def __init__(self, *, rounds: int, scale: float, folder: pathlib.Path, peers: bool) -> None:
        self.rounds = rounds
        self.scale = scale
        self.folder = folder
        self.peers = peers and PEERS.exists()

    def count(self, full: int) -> int:
        """How many steps to measure: all of them, or fewer with ``--quick``."""
        return max(10, int(full * self.scale))

    @contextlib.contextmanager
    def home(self) -> Iterator[str]:
        """A folder on the disk that is measured, gone afterwards."""
        made = tempfile.mkdtemp(dir=self.folder)
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def program(
        self, file: str, *arguments: object, python: str | os.PathLike[str] = sys.executable, **env: str
    ) -> Any:
        """Runs a function of a figure's file in a process of its own; returns what it printed."""
        done = run([os.fspath(python), file, *map(str, arguments)], **env)
        return json.loads(done.stdout.splitlines()[-1])

    def whole(self, command: list[str], **env: str) -> float:
        """Seconds from a process's start to its end."""
        begun = time.perf_counter()
        run(command, **env)
        return time.perf_counter() - begun

    def side_by_side(self, sides: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
        """Every side once a round. The first round's turn goes round, so that no side is always first."""
        found: dict[str, list[float]] = {name: [] for name in sides}
        names = list(sides)
        for turn in range(self.rounds):
            for place in range(len(names)):
                name = names[(place + turn) % len(names)]
                found[name].append(sides[name]())
        return found

    def peer(self, name: str, job: str, *arguments: object, **env: str) -> dict[str, float]:
        """A peer's value for a job, by the peer's name; empty where the peers are not installed."""
        if not self.peers:
            return {}
        with self.home() as home:
            values = []
            for turn in range(min(self.rounds, 3)):
                folder = os.path.join(home, str(turn))
                os.mkdir(folder)
                file = os.fspath(HERE / f"peer_{name.lower()}.py")
                value = self.program(file, job, folder, *arguments, python=PEERS, **env)
                values.append(float(value))
        return {name: statistics.median(values)}


def run(command: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    """A process that must succeed; what it said is shown if it does not."""
    # Byte code is cached as it is for users, and settings of ours do not leak in.
    dropped = ("KITARU_", "PYTHONDONTWRITEBYTECODE")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    done = subprocess.run(command, text=True, capture_output=True, env={**clean, **env}, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def median(values: list[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def ratio(ours: list[float], base: list[float]) -> float:
    """Median of the rounds' ratios: what was measured at the same time is compared."""
    return statistics.median(one / other for one, other in zip(ours, base, strict=True))
