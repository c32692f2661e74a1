"""``kitaru.call`` with functions that bring along what tells their calls apart: no call gets another one's result."""

from __future__ import annotations

import pytest

from lab import Lab

HEAD = """
import functools, os, threading
import kitaru
from kitaru import flow
from world import did

class Client:
    def __init__(self, name):
        self._name, self._lock = name, threading.Lock()

    def ask(self, question):
        return did(f"{self._name}: {question}")

    def __call__(self, question):
        return self.ask(question)

class Plain(Client):
    def __init__(self, name):
        self.name = name

    def ask(self, question):
        return did(f"{self.name}: {question}")

kitaru.codec(Plain, encode=lambda plain: plain.name, decode=Plain)

def first(question):
    return did(f"one: {question}")

def second(question):
    return did(f"two: {question}")

EDITED = os.path.exists("edited")

"""

SWAPS = {
    "methods": """
    clients = [Client("one"), Client("two")]
    return clients, [kitaru.call("ask", client.ask, "q") for client in turned(clients)]
""",
    "methods of what can be stored": """
    clients = [Plain("one"), Plain("two")]
    return clients, [kitaru.call("ask", client.ask, "q") for client in turned(clients)]
""",
    "objects": """
    return None, [kitaru.call("ask", client, "q") for client in turned([Client("one"), Client("two")])]
""",
    "partials": """
    parts = [functools.partial(Client(name).ask, "q") for name in ("one", "two")]
    return None, [kitaru.call("ask", part) for part in turned(parts)]
""",
    "partials of plain data": """
    parts = [functools.partial(lambda name, q: did(f"{name}: {q}"), name) for name in ("one", "two")]
    return None, [kitaru.call("ask", part, "q") for part in turned(parts)]
""",
    "closures": """
    names = turned(["one", "two"])
    return None, [kitaru.call("ask", lambda: did(f"{name}: q")) for name in names]
""",
    "defaults": """
    return None, [kitaru.call("ask", lambda q, name=name: did(f"{name}: {q}"), "q") for name in turned(["one", "two"])]
""",
    "closures in closures": """
    def make(name):
        def inner():
            return did(f"{name}: q")
        return lambda: inner()
    return None, [kitaru.call("ask", make(name)) for name in turned(["one", "two"])]
""",
}


@pytest.mark.parametrize("how", SWAPS)
def test_lines_that_were_swapped_never_get_each_others_results(lab: Lab, how: str) -> None:
    lab.write(
        "agent.py",
        f"""{HEAD}
def turned(pair):
    return pair[::-1] if EDITED else pair

def made():{SWAPS[how]}
@flow
def main():
    _, answers = made()
    kitaru.wait(schema=bool, name="go")
    return answers
""",
    )
    lab.kitaru("run", "agent.py:main").ok(75)
    assert lab.done() == ["one: q", "two: q"]
    (lab.folder / "edited").write_text("")
    told = lab.kitaru("input", lab.only(), "--value", "true")
    if told.code == 0:
        assert lab.item("show", lab.only())["result"] == ["two: q", "one: q"]
    else:
        assert told.code == 75 and "resume" in told.err, told


def test_unchanged_every_one_of_them_is_reused(lab: Lab) -> None:
    lines = "\n".join(f"    answers += made_{at}()[1]" for at in range(len(SWAPS)))
    made = "".join(
        f"\ndef made_{at}():{body.replace(chr(34) + 'ask', chr(34) + f'ask {at}')}"
        for at, body in enumerate(SWAPS.values())
    )
    lab.write(
        "agent.py",
        f"""{HEAD}
def turned(pair):
    return pair
{made}
@flow
def main():
    answers = []
{lines}
    kitaru.wait(schema=bool, name="go")
    return answers
""",
    )
    lab.kitaru("run", "agent.py:main").ok(75)
    before = lab.done()
    lab.kitaru("input", lab.only(), "--value", "true").ok()
    assert lab.done() == before
    assert lab.item("show", lab.only())["result"] == ["one: q", "two: q"] * len(SWAPS)


@pytest.mark.parametrize(
    "pair", ["first, second", "lambda q: first(q), lambda q: second(q)"], ids=["functions", "lambdas"]
)
def test_two_functions_under_one_name_are_refused(lab: Lab, pair: str) -> None:
    lab.write(
        "agent.py",
        f"""{HEAD}
@flow
def main():
    return [kitaru.call("ask", ask, "q") for ask in ({pair})]
""",
    )
    told = lab.kitaru("run", "agent.py:main").ok(1)
    assert "two different functions are called as 'ask'" in told.err and "identity=" in told.err
    assert lab.done() == ["one: q"]


def test_two_functions_under_one_name_are_told_apart_by_what_is_said_of_them(lab: Lab) -> None:
    lab.write(
        "agent.py",
        f"""{HEAD}
@flow
def main():
    tools = {{"first": first, "second": second}}
    named = [kitaru.call("ask", tools[tool], "q", identity=[tool, "q"]) for tool in tools]
    return named + [kitaru.call("id", tools[tool], "q", id=tool) for tool in tools]
""",
    )
    lab.kitaru("run", "agent.py:main").ok()
    assert lab.item("show", lab.only())["result"] == ["one: q", "two: q"] * 2


def test_a_body_that_changes_what_it_closes_over_is_noticed(lab: Lab) -> None:
    lab.write(
        "agent.py",
        f"""{HEAD}
@flow
def main():
    found = []
    kitaru.call("search", lambda: found.append(did("found")))
    return found
""",
    )
    told = lab.kitaru("run", "agent.py:main").ok(75)
    assert "found" in told.err and "--on-drift" in told.err
