"""A type checker sees the user's own signatures, and an error wherever a call is wrong."""

from __future__ import annotations

import pathlib
import sys

from lab import Lab

HERE = pathlib.Path(__file__).parent
PYTHON_FOLDER = HERE.parent.parent / "python"


def test_mypy_strict_sees_the_users_signatures_and_finds_every_wrong_call(lab: Lab) -> None:
    """`assert_type` holds what is right; `warn_unused_ignores` (part of --strict) that each wrong call is an error."""
    cache = str(lab.folder / "cache")
    argv = ["-m", "mypy", "--strict", "--python-version", "3.10", "--cache-dir", cache, "--config-file", ""]
    done = lab.run(sys.executable, *argv, str(HERE / "typed_program.py"), MYPYPATH=str(PYTHON_FOLDER), timeout=110)
    assert done.code == 0, done.out + done.err
    assert "Success" in done.out
