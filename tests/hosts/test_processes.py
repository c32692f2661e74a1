"""Processes made inside a flow: multiprocessing by spawn and by fork, and a forked child that outlives the owner."""

from __future__ import annotations

import signal
import time

from lab import PYTHON, Lab

POOLS = """
import multiprocessing, sys
from kitaru import checkpoint, flow
from world import did

def square(x):
    return x * x

@checkpoint
def step(x):
    return did(f"step {x}")

@checkpoint
def squares(method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(square, range(4))

def child_step(queue):
    try:
        queue.put(step("child"))
    except BaseException as error:
        queue.put(f"{type(error).__name__}: {error}")

@flow
def main(method):
    got = squares(method)
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    process = context.Process(target=child_step, args=(queue,))
    process.start()
    said = queue.get()
    process.join()
    return [got, said, process.exitcode, step("parent")]

if __name__ == "__main__":
    print(main(sys.argv[1]))
"""


def test_a_spawned_child_is_a_process_of_its_own_in_which_a_checkpoint_is_just_the_function(lab: Lab) -> None:
    lab.write("agent.py", POOLS)
    done = lab.python("agent.py", "spawn").ok()
    assert done.out == "[[0, 1, 4, 9], 'step child', 0, 'step parent']\n"
    calls = [call["key"] for call in lab.item("show", lab.only())["calls"]]
    assert calls == ["squares", "step"]


def test_a_forked_child_works_but_cannot_record_and_is_told_what_to_do(lab: Lab) -> None:
    lab.write("agent.py", POOLS)
    done = lab.python("agent.py", "fork").ok()
    assert done.out.startswith("[[0, 1, 4, 9], ")
    assert "forked child" in done.out and "spawn" in done.out
    assert lab.done() == ["step parent"]
    calls = [call["key"] for call in lab.item("show", lab.only())["calls"]]
    assert calls == ["squares", "step"]


FORKS = """
import os, sys, time
import kitaru
from kitaru import checkpoint, flow
from world import did, count

@checkpoint
def step(x):
    return did(f"step {x}")

@checkpoint
def fork():
    if count("step 1") > 0 and count("forked") == 0:
        if os.fork() == 0:
            did("forked")
            while not os.path.exists("owner-is-dead"):
                time.sleep(0.005)
            for name, tried in (
                ("checkpoint", lambda: step("in the child")),
                ("wait", lambda: kitaru.wait(schema=bool, name="w")),
                ("save", lambda: kitaru.save("artifact", 1)),
                ("log", lambda: kitaru.log("from the child")),
                ("reading", kitaru.now),
            ):
                try:
                    tried()
                    did(f"child: {name} passed")
                except BaseException as error:
                    did(f"child: {name} {type(error).__name__}")
            while not os.path.exists("resumed"):
                time.sleep(0.005)
            os._exit(0)
        time.sleep(60)
    return did("fork")

@flow
def main():
    step(1)
    fork()
    return step(2)

if __name__ == "__main__":
    main()
"""


def test_an_owner_killed_while_its_forked_child_lives_is_interrupted_at_once_and_the_child_can_write_nothing(
    lab: Lab,
) -> None:
    lab.write("agent.py", FORKS)
    process = lab.spawn(PYTHON, "agent.py")
    lab.wait_for("forked")
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed = time.monotonic()
    item = lab.item("show", lab.only())
    assert item["status"] == "interrupted"
    assert time.monotonic() - killed < 5
    before = lab.query("SELECT count(*), max(seq) FROM journal")
    (lab.folder / "owner-is-dead").touch()
    for name in ("checkpoint", "wait", "save", "reading"):
        lab.wait_for(f"child: {name} Unwind")
    assert "step in the child" not in lab.done()
    assert not any(line.endswith("passed") for line in lab.done() if "log" not in line)
    assert lab.query("SELECT count(*), max(seq) FROM journal") == before
    # The child still lives: it holds neither the execution nor the store.
    lab.kitaru("resume", item["id"]).ok()
    assert lab.item("show", item["id"])["status"] == "completed"
    (lab.folder / "resumed").touch()
    process.communicate(timeout=20)
    assert [line for line in lab.done() if not line.startswith("child")] == ["step 1", "forked", "fork", "step 2"]


def test_a_child_forked_beside_an_open_store_is_refused_with_the_way_out_and_its_parent_goes_on(lab: Lab) -> None:
    lab.write(
        "agent.py",
        """
        import os
        import kitaru
        from kitaru import checkpoint, flow
        from world import did

        @checkpoint
        def step(x):
            return did(f"step {x}")

        @flow
        def main(x):
            return step(x)

        if __name__ == "__main__":
            main("parent")
            pid = os.fork()
            if pid == 0:
                try:
                    main("child")
                except kitaru.KitaruStoreError as refusal:
                    did(f"child: {refusal}")
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            main("parent again")
        """,
    )
    lab.python("agent.py").ok()
    first, child, last = lab.done()
    assert (first, last) == ("step parent", "step parent again")
    assert "start it with spawn" in child
    assert [one["status"] for one in lab.items("ls")] == ["completed"] * 2
