"""In a FastAPI app: two flows on its one loop are suspended, answered and finished by HTTP while it serves others."""

from __future__ import annotations

import concurrent.futures
import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from lab import PYTHON, Lab

APP = """
import asyncio
from fastapi import Body, FastAPI
import kitaru
from kitaru import KitaruClient, KitaruSuspended, checkpoint, flow
from world import paid, did

app = FastAPI()

@checkpoint
async def quote(item):
    await asyncio.sleep(0.02)
    return paid(len(item))

@checkpoint
def settle(amount):
    return paid(amount)

@flow
async def buy(item):
    price = await quote(item)
    if not await kitaru.wait(schema=bool, name="approve", question=f"Pay {price}?"):
        return "refused"
    return f"paid {settle(price)}"

@flow
async def survey(topic):
    left, right = await asyncio.gather(quote(topic), kitaru.wait(schema=str, name="opinion"))
    return f"{topic}: {left} {right}"

gate = asyncio.Event()

@checkpoint
async def held_open():
    did("held")
    await gate.wait()
    return "let go"

@flow
async def hold(what):
    return await held_open()

@app.post("/release")
async def release():
    gate.set()

FLOWS = {"buy": buy, "survey": survey, "hold": hold}

async def outcome(running):
    try:
        return {"result": await running}
    except KitaruSuspended as suspended:
        return {"id": suspended.exec_id, "waits": suspended.waits}

@app.post("/start/{name}")
async def start(name: str, what: str = Body(embed=True)):
    return await outcome(FLOWS[name](what))

@app.post("/answer/{name}/{id}")
async def answer(name: str, id: str, value=Body(embed=True)):
    KitaruClient().executions.input(id, value, resume=False)
    return await outcome(FLOWS[name].resume(id))

@app.get("/alive")
async def alive():
    return {"tasks": len(asyncio.all_tasks())}

@app.get("/plain")
async def plain():
    # A checkpoint in a request that runs no flow is just the function, whatever flows the host runs.
    return await bare("x")

@checkpoint
async def bare(x):
    return x
"""


class Server:
    """The app in a process of its own."""

    def __init__(self, lab: Lab, loop: str) -> None:
        lab.write("app.py", APP)
        argv = ["-m", "uvicorn", "app:app", "--port", "0", "--host", "127.0.0.1", "--loop", loop, "--no-access-log"]
        self.process = lab.spawn(PYTHON, "-W", "error::RuntimeWarning", *argv)
        self.said = ""
        assert self.process.stderr is not None
        while (found := re.search(r"http://127\.0\.0\.1:(\d+)", self.said)) is None:
            line = self.process.stderr.readline()
            assert line, self.said
            self.said += line
        self.base = f"http://127.0.0.1:{found[1]}"

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.base + path, timeout=30) as reply:
            return json.load(reply)

    def post(self, path: str, **body: Any) -> Any:
        request = urllib.request.Request(
            self.base + path, json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)

    def stop(self) -> str:
        """Ends the server; what it said."""
        self.process.terminate()
        _, err = self.process.communicate(timeout=30)
        return self.said + err


@pytest.fixture(params=["asyncio", "uvloop"])
def server(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Server]:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
    made = Server(lab, request.param)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.communicate()


def test_two_flows_on_one_loop_are_suspended_answered_and_finished_by_http_while_the_host_serves(
    lab: Lab, server: Server
) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        buying = pool.submit(server.post, "/start/buy", what="kettle")
        asking = pool.submit(server.post, "/start/survey", what="tea")
        buy, survey = buying.result(), asking.result()
    assert buy["waits"] == ["approve"] and survey["waits"] == ["opinion"]
    assert {one["status"] for one in lab.items("ls")} == {"waiting"}
    assert server.post(f"/answer/survey/{survey['id']}", value="good") == {"result": "tea: 3 good"}
    assert server.post(f"/answer/buy/{buy['id']}", value=True) == {"result": "paid 6"}
    assert {one["status"] for one in lab.items("ls")} == {"completed"}
    # Nothing was paid twice, and nothing is left behind on the loop.
    assert len(lab.done()) == len(set(lab.done())) == 3
    before = server.get("/alive")["tasks"]
    assert server.get("/alive")["tasks"] == before <= 4
    said = server.stop()
    assert "Traceback" not in said and "never retrieved" not in said


def test_an_answer_from_elsewhere_reaches_a_flow_that_is_parked_beside_work(lab: Lab, server: Server) -> None:
    started = [server.post("/start/buy", what=item) for item in ("a", "bb", "ccc")]
    for one in started:
        lab.kitaru("input", one["id"], "--value", "true").ok()
    assert {one["status"] for one in lab.items("ls")} == {"completed"}
    assert server.get("/plain") == "x"


def test_a_checkpoint_in_another_request_is_just_the_function_while_a_flow_runs(lab: Lab, server: Server) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        holding = pool.submit(server.post, "/start/hold", what="x")
        lab.wait_for("held")
        # The server runs with warnings as errors: one about a call that is not recorded would be a status 500.
        assert server.get("/plain") == "x"
        server.post("/release")
        assert holding.result() == {"result": "let go"}
    assert [call["key"] for call in lab.item("show", lab.only())["calls"]] == ["held_open"]


def test_killed_with_a_flow_in_flight_the_next_host_goes_on_with_it(lab: Lab, server: Server) -> None:
    left = server.post("/start/buy", what="kettle")
    server.process.kill()
    server.process.communicate()
    again = Server(lab, "asyncio")
    try:
        assert again.post(f"/answer/buy/{left['id']}", value=True) == {"result": "paid 6"}
    finally:
        again.stop()
    assert len(lab.done()) == 2
