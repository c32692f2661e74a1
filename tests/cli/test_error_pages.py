"""Every error code that can be shown has a page, every page a code, and `kitaru explain` carries them."""

from __future__ import annotations

import pathlib
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab import Lab

ROOT = pathlib.Path(__file__).parents[2]
PAGES = {page.stem: page.read_text() for page in (ROOT / "docs/errors").glob("*.md") if page.stem != "README"}
WORD = r'"([a-z]+(?:-[a-z]+)*)"'
# Where code is made, by the shape of the line that makes it.
SHAPES = [
    ("crates/*/src/**/error.rs", rf"Self::\w+[^\n]*=> {WORD},"),
    ("crates/*/src/**/*.rs", rf"ManageError::new\(\s*{WORD}"),
    ("crates/server/src/*.rs", rf"Problem::new\(StatusCode::\w+, {WORD}"),
    ("crates/*/src/**/*.rs", rf"raise_code\(py, {WORD}"),
    ("crates/py/src/cli.rs", rf"refused\({WORD}"),
    ("python/kitaru/**/*.py", rf"\bcode ?= ?{WORD}"),
    ("python/kitaru/_cli.py", rf"return None, False, {WORD}"),
]


def codes() -> dict[str, str]:
    """Every code in the source, with a file that makes it."""
    found: dict[str, str] = {}
    for files, shape in SHAPES:
        here: dict[str, str] = {}
        for file in ROOT.glob(files):
            here |= {code: str(file.relative_to(ROOT)) for code in re.findall(shape, file.read_text())}
        assert here, f"no code is made as {shape} in {files} any more: mend this test"
        found |= here
    return found


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    made = codes()
    assert {code: file for code, file in made.items() if code not in PAGES} == {}, "codes without a page"
    assert sorted(set(PAGES) - set(made)) == [], "pages without a code"


@pytest.mark.parametrize("code", sorted(PAGES))
def test_a_page_says_what_happened_and_what_to_do(code: str) -> None:
    page = PAGES[code]
    assert page.startswith(f"# {code}\n\n")
    assert "## What to do\n\n" in page
    assert max(map(len, page.split("\n"))) < 400
    title = page.split("\n")[2]
    assert title.endswith("."), title


def test_explain_shows_the_page_of_a_code(lab: Lab) -> None:
    assert lab.kitaru("explain", "held").ok().out.rstrip("\n") == PAGES["held"].rstrip("\n")
    assert lab.kitaru("explain", "error[held]:").ok().out.rstrip("\n") == PAGES["held"].rstrip("\n")
    assert lab.item("explain", "held") == {
        "code": "held",
        "title": PAGES["held"].split("\n")[2],
        "page": PAGES["held"],
    }


def test_explain_without_a_code_lists_all(lab: Lab) -> None:
    listed = lab.items("explain")
    assert [one["code"] for one in listed] == sorted(PAGES)
    lines = lab.kitaru("explain").ok().out.splitlines()
    assert len(lines) == len(PAGES)
    # It needs no store.
    assert not lab.home.exists()


def test_an_unknown_code_names_those_that_are_near(lab: Lab) -> None:
    told = lab.kitaru("explain", "store").ok(2)
    assert told.err.startswith('error[usage]: there is no error code "store"\nhint: ')
    assert "store-full" in told.err
