"""`make demo` shows the seed's story, and ends with status 1 where a promise does not hold."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
from collections import Counter
from typing import Any

import pytest

from lab import Lab, Result

ROOT = pathlib.Path(__file__).parents[2]
AGENT = ROOT / "examples" / "deep_research"


class Told:
    """A told demo: what it printed and what it left."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.result: Result = lab.python(str(AGENT / "demo.py"), "--keep", str(lab.home))
        self.log: dict[str, Any] = json.loads((lab.home / "provider.json").read_text())
        self.item: dict[str, Any] = lab.item("show", "latest")
        self.asked = [json.loads(prompt) for prompt in self.log["answered"]]

    def checkpoints(self, status: str) -> list[dict[str, Any]]:
        return [call for call in self.item["calls"] if call["kind"] == "checkpoint" and call["status"] == status]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return Told(Lab(tmp_path_factory.mktemp("demo")))


def test_the_demo_tells_the_whole_story(told: Told) -> None:
    out = told.result.ok().out
    story = [
        "\n$ python examples/deep_research",
        "429 Too Many Requests",
        "with exit status 1",
        "\n$ kitaru ls",
        "37 steps are kept",
        "\n$ kitaru resume ",
        "37 steps kept from before",
        "step 38/75",
        "Steps redone: 0. The provider was asked 3 times",
        "exit status 75",
        "\n$ kitaru input ",
        "\n# How does asyncio cancel tasks?",
        "Saved by not starting from scratch: 37 of ",
    ]
    at = 0
    for line in story:
        assert line in out[at:], f"after {at} characters nobody tells: {line!r}"
        at = out.index(line, at) + len(line)
    assert told.result.err == ""


def test_the_provider_answers_each_request_once_and_refuses_one(told: Told) -> None:
    kinds = Counter(task["task"] for task in told.asked)
    analysed = sum(call["name"] == "analyse" for call in told.checkpoints("completed"))
    assert kinds == {"plan": 1, "read": 34, "analyse": analysed, "report": 1}
    assert analysed > 10
    assert len(set(told.log["answered"])) == len(told.log["answered"])
    assert told.log["refused"] == 1


def test_step_38_alone_was_tried_twice_and_every_step_is_on_record(told: Told) -> None:
    completed = told.checkpoints("completed")
    assert len(completed) == 1 + 4 + 1 + 34 + sum(call["name"] == "analyse" for call in completed) + 1
    ordered = sorted(completed, key=lambda call: str(call["started_at"]))
    reads = [call["key"] for call in completed if call["name"] == "read"]
    assert len(reads) == 34
    # Usage is a provider's answer: 65 and more calls have it, the searches and the ranking do not.
    paid = [call for call in ordered if call["usage"]["input_tokens"]]
    assert len(paid) == len(told.asked)
    assert told.item["usage"]["input_tokens"] == sum(call["usage"]["input_tokens"] for call in paid)
    assert told.item["usage"]["cost_usd"] > 0


def test_the_report_cites_sources_that_exist(told: Told) -> None:
    cites_existing_sources(str(told.item["result"]), 5)


def test_a_step_that_is_not_kept_fails_the_demo(lab: Lab) -> None:
    demo = edited(lab, "agent.py", "@checkpoint(retries=2, retry_on=passing)\ndef plan(", "def plan(")
    failed = lab.python(demo).ok(1)
    assert "The demo failed: 36 steps are kept, not 37" in failed.err


def test_a_finished_step_that_runs_again_fails_the_demo(lab: Lab) -> None:
    demo = edited(lab, "demo.py", '"resume", short)', '"resume", short, "--rerun", "plan")')
    failed = lab.python(demo).ok(1)
    assert re.search(r"The demo failed: \d+ finished steps ran again", failed.err)


def edited(lab: Lab, file: str, old: str, new: str) -> str:
    """A copy of the example with one text replaced. Returns its demo."""
    folder = lab.folder / "examples" / "deep_research"
    shutil.copytree(AGENT, folder)
    text = (folder / file).read_text()
    assert text.count(old) == 1
    (folder / file).write_text(text.replace(old, new))
    return str(folder / "demo.py")


def cites_existing_sources(report: str, least: int) -> None:
    """Every citation has a source, every source is cited, and each is where the report says."""
    body, _, sources = report.partition("\n## Sources\n")
    root = re.search(r"^Under (.+):$", sources, re.MULTILINE)
    assert root is not None, report
    listed = re.findall(r"^(\d+)\. `(.+)`, (.+):(\d+)$", sources, re.MULTILINE)
    assert len(listed) >= least, report
    assert {int(number) for number, *_ in listed} == {int(number) for number in re.findall(r"\[(\d+)\]", body)}
    for _, name, file, line in listed:
        text = (pathlib.Path(root.group(1)) / file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        last = name.removeprefix("Language reference: ").split(".")[-1] if ".py" in file else name.split(": ")[-1]
        assert int(line) == 1 or last.split()[0] in text, (name, file, line, text)
