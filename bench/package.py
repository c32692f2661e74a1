"""What is installed: the wheel's size, the dependencies, and what an import loads."""

from __future__ import annotations

import glob
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit import Bench, Row

NAME = "package"
HEAVY = ("pydantic", "numpy", "pandas", "attrs", "msgspec", "asyncio", "logging", "inspect", "dataclasses", "typing")
# A flow with a checkpoint and a wait, none of which has a pydantic model anywhere.
PLAIN = """
import sys, kitaru
@kitaru.checkpoint
def step(i: int) -> int: return i
@kitaru.flow
def flow() -> int:
    return step(1)
kitaru.configure(store="memory:", interactive=False)
flow()
print(*sorted(name for name in sys.modules if "." not in name))
"""


def loaded(program: str) -> set[str]:
    """Top-level modules that a program has loaded at its end."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def dependencies() -> list[str]:
    """What the package declares, without extras."""
    from importlib.metadata import requires

    return [name for name in requires("kitaru") or [] if "extra ==" not in name]


def measure(bench: Bench) -> list[Row]:
    """Counts rather than times."""
    from kit import ROOT, Row

    rows = []
    maturin = os.path.join(os.path.dirname(sys.executable), "maturin")
    with bench.home() as home:
        build = [maturin, "build", "--release", "--strip", "--quiet", "--out", home]
        subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
        size = max(map(os.path.getsize, glob.glob(os.path.join(home, "*.whl")))) / 1e6
    rows.append(Row("wheel", size, "MB", "under 15 MB", size < 15))
    named = dependencies()
    only = len(named) == 1 and named[0].startswith("pydantic")
    rows.append(Row(f"Python dependencies ({', '.join(named)})", len(named), "", "pydantic alone", only))
    bare = loaded("import sys; print(*sorted(sys.modules))")
    on_import = loaded("import sys, kitaru; print(*sorted(name for name in sys.modules if '.' not in name))") - bare
    in_flow = loaded(PLAIN) - bare
    pydantic = int("pydantic" in on_import) + int("pydantic" in in_flow)
    rows.append(Row("imports of pydantic by `import kitaru` and a plain flow", pydantic, "", "none", pydantic == 0))
    rows.append(Row("top-level modules that `import kitaru` adds", len(on_import), "", "no target", True))
    return rows
