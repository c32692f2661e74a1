"""300 steps that each take and return a transcript growing by 4 KB: what the store keeps of it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "transcript"
TURN = 4096


def turn(i: int) -> dict[str, str]:
    """One message of about 4 KB, of words: like a conversation, it compresses somewhat."""
    import random

    draw = random.Random(i)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(TURN)]
    text = " ".join(words)[:TURN]
    return {"role": "user" if i % 2 else "assistant", "content": text}


def ours(home: str, count: str) -> str:
    """The store's bytes on the disk, the unique content's bytes, and seconds per step."""
    import json

    import kitaru

    kitaru.configure(home=home, interactive=False)

    @kitaru.checkpoint
    def step(messages: list[dict[str, str]]) -> list[dict[str, str]]:
        return [*messages, turn(len(messages))]

    @kitaru.flow
    def flow(n: int) -> int:
        messages: list[dict[str, str]] = []
        for _ in range(n):
            messages = step(messages)
        return len(messages)

    steps = int(count)
    begun = time.perf_counter()
    flow(steps)
    spent = (time.perf_counter() - begun) / steps
    unique = len(json.dumps([turn(i) for i in range(steps)]))
    return json.dumps([on_disk(home), unique, spent])


LOG = ("-wal", "-shm")


def on_disk(folder: str) -> int:
    """Bytes that a folder's files take, by the blocks that the file system gave them where it tells.

    Without SQLite's write-ahead log, which is scratch space: ours has a fixed size, others empty theirs.
    """
    total = 0
    for at, _, names in os.walk(folder):
        for name in names:
            if name.endswith(LOG):
                continue
            stat: Any = os.stat(os.path.join(at, name))
            total += getattr(stat, "st_blocks", (stat.st_size + 511) // 512) * 512
    return total


def measure(bench: Bench) -> list[Row]:
    """Against the bytes of the messages themselves."""
    from kit import Row, median

    count = bench.count(300)
    found = []
    for _ in range(min(bench.rounds, 3)):
        with bench.home() as home:
            found.append(bench.program(__file__, "ours", home, count))
    stored, unique = median([one[0] for one in found]), median([one[1] for one in found])
    peers = {**bench.peer("LangGraph", "transcript", count), **bench.peer("DBOS", "transcript", count)}
    times = stored / unique
    return [
        Row(
            f"{count} steps with a transcript growing by 4 KB: the store without its log (fixed, 4.2 MB)",
            stored / 1e6,
            "MB",
            "under 3 × the unique content",
            times < 3.0,
            {"unique content": unique / 1e6, **{name: value / 1e6 for name, value in peers.items()}},
            times,
        ),
        Row(
            f"{count} steps with a transcript growing by 4 KB: a step",
            median([one[2] for one in found]) * 1e3,
            "ms",
            "no target",
            True,
        ),
    ]


if __name__ == "__main__":
    import sys

    print(globals()[sys.argv[1]](*sys.argv[2:]))
