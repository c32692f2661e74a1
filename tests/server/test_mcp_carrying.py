"""What an assistant decides is carried on by ``kitaru mcp`` without a server, once, and whatever becomes of that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from typing import Any

import pytest

from lab import KITARU, Lab
from server.assistant import VERSIONS, assistant
from server.served import serving

PROGRAM = """
import time
import kitaru
from kitaru import KitaruClient, checkpoint, flow
from world import count, did

@checkpoint
def begin():
    return did("begin")

@checkpoint
def pay(what):
    did(f"pay {what}")
    until = time.monotonic() + 60
    while what == "slow" and not count("hurry"):
        assert time.monotonic() < until
        time.sleep(0.01)
    return what

@flow
def approve(what: str):
    begin()
    if not kitaru.wait(schema=bool, name="go", question="Pay?"):
        return "no"
    return pay(what)

@flow
def awaits(id: str):
    return "after " + KitaruClient().executions.handle(id).get()
"""


def asking(lab: Lab, what: str = "fast") -> str:
    """An execution that asks, with no process."""
    lab.write("agent.py", PROGRAM)
    item: Any = lab.item("run", "agent.py:approve", "--input", f"what={what}", code=75)
    return str(item["id"])


def until(lab: Lab, exec_id: str, status: str = "completed") -> Any:
    """The execution once it has that status: another process has it."""
    give_up = time.monotonic() + 60
    while (item := lab.item("show", exec_id))["status"] != status:
        assert time.monotonic() < give_up, item
        time.sleep(0.02)
    return item


@pytest.mark.parametrize("version", VERSIONS)
def test_it_does_not_wait_unless_it_is_asked_to_and_goes_on_when_the_client_has_gone(lab: Lab, version: str) -> None:
    exec_id = asking(lab, "slow")
    with assistant(lab, version) as client:
        told = client.call("kitaru_answer", execution_id=exec_id, value=True, wait="go")["data"]
        assert "afterwards" not in told
        # At once: what it has begun, or is about to, goes on without it.
        client.close()
    lab.wait_for("pay slow")
    assert lab.item("show", exec_id)["status"] == "running"
    (lab.folder / "world.log").open("a").write("hurry\n")
    assert until(lab, exec_id)["result"] == "slow"
    assert lab.done().count("begin") == 1
    assert lab.done().count("pay slow") == 1


def test_a_wait_is_bounded_and_says_that_it_was_not_over(lab: Lab) -> None:
    exec_id = asking(lab, "slow")
    with assistant(lab, "2") as client:
        began = time.monotonic()
        told = client.call("kitaru_answer", execution_id=exec_id, value=True, wait="go", wait_seconds=1)["data"]
        assert 1 <= time.monotonic() - began < 10
        assert told["afterwards"]["settled"] is False
        (lab.folder / "world.log").open("a").write("hurry\n")
        until(lab, exec_id)


def test_two_assistants_that_answer_at_once_answer_once(lab: Lab) -> None:
    exec_id = asking(lab)
    with assistant(lab, "1") as one, assistant(lab, "2") as other:
        told: list[Any] = []
        ready = threading.Barrier(2)

        def answer(client: Any, value: bool) -> None:
            ready.wait()
            arguments = {"execution_id": exec_id, "value": value, "wait": "go"}
            told.append(client.got("call", tool="kitaru_answer", arguments=arguments))

        threads = [threading.Thread(target=answer, args=pair) for pair in ((one, True), (other, True))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        refused = [result for result in told if result.get("isError")]
        assert [result["structuredContent"]["error"]["code"] for result in refused] == ["already-answered"]
        assert "somebody was faster" in refused[0]["content"][0]["text"]
        until(lab, exec_id)
    assert lab.done().count("pay fast") == 1


def test_killed_while_it_carries_the_flow_goes_on_and_pays_once(lab: Lab) -> None:
    exec_id = asking(lab, "slow")
    with assistant(lab, "1") as client:
        client.call("kitaru_answer", execution_id=exec_id, value=True, wait="go")
        lab.wait_for("pay slow")
        os.kill(client.server(), signal.SIGKILL)
    (lab.folder / "world.log").open("a").write("hurry\n")
    assert until(lab, exec_id)["result"] == "slow"
    assert lab.done().count("pay slow") == 1


def test_killed_right_after_an_answer_nothing_is_lost_and_it_is_found(lab: Lab) -> None:
    exec_id = asking(lab)
    with assistant(lab, "2") as client:
        client.call("kitaru_answer", execution_id=exec_id, value=True, wait="go")
        os.kill(client.server(), signal.SIGKILL)
    item = lab.item("show", exec_id)
    if item["status"] == "waiting":
        with assistant(lab, "2") as client:
            stuck = client.call("kitaru_find_stuck")["data"]["stuck"]
            if stuck:
                (call,) = stuck[0]["to_go_on"]
                client.call(call["tool"], **call["arguments"])
            until(lab, exec_id)
    until(lab, exec_id)
    assert lab.done().count("pay fast") == 1


def test_beside_a_server_it_runs_once(lab: Lab) -> None:
    ids = [asking(lab) for _ in range(5)]
    with serving(lab), assistant(lab, "2") as client:
        for exec_id in ids:
            client.call("kitaru_answer", execution_id=exec_id, value=True, wait="go")
        for exec_id in ids:
            until(lab, exec_id)
    assert lab.done().count("pay fast") == 5


def test_whatever_waited_for_it_goes_on_too(lab: Lab) -> None:
    exec_id = asking(lab, "slow")
    above = lab.item("run", "agent.py:awaits", "--input", f'id="{exec_id}"', code=75)["id"]
    with assistant(lab, "1") as client:
        client.call("kitaru_answer", execution_id=exec_id, value=True, wait="go")
        lab.wait_for("pay slow")
    (lab.folder / "world.log").open("a").write("hurry\n")
    assert until(lab, above)["result"] == "after slow"


def test_code_that_does_not_load_any_more_is_said(lab: Lab) -> None:
    exec_id = asking(lab)
    lab.write("agent.py", "import nothing_of_that_name")
    with assistant(lab, "2") as client:
        told = client.call("kitaru_answer", execution_id=exec_id, value=True, wait="go", wait_seconds=60)["data"]
        assert "nothing_of_that_name" in told["afterwards"]["could_not_go_on"]
        (stuck,) = client.call("kitaru_find_stuck")["data"]["stuck"]
        assert "nothing_of_that_name" in stuck["could_not_go_on"]
        lab.write("agent.py", PROGRAM)
        (call,) = stuck["to_go_on"]
        assert call["tool"] == "kitaru_resume"
        told = client.call(call["tool"], **call["arguments"], wait_seconds=60)["data"]
        assert told["afterwards"]["status"] == "completed"


def test_a_server_that_only_serves_records_the_answer_and_says_who_goes_on(lab: Lab) -> None:
    exec_id = asking(lab)
    with serving(lab, "server") as server, assistant(lab, "1", url=f"{server.url}/mcp") as client:
        told = client.call("kitaru_answer", execution_id=exec_id, value=True, wait="go")["data"]
        assert told["goes_on"].startswith("nobody here: kitaru resume")
        assert client.refused("kitaru_run", flow="approve", arguments={"what": "x"})["code"] == "no-worker"
        # It has read the code of the flow for nobody.
        assert client.call("kitaru_find_stuck")["data"]["stuck"][0]["id"] == exec_id
    lab.kitaru("resume", exec_id).ok(0)


def test_a_server_that_stops_ends_whoever_waits(lab: Lab) -> None:
    exec_id = asking(lab, "slow")
    with serving(lab) as server:
        told: list[Any] = []

        def answer() -> None:
            arguments = {"execution_id": exec_id, "value": True, "wait": "go", "wait_seconds": 60}
            params = {"name": "kitaru_answer", "arguments": arguments}
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            accept = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
            told.append(server.ask("POST", "/mcp", message, accept))

        thread = threading.Thread(target=answer)
        thread.start()
        lab.wait_for("pay slow")
        code, _ = server.stop()
        thread.join(20)
    ((status, _, text),) = told
    assert (code, status) == (0, 200)
    assert json.loads(text)["result"]["structuredContent"]["data"]["afterwards"]["settled"] is False
    (lab.folder / "world.log").open("a").write("hurry\n")
    until(lab, exec_id)


def test_standard_output_is_the_protocols_alone_and_it_ends_with_its_input(lab: Lab) -> None:
    asking(lab)
    hello = (
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
        '"clientInfo":{"name":"t","version":"1"}}}\n{"jsonrpc":"2.0","method":"notifications/initialized"}\nnot JSON\n'
        '{"jsonrpc":"2.0","id":2,"method":"tools/list"}\n'
    )
    ran = subprocess.run(
        [KITARU, "--output", "json", "mcp"], input=hello, env=lab.env(), capture_output=True, text=True, timeout=30
    )
    assert ran.returncode == 0, ran.stderr
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert {one.get("id") for one in told if "result" in one} == {1, 2}
    assert all(one["jsonrpc"] == "2.0" for one in told)
    nothing = subprocess.run([KITARU, "mcp"], input="", env=lab.env(), capture_output=True, text=True, timeout=30)
    assert (nothing.returncode, nothing.stdout) == (0, "")
    refused = subprocess.run(
        [KITARU, "--store", "memory:", "mcp"], input="", env=lab.env(), capture_output=True, text=True, timeout=30
    )
    assert (refused.returncode, refused.stdout) == (2, "")
