"""In a real Jupyter kernel: a cell's flow waits without harm to the kernel, and goes on in that process only."""

from __future__ import annotations

import queue
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from lab import Lab

FLOW = """
import kitaru
from kitaru import KitaruClient, KitaruSuspended, checkpoint, flow
from world import paid

@checkpoint
def draft(topic):
    return paid(f"draft on {topic}")

@flow
def report(topic):
    text = draft(topic)
    if not kitaru.wait(schema=bool, name="publish", question="Publish it?"):
        return "kept"
    return text.upper()

@flow
async def later(topic):
    text = draft(topic)
    return text + " " + await kitaru.wait(schema=str, name="tail")
"""


class Kernel:
    """A kernel in a process of its own."""

    def __init__(self, lab: Lab) -> None:
        from jupyter_client.manager import KernelManager

        self.manager: Any = KernelManager()
        self.manager.kernel_spec_manager.ensure_native_kernel = True
        spec = self.manager.kernel_spec
        spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager.start_kernel(env=lab.env(IPYTHONDIR=str(lab.folder / "ipython")), cwd=str(lab.folder))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def cell(self, source: str) -> tuple[str, str]:
        """Runs a cell. Returns what it printed or gave, and its error as shown."""
        asked = self.client.execute(source)
        shown, error = "", ""
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=60)
            except queue.Empty:
                raise AssertionError(f"the cell does not end: {source}") from None
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                shown += content["text"]
            elif kind == "execute_result":
                shown += content["data"]["text/plain"]
            elif kind == "error":
                error += re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(content["traceback"]))
            elif kind == "status" and content["execution_state"] == "idle":
                return shown, error

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(lab: Lab) -> Iterator[Kernel]:
    pytest.importorskip("jupyter_client")
    pytest.importorskip("ipykernel")
    made = Kernel(lab)
    try:
        yield made
    finally:
        made.stop()


def test_a_waiting_flow_shows_its_message_without_a_traceback_and_the_next_cell_answers_and_finishes_it(
    lab: Lab, kernel: Kernel
) -> None:
    assert kernel.cell(FLOW) == ("", "")
    shown, error = kernel.cell('report.run("bees").wait()')
    assert "Publish it?" in error
    assert "Traceback" not in error and "File" not in error and "kitaru/_" not in error
    assert "only this process can go on" in error
    assert kernel.cell("1 + 1") == ("2", "")
    id = lab.only()
    assert lab.item("show", id)["status"] == "waiting"
    # What the message said to type answers it and goes on with it.
    (typed,) = re.findall(r"kitaru\.KitaruClient\(\)\.executions\.input\(.*\)", error)
    assert kernel.cell(f"{typed}.result") == ("'DRAFT ON BEES'", "")
    assert lab.item("show", id)["status"] == "completed"
    assert len(lab.done()) == 1


def test_an_answer_from_elsewhere_is_kept_and_it_is_said_that_only_the_notebook_can_go_on(
    lab: Lab, kernel: Kernel
) -> None:
    kernel.cell(FLOW)
    kernel.cell('report.run("bees").wait()')
    id = lab.only()
    answered = lab.kitaru("input", id, "--value", "true")
    assert "defined in a notebook or at a prompt and goes on there" in answered.err
    assert "Traceback" not in answered.err
    assert lab.item("show", id)["status"] != "completed"
    assert kernel.cell(f'report.resumed("{id}").wait()') == ("'DRAFT ON BEES'", "")
    assert len(lab.done()) == 1


def test_a_cell_may_await_a_flow_at_its_top_level(lab: Lab, kernel: Kernel) -> None:
    kernel.cell(FLOW)
    shown, error = kernel.cell('await later("bees")')
    assert "tail" in error and "Traceback" not in error and "kitaru/_" not in error
    shown, error = kernel.cell(
        'try:\n    await later("wasps")\nexcept KitaruSuspended as left:\n    suspended = left\n'
        'suspended.answer("end")\nawait later.resume(suspended.exec_id)'
    )
    assert (shown, error) == ("'draft on wasps end'", "")


def test_a_sync_flow_called_in_a_cell_is_refused_and_the_way_named_in_the_message_works(
    lab: Lab, kernel: Kernel
) -> None:
    kernel.cell(FLOW)
    shown, error = kernel.cell('report("bees")')
    assert "await report.run(...)" in error and "KitaruSyncOnLoopError" in error
    shown, error = kernel.cell(
        "try:\n    await report.run('bees')\nexcept KitaruSuspended as left:\n    left.answer(False)\n"
        "    suspended = left\nreport.resume(suspended.exec_id)"
    )
    assert "await report.resumed(" in error and "KitaruSyncOnLoopError" in error
    assert kernel.cell("await report.resumed(suspended.exec_id)") == ("'kept'", "")
