"""``runtime="process"``: a call in a process of its own is a call like any other, and its process is of one call only.

Not here: limits and ends of that process (``test_process_ends``), and clusters (``test_ray``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from placement.programs import write

if TYPE_CHECKING:
    from lab import Lab


def test_a_call_runs_in_a_process_of_its_own_and_its_result_is_served_on_resume(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process")
def work(n: int) -> dict:
    did(f"work {n}")
    return {"pid": os.getpid(), "n": n, "bytes": b"x" * n}

@flow
def main():
    first, second = work(100_000), work(2)
    assert first["pid"] != os.getpid() != second["pid"] != first["pid"]
    assert first["bytes"] == b"x" * 100_000
    if count("crash") == 0:
        did("crash")
        os._exit(9)
    return second["n"]
""",
    )
    lab.python("agent.py").ok(9)
    lab.kitaru("resume", lab.only()).ok()
    assert lab.done() == ["work 100000", "work 2", "crash"]


def test_async_calls_run_beside_each_other(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process")
async def fetch(n: int) -> int:
    did(f"began {n}")
    while sum(count(f"began {one}") for one in range(3)) < 3:
        await asyncio.sleep(0.005)
    await asyncio.gather(asyncio.create_task(asyncio.sleep(0)), asyncio.to_thread(kitaru.log, "from a thread"))
    return n * n

@flow
async def flown():
    return await asyncio.gather(*(fetch(n) for n in range(3)))

def main():
    return asyncio.run(flown())
""",
    )
    assert lab.python("agent.py").ok().out == "result [0, 1, 4]\n"
    assert lab.kitaru("logs", lab.only()).ok().out.count("from a thread") == 3


def test_submitted_calls_run_beside_each_other(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process")
def fetch(n: int) -> int:
    did(f"began {n}")
    while sum(count(f"began {one}") for one in range(2)) < 2:
        time.sleep(0.005)
    return n * n

@flow
def main():
    return fetch.map(range(2))
""",
    )
    assert lab.python("agent.py").ok().out == "result [0, 1]\n"


def test_methods_and_classes_of_the_program_travel(lab: Lab) -> None:
    write(
        lab,
        """
import dataclasses

@dataclasses.dataclass
class Agent:
    name: str

    @checkpoint(runtime="process")
    def greet(self, whom: "Agent") -> "Agent":
        return Agent(f"{self.name} and {whom.name}")

    @staticmethod
    @checkpoint(runtime="process")
    def alone(n: int) -> int:
        return n + 1

@flow
def main():
    both = Agent("a").greet(Agent("b"))
    assert type(both) is Agent, type(both)
    return both.name, Agent.alone(1)
""",
    )
    assert lab.python("agent.py").ok().out == "result ('a and b', 2)\n"


def test_what_a_call_reports_is_kept_as_that_of_any_other(lab: Lab) -> None:
    body = """
    print("to out"); print("to err", file=sys.stderr)
    logging.getLogger("my.lib").warning("said %s", "so")
    sys.stdout.buffer.write(b"raw\\n")
    kitaru.usage(model="m", input_tokens=3, output_tokens=4, cost_usd=0.25)
    kitaru.log("note", n=1)
    kitaru.progress("half", fraction=0.5)
    kitaru.save("draft", {"a": (1, 2)})
    assert kitaru.load("draft") == {"a": (1, 2)}
    me = kitaru.current_execution()
    print("partial", end="")
    return [me.id, me.flow, me.call, me.attempt, kitaru.idempotency_key()]
"""
    write(
        lab,
        f"""
import logging
logging.basicConfig(format="%(name)s|%(message)s")

@checkpoint(runtime="process")
def there(n: int) -> list:{body}
@checkpoint
def here(n: int) -> list:{body}
@flow
def main():
    a, b = there(1), here(1)
    assert a[:2] == b[:2] and (a[2], b[2]) == ("there", "here") and a[3] == b[3] == 1, (a, b)
    assert a[4] != b[4] and len(a[4]) == 64
""",
    )
    done = lab.python("agent.py").ok()
    assert done.out.count("to out\n") == done.out.count("raw\n") == done.out.count("partial") == 2
    assert done.err.count("to err\n") == done.err.count("my.lib|said so\n") == 2
    told: dict[str, list[tuple[str, str]]] = {"there": [], "here": []}
    for line in lab.items("logs", lab.only()):
        # Bytes that a program writes past its text stream are copied of processes only.
        if line["text"] != "raw":
            told[line["call"]].append((line["stream"], line["text"]))
    assert sorted(told["there"]) == sorted(told["here"])
    assert len(told["there"]) >= 7
    calls = {one["key"]: one for one in lab.item("show", lab.only())["calls"]}
    assert {name: calls[name]["usage"] for name in told} == {
        name: {"input_tokens": 3, "output_tokens": 4, "cost_usd": 0.25} for name in told
    }


def test_what_a_call_raises_is_the_users_exception_with_the_users_lines(lab: Lab) -> None:
    write(
        lab,
        """
class Bad(Exception):
    def __init__(self, what, *, status):
        super().__init__(what)
        self.status = status

@checkpoint(runtime="process")
def work(n: int) -> int:
    did("work")
    try:
        deep(n)
    except KeyError as error:
        raise Bad("broken", status=418) from error

def deep(n):
    raise KeyError(n)  # the deepest line

@flow
def main():
    try:
        work(1)
    except Bad as error:
        assert (error.args, error.status) == (("broken",), 418)
        assert type(error.__cause__) is KeyError
        did("handled")
    work(2)
""",
    )
    told = lab.python("agent.py").ok(1).err
    assert told.count("raise KeyError(n)  # the deepest line") == 1
    assert "The above exception was the direct cause" in told
    assert 'raise Bad("broken", status=418) from error' in told
    assert "Bad: broken" in told
    assert "_placed" not in told
    shown = lab.kitaru("show", lab.only()).ok().out
    assert "Bad: broken" in shown
    # The handled failure is on record and not made again; the other one is.
    lab.kitaru("resume", lab.only()).ok(1)
    assert lab.done() == ["work", "handled", "work", "handled", "work"]


def test_a_failed_try_is_made_again_in_another_process(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process", retries=2, backoff=0)
def work() -> int:
    did("try")
    if count("try") < 3:
        raise ValueError("not yet")
    return kitaru.current_execution().attempt

@flow
def main():
    return work()
""",
    )
    assert lab.python("agent.py").ok().out == "result 3\n"


@pytest.mark.parametrize("keyword", ["", "async "])
def test_an_argument_that_the_body_changes_is_asked_about_as_elsewhere(lab: Lab, keyword: str) -> None:
    write(
        lab,
        f"""
@checkpoint(runtime="process")
{keyword}def work(messages: list) -> int:
    messages.append("changed")
    return 1

@flow
{keyword}def flown():
    messages = ["first"]
    {"await " if keyword else ""}work(messages)
    did(f"went on with {{messages}}")

def main():
    return {"asyncio.run(flown())" if keyword else "flown()"}
""",
    )
    assert "KitaruMutatedArgumentError" in lab.python("agent.py").ok(1).err
    assert lab.done() == []
    assert lab.item("show", lab.only())["status"] == "paused"


def test_what_cannot_be_sent_is_refused_before_anything_is_paid(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process", retries=5, backoff=0)
def work(handle) -> int:
    did("work")
    return 1

@flow
def main():
    work(threading.Lock())
""",
    )
    told = lab.python("agent.py").ok(1).err
    assert "work: its argument handle has no codec, so that it cannot be sent" in told
    assert lab.done() == []
    assert lab.item("show", lab.only())["calls"][0]["attempts"] == 1


def test_a_result_that_cannot_be_sent_back_is_an_error_and_is_not_paid_for_again_unasked(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process", retries=5, backoff=0)
def work() -> object:
    did("work")
    return {"lock": threading.Lock()}

@flow
def main():
    work()
""",
    )
    told = lab.python("agent.py").ok(1).err
    assert "checkpoint.return.lock is a" in told
    assert lab.done() == ["work"]
    lab.kitaru("resume", lab.only()).ok(75)
    assert lab.done() == ["work"]
    assert lab.item("show", lab.only())["status"] == "paused"


NESTED = {
    "a checkpoint": "step(1)",
    "an async checkpoint": "asyncio.run(astep(1))",
    "a submitted one": "step.submit(1).result()",
    "a mapped one": "step.map([1])",
    "a free call": 'kitaru.call("free", step._function, 1)',
    "an open call": "open_one()",
    "a flow": "other()",
    "a flow beside": "other.run()",
    "a flow left to a pool": "other.submit()",
    "a wait": 'kitaru.wait(question="?")',
    "a sleep": "kitaru.sleep(0.01)",
    "now": "kitaru.now()",
    "random": "kitaru.random()",
    "uuid": "kitaru.uuid()",
    "in a task": "asyncio.run(in_a_task())",
    "in a carried thread": "in_a_thread()",
}


@pytest.mark.parametrize("what", sorted(NESTED))
def test_what_is_recorded_by_itself_is_refused_inside(lab: Lab, what: str) -> None:
    write(
        lab,
        f"""
@checkpoint
def step(n):
    did("step")
    return n

@checkpoint
async def astep(n):
    did("step")

@flow
def other():
    did("other")

def open_one():
    with kitaru.open_call("opened", 1) as call:
        did("opened")
        call.finish(1)

async def in_a_task():
    await asyncio.create_task(astep(1))

def in_a_thread():
    failed = []
    def run():
        try:
            step(1)
        except BaseException as error:
            failed.append(error)
    thread = threading.Thread(target=kitaru.carry(run))
    thread.start()
    thread.join()
    raise failed[0]

@checkpoint(runtime="process", retries=3, backoff=0)
def work():
    did("work")
    {NESTED[what]}
    did("went on")

@flow
def main():
    try:
        work()
    except kitaru.errors.KitaruPlacementError as error:
        return error.code, str(error)
""",
    )
    told = lab.python("agent.py").ok().out
    assert "('inside-process', " in told
    assert "(agent.py:" in told
    assert lab.done() == ["work"]
    assert [one["key"] for one in lab.item("show", lab.only())["calls"]] == ["work"]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("lambda: 1", "<lambda> is defined inside a function"),
        ("make()", "make.<locals>.inner is defined inside a function"),
        ("__import__('functools').partial(print)", "has no name that another process could find it by"),
    ],
)
def test_a_function_that_no_other_process_finds_is_refused_when_it_is_decorated(
    lab: Lab, function: str, said: str
) -> None:
    write(
        lab,
        f"""
def make():
    def inner():
        return 1
    return inner

checkpoint(runtime="process")({function})
""",
        main="",
    )
    told = lab.python("agent.py").ok(1).err
    assert "KitaruUsageError: runtime='process'" in told
    assert said in told


def test_a_function_of_a_prompt_is_refused_at_its_first_call(lab: Lab) -> None:
    source = """
from kitaru import checkpoint, flow
@checkpoint(runtime="process")
def work(): return 1
@flow
def main(): return work()
main()
"""
    told = lab.python("-c", source).ok(1).err
    assert "KitaruPlacementError: work: work was defined in a notebook or at a prompt" in told


def test_code_that_is_not_the_same_there_is_refused_and_not_run(lab: Lab) -> None:
    write(
        lab,
        """
MODEL = "cheap"

@checkpoint(runtime="process")
def work() -> str:
    did(f"work with {MODEL}")
    return MODEL

@flow
def main():
    return work()
""",
        main='\nif __name__ == "__main__":\n    MODEL = "good"\n    main()\n',
    )
    told = lab.python("agent.py").ok(1).err
    assert "does not load the same code of work" in told
    assert "MODEL" in told
    assert lab.done() == []


def test_a_function_may_read_the_name_of_its_module(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process")
def work() -> str:
    return __name__

@flow
def main():
    return work()
""",
    )
    assert lab.python("agent.py").ok().out == "result agent\n"


def test_a_program_without_a_guard_is_told_of_it(lab: Lab) -> None:
    write(
        lab,
        """
@checkpoint(runtime="process")
def work() -> int:
    return 1

@flow
def main():
    return work()
""",
        main="\nmain()\n",
    )
    told = lab.python("agent.py").ok(1).err
    assert "starts main whenever the file is imported" in told
    assert 'if __name__ == "__main__"' in told


def test_options_that_mean_nothing_are_refused(lab: Lab) -> None:
    write(
        lab,
        """
def f(): pass
for options in (
    {"runtime": "thread"}, {"memory": "1GB"}, {"runtime": "process", "memory": "lots"},
    {"runtime": "process", "memory": 0}, {"runtime": "process", "resources": {"GPU": 1}},
    {"runtime": "ray", "resources": ["GPU"]},
):
    try:
        checkpoint(**options)(f)
    except kitaru.errors.KitaruUsageError as error:
        print(error)
    else:
        print("taken", options)
for name, taken in (("call", lambda: kitaru.call("n", f, runtime="process")),
                    ("open_call", lambda: kitaru.open_call("n", runtime="process"))):
    try:
        flow(taken, name=name)()
    except kitaru.errors.KitaruUsageError as error:
        print(error)
""",
        main="",
    )
    told = lab.python("agent.py").ok().out.splitlines()
    assert len(told) == 8
    assert not [line for line in told if line.startswith("taken")]
    assert told[6].startswith("runtime= goes with @checkpoint")


def test_another_runtime_is_no_other_code(lab: Lab) -> None:
    source = """
@checkpoint{options}
def work(n: int) -> int:
    did("work")
    return n

@flow
def main():
    work(1)
    if count("crash") == 0:
        did("crash")
        os._exit(9)
    return 5
"""
    write(lab, source.format(options=""))
    lab.python("agent.py").ok(9)
    write(lab, source.format(options='(runtime="process", memory="1GiB")'))
    assert "changed" not in lab.kitaru("resume", lab.only()).ok().err
    assert lab.done() == ["work", "crash"]
    # And a replay of what is unchanged serves it.
    lab.kitaru("replay", lab.only(), "--reuse", "unchanged").ok()
    assert lab.done() == ["work", "crash"]
