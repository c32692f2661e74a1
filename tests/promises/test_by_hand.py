"""What somebody puts in at the call that an execution is paused at: used, marked with who and when, refused if bad."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lab import Lab

AGENT = """
import dataclasses, os, sys
import kitaru
from kitaru import checkpoint, flow
from world import count, did

@dataclasses.dataclass
class Config:
    model: str
    depth: int = 1

@checkpoint
def analyze(config: Config, topics: list, temperature: float = 0.5) -> str:
    did(f"analyze {type(config).__name__} {config.model} {config.depth} {topics} {temperature!r}")
    return f"{config.model} on {topics}"

@checkpoint(effect="once")
def charge(amount: int) -> dict:
    did(f"charge {amount}")
    os._exit(1)

@checkpoint
def opaque(amount: int) -> object:
    did("opaque")
    return object()

@checkpoint(on_failure="pause")
def refuses(amount: int) -> int:
    did(f"refuses {amount}")
    if amount > 5:
        raise ValueError("too much")
    return amount

@checkpoint
def writes(output: str) -> str:
    return output

@checkpoint
def after(x) -> str:
    did(f"after {x!r}")
    return repr(x)

@flow
def analyzes() -> str:
    return after(analyze(Config("m-1"), ["tea", "coffee"]))

@flow
def charges() -> str:
    return after(charge(20))

@flow
def hides() -> str:
    opaque(1)
    return after(kitaru.wait(schema=int, name="w"))

@flow
def tries() -> str:
    return after(refuses(20))

@flow
def called() -> str:
    return after(kitaru.call("free", lambda: 3, identity=1))

@flow
def outputs() -> str:
    return after(writes("file"))
"""


def paused(lab: Lab, flow: str, *before: str, code: int = 75) -> str:
    lab.write("agent.py", AGENT)
    given = [word for one in before for word in ("--pause-before", one)]
    lab.kitaru("run", f"agent.py:{flow}", *given).ok(code)
    return lab.only()[-8:]


def by_hand(lab: Lab, flow: str, key: str) -> list[tuple[Any, ...]]:
    (call,) = [call for call in lab.item("show", flow)["calls"] if call["key"] == key]
    assert all(re.fullmatch(r"\d{4}-.*Z", one["at"]) for one in call["by_hand"])
    return [(one["what"], one["value"], one["by"]) for one in call["by_hand"]]


def test_inputs_are_set_by_path_and_are_of_their_annotated_types(lab: Lab) -> None:
    flow = paused(lab, "analyzes", "analyze")
    (lab.folder / "topics.json").write_text('["mate"]\n')
    lab.kitaru(
        *("resume", flow, "--set", "config.model=m-2", "--set", "inputs.temperature=1", "--set-file"),
        "topics=topics.json",
        USER="alice",
    ).ok(0)
    assert lab.done() == ["analyze Config m-2 1 ['mate'] 1.0", "after \"m-2 on ['mate']\""]
    assert by_hand(lab, flow, "analyze") == [
        ("inputs.config.model", "m-2", "alice (cli)"),
        ("inputs.temperature", 1, "alice (cli)"),
        ("inputs.topics", ["mate"], "alice (cli)"),
    ]
    assert 'analyze inputs.config.model = "m-2"' in lab.kitaru("show", flow).ok(0).out


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("confg.model=x", "there is no confg; there is: config, topics, temperature"),
        ("config.modle=x", "there is no config.modle; there is: model, depth"),
        ("topics[2]=x", "there is no topics[2]; there is: a list of 2"),
        ("topics[=x", "is no path"),
        ("config", "is not PATH=VALUE"),
        ("output.x=1", "supplied whole"),
        ("topics=123456789012345678901234567890", "more than 64 bits"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_and_it_stays_paused(lab: Lab, path: str, said: str) -> None:
    flow = paused(lab, "analyzes", "analyze")
    refused = lab.kitaru("resume", flow, "--set", path).ok(2)
    assert said in refused.err
    assert (lab.item("show", flow)["status"], lab.done()) == ("paused", [])
    lab.kitaru("resume", flow).ok(0)


def test_a_value_that_is_not_what_the_call_takes_is_asked_about_again(lab: Lab) -> None:
    flow = paused(lab, "analyzes", "analyze")
    refused = lab.kitaru("resume", flow, "--set", "temperature=hot", "--set", "topics=[]").ok(75)
    assert "paused before analyze: input temperature" in refused.err
    assert lab.done() == [], "its body did not begin"
    # What was good stays.
    lab.kitaru("resume", flow, "--set", "temperature=2").ok(0)
    assert lab.done()[0] == "analyze Config m-1 1 [] 2.0"
    flow = str(lab.item("run", "agent.py:tries", "--pause-before", "refuses", code=75)["id"])[-8:]
    assert (
        "paused before refuses: the output that was put in"
        in lab.kitaru("resume", flow, "--set", "output=many").ok(75).err
    )
    lab.kitaru("resume", flow, "--set", "output=3").ok(0)
    assert lab.done()[-1] == "after 3"
    flow = str(lab.item("run", "agent.py:tries", "--pause-before", "refuses", code=75)["id"])[-8:]
    wrong = lab.kitaru("resume", flow, "--set", "output=many").ok(75)
    assert f"kitaru resume {flow} --rerun refuses" in wrong.err
    lab.kitaru("resume", flow, "--rerun", "refuses", "--set", "amount=1").ok(0)
    assert lab.done()[-2:] == ["refuses 1", "after 1"]


def test_an_output_is_used_instead_of_running_it(lab: Lab) -> None:
    flow = paused(lab, "analyzes", "analyze")
    lab.kitaru("resume", flow, "--set", 'output="made up"').ok(0)
    assert lab.done() == ["after 'made up'"]
    assert by_hand(lab, flow, "analyze") == [("output", "made up", "cli")]
    page = lab.kitaru("show", flow).ok(0).out
    assert "output by hand" in page and 'analyze output = "made up"  cli, ' in page


def test_it_did_happen_with_this_result(lab: Lab) -> None:
    flow = paused(lab, "charges", code=1)
    doubt = lab.kitaru("resume", flow).ok(75)
    assert f"kitaru resume {flow} --set output=VALUE" in lab.item("show", flow)["reason"]["text"]
    assert "this may have happened" in doubt.err
    assert "this may have happened" in lab.kitaru("resume", flow).ok(75).err
    lab.kitaru("resume", flow, "--set", 'output={"receipt": 7}').ok(0)
    assert lab.done() == ["charge 20", "after {'receipt': 7}"]
    assert by_hand(lab, flow, "charge") == [("output", {"receipt": 7}, "cli")]


def test_a_result_that_could_not_be_stored_is_supplied(lab: Lab) -> None:
    flow = paused(lab, "hides")
    assert "could not be stored" in lab.kitaru("input", flow, "--value", "3").ok(75).err
    assert f"kitaru resume {flow} --set output=VALUE" in lab.item("show", flow)["reason"]["text"]
    lab.kitaru("resume", flow, "--set", "output=3").ok(0)
    assert lab.done() == ["opaque", "after 3"]


def test_where_tries_ran_out_it_gets_other_inputs_or_its_output(lab: Lab) -> None:
    flow = paused(lab, "tries")
    lab.kitaru("resume", flow).ok(75)
    lab.kitaru("resume", flow, "--set", "amount=4").ok(0)
    assert lab.done() == ["refuses 20", "refuses 20", "refuses 4", "after 4"]
    flow = str(lab.item("run", "agent.py:tries", code=75)["id"])[-8:]
    lab.kitaru("resume", flow, "--set", "output=9").ok(0)
    assert lab.done()[4:] == ["refuses 20", "after 9"]


def test_a_call_whose_inputs_are_in_the_code_around_it_takes_an_output_only(lab: Lab) -> None:
    flow = paused(lab, "called", "free")
    assert lab.kitaru("resume", flow, "--set", "identity=4").code in (2, 75)
    lab.kitaru("resume", flow, "--set", "output=4").ok(0)
    assert lab.done() == ["after 4"]


def test_an_input_that_is_called_output_is_told_from_it(lab: Lab) -> None:
    flow = paused(lab, "outputs", "writes")
    refused = lab.kitaru("resume", flow, "--set", "output=x").ok(2)
    assert "hint: --set inputs.output=VALUE changes the input, --set writes.output=VALUE its output" in refused.err
    lab.kitaru("resume", flow, "--set", "inputs.output=x").ok(0)
    assert lab.done() == ["after 'x'"]


def test_the_option_that_says_how_answers_look_is_not_taken_for_it(lab: Lab) -> None:
    flow = paused(lab, "analyzes", "analyze")
    refused = lab.kitaru("resume", flow, "--output", '{"x": 1}').ok(2)
    assert "hint: to supply the output of the call that it is paused at: --set output=VALUE" in refused.err
    assert lab.kitaru("resume", flow, "--output", "json").ok(0).json["item"]["status"] == "completed"


def test_only_a_paused_execution_takes_values(lab: Lab) -> None:
    name = paused(lab, "analyzes", "analyze")
    lab.kitaru("resume", name).ok(0)
    ended = lab.kitaru("resume", name, "--set", "output=1")
    assert (ended.code, "already-ended" in ended.err) == (1, True)
    lab.write("agent.py", AGENT.replace('did(f"after {x!r}")', "raise OSError"))
    failed = str(lab.item("run", "agent.py:analyzes", code=1)["id"])
    refused = lab.kitaru("resume", failed, "--set", "output=1").ok(2)
    assert "is failed: --set changes the call that a paused one stands at" in refused.err


CLIENT = """
import json, sys
import agent
from kitaru import KitaruClient, KitaruPaused, errors

client = KitaruClient()
one = client.breakpoints.add(agent.analyzes, "analyze", when="inputs.temperature < 1")
print(one.id, one.before, one.every, one.when, one.hits, one.by, one.file is not None)
print([(one.id, one.before) for one in client.breakpoints.list("analyzes")], client.breakpoints.list("other"))
try:
    agent.analyzes()
except KitaruPaused as state:
    print(sorted(state.reason), str(state).splitlines()[0].split(" ", 2)[2])
    seen = client.executions.get(state.exec_id)
    print(seen.pending.key, seen.pending.inputs)
    done = client.executions.resume(state.exec_id, set={"config.model": "m-9"})
    print(done.status, done.result, [(one.what, one.value, one.by) for one in done.calls[0].by_hand])
client.breakpoints.add("analyzes", "analyze", every=True)
try:
    agent.analyzes()
except KitaruPaused as state:
    done = client.executions.resume(state.exec_id, output="so")
    print(done.result)
try:
    agent.analyzes()
except KitaruPaused as state:
    last = state.exec_id
    # Whoever goes on in this process lets it go on, too.
    print(agent.analyzes.resume(state.exec_id))
print([(one.id, one.hits) for one in client.breakpoints.list()])
client.breakpoints.remove(2)
for act in (
    lambda: client.breakpoints.remove(2),
    lambda: client.breakpoints.add("analyses", "analyze"),
    lambda: client.breakpoints.add("analyzes", "step 0"),
    lambda: client.breakpoints.add("analyzes", "analyze", when="inputs.n =="),
    lambda: client.executions.resume(last, output=1),
):
    try:
        act()
    except errors.KitaruError as error:
        print(type(error).__name__, error.code)
"""


def test_from_python(lab: Lab) -> None:
    lab.write("agent.py", AGENT)
    lab.write("client.py", CLIENT)
    told = lab.python("client.py", USER="alice").ok(0).out.splitlines()
    assert told == [
        "1 analyze False inputs.temperature < 1 0 alice (python) True",
        "[(1, 'analyze')] []",
        "['breakpoint'] is paused before analyze (breakpoint 1). No process needs to run.",
        "analyze {'config': {'model': 'm-1', 'depth': 1}, 'topics': ['tea', 'coffee'], 'temperature': 0.5}",
        "completed \"m-9 on ['tea', 'coffee']\" [('inputs.config.model', 'm-9', 'alice (python)')]",
        "'so'",
        "\"m-1 on ['tea', 'coffee']\"",
        "[(2, 2)]",
        "KitaruNotFoundError unknown-breakpoint",
        "KitaruFlowNotFoundError unknown-flow",
        "KitaruUsageError bad-selector",
        "KitaruUsageError bad-expression",
        "KitaruStateError already-ended",
    ]
