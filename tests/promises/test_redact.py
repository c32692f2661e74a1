"""Lines go through ``configure(redact=)`` before they are kept; values never do."""

from __future__ import annotations

from lab import Lab

PROGRAM = """
import logging, re
import kitaru
from kitaru import checkpoint, flow

def redact(line):
    print("looking at", line)
    if "bad" in line:
        raise ValueError(line)
    if "odd" in line:
        return None
    return re.sub(r"sk-\\w+", "[key]", line)

kitaru.configure(redact=redact)

@checkpoint
def call(key: str):
    print("calling with", key)
    print("half of", key, end="")
    logging.getLogger("agent").warning("logged %s", key)
    kitaru.log("said", key=key)
    kitaru.progress(f"at {key}")
    print()
    print("bad", key)
    print("odd", key)
    return key

@flow
def research(key: str):
    print("flow", key)
    got = call(key)
    assert kitaru.wait(schema=bool, name="go", question="Go on?")
    return got
"""


def test_a_line_is_kept_as_it_was_redacted_and_a_value_as_it_was(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    key = "sk-live4711"
    ran = lab.kitaru("run", "agent.py:research", "--input", f"key={key}").ok(75)
    # What is printed is printed: it is the log that is kept.
    assert f"calling with {key}" in ran.out + ran.err
    exec_id = lab.only()
    lines = [line for (line,) in lab.query("SELECT text FROM logs ORDER BY line")]
    assert not any(key in line for line in lines)
    unreadable = "(a line that configure(redact=) failed on)"
    assert sorted(lines) == sorted(
        [
            "flow [key]",
            "calling with [key]",
            "half of [key]",
            "WARNING agent: logged [key]",
            "said key=[key]",
            "at [key]",
            unreadable,
            unreadable,
        ]
    )
    # A call that is met again gets what it returned.
    assert lab.item("input", exec_id, "--value", "true")["result"] == key
