"""``runtime="ray"``: calls on a real cluster of three nodes on this machine, one of which is killed under a call.

Part of ``make nightly``, which installs Ray; without it these tests are skipped, and counted as skipped. Not here:
calls in a process of their own (``test_process``), which is what runs on each node.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from lab import PYTHON
from placement.programs import go, pids, until_gone, write

if TYPE_CHECKING:
    from lab import Lab, Result

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(300)]

# Who runs a call: its own process, the one around it, the cluster's worker, and the node.
WHERE = """
# The nodes have no environment of this program's.
os.environ.setdefault("WORLD", os.path.join(os.path.dirname(os.path.abspath(__file__)), "world.log"))

def parent(pid):
    with open(f"/proc/{pid}/stat") as told:
        return int(told.read().rpartition(")")[2].split()[1])

def where():
    above = [os.getpid()]
    while "raylet" not in open(f"/proc/{above[-1]}/cmdline").read().split(chr(0))[0]:
        above.append(parent(above[-1]))
    did("node " + " ".join(map(str, above)))
    return above[-1]
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that runs nothing, and two nodes of one place each."""
    utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed (requirements/nightly.txt)")
    made = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(2):
            add_node(made)
        made.wait_for_nodes()
        yield made
    finally:
        made.shutdown()


def add_node(cluster: Any) -> None:
    cluster.add_node(num_cpus=2, resources={"place": 1}, include_dashboard=False)


def run(lab: Lab, cluster: Any, **env: str) -> Result:
    return lab.python("agent.py", timeout=200, RAY_ADDRESS=cluster.address, **env)


def nodes(lab: Lab) -> list[list[int]]:
    """The processes of each call that has begun, from its own to its node's."""
    return [[int(pid) for pid in one.split()[1:]] for one in lab.done() if one.startswith("node ")]


def to_node_of(lab: Lab, at: int, what: signal.Signals) -> None:
    """Sends a signal to all that runs the call that began as that one: its node first."""
    for pid in reversed(nodes(lab)[at]):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)


def test_a_call_on_a_cluster_is_a_call_like_any_other(lab: Lab, cluster: Any) -> None:
    write(
        lab,
        WHERE
        + """
class Bad(Exception):
    pass

@checkpoint(runtime="ray", resources={"CPU": 1, "place": 0.5})
def work(data: bytes) -> dict:
    where()
    print("printed there")
    kitaru.usage(input_tokens=3, cost_usd=0.5)
    kitaru.log("logged there")
    return {"pid": os.getpid(), "twice": data * 2}

@checkpoint(runtime="ray")
async def fails(n: int) -> int:
    raise Bad(n)  # the user's line

@checkpoint(runtime="ray")
def nested() -> int:
    return kitaru.uuid()

@checkpoint(runtime="ray")
def saves() -> int:
    kitaru.save("name", 1)

@flow
async def flown():
    small, large = work(b"x"), work(b"y" * 3_000_000)
    assert (small["twice"], large["twice"]) == (b"xx", b"y" * 6_000_000)
    assert os.getpid() != small["pid"] != large["pid"]
    try:
        await fails(7)
    except Bad as error:
        import traceback
        assert error.args == (7,)
        assert "raise Bad(n)  # the user's line" in "".join(traceback.format_exception(error))
    for refused in (nested, saves):
        try:
            refused()
        except kitaru.KitaruPlacementError as error:
            print(error.code)
    if count("crash") == 0:
        did("crash")
        os._exit(9)
    return "done"

def main():
    return asyncio.run(flown())
""",
    )
    done = run(lab, cluster).ok(9)
    assert done.out.count("printed there\n") == 2
    item = lab.item("show", lab.only())
    assert item["usage"] == {"input_tokens": 6, "output_tokens": 0, "cost_usd": 1.0}
    lines = [(line["call"], line["text"]) for line in lab.items("logs", lab.only())]
    assert lines.count(("work", "logged there")) == 1
    told = lab.kitaru("resume", lab.only(), RAY_ADDRESS=cluster.address).ok().out
    assert done.out.count("inside-process\n") == told.count("inside-process\n") == 2
    assert len(nodes(lab)) == 2


def test_a_node_that_is_killed_under_a_call_has_it_run_again_once_and_one_result_recorded(
    lab: Lab, cluster: Any
) -> None:
    write(
        lab,
        WHERE
        + """
@checkpoint(runtime="ray", resources={"place": 1}, retries=1, backoff=0)
def work() -> int:
    kitaru.usage(cost_usd=0.5)
    node = where()
    wait_for(f"go {kitaru.current_execution().attempt}")
    did("ended")
    return node

@flow
def main():
    return work()
""",
    )
    program = lab.spawn(PYTHON, "agent.py", RAY_ADDRESS=cluster.address)
    try:
        wait_for_nodes(lab, program, 1)
        # What a machine has said when it is lost counts; its last words may be lost with it.
        until = time.monotonic() + 60
        while lab.item("show", lab.only())["usage"]["cost_usd"] != 0.5:
            assert time.monotonic() < until
        to_node_of(lab, 0, signal.SIGKILL)
        wait_for_nodes(lab, program, 2)
        # Whatever the first one could still say now is late.
        go(lab, "go 1")
        go(lab, "go 2")
        out, err = program.communicate(timeout=120)
    finally:
        program.kill()
        add_node(cluster)
    assert program.returncode == 0, err
    first, second = (one[-1] for one in nodes(lab))
    assert first != second
    assert f"result {second}\n" in out
    until_gone([pid for one in nodes(lab) for pid in one[:2]], 60)
    calls = lab.item("show", lab.only())["calls"]
    assert [(one["key"], one["status"], one["attempts"]) for one in calls] == [("work", "completed", 2)]
    assert lab.item("show", lab.only())["usage"]["cost_usd"] == 1.0
    # Served, and not run a third time.
    assert len(nodes(lab)) == 2
    kinds = [kind for (kind,) in lab.query("SELECT kind FROM journal ORDER BY seq")]
    assert (kinds.count("attempt_failed"), kinds.count("call_ended")) == (1, 1), kinds


def wait_for_nodes(lab: Lab, program: subprocess.Popen[str], many: int) -> None:
    until = time.monotonic() + 120
    while len(nodes(lab)) < many:
        assert program.poll() is None, program.communicate()
        if time.monotonic() >= until:
            program.kill()
            raise AssertionError(f"{lab.done()} {program.communicate()}")
        time.sleep(0.02)


def test_a_lost_node_is_an_error_of_its_own_where_nobody_said_that_it_may_cost_twice(lab: Lab, cluster: Any) -> None:
    write(
        lab,
        WHERE
        + """
@checkpoint(runtime="ray", resources={"place": 1})
def work() -> int:
    where()
    wait_for("never")

@checkpoint(runtime="ray", resources={"place": 1}, effect="once", retries=3)
def pay() -> int:
    where()
    wait_for("never")

@flow
def main():
    try:
        work()
    except kitaru.KitaruNodeLostError as error:
        did(error.code)
    pay()
""",
    )
    program = lab.spawn(PYTHON, "agent.py", RAY_ADDRESS=cluster.address)
    try:
        wait_for_nodes(lab, program, 1)
        to_node_of(lab, 0, signal.SIGKILL)
        lab.wait_for("node-lost", seconds=120)
        add_node(cluster)
        wait_for_nodes(lab, program, 2)
        to_node_of(lab, 1, signal.SIGKILL)
        _, err = program.communicate(timeout=120)
    finally:
        program.kill()
        add_node(cluster)
    assert "this may have happened" in err
    assert program.returncode == 75
    assert len(nodes(lab)) == 2


def test_limits_hold_on_a_node_and_a_cancelled_call_is_gone_from_it(lab: Lab, cluster: Any) -> None:
    write(
        lab,
        WHERE
        + """
@checkpoint(runtime="ray", memory="200MiB")
def much() -> int:
    left_behind()
    held = b"x" * (400 << 20)
    wait_for("never")

@checkpoint(runtime="ray", timeout=8)
def long() -> int:
    left_behind()
    wait_for("never")

@checkpoint(runtime="ray")
async def cancelled() -> int:
    left_behind()
    did("waits")
    wait_for("never")

@flow
async def flown():
    for one in (much, long):
        try:
            one()
        except kitaru.KitaruError as error:
            print(error.code)
    task = asyncio.create_task(cancelled())
    while count("waits") == 0:
        await asyncio.sleep(0.01)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return "cancelled"

def main():
    return asyncio.run(flown())
""",
    )
    # Ray prints of nodes that it has lost before, between what the program prints.
    wanted = ["call-memory", "timeout", "result cancelled"]
    assert [line for line in run(lab, cluster).ok().out.splitlines() if line in wanted] == wanted
    assert len(pids(lab)) == 3
    until_gone(pids(lab), 60)


def test_a_call_that_no_node_can_run_says_that_it_waits_and_its_time_stands_still(lab: Lab, cluster: Any) -> None:
    write(
        lab,
        """
@checkpoint(runtime="ray", resources={"unicorn": 1}, timeout=1)
def work() -> int:
    return 1

def watch():
    # When it has been said: the execution is cancelled, by somebody who looked.
    client = kitaru.KitaruClient()
    while not any("waits for a machine" in line.text for line in client.executions.logs(ids[0])):
        time.sleep(0.05)
    did("said")
    client.executions.cancel(ids[0])

ids = []

@flow
def main():
    ids.append(kitaru.current_execution().id)
    threading.Thread(target=watch, daemon=True).start()
    work()
""",
    )
    told = run(lab, cluster).ok(1).err
    assert "KitaruCancelledError" in told
    assert lab.done() == ["said"]


def test_no_cluster_is_started_unasked(lab: Lab) -> None:
    pytest.importorskip("ray", reason="Ray is not installed (requirements/nightly.txt)")
    write(
        lab,
        """
@checkpoint(runtime="ray", retries=3)
def work() -> int:
    return 1

@flow
def main():
    try:
        work()
    except kitaru.KitaruPlacementError as error:
        return error.code, str(error)
""",
    )
    told = lab.python("agent.py", RAY_ADDRESS="127.0.0.1:1", timeout=120).ok().out
    assert "('no-cluster', " in told
    assert "RAY_ADDRESS" in told
