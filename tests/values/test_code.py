"""A code digest changes with what a function computes, and with nothing else."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from kitaru._values import code_digest, code_of, same_code

BASE = '''
from kitaru import checkpoint
LIMIT = 3
TABLE = {"a": 1}
def helper(x):
    return x + LIMIT
def unused(x):
    return x
@checkpoint(retries=1)
def step(x, n=2):
    """Says something."""
    # A comment.
    total = sum(
        [helper(x), n]
    )

    return total
'''


def edited(load: Any, old: str, new: str) -> bool | None:
    assert old in BASE
    return same_code(code_digest(load(BASE).step), code_digest(load(BASE.replace(old, new)).step))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    # A comment.\n", ""),
        ("A comment", "Another"),
        ("Says something", "Says more"),
        ('    """Says something."""\n', ""),
        ("\n\n    return total", "\n    return total"),
        ("return x\n", "return x * 2\n"),
        ("retries=1", "retries=5"),
        ('{"a": 1}', '{"a": 2}'),
        ("[helper(x), n]", "[helper(x),n]  # why"),
    ],
)
def test_what_changes_nothing_changes_no_digest(load: Any, old: str, new: str) -> None:
    assert edited(load, old, new) is True


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[helper(x), n]", "[helper(x), n, 0]"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("n=2", "n=3"),
        ("return x + LIMIT", "return x - LIMIT"),
        ("return total", "return TABLE, total"),
        ("def step(x, n=2)", "async def step(x, n=2)"),
    ],
)
def test_what_changes_the_result_changes_the_digest(load: Any, old: str, new: str) -> None:
    assert edited(load, old, new) is False


def test_functions_of_the_projects_other_modules_count(load: Any) -> None:
    source = "import {0}\nfrom {0} import clean\ndef step(x):\n    return {0}.other(clean(x))\n"
    digests = set()
    for clean, other in ((1, 1), (2, 1), (1, 2), (1, 1)):
        text = (
            f"def clean(x): return x * {clean}\ndef other(x): return x * {other}\ndef third(): return {clean * other}"
        )
        digests.add(code_digest(load(source.format("helpers_k"), helpers_k=text).step))
    assert len(digests) == 3


def test_installed_functions_do_not_count(load: Any) -> None:
    code = code_of(load("import json\nfrom json import dumps\ndef step(x):\n    return json.loads(dumps(x))\n").step)
    assert [(piece.own.keys(), piece.uses) for piece in code.pieces] == [({"source"}, {})]


def test_closures_count(load: Any) -> None:
    module = load("def make(n):\n    def step(x):\n        return x + n\n    return step\n")
    assert same_code(code_digest(module.make(1)), code_digest(module.make(1))) is True
    assert same_code(code_digest(module.make(1)), code_digest(module.make(2))) is False


def test_recursion_ends(load: Any) -> None:
    module = load("def even(n):\n    return n == 0 or odd(n - 1)\ndef odd(n):\n    return n != 0 and even(n - 1)\n")
    assert code_digest(module.even) != code_digest(module.odd)


def test_code_without_source_has_a_digest_of_another_kind() -> None:
    def made(text: str) -> Any:
        space: dict[str, Any] = {}
        exec(text, space)
        return space["f"]

    one, same, other = (
        made("def f(x):\n    return x + 1"),
        made("\n\ndef f(x):\n    # hm\n    return x + 1"),
        made("def f(x):\n    return x + 2"),
    )
    assert same_code(code_digest(one), code_digest(same)) is True
    assert same_code(code_digest(one), code_digest(other)) is False
    assert (code_digest(one) or "").startswith("bytecode:")


def test_a_file_that_was_written_since_is_not_trusted(load: Any) -> None:
    module = load(BASE)
    os.utime(module.__file__, None)
    assert (code_digest(module.step) or "").startswith("bytecode:")


def test_digests_of_different_kinds_cannot_be_told() -> None:
    one = code_digest(edited) or ""
    assert one.startswith(f"source:{sys.version_info[0]}.{sys.version_info[1]}:")
    assert same_code(one, one.replace("source", "bytecode")) is None
    assert same_code(one, one.replace(":3.", ":4.")) is None
    assert same_code(one, None) is None and same_code(None, None) is None


def test_what_has_no_code_has_no_digest() -> None:
    assert code_digest(None) is None and code_digest(len) is None


def test_lambdas_and_methods_have_digests(load: Any) -> None:
    module = load(
        "f = lambda x: x + 1\nclass A:\n    def m(self):\n        return 1\n    def __call__(self):\n        return 2\n"
    )
    digests = [code_digest(one) for one in (module.f, module.A().m, module.A())]
    assert None not in digests and len(set(digests)) == 3


def test_a_digest_costs_in_proportion_to_the_code(load: Any) -> None:
    def steps(lines: int) -> int:
        body = "\n".join(f"    x = helper(x, {n}) + [y for y in range({n})][0]" for n in range(lines))
        module = load(f"def helper(x, n):\n    return x\ndef step{lines}(x):\n{body}\n    return x\n")
        count = 0

        def call(frame: Any, event: str, arg: Any) -> None:
            nonlocal count
            count += 1

        sys.setprofile(call)
        try:
            code_digest(getattr(module, f"step{lines}"))
        finally:
            sys.setprofile(None)
        return count

    steps(10)  # what is imported and remembered once
    short, long = steps(40), steps(160)
    assert long < 6 * short, (short, long)


WHERE = """
import logging, pathlib
HERE = pathlib.PurePath("prompts")
def step(x):
    logging.getLogger(__name__).info(x)
    return (__file__, __spec__, __package__, HERE / "a.txt")
"""


def test_where_a_module_was_loaded_from_is_no_part_of_its_code(load: Any) -> None:
    one, other = load(WHERE), load(WHERE)
    assert one.__file__ != other.__file__ and one.__name__ != other.__name__
    other.__name__ = "__main__"
    assert same_code(code_digest(one.step), code_digest(other.step)) is True
    moved = load(WHERE.replace('"prompts"', '"others"'))
    assert same_code(code_digest(one.step), code_digest(moved.step)) is False
