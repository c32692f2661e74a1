"""What ``python agent.py`` records is found by a process that loads the file as a module, and the other way round."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

AGENT = """
import dataclasses, enum, sys
from kitaru._values import decode, decode_error, encode, encode_error

@dataclasses.dataclass
class Finding:
    text: str

class Kind(enum.Enum):
    A = 1

class Trouble(Exception):
    pass

def score(x):
    return x

def write(path):
    with open(path, "w") as out:
        out.write(encode([Finding("a"), Kind.A, Finding, score]) + "\\n" + encode_error(Trouble("t"))["value"])

def read(path):
    values, error = open(path).read().split("\\n")
    back = decode(values)
    assert back == [Finding("a"), Kind.A, Finding, score], back
    assert type(back[0]) is Finding
    try:
        raise decode_error(error)
    except Trouble as trouble:
        assert trouble.args == ("t",)
    print("fine")

if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](sys.argv[2])
"""


def run(folder: Path, *words: str) -> str:
    home = {**os.environ, "KITARU_HOME": str(folder / "home")}
    done = subprocess.run([sys.executable, *words], cwd=folder, env=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_classes_of_a_script_are_found_in_every_way_of_loading_it(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text(AGENT)
    package = tmp_path / "project"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "agent.py").write_text(AGENT)

    run(tmp_path, "agent.py", "write", "by_script")
    assert run(tmp_path, "agent.py", "read", "by_script") == "fine"
    assert run(tmp_path, "-c", "import agent; agent.read('by_script')") == "fine"
    assert "__main__" not in (tmp_path / "by_script").read_text()

    run(tmp_path, "-c", "import agent; agent.write('by_import')")
    assert run(tmp_path, "agent.py", "read", "by_import") == "fine"

    run(tmp_path, "-m", "project.agent", "write", "by_module")
    assert run(tmp_path, "-m", "project.agent", "read", "by_module") == "fine"
    assert run(tmp_path, "-c", "import project.agent as a; a.read('by_module')") == "fine"


def test_classes_of_a_prompt_are_found_in_their_own_process(tmp_path: Path) -> None:
    code = (
        "import dataclasses\nfrom kitaru._values import *\n@dataclasses.dataclass\nclass A:\n    x: int\n"
        "assert decode(encode(A(1))) == A(1)\nprint(encode(A(1)))"
    )
    text = run(tmp_path, "-c", code)
    assert (
        run(tmp_path, "-W", "ignore", "-c", f"from kitaru._values import *; print(decode('{text}').type_name)")
        == "__main__.A"
    )


def test_reading_a_value_of_an_unguarded_script_starts_no_flow(tmp_path: Path) -> None:
    (tmp_path / "loose.py").write_text(
        "import dataclasses, kitaru\n@dataclasses.dataclass\nclass A:\n    x: int\n"
        "@kitaru.flow\ndef main():\n    open('ran', 'w').close()\nmain()\n"
    )
    text = '{"$kitaru":"dataclass","t":"loose:A","v":{"x":1}}'
    code = f"from kitaru._values import *; print(decode('{text}').reason)"
    assert "starts main whenever" in run(tmp_path, "-W", "ignore", "-c", code)
    assert not (tmp_path / "ran").exists() and not (tmp_path / "home").exists()
