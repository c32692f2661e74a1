"""The research agent: offline and with a model, from the script and from the command, on any folder of text."""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import pty
import re
import select
import signal
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from e2e.test_demo import AGENT, cites_existing_sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab import Lab, Result

SCRIPT = str(AGENT)
FLOW = f"{AGENT / 'agent.py'}:deep_research"
NO_MODEL = {"OPENAI_BASE_URL": "", "OPENAI_API_KEY": ""}

NOTES = {
    "bread.md": """
# Baking bread

Bread rises because yeast turns sugar into carbon dioxide gas. The gas stretches the dough.

## Sourdough

Sourdough bread rises without bought yeast, from a starter of wild yeast and lactic bacteria. A starter must be fed
with flour every day, or its yeast dies.
""",
    "beer.txt": """
Beer yeast turns malt sugar into alcohol and carbon dioxide at about twenty degrees.

The spent yeast of beer was long used to make bread rise before bakers could buy fresh yeast.
""",
    "stone.md": """
# Stone

Granite is an igneous rock that is coarse in its grain and very hard to work with simple tools.
""",
}


@pytest.fixture
def notes(lab: Lab) -> str:
    """A folder of text and Markdown."""
    folder = lab.folder / "notes"
    folder.mkdir()
    for name, text in NOTES.items():
        (folder / name).write_text(text)
    return str(folder)


def research(lab: Lab, *arguments: str, **env: str) -> Result:
    return lab.python(SCRIPT, *arguments, **{**NO_MODEL, **env})


def answer(lab: Lab, value: str, **env: str) -> Result:
    return lab.kitaru("input", "latest", "--value", value, **{**NO_MODEL, **env}).ok()


def calls(lab: Lab) -> Counter[str]:
    return Counter(call["name"] for call in lab.item("show", "latest")["calls"] if call["status"] == "completed")


def test_without_a_model_a_report_of_the_sources_own_words_says_so(lab: Lab) -> None:
    research(lab, "safe ways to write temporary files").ok(75)
    report = answer(lab, "true").out
    cites_existing_sources(report, 5)
    assert "No model was configured: an extractive summariser chose these sentences" in report
    assert "`tempfile." in report
    assert lab.item("show", "latest")["usage"] == {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}
    said_by_the_sources(report)


def test_a_folder_of_text_is_a_corpus(lab: Lab, notes: str) -> None:
    research(lab, "Why does bread rise?", "--corpus", notes).ok(75)
    report = answer(lab, "true").out
    cites_existing_sources(report, 2)
    assert "Bread rises because yeast turns sugar into carbon dioxide gas." in report
    assert "bread.md:" in report
    assert "Granite" not in report


def test_the_command_runs_the_same_flow(lab: Lab, notes: str) -> None:
    inputs = ["--input", "topic=Why does bread rise?", "--input", f"corpus={notes}", "--input", "sources=2"]
    lab.kitaru("run", FLOW, *inputs, **NO_MODEL).ok(75)
    cites_existing_sources(answer(lab, "true").out, 1)
    assert calls(lab)["read"] == 2


def test_a_refusal_ends_it_before_any_analysis(lab: Lab, notes: str) -> None:
    research(lab, "Why does bread rise?", "--corpus", notes).ok(75)
    assert "Stopped by the reviewer after" in answer(lab, "false").out
    assert calls(lab)["analyse"] == 0
    assert calls(lab)["read"] > 1


def test_bad_arguments_get_one_line_and_start_nothing(lab: Lab) -> None:
    for arguments, said in (
        ((" ",), "the topic is empty"),
        (("bread", "--sources", "0"), "--sources is at least 1"),
        (("bread", "--corpus", "nowhere"), "nowhere is not a folder"),
    ):
        refused = research(lab, *arguments).ok(2)
        assert said in refused.err
        assert "Traceback" not in refused.err
    assert not lab.home.exists()


def test_without_a_terminal_each_step_is_a_plain_line(lab: Lab, notes: str) -> None:
    asked = research(lab, "Why does bread rise?", "--corpus", notes).ok(75)
    lines = [line for line in asked.err.splitlines() if line.startswith("step ")]
    assert [int(line.split()[1].split("/")[0]) for line in lines] == list(range(1, len(lines) + 1))
    assert "\x1b" not in asked.err
    answered = answer(lab, "true")
    assert f"{len(lines)} steps kept from before" in answered.err
    more = [line.split()[1] for line in answered.err.splitlines() if line.startswith("step ")]
    total = len(lines) + len(more)
    # Analyses run beside each other: each has a number of its own all the same.
    assert more == [f"{number}/{total}" for number in range(len(lines) + 1, total + 1)]


def test_on_a_terminal_one_line_is_rewritten_and_the_question_is_asked_there(lab: Lab, notes: str) -> None:
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(lab.folder)
        program = [sys.executable, SCRIPT, "Why does bread rise?", "--corpus", notes]
        os.execve(sys.executable, program, {**lab.env(), **NO_MODEL})
    seen, replied = b"", False
    while True:
        ready, _, _ = select.select([fd], [], [], 30)
        assert ready, seen
        try:
            more = os.read(fd, 4096)
        except OSError:
            break
        if not more:
            break
        seen += more
        if not replied and b"[y/n]" in seen:
            os.write(fd, b"y\n")
            replied = True
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen
    os.close(fd)
    text = seen.decode()
    assert "\r\x1b[Kstep 1/" in text
    assert "\nstep " not in text
    assert re.search(r"\r\x1b\[KRead \d sources", text), "the step's line is taken away before the question"
    cites_existing_sources(text.replace("\r\n", "\n"), 2)


class FakeModel:
    """A provider whose answers the test decides: (status, headers, message) for each task, in order."""

    def __init__(self) -> None:
        self.script: dict[str, list[tuple[int, dict[str, str], str]]] = {}
        self.asked: list[str] = []
        self.hold: tuple[str, int] | None = None  # the answer to this task, the how-manyth, waits for release
        self.held = threading.Event()
        self.release = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                task = json.loads(request["messages"][-1]["content"])
                status, headers, body = outer.reply(task)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def env(self) -> dict[str, str]:
        url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        return {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "k", "OPENAI_MODEL": "fake-1", "OPENAI_PRICE": "2,10"}

    def reply(self, task: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(task["task"])
        if self.hold == (task["task"], self.asked.count(task["task"])):
            self.held.set()
            self.release.wait(60)
        scripted = self.script.get(task["task"])
        status, headers, text = scripted.pop(0) if scripted else (200, {}, DEFAULT[task["task"]])
        if status != 200:
            return status, headers, json.dumps({"error": {"message": text}}).encode()
        usage = {"prompt_tokens": 1000, "completion_tokens": 100}
        reply = {"choices": [{"message": {"content": text}}], "usage": usage}
        return 200, headers, json.dumps(reply).encode()


DEFAULT = {
    "plan": '```json\n{"queries": ["bread yeast"]}\n```',
    "read": '{"notes": ["Bread rises because of yeast."]}',
    "analyse": '{"relevance": 0.9, "says": ["Yeast makes gas."], "cautions": []}',
    "report": "## In short\n\nYeast makes bread rise [@2], and [@1] agrees.",
}


@pytest.fixture
def model() -> Iterator[FakeModel]:
    made = FakeModel()
    yield made
    made.release.set()
    made.server.shutdown()
    made.server.server_close()


def test_a_model_writes_and_its_tokens_and_cost_are_on_record(lab: Lab, notes: str, model: FakeModel) -> None:
    research(lab, "Why does bread rise?", "--corpus", notes, "--sources", "2", **model.env()).ok(75)
    report = answer(lab, "true", **model.env()).out
    assert "Yeast makes bread rise [1], and [2] agrees." in report
    assert "Read and written by: fake-1." in report
    cites_existing_sources(report, 2)
    assert model.asked == ["plan", "read", "read", "analyse", "analyse", "report"]
    usage = lab.item("show", "latest")["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (6000, 600)
    assert usage["cost_usd"] == pytest.approx(6 * (1000 * 2e-6 + 100 * 1e-5))


def test_a_passing_refusal_is_tried_again_after_the_time_that_it_names(lab: Lab, notes: str, model: FakeModel) -> None:
    model.script["plan"] = [(503, {"Retry-After": "0"}, "overloaded")]
    research(lab, "Why does bread rise?", "--corpus", notes, "--sources", "1", **model.env()).ok(75)
    assert model.asked == ["plan", "plan", "read"]


def test_a_refusal_for_an_hour_fails_at_once_and_resumes_where_it_stopped(
    lab: Lab, notes: str, model: FakeModel
) -> None:
    model.script["read"] = [(200, {}, DEFAULT["read"]), (429, {"Retry-After": "3600"}, "quota")]
    failed = research(lab, "Why does bread rise?", "--corpus", notes, "--sources", "2", **model.env()).ok(1)
    assert "429 Too Many Requests: quota (Retry-After: 3600 s)" in failed.err
    assert model.asked == ["plan", "read", "read"]
    lab.kitaru("resume", "latest", **model.env()).ok(75)
    assert model.asked == ["plan", "read", "read", "read"]


def test_an_answer_in_the_wrong_form_is_asked_for_again(lab: Lab, notes: str, model: FakeModel) -> None:
    model.script["report"] = [(200, {}, "It rises."), (200, {}, "It rises [@7].")]
    research(lab, "Why does bread rise?", "--corpus", notes, "--sources", "1", **model.env()).ok(75)
    model.script["report"].append((200, {}, "Yeast does it [@1]."))
    report = answer(lab, "true", **model.env()).out
    assert "Yeast does it [1]." in report
    assert model.asked.count("report") == 3
    assert model.asked.count("analyse") == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_stopped_in_the_middle_it_resumes_where_it_was(
    lab: Lab, notes: str, model: FakeModel, how: signal.Signals
) -> None:
    model.hold = ("read", 2)
    arguments = [SCRIPT, "Why does bread rise?", "--corpus", notes, "--sources", "3"]
    process = lab.spawn(sys.executable, *arguments, cwd=None, **model.env())
    assert model.held.wait(30)
    process.send_signal(how)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert lab.item("show", "latest")["status"] == "interrupted"
    model.release.set()
    lab.kitaru("resume", "latest", **model.env()).ok(75)
    assert model.asked == ["plan", "read", "read", "read", "read"]
    assert calls(lab)["read"] == 3


def said_by_the_sources(report: str) -> None:
    """Each sentence of the body stands in the source that it is cited from."""
    body, _, listed = report.partition("\n## Sources\n")
    root = re.search(r"^Under (.+):$", listed, re.MULTILINE)
    assert root is not None
    files = {int(number): file for number, file in re.findall(r"^(\d+)\. `.+`, (.+):\d+$", listed, re.MULTILINE)}
    told = re.findall(r"^(?:- )?\*\*.+?\*\*: (.+) \[(\d+)\]$", body, re.MULTILINE)
    assert len(told) > 5
    for text, number in told:
        source = letters((pathlib.Path(root.group(1)) / files[int(number)]).read_text(encoding="utf-8"))
        for sentence in re.split(r"(?<=[.!?]) ", text):
            assert letters(sentence) in source, sentence


def letters(text: str) -> str:
    """The text's letters and digits alone: markup, quotes and line ends differ."""
    return "".join(re.findall(r"[A-Za-z0-9]", re.sub(r":[a-z:]+:`", "`", text).replace("\\n", " ")))
