"""What a person needs to see of an execution over HTTP: why it stands still, a call's tries, lists by age and cost."""

from __future__ import annotations

from lab import Lab
from server.served import serving

PROGRAM = """
import kitaru
from kitaru import checkpoint, flow

@checkpoint(retries=2, backoff=0.01)
def shaky(word):
    TRIES.append(word)
    if len(TRIES) < 3 or word == "never":
        raise ValueError(f"try {len(TRIES)} of {word}")
    return word

TRIES = []

@checkpoint
def cheap():
    return 1

@checkpoint
def dear():
    kitaru.usage(input_tokens=10, cost_usd=2.5)
    return 1

@flow
def trying(word: str):
    return shaky(word)

@flow
def asking():
    dear()
    return kitaru.wait(name="go", question="Go on?", schema=bool)

@flow
def easy():
    return cheap()
"""


def test_a_call_shows_its_failed_tries_in_order(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    for word, status in (("yes", 0), ("never", 1)):
        lab.kitaru("run", "agent.py:trying", "--input", f"word={word}").ok(status)
    with serving(lab) as server:
        (failed, done) = server.get("/executions?flow=trying")["items"]
        call = server.get(f"/executions/{done['id']}/calls/shaky")
        assert [(one["attempt"], one["type"], one["message"]) for one in call["tries"]] == [
            (1, "builtins.ValueError", "try 1 of yes"),
            (2, "builtins.ValueError", "try 2 of yes"),
        ]
        assert all("raise ValueError" in one["traceback"] for one in call["tries"])
        assert call["error"] is None and call["output"] == "yes" and call["code"].startswith("source:")
        call = server.get(f"/executions/{failed['id']}/calls/shaky")
        assert [one["attempt"] for one in call["tries"]] == [1, 2], "the last one is its error"
        assert call["error"]["message"] == "try 3 of never" and "raise ValueError" in call["error"]["traceback"]


def test_an_execution_says_why_it_stands_still_and_what_to_do(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    lab.kitaru("run", "agent.py:easy").ok(0)
    lab.kitaru("run", "agent.py:trying", "--input", "word=never").ok(1)
    lab.kitaru("run", "agent.py:asking").ok(75)
    with serving(lab) as server:
        asks, failed, done = (server.get(f"/executions/{one['id']}") for one in server.get("/executions")["items"])
        assert done["diagnosis"] is None
        short = failed["id"].replace("-", "")[-8:]
        assert failed["diagnosis"]["next"] == f"kitaru retry {short}" and failed["diagnosis"]["who"] == "person"
        assert "try 3 of never" in failed["diagnosis"]["why"]
        assert asks["diagnosis"]["next"].startswith("kitaru input ") and asks["diagnosis"]["who"] == "person"


def test_a_list_is_narrowed_by_age_and_cost(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    lab.kitaru("run", "agent.py:easy").ok(0)
    lab.kitaru("run", "agent.py:asking").ok(75)
    with serving(lab) as server:

        def flows(query: str) -> list[str]:
            return [one["flow"] for one in server.get(f"/executions?{query}")["items"]]

        assert flows("min_cost=2.5") == ["asking"] and flows("min_cost=2.51") == []
        assert flows("min_cost=0") == flows("since=1h") == ["asking", "easy"]
        lab.change("UPDATE executions SET created_at = created_at - 7200000 WHERE flow = 'easy'")
        assert flows("since=1h") == ["asking"] and flows("since=3h") == ["asking", "easy"]
        for wrong in ("min_cost=-1", "min_cost=much", "min_cost=NaN", "since=yesterday", "since=1"):
            assert server.ask("GET", f"/api/v1/executions?{wrong}")[0] == 400, wrong
