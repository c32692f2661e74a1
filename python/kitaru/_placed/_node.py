"""The task that a cluster runs for a call on the machine that it chose: a process, and its messages as a stream.

It does not outlive the process, nor the process it: when the task is killed the process sees its sockets closed. Not
here: who reads the stream (``_on_ray``).
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from kitaru._placed._job import Job
from kitaru._placed._process import Process
from kitaru.errors import KitaruPlacementError

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long it waits at a time, in seconds: so late it notices that it is cancelled.
_STEP = 0.1
_OUTCOMES = ("returned", "raised", "unstored", "refused", "differs")


def work(header: str, arguments: bytes, memory: int | None) -> Iterator[tuple[list[Any], bytes]]:
    """Runs a call in a process here. Yields its messages, the last of which is ``ended``."""
    job: dict[str, Any] = json.loads(header)
    here = list(sys.path)
    # This machine's own first: the same folders need not be there.
    job["sys_path"] = here + [one for one in job["sys_path"] if one not in here and os.path.isdir(one)]
    if job["file"] is not None and not os.path.exists(job["file"]):
        job["file"] = None
    process = Process(Job(job, arguments), memory, cwd=job["cwd"] if os.path.isdir(job["cwd"]) else None)
    try:
        yield ["began"], b""
        while not process.is_over:
            # Whoever cancels the task interrupts it between two steps of Python, and not while it waits.
            for message, body in process.hear(_STEP):
                if message[0] == "ask":
                    process.say(["answer", message[1], False], _refusal(message[2]))
                    continue
                if message[0] in _OUTCOMES:
                    process.is_done()
                yield message, body
    finally:
        process.kill()
        process.see_out()


def _refusal(verb: str) -> bytes:
    from kitaru._values import encode_error

    error = KitaruPlacementError(
        f"kitaru.{verb}() cannot be used in a call on a cluster, which cannot reach the execution's store: return the "
        "value and do it in the flow",
        code="inside-process",
    )
    return encode_error(error)["value"].encode("utf-8", "surrogatepass")  # type: ignore[no-any-return]
