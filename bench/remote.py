"""A durable step through a server on the same machine, beside the same step on a store of the process's own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit import Bench, Row

NAME = "remote"
COMMAND = [sys.executable, "-c", "import sys; from kitaru._cli import main; sys.exit(main())"]


def steps(home: str, count: str) -> float:
    """Seconds per step of a sync flow, on the store that the environment names."""
    import kitaru

    kitaru.configure(interactive=False)

    @kitaru.checkpoint
    def step(i: int) -> int:
        return i

    @kitaru.flow
    def flow(n: int) -> float:
        step(-1)
        begun = time.perf_counter()
        for i in range(n):
            step(i)
        return time.perf_counter() - begun

    assert os.environ["KITARU_HOME"] == home
    return flow(int(count)) / int(count)


def together(home: str, count: str) -> float:
    """Seconds per step of 32 flows at once."""
    import threading

    import kitaru

    kitaru.configure(interactive=False)

    @kitaru.checkpoint
    def step(i: int) -> int:
        return i

    @kitaru.flow
    def flow(n: int) -> int:
        return sum(step(i) for i in range(n))

    assert os.environ["KITARU_HOME"] == home
    threads = [threading.Thread(target=flow, args=(int(count),)) for _ in range(32)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - begun) / (32 * int(count))


@contextlib.contextmanager
def serving(home: str) -> Iterator[str]:
    """The address of a server of the store in ``home``."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("KITARU_")}
    process = subprocess.Popen(
        [*COMMAND, "server", "--port", "0", "--output", "json"],
        env={**env, "KITARU_HOME": home},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit("bench: the server did not start")
        yield json.loads(line)["item"]["url"]
    finally:
        process.terminate()
        process.communicate(timeout=30)


def measure(bench: Bench) -> list[Row]:
    """Each round has a server and a home of its own, and both sides of a pair."""
    from kit import Row, median, ratio

    count, each = bench.count(1000), bench.count(100)

    def local(function: str, count: int) -> float:
        with bench.home() as home:
            return float(bench.program(__file__, function, home, count, KITARU_HOME=home))

    def remote(function: str, count: int) -> float:
        with bench.home() as home, bench.home() as client, serving(home) as url:
            return float(bench.program(__file__, function, client, count, KITARU_HOME=client, KITARU_STORE=url))

    found = bench.side_by_side(
        {
            "local": lambda: local("steps", count),
            "remote": lambda: remote("steps", count),
            "local, 32 flows": lambda: local("together", each),
            "remote, 32 flows": lambda: remote("together", each),
        }
    )
    micro = {name: median(values) * 1e6 for name, values in found.items()}
    alone = ratio(found["remote"], found["local"])
    many = ratio(found["remote, 32 flows"], found["local, 32 flows"])
    return [
        Row(
            "durable no-op step through a server on loopback",
            micro["remote"],
            "µs",
            "at most 3 × the local step",
            alone <= 3.0,
            {"local": micro["local"]},
            alone,
        ),
        Row(
            "the same, 32 flows of one process at once",
            micro["remote, 32 flows"],
            "µs",
            "at most 3 × the local step",
            many <= 3.0,
            {"local": micro["local, 32 flows"]},
            many,
        ),
    ]


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
