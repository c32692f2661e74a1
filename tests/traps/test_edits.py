"""The program, or what it reads, changed between two runs: nobody is served another call's result."""

from __future__ import annotations

from lab import Lab

FLOW = """
import os, sys
import kitaru
from kitaru import checkpoint, flow
from world import did

"""


def start(lab: Lab, source: str, code: int = 75) -> str:
    lab.write("agent.py", FLOW + source)
    lab.python("-c", "import agent; print(agent.main())").ok(code)
    return lab.only()


def test_a_new_file_that_sorts_first_is_summarised_and_the_others_are_not_again(lab: Lab) -> None:
    folder = lab.folder / "docs"
    folder.mkdir()
    for name in "bcd":
        (folder / name).write_text("")
    exec_id = start(
        lab,
        """
@checkpoint
def summarise(name):
    return did(f"summary of {name}")

@flow(on_drift="rerun")
def main():
    got = [summarise(name) for name in sorted(os.listdir("docs"))]
    kitaru.wait(schema=bool, name="go")
    return got
""",
    )
    (folder / "a").write_text("")
    lab.kitaru("input", exec_id, "--value", "true").ok(0)
    assert lab.item("show", exec_id)["result"] == [f"summary of {name}" for name in "abcd"]
    assert sorted(lab.done()) == [f"summary of {name}" for name in "abcd"]


def test_a_new_first_call_in_a_sequential_flow_asks_before_it_spends(lab: Lab) -> None:
    (lab.folder / "docs").mkdir()
    (lab.folder / "docs" / "b").write_text("")
    exec_id = start(
        lab,
        """
@checkpoint
def summarise(name):
    return did(f"summary of {name}")

@flow
def main():
    got = [summarise(name) for name in sorted(os.listdir("docs"))]
    kitaru.wait(schema=bool, name="go")
    return got
""",
    )
    (lab.folder / "docs" / "a").write_text("")
    asked = lab.kitaru("input", exec_id, "--value", "true")
    assert asked.code == 75, asked
    assert "--on-drift reuse" in asked.err and "--on-drift rerun" in asked.err
    assert lab.done() == ["summary of b"]
    shown = lab.item("show", exec_id)
    assert shown["status"] == "paused"
    lab.kitaru("resume", exec_id, "--on-drift", "rerun").ok(0)
    assert lab.item("show", exec_id)["result"] == ["summary of a", "summary of b"]
    assert lab.done() == ["summary of b", "summary of a"]


def test_an_order_that_left_the_list_never_leaves_its_receipt_to_another(lab: Lab) -> None:
    lab.write("orders.txt", "o1 o2")
    exec_id = start(
        lab,
        """
@checkpoint
def charge(order):
    return did(f"receipt for {order}")

@flow(on_drift="rerun")
def main():
    receipts = [charge(order) for order in open("orders.txt").read().split()]
    kitaru.wait(schema=bool, name="go")
    return receipts
""",
    )
    lab.write("orders.txt", "o2")
    lab.kitaru("input", exec_id, "--value", "true").ok(0)
    assert lab.item("show", exec_id)["result"] == ["receipt for o2"]
    assert lab.done() == ["receipt for o1", "receipt for o2"]


def test_two_calls_swapped_in_the_source_keep_their_own_results(lab: Lab) -> None:
    source = """
@checkpoint
def tag(x):
    return did(f"tag {x}")

@flow
def main():
    got = [tag(x) for x in ORDER]
    kitaru.wait(schema=bool, name="go")
    return got
"""
    exec_id = start(lab, 'ORDER = ["A", "B"]\n' + source)
    lab.write("agent.py", FLOW + 'ORDER = ["B", "A"]\n' + source)
    lab.kitaru("input", exec_id, "--value", "true").ok(0)
    assert lab.item("show", exec_id)["result"] == ["tag B", "tag A"]
    assert lab.done() == ["tag A", "tag B"]


def test_clients_without_a_codec_whose_lines_were_swapped_never_get_each_others_answers(lab: Lab) -> None:
    source = """
class Model:
    def __init__(self, name):
        self.name, self.file = name, open("/dev/null")
    @checkpoint
    def ask(self, q):
        return did(f"{self.name} says {q}")

@flow(on_drift=DRIFT)
def main():
    gpt, claude = Model("gpt"), Model("claude")
    a = gpt.ask("q")
    b = claude.ask("q")
    kitaru.wait(schema=bool, name="go")
    return {"gpt": a, "claude": b}
"""
    exec_id = start(lab, 'DRIFT = "rerun"\n' + source)
    swapped = source.replace(
        '    a = gpt.ask("q")\n    b = claude.ask("q")', '    b = claude.ask("q")\n    a = gpt.ask("q")'
    )
    lab.write("agent.py", FLOW + 'DRIFT = "rerun"\n' + swapped)
    lab.kitaru("input", exec_id, "--value", "true").ok(0)
    assert lab.item("show", exec_id)["result"] == {"gpt": "gpt says q", "claude": "claude says q"}


def test_an_approval_given_to_draft_1_never_publishes_draft_2(lab: Lab) -> None:
    source = """
@checkpoint
def publish(text):
    return did(f"published {text}")

@flow
def main():
    draft = open("draft.txt").read().strip()
    if kitaru.wait(schema=bool, name="approve", question=f"Publish {draft}?"):
        return publish(draft)
"""
    lab.write("draft.txt", "draft 1")
    exec_id = start(lab, source)
    lab.write("draft.txt", "draft 2")
    asked = lab.kitaru("input", exec_id, "--value", "true")
    assert asked.code == 75
    assert "draft 1" in asked.err and "draft 2" in asked.err
    assert lab.done() == []
    assert lab.item("show", exec_id)["status"] == "paused"
    lab.kitaru("resume", exec_id, "--on-drift", "rerun").ok(75)
    assert lab.done() == []
    lab.kitaru("input", exec_id, "--value", "true").ok(0)
    assert lab.done() == ["published draft 2"]


def test_a_clock_in_a_prompt_is_reused_and_noted_not_run_again_unasked(lab: Lab) -> None:
    exec_id = start(
        lab,
        """
from datetime import datetime

@checkpoint
def think(prompt):
    return did("thought")

@flow
def main():
    got = think(f"It is {datetime.now()}. Go on.")
    kitaru.wait(schema=bool, name="go")
    return got
""",
    )
    lab.kitaru("input", exec_id, "--value", "true").ok(0)
    assert lab.done() == ["thought"]
    assert [row for row in lab.query("SELECT payload FROM journal WHERE kind = 'noted'") if "drift-reused" in row[0]]


def test_a_prompt_that_really_changed_is_asked_about_with_the_path_and_reuse_holds_for_that_call(lab: Lab) -> None:
    source = """
@checkpoint
def think(prompt, options):
    return did("thought")

@flow
def main():
    got = think("p", {"model": MODEL, "n": [1, 2]})
    kitaru.wait(schema=bool, name="go")
    kitaru.wait(schema=bool, name="again")
    return got
"""
    exec_id = start(lab, 'MODEL = "small"\n' + source)
    lab.write("agent.py", FLOW + 'MODEL = "large"\n' + source)
    asked = lab.kitaru("input", exec_id, "--value", "true")
    assert asked.code == 75
    assert "options.model" in asked.err and "small" in asked.err and "large" in asked.err
    lab.kitaru("resume", exec_id, "--on-drift", "reuse").ok(75)
    assert lab.done() == ["thought"]
    lab.kitaru("input", exec_id, "--value", "true").ok(0)
    assert lab.done() == ["thought"]


def test_on_drift_fail_raises_the_divergence_at_the_edge(lab: Lab) -> None:
    source = """
@checkpoint
def think(prompt):
    return did("thought")

@flow(on_drift="fail")
def main():
    got = think(PROMPT)
    kitaru.wait(schema=bool, name="go")
    return got
"""
    exec_id = start(lab, 'PROMPT = "a"\n' + source)
    lab.write("agent.py", FLOW + 'PROMPT = "b"\n' + source)
    lab.kitaru("input", exec_id, "--value", "true", "--no-resume").ok(0)
    failed = lab.python("-c", f"import agent; agent.main.resume({exec_id!r})").ok(1)
    assert "KitaruDivergenceError" in failed.err and "--on-drift rerun" in failed.err
    assert lab.done() == ["thought"]
    assert lab.item("show", exec_id)["status"] == "paused"


def test_a_changed_checkpoint_with_a_recorded_result_is_reused_and_that_is_said(lab: Lab) -> None:
    source = """
@checkpoint
def think(prompt):
    return did("thought") + SUFFIX

@flow
def main():
    got = think("p")
    kitaru.wait(schema=bool, name="go")
    return got
"""
    exec_id = start(lab, source.replace("SUFFIX", "'1'"))
    lab.write("agent.py", FLOW + source.replace("SUFFIX", "'2'"))
    lab.kitaru("input", exec_id, "--value", "true").ok(0)
    assert lab.item("show", exec_id)["result"] == "thought1"
    assert [row for row in lab.query("SELECT payload FROM journal WHERE kind = 'noted'") if "code-changed" in row[0]]


def test_to_run_what_drifted_is_decided_for_one_edit_and_not_for_those_after_it(lab: Lab) -> None:
    source = """
@checkpoint
def think(prompt):
    return did(f"thought {prompt}")

@flow
def main():
    got = [think(f"{part}{EDIT}") for part in "ab"]
    kitaru.wait(schema=bool, name="go")
    kitaru.wait(schema=bool, name="again")
    return got
"""
    exec_id = start(lab, "EDIT = 1\n" + source)
    lab.write("agent.py", FLOW + "EDIT = 2\n" + source)
    lab.kitaru("input", exec_id, "--value", "true").ok(75)
    lab.kitaru("resume", exec_id, "--on-drift", "rerun").ok(75)
    assert lab.done() == ["thought a1", "thought b1", "thought a2", "thought b2"], "decided once for both"
    lab.write("agent.py", FLOW + "EDIT = 3\n" + source)
    asked = lab.kitaru("input", exec_id, "--wait", "again", "--value", "true").ok(75)
    assert "a2" in asked.err and "a3" in asked.err and "--on-drift rerun" in asked.err
    assert len(lab.done()) == 4
    # Half an edit: what it leaves alone keeps its result, and the rest is asked about.
    lab.write("agent.py", FLOW + "EDIT = 2\n" + source.replace('"ab"', '"ac"'))
    asked = lab.kitaru("resume", exec_id, "--on-drift", "rerun").ok(75)
    assert "b2" in asked.err and "c2" in asked.err
    assert len(lab.done()) == 4
