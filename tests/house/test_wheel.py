"""A built wheel is what was promised: small, one native library, command, dashboard and licence, pydantic alone.

Looks at the newest wheel in `dist/` (`make wheel`); building one takes minutes, so without one there is nothing to
test. Not here: whether it does its work; `.ci/smoke.py` tries that.
"""

from __future__ import annotations

import email
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.request
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

ROOT = pathlib.Path(__file__).parents[2]
WHEELS = sorted((ROOT / "dist").glob("kitaru-*.whl"), key=lambda wheel: wheel.stat().st_mtime)
pytestmark = pytest.mark.skipif(not WHEELS, reason="no wheel in dist/: make wheel")


@pytest.fixture
def wheel() -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(WHEELS[-1]) as opened:
        yield opened


@pytest.fixture
def metadata(wheel: zipfile.ZipFile) -> Message:
    return email.message_from_bytes(_info(wheel, "METADATA"))


def _info(wheel: zipfile.ZipFile, name: str) -> bytes:
    found = [inside for inside in wheel.namelist() if inside.endswith(f".dist-info/{name}")]
    assert len(found) == 1, wheel.namelist()
    return wheel.read(found[0])


def test_it_is_under_15_megabytes() -> None:
    assert WHEELS[-1].stat().st_size < 15_000_000


def test_it_runs_on_every_python_from_3_10(wheel: zipfile.ZipFile) -> None:
    assert "Tag: cp310-abi3-" in _info(wheel, "WHEEL").decode()


def test_it_requires_pydantic_alone(metadata: Message) -> None:
    required = [one for one in metadata.get_all("Requires-Dist", []) if "extra ==" not in one]
    assert len(required) == 1 and required[0].startswith("pydantic"), required


def test_its_metadata_say_what_it_is(metadata: Message) -> None:
    assert metadata["Name"] == "kitaru"
    assert metadata["Author"] == "Kitaru contributors"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata["Summary"]
    classifiers = metadata.get_all("Classifier", [])
    assert "Typing :: Typed" in classifiers
    assert not [one for one in classifiers if one.startswith("License ::")], "the licence is an expression now"


def test_it_carries_the_licence(wheel: zipfile.ZipFile) -> None:
    assert _info(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_it_carries_the_command(wheel: zipfile.ZipFile) -> None:
    assert "kitaru=kitaru._cli:main" in _info(wheel, "entry_points.txt").decode().replace(" ", "")


def test_it_carries_one_native_library_and_its_types(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert len([name for name in names if name.endswith((".so", ".pyd", ".dylib"))]) == 1
    assert {"kitaru/py.typed", "kitaru/_native.pyi", "kitaru/__init__.py"} <= set(names)


def test_it_carries_nothing_else(wheel: zipfile.ZipFile) -> None:
    assert [name for name in wheel.namelist() if not name.startswith(("kitaru/", "kitaru-"))] == []


def test_it_serves_the_dashboard_that_it_carries(wheel: zipfile.ZipFile, tmp_path: pathlib.Path) -> None:
    wheel.extractall(tmp_path / "installed")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KITARU_")}
    process = subprocess.Popen(
        [sys.executable, "-c", "from kitaru._cli import main; main()", "server", "--port", "0", "--output", "json"],
        cwd=tmp_path,
        env={**clean, "PYTHONPATH": str(tmp_path / "installed"), "KITARU_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["item"]["url"]

        def get(path: str) -> bytes:
            with urllib.request.urlopen(url + path, timeout=30) as answer:
                return bytes(answer.read())

        built = ROOT / "dashboard" / "dist"
        page = get("/")
        assert page == (built / "index.html").read_bytes()
        needed = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.decode())
        assert len(needed) >= 3
        # Those that the page names, and those that its screens load when they are gone to.
        for file in sorted((built / "assets").iterdir()):
            assert get(f"/assets/{file.name}") == file.read_bytes(), file.name
    finally:
        process.terminate()
        process.communicate(timeout=30)
