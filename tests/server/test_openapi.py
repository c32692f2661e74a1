"""The API is as its own document says: whatever is sent, nothing is answered that the document does not have."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lab import Lab
from server.served import serving

PROGRAM = """
import kitaru
from kitaru import checkpoint, flow

@checkpoint
def gather(topic: str):
    print("gathering", topic)
    return topic * 2

@flow
def research(topic: str = "tea", ask: bool = True):
    text = gather(topic)
    kitaru.save("draft", {"text": text})
    return kitaru.wait(schema=bool, name="go", question="Go on?") if ask else text
"""


# As long as its own process may take.
@pytest.mark.timeout(3100)
def test_a_machine_that_reads_the_document_finds_no_fault(lab: Lab) -> None:
    # More with KITARU_EXAMPLES (make nightly).
    examples = os.environ.get("KITARU_EXAMPLES", "8")
    lab.write("agent.py", PROGRAM)
    lab.kitaru("run", "agent.py:research").ok(75)
    lab.kitaru("run", "agent.py:research", "--input", "ask=false").ok(0)
    with serving(lab) as server:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/api/v1/openapi.json"),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", examples, "--seed", "1"),
                *("--exclude-path-regex", "/events$", "--request-timeout", "30", "--suppress-health-check", "all"),
                *("--checks", "not_a_server_error,status_code_conformance,content_type_conformance"),
                *("--checks", "response_schema_conformance,response_headers_conformance"),
                *("--checks", "unsupported_method,negative_data_rejection,missing_required_header"),
                "--no-color",
            ],
            capture_output=True,
            text=True,
            timeout=3000,
            cwd=lab.folder,
        )
        assert done.returncode == 0, done.stdout[-60000:] + done.stderr[-2000:]
        assert server.get("/health")["format"]
