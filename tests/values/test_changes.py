"""Whatever a function uses of the project counts for its digest, and what has changed of it is told by name."""

from __future__ import annotations

import os
from typing import Any

import pytest

from kitaru._values import code_digest, code_of, same_code, what_changed

# How a function gets at `clean`, which stands in a module of its own.
WAYS = {
    "by name": "from text_ways import clean\ndef step(x): return clean(x)\n",
    "by module": "import text_ways\ndef step(x): return text_ways.clean(x)\n",
    "imported where it is used": "def step(x):\n    from text_ways import clean\n    return clean(x)\n",
    "by a helper": "from text_ways import clean\ndef helper(x): return clean(x)\ndef step(x): return helper(x)\n",
    "by a closure": """
import text_ways
def make(f):
    def step(x): return f(x)
    return step
step = make(text_ways.clean)
""",
    "by a default": "from text_ways import clean\ndef step(x, f=clean): return f(x)\n",
    "by a partial": """
import functools, text_ways
f = functools.partial(text_ways.clean, 1)
def step(): return f()
""",
    "given to a partial": """
import functools, text_ways
f = functools.partial(map, text_ways.clean)
def step(x): return f(x)
""",
    "in a dict": """
import text_ways
TOOLS = {'clean': text_ways.clean, 'n': 1}
def step(x): return TOOLS['clean'](x)
""",
    "in a list": """
import text_ways
TOOLS = [len, (text_ways.clean, 'c')]
def step(x): return [f(x) for f, _ in TOOLS[1:]]
""",
    "by a decorator": """
import functools
from text_ways import clean
def cleaned(f):
    @functools.wraps(f)
    def inside(x): return f(clean(x))
    return inside
@cleaned
def step(x): return x
""",
    "inside a decorator": """
import functools
from text_ways import clean
@functools.lru_cache
def helper(x): return clean(x)
def step(x): return helper(x)
""",
    "by a checkpoint": """
from kitaru import checkpoint
from text_ways import clean
@checkpoint
def inner(x): return clean(x)
def step(x): return inner(x)
""",
    "by an object": """
from text_ways import clean
class Tool:
    def __init__(self): self.lock = object()
    def run(self, x): return clean(x)
tool = Tool()
def step(x): return tool.run(x)
""",
    "in an object": """
from text_ways import clean
class Tool:
    def __init__(self, f): self.f, self.lock = f, object()
tool = Tool(clean)
def step(x): return tool.f(x)
""",
    "by a class": """
from text_ways import clean
class Tool:
    @property
    def run(self): return clean
def step(x): return Tool().run(x)
""",
    "by a base class": """
from text_ways import clean
class Base:
    @staticmethod
    def run(x): return clean(x)
class Tool(Base): pass
def step(x): return Tool().run(x)
""",
    "by another method": """
from text_ways import clean
class Agent:
    def step(self, x): return self.helper(x)
    def helper(self, x): return clean(x)
step = Agent.step
""",
    "by a bound method": """
from text_ways import clean
class Agent:
    def __init__(self): self.lock = object()
    def run(self, x): return clean(x)
run = Agent().run
def step(x): return run(x)
""",
}
CLEAN = 'def clean(*x):\n    """Cleans."""\n    return x\ndef other(x): return x\n'


@pytest.mark.parametrize("way", WAYS)
def test_what_a_function_uses_counts_however_it_gets_at_it(load: Any, way: str) -> None:
    def step(text: str) -> Any:
        return load(WAYS[way], text_ways=text).step

    before = code_of(step(CLEAN))
    same = code_of(step(CLEAN.replace('"""Cleans."""', "# cleans\n")))
    changed = code_of(step(CLEAN.replace("return x\n", "return x, 1\n", 1)))
    assert same_code(before.digest, same.digest) is True
    assert same_code(before.digest, changed.digest) is False
    why = what_changed(before.manifest, changed, before.digest)
    assert why.endswith("changed") and "text_ways.py" in why, why
    assert "\n" not in why and len(why) < 200


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("def step(x): return x", "def step(x): return x + 1", "its own source"),
        ("def step(x, n=1): return n", "def step(x, n=2): return n", "its own source; the default of n"),
        ("A = 1\ndef step(x): return A", "A = 2\ndef step(x): return A", "A, which it reads"),
        (
            "def f(x): return x\ndef step(x): return f(x)",
            "def f(x): return x * 2\ndef step(x): return f(x)",
            "calls f() in FILE, changed",
        ),
        (
            "def g(x): return x\ndef f(x): return g(x)\ndef step(x): return f(x)",
            "def g(x): return x * 2\ndef f(x): return g(x)\ndef step(x): return f(x)",
            "calls f() in FILE, which calls g() in FILE, changed",
        ),
        (
            "N = 1\ndef f(x): return N\ndef step(x): return f(x)",
            "N = 2\ndef f(x): return N\ndef step(x): return f(x)",
            "calls f() in FILE: N, which it reads",
        ),
        (
            "def f(x): return x\ndef step(x): return f(x)",
            "f = len\ndef step(x): return f(x)",
            "f, which it reads; f, which it uses",
        ),
        (
            "class Finding:\n    score: int = 1\ndef step(x): return Finding()",
            "class Finding:\n    score: int = 2\ndef step(x): return Finding()",
            "uses class Finding in FILE, changed",
        ),
        (
            "import functools\ndef f(x, n): return x\nrun = functools.partial(f, n=1)\ndef step(x): return run(x)",
            "import functools\ndef f(x, n): return x\nrun = functools.partial(f, n=2)\ndef step(x): return run(x)",
            "run(), which it reads",
        ),
        (
            "def make(n):\n    def step(x): return n\n    return step\nstep = make(1)",
            "def make(n):\n    def step(x): return n\n    return step\nstep = make(2)",
            "n, which it closes over",
        ),
        (
            "a = b = c = d = 1\ndef step(x): return a, b, c, d",
            "a = b = c = d = 2\ndef step(x): return a, b, c, d",
            "a, which it reads; b, which it reads; c, which it reads; and 1 more",
        ),
    ],
)
def test_what_has_changed_is_told(load: Any, before: str, after: str, why: str) -> None:
    one, module = code_of(load(before).step), load(after)
    said = what_changed(one.manifest, code_of(module.step), one.digest)
    assert said == why.replace("FILE", os.path.basename(module.__file__))


def test_code_that_is_the_same_has_not_changed(load: Any) -> None:
    source = "def f(x): return x\ndef step(x): return f(x)"
    one, other = code_of(load(source).step), code_of(load(source).step)
    assert what_changed(one.manifest, other, one.digest) is None


def test_what_cannot_be_compared_is_said_so(load: Any) -> None:
    now = code_of(load("def step(x): return x").step)
    kind, version, rest = now.digest.split(":")
    assert "Python 2.7" in what_changed(None, now, f"{kind}:2.7:{rest}")
    assert "no source" in what_changed(None, now, f"bytecode:{version}:{rest}")
    assert "not on record" in what_changed(None, now, f"{kind}:{version}:0000")
    assert what_changed(None, None, now.digest) is not None
    assert what_changed(None, None, None) is None


def test_helpers_that_share_their_code_are_told_apart(load: Any) -> None:
    """A decorator without `functools.wraps` makes functions of one code; each holds another one."""
    source = """
def twice(f):
    def inside(x): return f(f(x))
    return inside
@twice
def a(x): return x
@twice
def b(x): return x{0}
def step(x): return a(x), b(x)
"""
    assert code_digest(load(source.format("")).step) != code_digest(load(source.format(" + 1")).step)


def test_what_a_run_does_to_shared_lists_and_dicts_is_no_change(load: Any) -> None:
    module = load("CACHE = {}\ndef step(x): return CACHE.setdefault(x, x)\ndef other(x): return CACHE.get(x), step(x)")
    first = code_digest(module.other)
    module.step(1)
    assert code_digest(module.other) == first


def test_classes_that_a_decorator_completes_have_source(load: Any) -> None:
    module = load(
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    n: int = 1\n    def m(self): return 1\n"
        "def step(x): return A()"
    )
    assert code_digest(module.step).startswith("source:")


def test_a_structure_that_holds_itself_ends(load: Any) -> None:
    module = load("class A: pass\na = A()\na.a = a\na.lock = object()\nL = []\nL.append(L)\ndef step(x): return a, L")
    assert code_digest(module.step) is not None


def test_installed_code_is_not_walked(load: Any) -> None:
    module = load(
        "import logging, threading, json, pydantic\nlog = logging.getLogger('x')\nlock = threading.Lock()\n"
        "class M(pydantic.BaseModel):\n    n: int = 1\n"
        "def step(x):\n    import pytest\n    log.info(x)\n    return lock, json.dumps(x), M(), pytest"
    )
    assert [(piece.kind, piece.name) for piece in code_of(module.step).pieces] == [("function", "step"), ("class", "M")]
