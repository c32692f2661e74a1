"""Swap the input that failed and keep everything else: another provider for one call, and nothing is paid again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab import Lab

AGENT = """
from kitaru import checkpoint, flow
from world import did

class RateLimit(Exception):
    status_code = 429

@checkpoint
def step(n: int) -> int:
    did(f"step {n}")
    return n

@checkpoint
def analyze(n: int, provider: str = "acme") -> str:
    did(f"analyze with {provider}")
    if provider == "acme":
        raise RateLimit("acme says no")
    return f"{n} by {provider}"

@checkpoint
def report(text: str) -> str:
    did("report")
    return f"report: {text}"

@flow
def agent(topic: str = "bees") -> str:
    total = sum(step(n) for n in range(1, 38))
    return report(analyze(total))

if __name__ == "__main__":
    print(agent())
"""


@pytest.fixture
def desk(lab: Lab) -> Lab:
    """A run that failed at step 38."""
    lab.write("agent.py", AGENT)
    assert lab.python("agent.py").code == 1
    assert lab.done() == [*(f"step {n}" for n in range(1, 38)), "analyze with acme"]
    return lab


def test_another_provider_at_the_failing_step_runs_that_step_and_what_comes_after_it(desk: Lab) -> None:
    source = desk.only()
    before = desk.item("show", source)
    plan = desk.item("replay", source, "--set", "analyze.inputs.provider=other", "--dry-run")
    assert (plan["reused"]["calls"], plan["runs"]["calls"], plan["may_run"]["calls"]) == (37, 1, 0)
    assert desk.done()[38:] == [], "a plan runs nothing"
    result = desk.kitaru("replay", source, "--from", "failure", "--set", "analyze.inputs.provider=other").ok()
    assert result.out.strip() == "report: 703 by other"
    assert desk.done()[38:] == ["analyze with other", "report"]
    assert desk.item("show", source) == before, "the source stays as it is"
    replayed = desk.item("show", "latest")
    assert replayed["forked_from"] == source and replayed["status"] == "completed"
    assert [call["reused"] for call in replayed["calls"]] == [True] * 37 + [False] * 2
    compared = desk.item("diff", source, replayed["id"])
    assert compared["counts"]["reused"] == 37
    assert compared["first_divergence"]["key"] == "analyze"


def test_a_replay_that_fails_is_resumed_with_what_was_set(desk: Lab) -> None:
    """What was put in place belongs to the replay, and not to the process that began it."""
    desk.write("agent.py", AGENT.replace('did("report")', 'did("report"); raise OSError("no disk")'))
    assert desk.kitaru("replay", "latest", "--set", "analyze.inputs.provider=other").code == 1
    desk.write("agent.py", AGENT)
    result = desk.kitaru("resume", "latest").ok()
    assert result.out.strip() == "report: 703 by other"
    assert desk.done()[38:] == ["analyze with other", "report", "report"]


def test_a_step_number_names_a_call(desk: Lab) -> None:
    desk.write("agent.py", AGENT.replace('provider == "acme"', "False"))
    desk.kitaru("replay", "latest", "--from", "step 37").ok()
    assert desk.done()[38:] == ["step 37", "analyze with acme", "report"]


def test_an_override_that_no_call_took_is_said(lab: Lab) -> None:
    lab.write(
        "loop.py",
        """
        from kitaru import checkpoint, flow
        from world import did

        @checkpoint
        def count(n: int) -> int:
            return n

        @checkpoint
        def work(n: int) -> int:
            did(f"work {n}")
            return n

        @flow
        def loop() -> int:
            return sum(work(n) for n in range(count(3)))

        if __name__ == "__main__":
            loop()
        """,
    )
    lab.python("loop.py").ok()
    set_ = ("--set", "count.output=2", "--set", "work#2.output=10", "--set", "work#3.inputs.n=7")
    result = lab.kitaru("replay", "latest", *set_).ok()
    assert result.out == "10\n" and lab.done()[3:] == ["work 0"]
    said = "work#3.inputs.n was set, but no such call was made"
    assert [line for line in result.err.splitlines() if "was set" in line] == [f"note: {said}"]
    noted = lab.query("SELECT payload FROM journal WHERE kind = 'noted'")
    assert len(noted) == 1 and said in noted[0][0]
    assert "was set" not in lab.kitaru("replay", lab.item("show", "latest")["forked_from"], *set_[:4]).ok().err


def test_inputs_are_made_into_what_the_code_takes_and_others_are_refused_before_anything_is_written(lab: Lab) -> None:
    lab.write(
        "typed.py",
        """
        import asyncio, datetime
        from kitaru import checkpoint, flow
        from pydantic import BaseModel
        from world import did

        class Config(BaseModel):
            model: str
            limit: int = 3
            since: datetime.date = datetime.date(2026, 1, 1)

        @checkpoint
        async def ask(config: Config, day: datetime.date) -> Config:
            did(f"ask {config.model} {config.limit} {day:%A}")
            assert isinstance(config, Config) and isinstance(config.since, datetime.date)
            return config

        @flow
        async def typed(config: Config, day: datetime.date) -> str:
            answer = await ask(config, day)
            assert isinstance(answer, Config)
            return answer.model

        if __name__ == "__main__":
            print(asyncio.run(typed(Config(model="small"), datetime.date(2026, 11, 23))))
        """,
    )
    lab.python("typed.py").ok()
    source = lab.only()

    def replayed(*set_: str) -> str:
        arguments = [word for one in set_ for word in ("--set", one)]
        return lab.kitaru("replay", source, *arguments).ok().out.strip()

    assert replayed("flow.config.model=big", "flow.day=2026-11-24") == "big"
    assert replayed('ask.inputs.config={"model": "other", "limit": 9}') == "other"
    assert replayed('ask.output={"model": "made up"}') == "made up"
    assert replayed("ask.inputs.config.since=2026-05-05", "ask.inputs.config.limit=7") == "small"
    did = ["ask small 3 Monday", "ask big 3 Tuesday", "ask other 9 Monday", "ask small 7 Monday"]
    assert lab.done() == did
    rows = lab.query("SELECT count(*) FROM executions")
    for path, value in [
        ("flow.day", "someday"),
        ("flow.config", '{"limit": 1}'),
        ("flow.config.limit", "many"),
        ("ask.inputs.config.since", "someday"),
        ("ask.inputs.day", "5.5"),
        ("ask.output", '"text"'),
        ("ask.inputs.nothing", "1"),
        ("flow.nothing", "1"),
    ]:
        refused = lab.kitaru("replay", source, "--set", f"{path}={value}").ok(2)
        assert refused.err.startswith(f"error[bad-override]: {path} cannot be set: "), refused.err
        assert "Traceback" not in refused.err
    assert lab.query("SELECT count(*) FROM executions") == rows
    assert lab.done() == did


def test_a_plan_says_what_of_the_code_has_changed(lab: Lab) -> None:
    lab.write("text.py", "def clean(text):\n    return text.strip()\n")
    lab.write(
        "several.py",
        """
        from kitaru import checkpoint, flow
        from text import clean

        @checkpoint
        def fetch(n: int) -> str:
            return clean(f" {n}")

        @checkpoint
        def analyze(text: str) -> int:
            return int(text)

        @flow
        def several() -> int:
            return sum(analyze(fetch(n)) for n in range(3))

        if __name__ == "__main__":
            several()
        """,
    )
    lab.python("several.py").ok()
    lab.write("text.py", "def clean(text):\n    # All of it.\n    return text.strip().lower()\n")
    plan = lab.kitaru("replay", "latest", "--from", "step 6", "--dry-run").ok()
    assert "3 of 6 calls were changed: fetch (calls clean() in text.py, changed)" in plan.out
    file = lab.folder / "several.py"
    file.write_text(file.read_text().replace("return int(text)", "return int(text) + 1"))
    plan = lab.kitaru("replay", "latest", "--reuse", "unchanged", "--dry-run").ok()
    assert "6 of 6 calls were changed: fetch (calls clean() in text.py, changed), analyze (its own source)" in plan.out


SAVES = """
import kitaru
from kitaru import checkpoint, flow
from world import did

@checkpoint
def search(topic: str) -> list[str]:
    kitaru.save("found", f"of {topic}")
    return [topic]

@checkpoint
def write(sources: list[str], style: str = "long") -> str:
    kitaru.save("by", style)
    draft = kitaru.load("draft")
    return did(f"{style} on {draft}")

@flow
def report(topic: str = "bees", last: str = "end") -> str:
    sources = search(topic)
    kitaru.save("draft", f"draft of {sources}")
    text = write(sources)
    kitaru.save("last", last)
    return text
"""


def test_a_replay_has_what_was_saved_before_it_began(lab: Lab) -> None:
    def saved(exec_id: str) -> dict[str, object]:
        names = [one["name"] for one in lab.items("artifacts", "list", exec_id)]
        return {name: lab.item("artifacts", "get", exec_id, name) for name in names}

    lab.write("agent.py", SAVES)
    lab.kitaru("run", "agent.py:report").ok(0)
    source = lab.only()
    before = {"by": "long", "draft": "draft of ['bees']", "found": "of bees", "last": "end"}
    assert saved(source) == before
    for set_, changed, of in [
        ("write.inputs.style=short", {"by": "short"}, source),
        ("flow.last=other", {"last": "other"}, "latest"),
        ("flow.topic=tea", {"found": "of tea", "draft": "draft of ['tea']"}, "latest"),
    ]:
        lab.kitaru("replay", of, "--set", set_).ok(0)
        before |= changed
        assert saved("latest") == before
    bees, tea = "short on draft of ['bees']", "short on draft of ['tea']"
    assert lab.done() == ["long on draft of ['bees']", bees, bees, tea]
