"""``kitaru.worker()`` in an application: what is answered goes on by itself for as long as the application lives."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from lab import PYTHON

if TYPE_CHECKING:
    from lab import Lab

FLOWS = """
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint
def draft(topic):
    return did(f"draft {topic}")

@checkpoint
def publish(text):
    return did(f"publish {text}")

@flow
def report(topic):
    text = draft(topic)
    if not kitaru.wait(schema=bool, name="go", question="Go on?"):
        return "no"
    return publish(text)
"""

SYNC = """
import sys
import kitaru

with kitaru.worker(at_once=2):
    print("works", flush=True)
    sys.stdin.readline()
print("over", flush=True)
"""

ASYNC = """
import asyncio, sys
import kitaru

async def main():
    async with kitaru.worker():
        print("works", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    print("over", flush=True)

asyncio.run(main())
"""

APP = """
import contextlib
from fastapi import FastAPI
import kitaru
import agent

@contextlib.asynccontextmanager
async def lifespan(app):
    async with kitaru.worker():
        yield

app = FastAPI(lifespan=lifespan)

@app.get("/status/{id}")
def status(id: str):
    return {"status": kitaru.KitaruClient().executions.get(id).status}

if __name__ == "__main__":
    import socket, sys, uvicorn
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    print(sock.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[sock])
"""


def waiting(lab: Lab) -> str:
    lab.write("agent.py", FLOWS)
    exec_id: str = lab.item("run", "agent.py:report", "--input", "topic=bees", code=75)["id"]
    return exec_id


def until(lab: Lab, exec_id: str, status: str) -> None:
    end = time.monotonic() + 30
    while (seen := lab.item("show", exec_id)["status"]) != status:
        assert time.monotonic() < end, f"it is {seen}"


@pytest.mark.parametrize("program", [SYNC, ASYNC], ids=["sync", "async"])
def test_what_is_answered_goes_on_while_the_block_lasts(lab: Lab, program: str) -> None:
    exec_id = waiting(lab)
    lab.write("app.py", program)

    process = subprocess.Popen(
        [PYTHON, "app.py"],
        cwd=lab.folder,
        env=lab.env(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "works\n"
    lab.kitaru("input", exec_id, "--value", "true", "--no-resume").ok()
    until(lab, exec_id, "completed")
    assert lab.done() == ["draft bees", "publish draft bees"]
    out, err = process.communicate("\n", timeout=20)
    assert (process.returncode, out, err) == (0, "over\n", "")
    # Nobody is left: what is answered from here on waits.
    second = lab.item("run", "agent.py:report", "--input", "topic=wasps", code=75)["id"]
    lab.kitaru("input", second, "--value", "true", "--no-resume").ok()
    assert lab.item("show", second)["status"] == "waiting"


def test_what_cannot_go_on_is_told_to_logging_and_nothing_is_printed(lab: Lab) -> None:
    exec_id = waiting(lab)
    lab.write("agent.py", "import nothing_of_that_name\n")
    lab.kitaru("input", exec_id, "--value", "true", "--no-resume").ok()
    lab.write(
        "app.py",
        """
        import logging, queue
        import kitaru

        told = queue.Queue()

        class Kept(logging.Handler):
            def emit(self, record):
                told.put(record.getMessage())

        logger = logging.getLogger("kitaru.worker")
        logger.addHandler(Kept())
        logger.propagate = False
        with kitaru.worker():
            print(told.get(timeout=30))
        """,
    )
    done = lab.python("app.py").ok()
    assert "error[flow-import]: " in done.out
    assert done.err == ""


def test_a_worker_in_the_lifespan_of_a_fastapi_app(lab: Lab) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    exec_id = waiting(lab)
    lab.write("app.py", APP)
    process = lab.spawn(PYTHON, "app.py")
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        lab.kitaru("input", exec_id, "--value", "true", "--no-resume").ok()
        until(lab, exec_id, "completed")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status/{exec_id}", timeout=10) as answer:
            assert json.load(answer) == {"status": "completed"}
    finally:
        process.terminate()
        out, err = process.communicate(timeout=30)
    assert (out, err) == ("", "")
    assert lab.done() == ["draft bees", "publish draft bees"]


def test_a_worker_that_cannot_be_meant_is_refused(lab: Lab) -> None:
    lab.write(
        "app.py",
        """
        import kitaru
        from kitaru.errors import KitaruUsageError

        for wrong in (lambda: kitaru.worker(at_once=0), kitaru.worker().__enter__):
            try:
                wrong()
            except KitaruUsageError as error:
                print(error)
        """,
    )
    done = lab.python("app.py", KITARU_STORE="memory:").ok()
    assert done.out.splitlines() == [
        "at_once=0: it counts from 1",
        "a store in memory is another one in every process: a worker needs one in a file",
    ]
