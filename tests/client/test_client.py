"""KitaruClient does from Python what the command does from a shell, with typed results and the library's errors."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
from typing import TYPE_CHECKING

from cli.story import desk

if TYPE_CHECKING:
    from lab import Lab

BEGIN = """
import kitaru
from kitaru import KitaruClient
client = KitaruClient()
executions = client.executions
"""


def tells(lab: Lab, program: str, **options: object) -> list[str]:
    """The lines that a program with a client prints."""
    told = lab.python("-c", BEGIN + "\n".join(line[4:] for line in program.split("\n")), **options).ok()
    return told.out.splitlines()


def test_an_execution_is_typed_and_its_values_are_decoded(lab: Lab) -> None:
    lab.write(
        "typed.py",
        """
        import dataclasses, datetime, kitaru
        @dataclasses.dataclass
        class Finding:
            at: datetime.datetime
            tags: tuple
        @kitaru.checkpoint
        def find(day: int) -> Finding:
            kitaru.usage(input_tokens=3, output_tokens=1, cost_usd=0.25)
            finding = Finding(datetime.datetime(2026, 11, day), ("a", "b"))
            kitaru.save("finding", finding)
            return finding
        @kitaru.flow(tags=("trial",))
        def typed(day: int) -> Finding:
            return find(day)
        """,
    )
    lab.kitaru("run", "typed.py:typed", "--input", "day=23").ok()
    assert tells(
        lab,
        """
    from typed import Finding
    one = executions.latest()
    print(one.flow, one.status, one.tags, one.reason, one.error, one.parent)
    print(one.inputs, type(one.result) is Finding, one.result.tags, one.result.at.day)
    print(one.usage.input_tokens, one.usage.output_tokens, one.usage.cost_usd)
    print([(call.key, call.kind, call.status, call.attempts, call.reused) for call in one.calls])
    print(one.created_at.tzinfo, one.created_at <= one.updated_at, one.calls[0].ended_at is not None)
    (artifact,) = client.artifacts.list(one.id)
    print(artifact.name, artifact.call, artifact.execution_id == one.id, artifact.value == one.result)
    print(client.artifacts.load(one.id[-8:], "finding") == one.result)
    print(client.artifacts.get(one.id, "finding") == artifact)
    try:
        one.status = "other"
    except Exception as error:
        print(type(error).__name__)
    """,
    ) == [
        "typed completed ('trial',) None None None",
        "{'day': 23} True ('a', 'b') 23",
        "3 1 0.25",
        "[('find', 'checkpoint', 'completed', 1, False)]",
        "UTC True True",
        "finding find True True",
        "True",
        "True",
        "FrozenInstanceError",
    ]


def test_values_are_read_only_when_they_are_asked_for(lab: Lab) -> None:
    """An execution whose classes are gone can still be listed."""
    desk(lab).kitaru("run", "more.py:fan").ok()
    program = """
    import sys
    one = executions.list()[0]
    print(one.status, one.calls[0].key, "pydantic" in sys.modules, "kitaru._values" in sys.modules)
    """
    assert tells(lab, program) == ["completed double False False"]


def test_lists_are_newest_first_by_status_flow_and_page(lab: Lab) -> None:
    desk(lab)
    for n in (1, 2, 3):
        lab.kitaru("run", "more.py:fan", "--input", f"n={n}").ok()
    lab.kitaru("run", "more.py:naps", "--tag", "night").ok(75)
    program = """
    print([one.flow for one in executions.list()])
    print([one.inputs["n"] for one in executions.list(flow="fan", limit=2, page=1)])
    print([one.inputs["n"] for one in executions.list(flow="fan", limit=2, page=2)])
    print([one.flow for one in executions.list(status="sleeping")], executions.list(status=["running", "failed"]))
    print([one.flow for one in executions.list(tag="night")], executions.latest(flow="fan").inputs)
    for wrong in ({"status": "lost"}, {"limit": 0}, {"page": 0}):
        try:
            executions.list(**wrong)
        except kitaru.KitaruUsageError as error:
            print(error.code)
    """
    assert tells(lab, program) == [
        "['naps', 'fan', 'fan', 'fan']",
        "[3, 2]",
        "[1]",
        "['naps'] []",
        "['night'] {'n': 3}".replace("['night']", "['naps']"),
        "usage",
        "usage",
        "usage",
    ]


def test_an_answer_carries_the_flow_on_in_this_process(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    program = """
    import os
    here, path = os.getcwd(), os.environ.get("KITARU_HOME")
    wait = executions.latest().waits[0]
    print(wait.name, wait.question, wait.schema, wait.deadline)
    done = executions.input(wait.execution_id, True)
    print(done.status, done.result, os.getcwd() == here)
    """
    assert tells(lab, program)[-1] == "completed analysis of tea,b True"
    assert lab.done() == ["gather", "analyze"]


def test_from_another_directory_it_goes_on_in_a_process_of_its_own(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    program = """
    import os, sys
    done = executions.input("latest", True)
    print(done.status, done.result, os.getcwd(), "agent" in sys.modules)
    """
    assert tells(lab, program, cwd=pathlib.Path("/")) == ["completed analysis of tea,b / False"]
    assert lab.done() == ["gather", "analyze"]


def test_an_answer_may_only_be_recorded(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    program = """
    print(executions.input("latest", True, resume=False).status)
    print(executions.resume("latest").status)
    """
    assert tells(lab, program)[0] == "waiting"
    assert tells(lab, "\n    print(executions.latest().result)") == ["analysis of tea,b"]


def test_an_answer_works_on_a_running_loop_and_in_a_flow(lab: Lab) -> None:
    desk(lab)
    ids = [lab.item("run", "more.py:async_parent", code=75)["id"] for _ in range(2)]
    program = f"""
    import asyncio
    async def main():
        print(executions.input({ids[0]!r}, "on a loop").status)
        print(executions.get({ids[0]!r}).result)
    asyncio.run(main())
    @kitaru.checkpoint
    def answer(id):
        return executions.input(id, "in a flow").status
    @kitaru.flow
    def outer(id):
        return answer(id)
    print(outer({ids[1]!r}), executions.get({ids[1]!r}).result)
    print(executions.latest("outer").calls[0].key, executions.get({ids[1]!r}).parent)
    """
    assert tells(lab, program) == [
        "completed",
        "the child heard: on a loop",
        "completed the child heard: in a flow",
        "answer None",
    ]


def test_a_failure_is_on_the_execution_and_retry_runs_it_again(lab: Lab) -> None:
    desk(lab).kitaru("run", "more.py:fails").ok(1)
    program = """
    import pathlib
    failed = executions.latest()
    print(failed.status, failed.error.type, failed.error.message, "more.py" in failed.error.traceback)
    print(repr(failed.error.exception()))
    print(executions.retry(failed.id).status)
    pathlib.Path("mended").touch()
    print(executions.retry(failed.id).result)
    """
    assert tells(lab, program) == [
        "failed builtins.ValueError the provider said no True",
        "ValueError('the provider said no')",
        "failed",
        "fine",
    ]
    assert lab.done() == ["shaky"] * 3


def test_cancel_and_pause(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    program = """
    print(executions.pause("latest").status)
    print(executions.resume("latest").status)
    print(executions.cancel("latest").status)
    for act in (executions.cancel, executions.pause, executions.resume):
        try:
            act("latest")
        except kitaru.KitaruStateError as error:
            print(error.code)
    """
    assert tells(lab, program) == ["paused", "waiting", "cancelled", "already-ended", "already-ended", "already-ended"]


def test_logs_are_lines_by_call(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    program = """
    for line in executions.logs("latest"):
        print(line.call, line.stream, line.text, line.at.tzinfo)
    """
    assert tells(lab, program) == [
        "gather stdout gathering tea UTC",
        "gather stderr careful UTC",
        "gather log WARNING web: slow UTC",
        "gather usage m-1: 10 tokens in, 2 out, $0.5 UTC",
    ]


def test_refusals_are_the_librarys_errors_with_a_code(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    lab.kitaru("run", "more.py:two").ok(75)
    program = """
    def refused(kind, act, *arguments, **options):
        try:
            act(*arguments, **options)
        except kitaru.KitaruError as error:
            print(type(error) is kind, error.code)
        else:
            print("not refused")
    research = executions.latest("research").id
    refused(kitaru.KitaruNotFoundError, executions.get, "nobody")
    refused(kitaru.KitaruNotFoundError, executions.get, "0")
    refused(kitaru.KitaruNotFoundError, executions.latest, "no such flow")
    refused(kitaru.KitaruNotFoundError, client.artifacts.load, research, "nothing")
    refused(kitaru.KitaruNotFoundError, executions.input, research, True, wait="nothing")
    refused(kitaru.KitaruNotFoundError, executions.resume, research, rerun="nothing")
    refused(kitaru.KitaruAnswerError, executions.input, research, "yes")
    refused(kitaru.KitaruAnswerError, executions.input, research, object())
    refused(kitaru.KitaruStateError, executions.resume, research)
    refused(kitaru.KitaruUsageError, executions.input, "latest", 1)
    refused(kitaru.KitaruUsageError, executions.resume, research, on_drift="maybe")
    executions.input(research, False)
    refused(kitaru.KitaruStateError, executions.input, research, True)
    refused(kitaru.KitaruStoreError, KitaruClient, home=__file__ if "__file__" in globals() else "/dev/null")
    refused(kitaru.KitaruStoreError, KitaruClient, store="mysql://x")
    """
    assert tells(lab, program) == [
        "True unknown-execution",
        "True ambiguous-id",
        "True unknown-execution",
        "True unknown-artifact",
        "True unknown-wait",
        "True unknown-call",
        "True bad-answer",
        "True bad-answer",
        "True waiting",
        "True several-waits",
        "True usage",
        "True already-answered",
        "True store-io",
        "True store-address",
    ]


def test_a_resume_that_cannot_load_the_flow_says_so_from_both_processes(lab: Lab) -> None:
    desk(lab).kitaru("run", "agent.py:research").ok(75)
    lab.kitaru("input", "latest", "--value", "true", "--no-resume").ok()
    lab.write("agent.py", "1 / 0\n")
    program = """
    try:
        executions.resume("latest")
    except kitaru.KitaruError as error:
        print(type(error).__name__, error.code, "agent.py:1" in str(error))
    """
    assert tells(lab, program) == ["KitaruImportError flow-import True"]
    assert tells(lab, program, cwd=pathlib.Path("/")) == ["KitaruImportError flow-import True"]


def test_a_client_may_be_given_a_store_of_its_own(lab: Lab) -> None:
    desk(lab)
    home = str(lab.folder / "elsewhere")
    lab.kitaru("--home", home, "run", "agent.py:research").ok(75)
    program = f"""
    other = KitaruClient(home={home!r})
    print(len(executions.list()), len(other.executions.list()))
    print(other.executions.input("latest", True).result)
    print(len(executions.list()))
    """
    assert tells(lab, program) == ["0 1", "analysis of tea,b", "0"]


def test_it_works_on_a_store_in_memory(lab: Lab) -> None:
    program = """
    import sys
    sys.path.insert(0, ".")
    import agent
    try:
        agent.research("tea")
    except kitaru.KitaruSuspended as suspended:
        print(suspended.waits)
        suspended.answer(True)
    print(executions.resume("latest").result)
    """
    assert tells(desk(lab), program, KITARU_STORE="memory:")[-2:] == ["['approve']", "analysis of tea,b"]


def test_results_are_frozen_and_compare_by_what_was_seen() -> None:
    from kitaru.client import Artifact, Call, Execution, Failure, LogLine, Usage, Wait

    for kind in (Artifact, Call, Execution, Failure, LogLine, Usage, Wait):
        assert dataclasses.is_dataclass(kind)
        assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    at = datetime.datetime.now(datetime.timezone.utc)
    assert LogLine(at, None, "stdout", "x") == LogLine(at, None, "stdout", "x")
