"""A flow that is paused, before a call or on request, ends what runs first: nothing is cut off and paid for again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import KITARU

if TYPE_CHECKING:
    from lab import Lab

HEAD = """
import asyncio, os, time
import kitaru
from kitaru import checkpoint, flow, _context
from world import did

def flies():
    # In flight until the flow is held.
    return not os.environ.get("FREE") and not any(run.session.is_held for run in list(_context.running))

@checkpoint
async def fetch(i: int) -> int:
    did(f"begin {i}")
    while flies():
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)
    did(f"fetch {i}")
    return i

@checkpoint
def load(i: int) -> int:
    did(f"begin {i}")
    while flies():
        time.sleep(0.005)
    time.sleep(0.02)
    did(f"fetch {i}")
    return i

@checkpoint
async def analyze(n: int) -> int:
    did(f"begin call {n}")
    while os.environ.get("ALL") and flies():
        await asyncio.sleep(0.005)
    did(f"call {n}")
    return n * 10

@checkpoint
def report(n: int) -> int:
    did(f"begin call {n}")
    while os.environ.get("ALL") and flies():
        time.sleep(0.005)
    did(f"call {n}")
    return n * 10
"""

# Each returns what its three fetches gave, and the sum of its two calls.
GATHER = """
async def branch():
    return await analyze(1) + await analyze(2)

@flow
async def main():
    one, two, ten, three = await asyncio.gather(fetch(1), fetch(2), branch(), fetch(3))
    return [one, two, three, ten]
"""

TASK_GROUP = """
async def branch():
    return await analyze(1) + await analyze(2)

@flow
async def main():
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(i)) for i in (1, 2, 3)]
        tasks.append(group.create_task(branch()))
    return [task.result() for task in tasks]
"""

WAITS_FOR_IT = """
@flow
async def main():
    # asyncio's own timer does not hold up the pause, and the pause is not taken for a slow call.
    tasks = [asyncio.ensure_future(fetch(i)) for i in (1, 2, 3)]
    ten = await asyncio.wait_for(analyze(1), 30) + await asyncio.wait_for(asyncio.shield(analyze(2)), 30)
    return [*await asyncio.gather(*tasks), ten]
"""

THREADS_OF_TASKS = """
@flow
async def main():
    return [*await asyncio.gather(asyncio.to_thread(lambda: load(1)), fetch(2), fetch(3),
                                  asyncio.to_thread(lambda: report(1) + report(2)))]
"""

MAP = """
@flow
def main():
    loads = [load.submit(i) for i in (1, 2, 3)]
    ten = report.submit(1).result() + report(2)
    return [*(one.result() for one in loads), ten]
"""

NESTED = """
@checkpoint
def outer(n: int) -> int:
    did(f"outer {n}")
    return report(1) + report(2)

@flow
def main():
    loads = [load.submit(i) for i in (1, 2, 3)]
    ten = outer(1)
    return [*(one.result() for one in loads), ten]
"""

NESTED_ASYNC = """
@checkpoint
async def outer(n: int) -> int:
    did(f"outer {n}")
    return await analyze(1) + await analyze(2)

@flow
async def main():
    return await asyncio.gather(fetch(1), fetch(2), fetch(3), outer(1))
"""

NESTED_WITH_TIMEOUT = """
@checkpoint(timeout=30)
def outer(n: int) -> int:
    did(f"outer {n}")
    return report(1) + report(2)

@flow
def main():
    loads = [load.submit(i) for i in (1, 2, 3)]
    ten = outer(1)
    return [*(one.result() for one in loads), ten]
"""

ON_A_LOOP = """
@flow
async def main():
    # A plain function is called on the loop, where it cannot wait for the others.
    fetches = [asyncio.ensure_future(fetch(i)) for i in (1, 2, 3)]
    await asyncio.sleep(0)
    ten = report(1) + report(2)
    return [*await asyncio.gather(*fetches), ten]
"""

OPENED = """
@flow
async def main():
    fetches = [asyncio.ensure_future(fetch(i)) for i in (1, 2, 3)]
    total = 0
    for n in (1, 2):
        async with kitaru.open_call("opened", n) as call:
            if not call.recorded:
                call.finish(await analyze(n))
        total += call.value
    return [*await asyncio.gather(*fetches), total]
"""

CHILD = """
@flow
async def below(n: int) -> int:
    return await fetch(n)

async def branch():
    return await analyze(1) + await analyze(2)

@flow
async def main():
    return await asyncio.gather(fetch(1), below(2), fetch(3), branch())
"""

FANS = {
    "gather": GATHER,
    "task group": TASK_GROUP,
    "wait_for": WAITS_FOR_IT,
    "threads of tasks": THREADS_OF_TASKS,
    "submit": MAP,
    "nested": NESTED,
    "nested, async": NESTED_ASYNC,
    "nested, with a timeout": NESTED_WITH_TIMEOUT,
    "on a loop": ON_A_LOOP,
    "open_call": OPENED,
    "child": CHILD,
}


def paid(lab: Lab) -> dict[str, int]:
    """How often was done what costs, by what it was."""
    done = [what for what in lab.done() if what.startswith(("fetch", "call"))]
    return {what: done.count(what) for what in done}


NAMES = ("analyze", "report")
ALL = {"fetch 1": 1, "fetch 2": 1, "fetch 3": 1, "call 1": 1, "call 2": 1}
IN_FLIGHT = {what: times for what, times in ALL.items() if what != "call 2"}


@pytest.mark.parametrize("shape", FANS)
def test_what_is_in_flight_when_a_breakpoint_is_met_ends_and_is_never_paid_twice(lab: Lab, shape: str) -> None:
    lab.write("agent.py", HEAD + FANS[shape])
    before = {"opened": "2 in inputs.identity"} if shape == "open_call" else dict.fromkeys(NAMES, "inputs.n == 2")
    for name, when in before.items():
        lab.kitaru("breakpoints", "add", "agent.py:main", "--before", name, "--when", when).ok(0)
    lab.kitaru("run", "agent.py:main").ok(75)
    shown = lab.item("show", lab.only())
    assert (shown["status"], list(shown["pending"]["inputs"].values()) in ([2], [[2]])) == ("paused", True), shown
    assert paid(lab) == IN_FLIGHT, "what was in flight has ended, and the call did not begin"
    lab.kitaru("resume", lab.only(), FREE="1").ok(0)
    assert paid(lab) == ALL, "nothing is paid twice"
    assert lab.item("show", lab.only())["result"] == [1, 2, 3, 30]


@pytest.mark.parametrize("shape", FANS)
def test_what_is_in_flight_when_a_pause_is_asked_for_ends_and_is_never_paid_twice(lab: Lab, shape: str) -> None:
    lab.write("agent.py", HEAD + FANS[shape])
    process = lab.spawn(KITARU, "run", "agent.py:main", ALL="1")
    for what in ("begin 1", "begin 2", "begin 3", "begin call 1"):
        lab.wait_for(what)
    asked = lab.kitaru("pause", lab.only()).ok(0)
    assert "nothing new begins, and it pauses when what runs has ended" in asked.out
    process.communicate()
    assert process.returncode == 75
    shown = lab.item("show", lab.only())
    assert (shown["status"], shown["reason"]["text"].split(";")[0]) == ("paused", "paused by cli")
    assert paid(lab) == IN_FLIGHT
    lab.kitaru("resume", lab.only(), FREE="1").ok(0)
    assert paid(lab) == ALL, "nothing is paid twice"
    assert lab.item("show", lab.only())["result"] == [1, 2, 3, 30]


UNWOUND = """
async def branch():
    return report(1) + report(2)

@flow
async def main():
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(i)) for i in (1, 2, 3)]
        tasks.append(group.create_task(branch()))
    return [task.result() for task in tasks]
"""


IN_A_SYNC_FLOW = """
@flow
def main():
    async def inside():
        fetches = [asyncio.ensure_future(fetch(i)) for i in (1, 2, 3)]
        await asyncio.sleep(0)
        ten = report(1) + report(2)
        return [*await asyncio.gather(*fetches), ten]
    return asyncio.run(inside())
"""


@pytest.mark.parametrize("program", [UNWOUND, IN_A_SYNC_FLOW], ids=["task group", "loop of a sync flow"])
def test_what_cannot_end_is_said_and_runs_again(lab: Lab, program: str) -> None:
    lab.write("agent.py", HEAD + program)
    lab.kitaru("breakpoints", "add", "agent.py:main", "--before", "report", "--when", "inputs.n == 2").ok(0)
    # `report` is a plain function: on the loop its task can only unwind, and its group, or the loop's end, then cancels
    # the others.
    runs = "agent.main()" if program == IN_A_SYNC_FLOW else "asyncio.run(agent.main())"
    said = lab.python("-c", f"import asyncio, agent; {runs}").ok(75).err
    cut = {line for line in said.splitlines() if "cut off" in line}
    assert cut == {f"  cut off: {key}: it will run again" for key in ("fetch", "fetch#2", "fetch#3")}, said
    assert paid(lab) == {"call 1": 1}
    # They were not cancelled by the flow, which would have them parked now.
    lab.kitaru("resume", lab.only(), FREE="1").ok(0)
    assert paid(lab) == ALL


OTHERS = """
@checkpoint(retries=2, backoff=1, jitter=0)
async def flaky() -> int:
    did("try")
    while flies():
        await asyncio.sleep(0.005)
    if os.environ.get("FREE"):
        return 7
    raise ValueError("not yet")

@checkpoint(effect="once")
async def charge(n: int) -> int:
    did(f"charge {n}")
    while flies():
        await asyncio.sleep(0.005)
    did(f"charged {n}")
    return n

@checkpoint(on_failure="pause")
async def refuses() -> int:
    raise ValueError("never")

@checkpoint
async def grows(items: list[int]) -> int:
    items.append(1)
    return 1

def die_once():
    if not os.path.exists("died"):
        open("died", "w").close()
        os._exit(9)

@checkpoint(effect="once")
async def pays() -> int:
    die_once()
    return 1

@checkpoint
async def unstored() -> object:
    return object()

@checkpoint
async def patient(n: int) -> int:
    did(f"begin {n}")
    while not os.path.exists("go"):
        await asyncio.sleep(0.005)
    did(f"fetch {n}")
    return n

@flow
async def tries():
    return await asyncio.gather(flaky(), analyze(2))

@flow
async def charges():
    one, two = await asyncio.gather(charge(1), analyze(2))
    return [one, two, await charge(2)]

@flow
async def gives_up():
    return await asyncio.gather(fetch(1), refuses())

@flow
async def changes():
    return await asyncio.gather(fetch(1), grows([]))

@flow
async def doubts():
    return await asyncio.gather(fetch(1), pays())

@flow
async def loses():
    async def then():
        await unstored()
        die_once()
    await asyncio.gather(fetch(1), then())

@flow
async def asks():
    async def then():
        ok = await kitaru.wait(schema=bool, name="ok")
        did("answered")
        return await analyze(1) if ok else 0
    return await asyncio.gather(patient(1), then(), analyze(2))

@flow
async def naps():
    async def nap():
        await kitaru.sleep(40)
    async def poll():
        while True:
            await asyncio.sleep(1000)
    polls = asyncio.ensure_future(poll())
    return await asyncio.gather(nap(), analyze(2))

@flow
def naps_in_threads():
    one = report.submit(2)
    kitaru.sleep(40)
    return one.result()

@checkpoint
async def sleeps(n: int) -> int:
    await kitaru.sleep(0.5)
    did(f"slept {n}")
    return n

@flow
async def sleeps_inside():
    return await asyncio.gather(sleeps(1), analyze(2))
"""


def others(lab: Lab, flow: str, before: str | None = "analyze") -> str:
    """Runs one of the other flows until it is paused."""
    lab.write("agent.py", HEAD + OTHERS)
    given = [] if before is None else ["--pause-before", before]
    lab.kitaru("run", f"agent.py:{flow}", *given, timeout=30).ok(75)
    return lab.only()


def test_another_try_is_a_body_too_and_its_pause_is_not_waited_for(lab: Lab) -> None:
    flow = others(lab, "tries")
    assert lab.done() == ["try"]
    assert [(one["key"], one["status"]) for one in lab.item("show", flow)["calls"]] == [("flaky", "retrying")]
    lab.kitaru("resume", flow, FREE="1").ok(0)
    assert (lab.done().count("try"), lab.item("show", flow)["calls"][0]["attempts"]) == (2, 2)


def test_an_effect_that_must_happen_once_ends_or_has_not_begun(lab: Lab) -> None:
    flow = others(lab, "charges")
    assert lab.done() == ["charge 1", "charged 1"]
    lab.kitaru("breakpoints", "add", "charges", "--before", "charge#2").ok(0)
    lab.kitaru("resume", flow, FREE="1").ok(75)
    shown = lab.item("show", flow)
    # Its intent is not on record: that would be a doubt.
    assert ([one["key"] for one in shown["calls"]], shown["pending"]["key"]) == (["charge", "analyze"], "charge#2")
    lab.kitaru("resume", flow, FREE="1").ok(0)
    assert [what for what in lab.done() if what.startswith("charged")] == ["charged 1", "charged 2"]


@pytest.mark.parametrize(
    ("flow", "reason", "call"),
    [
        ("gives_up", "retries_exhausted", ("refuses", "failed")),
        ("changes", "mutated_argument", ("grows", "completed")),
        ("doubts", "in_doubt", ("pays", "running")),
        ("loses", "volatile", ("unstored", "volatile")),
    ],
)
def test_a_pause_for_a_decision_lets_what_runs_end_too(lab: Lab, flow: str, reason: str, call: tuple[str, str]) -> None:
    lab.write("agent.py", HEAD + OTHERS)
    code = lab.kitaru("run", f"agent.py:{flow}", timeout=30).code
    if code == 9:
        code = lab.kitaru("resume", lab.only(), timeout=30).code
    assert code == 75
    shown = lab.item("show", lab.only())
    assert reason in shown["reason"]["pause"]
    assert lab.done()[-2:] == ["begin 1", "fetch 1"]
    calls = {one["key"].rpartition("/")[2]: one["status"] for one in shown["calls"]}
    assert calls == {"fetch": "completed", call[0]: call[1]}


def test_a_wait_may_be_answered_while_what_runs_ends_and_that_begins_nothing(lab: Lab) -> None:
    lab.write("agent.py", HEAD + OTHERS)
    process = lab.spawn(KITARU, "run", "agent.py:asks", "--pause-before", "analyze")
    lab.wait_for("begin 1")
    answered = lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    assert "goes on with it" in answered.err
    lab.wait_for("answered")
    lab.write("go", "")
    process.communicate()
    assert process.returncode == 75
    assert lab.done() == ["begin 1", "answered", "fetch 1"]
    lab.kitaru("resume", lab.only()).ok(0)
    assert (
        sorted(lab.done()[-4:]) == ["begin call 1", "begin call 2", "call 1", "call 2"]
        or lab.done().count("call 1") == 1
    )


def test_a_wait_stays_open_while_it_is_paused(lab: Lab) -> None:
    lab.write("go", "")
    flow = others(lab, "asks")
    assert lab.item("show", flow)["status"] == "paused"
    told = lab.kitaru("input", flow, "--value", "true").ok(0)
    assert "asks is paused; go on with: kitaru resume" in told.err
    lab.kitaru("resume", flow).ok(0)
    assert paid(lab) == {"fetch 1": 1, "call 1": 1, "call 2": 1}


@pytest.mark.parametrize("flow", ["naps", "naps_in_threads"])
def test_a_sleep_between_calls_does_not_hold_up_a_pause(lab: Lab, flow: str) -> None:
    others(lab, flow, "report" if flow == "naps_in_threads" else "analyze")
    assert lab.item("show", lab.only())["status"] == "paused"


def test_a_sleep_inside_a_body_is_part_of_what_ends(lab: Lab) -> None:
    others(lab, "sleeps_inside")
    assert lab.done() == ["slept 1"]


def test_cancelling_does_not_wait(lab: Lab) -> None:
    lab.write("agent.py", HEAD + OTHERS)
    process = lab.spawn(KITARU, "run", "agent.py:asks", "--pause-before", "analyze")
    lab.wait_for("begin 1")
    lab.kitaru("cancel", lab.only()).ok(0)
    process.communicate(timeout=20)
    assert (process.returncode, lab.item("show", lab.only())["status"]) == (1, "cancelled")
    assert lab.done() == ["begin 1"]
