"""The tests of values import their shapes by name, as a program imports its own modules."""

from __future__ import annotations

import importlib
import itertools
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

sys.path.insert(0, os.path.dirname(__file__))

numbers = itertools.count()


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a module of a source text; each has its own file, as after an edit and a new start."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, text: str) -> None:
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        # Each version has a time of its own, before this process began, as a file on disk has.
        os.utime(path, (1000 + next(numbers),) * 2)

    def make(source: str, **others: str) -> Any:
        for name, text in others.items():
            write(name, text)
            sys.modules.pop(name, None)
        name = f"edited_{next(numbers)}"
        write(name, source)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    return make
