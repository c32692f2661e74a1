"""A result that no codec takes does not kill the run; what cannot be given again is asked about."""

from __future__ import annotations

from lab import Lab
from traps.failing import run


def test_a_result_that_no_codec_takes_keeps_the_run_alive_and_names_the_path(lab: Lab) -> None:
    exec_id = run(
        lab,
        """
class Socket:
    pass

@checkpoint
def connect():
    did("connect")
    return {"path": [1, 2, 3, Socket()]}

@checkpoint(rerunnable=True)
def again():
    did("again")
    return Socket()

@flow
def main():
    x = connect()["path"][3]
    y = again()
    kitaru.wait(schema=bool, name="go")
    return type(x).__name__
""",
        code=75,
    )
    asked = lab.kitaru("input", exec_id, "--value", "true")
    assert asked.code == 75
    assert "checkpoint.return['path'][3]" in asked.err or "checkpoint.return.path[3]" in asked.err
    assert lab.done() == ["connect", "again"]
    lab.kitaru("resume", exec_id, "--rerun", "connect").ok(0)
    assert lab.done() == ["connect", "again", "connect", "again"]
    assert lab.item("show", exec_id)["result"] == "Socket"
