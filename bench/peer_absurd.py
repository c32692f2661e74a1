"""The same steps with Absurd on PostgreSQL. Runs in an environment of its own; its schema is its own command's."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import Any

from absurd_sdk import Absurd


def launched() -> str:
    """The address of the database, with a queue that has nothing in it."""
    address = os.environ["BENCH_POSTGRES"]
    command = os.path.join(os.path.dirname(sys.executable), "absurdctl")
    subprocess.run([command, "init", "-d", address], check=False, capture_output=True)
    app = Absurd(address, queue_name="bench")
    app.create_queue("bench")
    return address


def at_once(_home: str, flows: str, count: str) -> float:
    """Steps per second of flows at once, each with a connection and a worker of its own in a thread."""
    address = launched()
    took: list[tuple[float, float]] = []
    ready = threading.Barrier(int(flows))

    def lane() -> None:
        app = Absurd(address, queue_name="bench")

        @app.register_task(name="loop", queue="bench")
        def loop(given: Any, ctx: Any) -> int:
            ctx.step("first", lambda: -1)
            ready.wait()
            begun = time.perf_counter()
            for i in range(given["n"]):
                ctx.step(f"step-{i}", lambda i=i: i)
            took.append((begun, time.perf_counter()))
            return 0

        app.spawn("loop", {"n": int(count)}, queue="bench")
        app.work_batch(worker_id=f"worker-{threading.get_ident()}", claim_timeout=600, batch_size=1)

    lanes = [threading.Thread(target=lane) for _ in range(int(flows))]
    for one in lanes:
        one.start()
    for one in lanes:
        one.join()
    assert len(took) == int(flows)
    return int(flows) * int(count) / (max(end for _, end in took) - min(begun for begun, _ in took))


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]), flush=True)
