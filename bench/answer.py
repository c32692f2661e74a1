"""From the answer to the end of a suspended flow: given by the command line, and to a live process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "answer"
PROGRAM = """
import kitaru
@kitaru.checkpoint
def step(i: int) -> int: return i
@kitaru.flow
def flow() -> int:
    total = sum(step(i) for i in range(10))
    go = kitaru.wait(schema=bool, name="go", question="Go on?")
    return step(total) if go else 0
if __name__ == "__main__":
    flow()
"""


def live(home: str) -> float:
    """Seconds from the command that answers to the result, in a process whose flow still has work to do."""
    import asyncio

    import kitaru

    kitaru.configure(home=home, interactive=False)

    @kitaru.checkpoint
    async def busy(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    ended: list[float] = []

    async def ask() -> None:
        await kitaru.wait(schema=bool, name="go", question="Go on?")
        ended.append(time.perf_counter())

    @kitaru.flow
    async def flow() -> int:
        await asyncio.gather(busy(1.5), ask())
        return 1

    handle = flow.run()
    _until_asked(home)
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", "from kitaru._cli import main; main()", "input", handle.exec_id, "--value", "true"],
        env={**os.environ, "KITARU_HOME": home},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    handle.wait()
    return ended[0] - begun


def _until_asked(home: str) -> None:
    """Returns when a wait is on record, so that the clock starts when there is something to answer.

    Looked up by another process: a second SQLite library in this one would drop the first one's file locks.
    """
    subprocess.run([sys.executable, __file__, "until_asked", home], check=True, capture_output=True)


def until_asked(home: str) -> int:
    """The other process's side."""
    import sqlite3

    db = sqlite3.connect(os.path.join(home, "kitaru.db"))
    for _ in range(1000):
        if db.execute("SELECT 1 FROM waits WHERE status = 'open'").fetchone():
            return 0
        time.sleep(0.002)
    raise SystemExit("bench: no wait was opened")


def measure(bench: Bench) -> list[Row]:
    """Each round a flow of its own is suspended and answered."""
    from kit import Row, median, run

    command = [sys.executable, "-c", "import sys; from kitaru._cli import main; sys.exit(main())"]

    def from_outside() -> float:
        with bench.home() as home:
            file = os.path.join(home, "asks.py")
            with open(file, "w") as out:
                out.write(PROGRAM)
            env = {**os.environ, "KITARU_HOME": home, "KITARU_INTERACTIVE": "0"}
            left = subprocess.run([sys.executable, file], env=env, capture_output=True, text=True, check=False)
            if left.returncode != 75:
                raise SystemExit(f"bench: the flow did not suspend\n{left.stderr}")
            exec_id = next(word for word in left.stderr.split() if word.startswith("(")).strip("()")
            spent = bench.whole([*command, "input", exec_id, "--value", "true"], KITARU_HOME=home)
            shown = run([*command, "executions", "get", exec_id, "--output", "json"], KITARU_HOME=home).stdout
            if '"completed"' not in shown:
                raise SystemExit(f"bench: the flow did not finish\n{shown}")
            return spent

    def alive() -> float:
        with bench.home() as home:
            return float(bench.program(__file__, "live", home))

    found = bench.side_by_side(
        {"bare": lambda: bench.whole([sys.executable, "-c", "pass"]), "outside": from_outside, "alive": alive}
    )
    bare = {"bare interpreter": median(found["bare"]) * 1e3}
    outside, inside = median(found["outside"]) * 1e3, median(found["alive"]) * 1e3
    return [
        Row("answer by a command to the flow's end, whole process", outside, "ms", "under 300 ms", outside < 300, bare),
        Row("answer by a command to a live flow going on", inside, "ms", "under 300 ms", inside < 300, bare),
    ]


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
