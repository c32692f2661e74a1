"""`import kitaru` costs next to nothing: only the standard library, nothing heavy, not a word.

Not here: how long it takes; `make bench` measures that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

HEAVY = {"asyncio", "concurrent", "inspect", "json", "logging", "pydantic", "numpy", "typing_extensions", "uuid"}


def loaded_by(statement: str) -> list[str]:
    """Modules that a statement loads in a fresh interpreter; it must print nothing."""
    code = (
        "import sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "after = set(sys.modules) - before\n"
        "sys.__stderr__.write('loaded:'); import json; sys.__stderr__.write(json.dumps(sorted(after)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    said, _, listed = done.stderr.partition("loaded:")
    assert said == ""
    found: list[str] = json.loads(listed)
    return found


def top_level(modules: list[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_import_loads_the_standard_library_only() -> None:
    foreign = top_level(loaded_by("import kitaru")) - sys.stdlib_module_names - {"kitaru"}
    assert foreign == set()


def test_import_loads_nothing_heavy() -> None:
    loaded = loaded_by("import kitaru")
    assert "kitaru" in loaded
    assert top_level(loaded) & HEAVY == set()


def test_decorating_does_not_load_pydantic_or_numpy() -> None:
    statement = (
        "import kitaru\n@kitaru.checkpoint\ndef step(n: int) -> int: return n\n"
        "@kitaru.flow\ndef all(n: int) -> int: return step(n)"
    )
    foreign = top_level(loaded_by(statement)) - sys.stdlib_module_names - {"kitaru"}
    assert foreign == set()


def test_a_sync_flow_of_plain_values_loads_neither_pydantic_nor_asyncio(tmp_path: os.PathLike[str]) -> None:
    statement = (
        "import os; os.environ.update(KITARU_STORE='memory:', KITARU_HOME=" + repr(os.fspath(tmp_path)) + ")\n"
        "import kitaru\n@kitaru.checkpoint\ndef step(n): return n + 1\n@kitaru.flow\ndef all(n): return step(n)\n"
        "assert all(1) == 2"
    )
    loaded = top_level(loaded_by(statement))
    assert loaded - sys.stdlib_module_names - {"kitaru", "__mp_main__"} == set()
    assert "asyncio" not in loaded
