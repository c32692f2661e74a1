"""Threads that ``kitaru.carry`` gave a place in the flow: a question or a pause in one never hangs it."""

from __future__ import annotations

import pytest

from lab import Lab

HEAD = """
import asyncio, os, queue, threading
from concurrent.futures import ThreadPoolExecutor, as_completed
import kitaru
from kitaru import checkpoint, flow
from world import did

EDITED = os.path.exists("edited")

@checkpoint
def pay(x):
    return did(f"pay {x}")

def ask(x):
    pay(x)
    return kitaru.wait(schema=bool, name=f"w{x}")

@flow
def child(x):
    return ask(x)

"""

JOINS = {
    "pool": """
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(kitaru.carry(ask), [1, 2]))
""",
    "as_completed": """
    with ThreadPoolExecutor(2) as pool:
        return [one.result() for one in as_completed([pool.submit(kitaru.carry(ask), n) for n in (1, 2)])]
""",
    "threads": """
    got = {}
    threads = [threading.Thread(target=kitaru.carry(lambda n: got.update({n: ask(n)})), args=(n,)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(got.values())
""",
    "child flows": """
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(kitaru.carry(child), [1, 2]))
""",
    "a loop of its own": """
    async def inside():
        return await asyncio.gather(*(asyncio.to_thread(ask, n) for n in (1, 2)))
    return asyncio.run(inside())
""",
    "queue": """
    answers = queue.Queue()
    for n in (1, 2):
        threading.Thread(target=kitaru.carry(lambda n: answers.put(ask(n))), args=(n,)).start()
    return [answers.get(), answers.get()]
""",
}


@pytest.mark.parametrize("how", JOINS)
def test_a_question_in_a_thread_leaves_the_process_and_is_answered(lab: Lab, how: str) -> None:
    lab.write("agent.py", f"{HEAD}\n@flow\ndef main():{JOINS[how]}")
    left = lab.kitaru("run", "agent.py:main", timeout=20, KITARU_GRACE="0.5").ok(75)
    assert "Traceback" not in left.err
    assert ("left behind" in left.err) == (how == "queue"), left.err
    waits = lab.items("waits", "list")
    assert len(waits) == 2, waits
    for wait in waits:
        place = (wait["execution_id"], "--wait", wait["key"])
        lab.kitaru("input", *place, "--value", "true", timeout=20, KITARU_GRACE="0.5")
    assert lab.item("show", lab.only())["result"] == [True, True]
    assert sorted(lab.done()) == ["pay 1", "pay 2"]


def test_a_branch_that_works_in_another_thread_goes_on_beside_a_question(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
@checkpoint
def slow(x):
    threading.Event().wait(0.3)
    return did(x)

@flow
def main():
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(kitaru.carry(ask), 1), pool.submit(kitaru.carry(lambda: [slow("a"), slow("b")]))]
        return [one.result() for one in both]
""",
    )
    lab.kitaru("run", "agent.py:main", timeout=20).ok(75)
    assert sorted(lab.done()) == ["a", "b", "pay 1"]
    lab.kitaru("input", lab.only(), "--value", "true").ok()
    assert sorted(lab.done()) == ["a", "b", "pay 1"]


DRIFTS = """
@flow
def main():
    here, go = threading.Event(), threading.Event()
    def one():
        if BOTH:
            here.wait()
        pay("new" if EDITED else "old")
        go.set()
    def other():
        here.set()
        go.wait()
    threads = [threading.Thread(target=kitaru.carry(run)) for run in (one, other)[: 1 + BOTH]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return kitaru.wait(schema=bool, name="go")
"""


def test_a_call_with_other_inputs_runs_where_another_thread_is_alive(lab: Lab) -> None:
    lab.write("agent.py", f"{HEAD}BOTH = True\n{DRIFTS}")
    lab.kitaru("run", "agent.py:main", timeout=20).ok(75)
    (lab.folder / "edited").write_text("")
    lab.kitaru("input", lab.only(), "--value", "true", timeout=20).ok()
    assert lab.done() == ["pay old", "pay new"]


def test_a_call_with_other_inputs_is_asked_about_where_nothing_else_is(lab: Lab) -> None:
    lab.write("agent.py", f"{HEAD}BOTH = False\n{DRIFTS}")
    lab.kitaru("run", "agent.py:main", timeout=20).ok(75)
    (lab.folder / "edited").write_text("")
    asked = lab.kitaru("input", lab.only(), "--value", "true", timeout=20).ok(75)
    assert '"old" -> "new"' in asked.err and "Traceback" not in asked.err
    lab.kitaru("resume", lab.only(), "--on-drift", "rerun", timeout=20).ok()
    assert lab.done() == ["pay old", "pay new"]


def test_a_thread_that_comes_too_late_is_told_of(lab: Lab) -> None:
    lab.write(
        "agent.py",
        HEAD
        + """
ended = threading.Event()
late = []

@flow
def main():
    def work():
        ended.wait()
        pay("late")
    late.append(threading.Thread(target=kitaru.carry(work), name="laggard"))
    late[0].start()
    return "done"

if __name__ == "__main__":
    main()
    ended.set()
    late[0].join()
""",
    )
    told = lab.python("agent.py", timeout=20).ok()
    assert "laggard" in told.err and "nothing new begins" in told.err and "Traceback" not in told.err
    assert lab.done() == []
