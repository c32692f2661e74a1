"""What every test may use."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from lab import Lab


@pytest.fixture
def lab(tmp_path: pathlib.Path) -> Iterator[Lab]:
    """A user's desk of its own."""
    made = Lab(tmp_path)
    try:
        yield made
    finally:
        made.close()
