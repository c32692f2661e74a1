"""Replays and comparisons from Python: `client.executions` and `flow.replay`, typed, with the library's errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from client.test_client import tells

if TYPE_CHECKING:
    from lab import Lab

AGENT = """
    import asyncio, kitaru
    from kitaru import checkpoint, flow
    from pydantic import BaseModel
    from world import did

    class Config(BaseModel):
        provider: str = "acme"

    @checkpoint
    def fetch(n: int) -> str:
        did(f"fetch {n}")
        return f"text {n}"

    @checkpoint
    def analyze(texts: list[str], config: Config) -> tuple:
        did(f"analyze {config.provider}")
        kitaru.usage(input_tokens=10, output_tokens=1, cost_usd=0.5)
        if config.provider == "acme":
            raise ValueError("acme says no")
        return (config.provider, len(texts))

    @flow
    def agent(count: int = 2) -> str:
        provider, length = analyze([fetch(n) for n in range(count)], Config())
        return f"{provider} read {length}"

    @flow
    async def later(count: int = 2) -> int:
        texts = await asyncio.gather(*(read(n) for n in range(count)))
        return len(texts)

    @checkpoint
    async def read(n: int) -> str:
        did(f"read {n}")
        return f"text {n}"

    if __name__ == "__main__":
        agent()
"""


def failed(lab: Lab) -> Lab:
    lab.write("agent.py", AGENT)
    assert lab.python("agent.py").code == 1
    assert lab.done() == ["fetch 0", "fetch 1", "analyze acme"]
    return lab


def test_a_plan_is_typed_and_a_replay_is_an_execution(lab: Lab) -> None:
    assert tells(
        failed(lab),
        """
    from agent import Config
    source = executions.latest()
    swap = {"analyze.inputs.config": Config(provider="other")}
    plan = executions.replay(source.id, set=swap, dry_run=True)
    print(type(plan).__name__, plan.source == source.id, plan.flow, plan.from_, plan.reuse, plan.keep)
    print(plan.reused.calls, plan.runs.calls, plan.runs.usage.cost_usd, plan.may_run.calls, plan.runs.seconds > 0)
    print([(call.step, call.key, call.fate) for call in plan.calls])
    print([(change.path, change.value, change.was) for change in plan.overrides])
    print(len(executions.list()))
    done = executions.replay(source.id[-8:], set=swap, tags=["trial"])
    print(type(done).__name__, done.status, done.result, done.tags, executions.get(source.id) == source)
    by_step = executions.replay(source.id, from_=2, set={"analyze.inputs.config.provider": "third"})
    print(by_step.result)
    """,
    ) == [
        "Plan True agent analyze frontier None",
        "2 1 0.5 0 True",
        "[(1, 'fetch', 'reused'), (2, 'fetch#2', 'reused'), (3, 'analyze', 'runs')]",
        "[('analyze.inputs.config', {'provider': 'other'}, {'provider': 'acme'})]",
        "1",
        "Execution completed other read 2 ('trial',) True",
        "third read 2",
    ]
    assert lab.done()[3:] == ["analyze other", "fetch 1", "analyze third"]


def test_a_flow_replays_in_this_process_with_its_own_code(lab: Lab) -> None:
    assert tells(
        failed(lab),
        """
    import asyncio, warnings, agent
    from agent import agent as flow, later
    source = executions.latest()
    print(flow.replay(source.id, from_="failure", set={"analyze.inputs.config": {"provider": "other"}}))
    print(flow.replay(source.id, set={"analyze.output": ["made up", 7]}))
    print(flow.replay(source.id, set={"flow.count": 3, "analyze.inputs.config": {"provider": "x"}}, keep="recorded"))
    async def main():
        print(await later(2))
        first = executions.latest("later")
        print(await later.replay(first.id, from_="read#2"))
        try:
            flow.replay(source.id, from_="start")
        except kitaru.KitaruSyncOnLoopError as error:
            print(type(error).__name__)
    asyncio.run(main())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        set = {"fetch#2.output": "two", "flow.count": 1, "analyze.output": ["p", 1]}
        print(flow.replay(source.id, set=set, keep="recorded"))
        print([(one.category.__name__, str(one.message)) for one in said])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        print(executions.replay(source.id, set=set, keep="recorded").result, len(said))
    """,
    ) == [
        "other read 2",
        "made up read 7",
        "x read 3",
        "2",
        "2",
        "KitaruSyncOnLoopError",
        "p read 1",
        "[('KitaruOverrideNotTaken', 'fetch#2.output was set, but no such call was made')]",
        "p read 1 1",
    ]
    assert lab.done()[3:] == ["analyze other", "fetch 2", "analyze x", "read 0", "read 1", "read 1"]


def test_what_cannot_be_done_is_refused_with_the_librarys_errors(lab: Lab) -> None:
    assert tells(
        failed(lab),
        """
    from agent import agent as flow, later
    source = executions.latest()
    def refused(work, **asked):
        try:
            work(source.id, **asked)
        except kitaru.KitaruError as error:
            print(type(error).__name__, error.code, str(error).partition(";")[0][:70])
    for work in (executions.replay, flow.replay):
        refused(work)
        refused(work, from_="nothing")
        refused(work, set={"analyze.inputs.config": {"provider": 5}})
        refused(work, set={"flow.count": object()})
        refused(work, from_="start", on_drift="perhaps")
    refused(executions.call, key="nothing")
    try:
        later.replay(source.id, from_="start")
    except kitaru.KitaruFlowNotFoundError as error:
        print(str(error).partition(" is ")[2])
    """,
    ) == [
        "KitaruUsageError usage nothing is changed, and nothing is to run again",
        "KitaruNotFoundError unknown-call there is no call nothing",
        "KitaruOverrideError bad-override analyze.inputs.config cannot be set: Input should be a valid string",
        "KitaruOverrideError bad-override a value to put in place is no JSON value: Unable to serialize unknown ",
        "KitaruUsageError usage on_drift='perhaps': it is 'ask', 'reuse', 'rerun' or 'fail'",
    ] * 2 + ["KitaruNotFoundError unknown-call there is no call nothing", "one of the flow agent, not of later"]
    assert lab.query("SELECT count(*) FROM executions") == [(1,)]


def test_executions_are_compared(lab: Lab) -> None:
    assert tells(
        failed(lab),
        """
    source = executions.latest()
    other = executions.replay(source.id, set={"analyze.inputs.config.provider": "other"})
    third = executions.replay(other.id, set={"fetch#2.output": "changed"})
    diff = executions.diff(source.id, other.id)
    print(diff.diverged, diff.first_divergence, diff.error[1], [one.path for one in diff.result])
    print([(call.key, call.verdict) for call in diff.calls], diff.count("reused"))
    call = diff.calls[2]
    print([(one.path, one.before, one.after) for one in call.inputs], call.sides[0].error, call.sides[1].by_hand)
    a, b = diff.executions
    print(a.id == source.id, b.forked_from == a.id, b.reused, b.own_usage.cost_usd, b.usage.cost_usd, b.attempts)
    matrix = executions.diff(source.id, other.id, third.id)
    print([(call.key, call.verdicts) for call in matrix.calls], matrix.diverged, matrix.first_divergence)
    same = executions.diff(other.id, executions.replay(other.id, from_="analyze").id)
    print(same.diverged, same.first_divergence, [call.verdict for call in same.calls])
    """,
    ) == [
        "True analyze None ['value']",
        "[('fetch', 'reused'), ('fetch#2', 'reused'), ('analyze', 'changed')] 2",
        "[('config.provider', '\"acme\"', '\"other\"')] ValueError: acme says no True",
        "True True 2 0.5 0.5 3",
        "[('fetch', (None, 'reused', 'reused')), ('fetch#2', (None, 'reused', 'changed')), "
        "('analyze', (None, 'changed', 'changed'))] True fetch#2",
        "False None ['reused', 'reused', 'same']",
    ]


def test_a_call_is_read_with_its_values(lab: Lab) -> None:
    assert tells(
        failed(lab),
        """
    from agent import Config
    source = executions.latest()
    call = executions.call(source.id, "analyze")
    print(call.key, call.kind, call.status, call.step, call.usage.cost_usd, call.inputs()["config"] == Config())
    try:
        call.load()
    except ValueError as error:
        print(error)
    print(executions.call(source.id, "step 2").load(), executions.call(source.id, "fetch#2").inputs())
    other = executions.replay(source.id, set={"analyze.inputs.config.provider": "other"})
    call = executions.call(other.id, "analyze")
    print(call.load(), call.inputs()["config"], call.given()["config"], call.by)
    third = executions.replay(source.id, set={"analyze.output": ["made up", 7]})
    call = executions.call(third.id, "analyze")
    print(call.load(), call.by)
    """,
    ) == [
        "analyze checkpoint failed 3 0.5 True",
        "acme says no",
        "text 1 {'n': 1}",
        "('other', 2) provider='acme' provider='other' None",
        "['made up', 7] python",
    ]


def test_what_is_deleted_is_gone_and_replays_of_it_stay_whole(lab: Lab) -> None:
    assert tells(
        failed(lab),
        """
    source = executions.latest()
    other = executions.replay(source.id, set={"analyze.inputs.config.provider": "other"})
    gone = executions.delete(source.id)
    print(gone.ids == (source.id,), gone.read_by == (other.id,))
    try:
        executions.get(source.id)
    except kitaru.KitaruNotFoundError as error:
        print(error.code)
    print([call.key for call in executions.get(other.id).calls], executions.call(other.id, "fetch").load())
    print(executions.replay(other.id, from_="analyze").result)
    """,
    ) == [
        "True True",
        "unknown-execution",
        "['fetch', 'fetch#2', 'analyze'] text 0",
        "other read 2",
    ]


def test_a_store_of_its_own_is_replayed_in_its_own(lab: Lab) -> None:
    failed(lab)
    other = lab.folder / "elsewhere"
    assert lab.python("agent.py", KITARU_HOME=str(other)).code == 1
    assert tells(
        lab,
        f"""
    away = KitaruClient(home={str(other)!r}).executions
    plan = away.replay("latest", set={{"analyze.inputs.config.provider": "other"}}, dry_run=True)
    print(plan.reused.calls)
    print(away.replay("latest", set={{"analyze.inputs.config.provider": "other"}}).result)
    print(len(away.list()), len(executions.list()))
    """,
    ) == ["2", "other read 2", "2 1"]


def test_what_a_prompt_has_defined_is_replayed_there(lab: Lab) -> None:
    assert tells(
        lab,
        """
    @kitaru.checkpoint
    def work(n: int) -> int:
        return n * 2
    @kitaru.flow
    def here(n: int = 3) -> int:
        return work(n)
    here()
    source = executions.latest()
    print(here.replay(source.id, set={"work.output": 100}))
    print(executions.replay(source.id, set={"flow.n": 4}).result)
    """,
    ) == ["100", "8"]


def test_inside_a_flow_a_flow_is_replayed_by_the_client_alone(lab: Lab) -> None:
    failed(lab)
    lab.write(
        "outer.py",
        """
        from kitaru import KitaruUsageError, flow
        from agent import agent

        @flow
        def outer() -> str:
            try:
                return agent.replay("latest", from_="start")
            except KitaruUsageError as error:
                return str(error)

        print(outer())
        """,
    )
    assert "use KitaruClient().executions.replay" in lab.python("outer.py").ok().out
