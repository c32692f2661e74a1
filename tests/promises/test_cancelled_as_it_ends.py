"""A call that is cancelled while its result is made durable: the flow and the record say the same."""

from __future__ import annotations

import pytest

from lab import Lab

# Both calls end in the same round of the loop, so that their results are committed together in the next one.
# `rounds` later the flow cancels the first: before, at, and after that commit.
PROGRAM = """
import asyncio, sys
from kitaru import checkpoint, flow, wait
from world import did

go = asyncio.Event()

@checkpoint
async def work(name):
    did(name)
    await go.wait()
    return name

@flow
async def main(rounds: int) -> list[str]:
    tasks = [asyncio.create_task(work(name)) for name in ("a", "b")]
    for _ in range(5):
        await asyncio.sleep(0)
    go.set()
    for _ in range(rounds):
        await asyncio.sleep(0)
    tasks[0].cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    seen = [str(one) if isinstance(one, str) else "cancelled" for one in ended]
    did(" and ".join(seen))
    await wait(schema=bool, name="go")
    return seen

if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
"""


@pytest.mark.parametrize("rounds", range(5))
def test_the_record_says_what_the_flow_saw(lab: Lab, rounds: int) -> None:
    lab.write("agent.py", PROGRAM)
    lab.python("agent.py", str(rounds)).ok(75)
    first = lab.done()[-1]
    calls = {call["key"]: call["status"] for call in lab.item("show", lab.only())["calls"] if call["name"] == "work"}
    a = "cancelled" if first == "cancelled and b" else "completed"
    assert calls == {"work": a, "work#2": "completed"}


@pytest.mark.parametrize("rounds", range(3))
def test_the_same_branch_is_taken_again_and_nothing_runs_twice(lab: Lab, rounds: int) -> None:
    lab.write("agent.py", PROGRAM)
    lab.python("agent.py", str(rounds)).ok(75)
    lab.kitaru("input", lab.only(), "--value", "true").ok(0)
    assert lab.item("show", lab.only())["result"] == ["cancelled", "b"]
    assert lab.done() == ["a", "b", "cancelled and b", "cancelled and b"]


def test_both_ways_of_ending_are_met(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    for rounds in range(5):
        lab.python("agent.py", str(rounds)).ok(75)
    ends = {line for line in lab.done() if " and " in line}
    assert ends == {"cancelled and b", "a and b"}


def test_results_that_end_together_share_a_commit(lab: Lab) -> None:
    lab.write(
        "many.py",
        """
        import asyncio, kitaru
        @kitaru.checkpoint
        async def step(i):
            await asyncio.sleep(0.05)
            return i
        @kitaru.flow
        async def main():
            return sum(await asyncio.gather(*[step(i) for i in range(100)]))
        if __name__ == "__main__":
            asyncio.run(main())
        """,
    )
    lab.python("many.py").ok(0)
    # Events of one commit have one time; a commit each would take a good deal more than these few.
    (commits,) = lab.query("SELECT count(DISTINCT at) FROM journal WHERE kind = 'call_ended'")[0]
    assert commits <= 50, commits
