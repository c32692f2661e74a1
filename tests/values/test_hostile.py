"""Whatever stands in a record that somebody has tampered with: it is a value or a Kitaru error, and runs nothing.

A class tag may have the module imported that it names, as the guide says, and no other; a pickle is opened where it was
asked for only. ``KITARU_EXAMPLES`` says how many texts are tried.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import subprocess
import sys
import textwrap
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_round_trips import grow, hashable

from kitaru._values import decode, decode_error, encode, encode_error
from kitaru._values._codec import decode_quietly
from kitaru._values._refusal import TAG, KitaruValueWarning
from kitaru.errors import KitaruError

values = st.recursive(hashable, grow, max_leaves=8)
EXAMPLES = int(os.environ.get("KITARU_EXAMPLES", "150"))
often = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

WORD = re.compile(r"\S+")
KINDS = WORD.findall("""
    int float str bytes bytearray complex datetime date time timedelta timezone zone uuid decimal fraction enum path
    range slice pattern set frozenset tuple dict deque ordereddict defaultdict counter mappingproxy partial const alias
    union literal sub ip ref dataclass namedtuple attrs msgspec pydantic url codec pickle errors lost recorded
    numpy.array numpy.scalar pandas.series pandas.frame pyarrow.table PIL.image nothing
""")
NAMED = WORD.findall("""
    os:system subprocess:Popen builtins:exec builtins:eval builtins:exit builtins:open builtins:int builtins:object
    builtins:BaseException builtins:SystemExit builtins:KeyboardInterrupt sys:exit pickle:loads pathlib:Path
    shapes:Point shapes:Colour shapes:Frozen shapes:MyStr shapes:Pair types:FunctionType types:CodeType
    kitaru._flow:Flow kitaru:flow nowhere:Thing :x a: .rel:x ..:x __main__:x collections:OrderedDict typing:Any
""")

atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from([*NAMED, *KINDS, "1e999999999", "9" * 500, "-1", "gASVAAAAAAAAAAA=", "../../etc/passwd"]),
)


def tagged(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with a tag that is known, of parts that may not belong there."""
    kind = st.one_of(st.sampled_from(KINDS), inner)
    named = st.one_of(st.sampled_from(NAMED), inner)
    fields = st.dictionaries(st.sampled_from(["v", "t", "c", "f", "max", "a", "k", "x", "fold", "n", "args"]), inner)
    made = st.tuples(kind, named, fields, st.booleans())
    return made.map(lambda one: {TAG: one[0], **({"t": one[1]} if one[3] else {}), **one[2]})


texts = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=3), tagged(inner)
    ),
    max_leaves=12,
).map(json.dumps)


def mutated(text: str, seed: int) -> str:
    """A text with some of it gone, doubled, swapped or replaced."""
    dice = random.Random(seed)
    for _ in range(dice.randint(1, 4)):
        at, to = sorted(dice.choices(range(len(text) + 1), k=2))
        to = min(to, at + 12)
        replaced = [
            "",
            text[at:to] * 2,
            dice.choice(['"', "{", "}", "[", "]", ",", ":", "\\", "\\ud800", "\0", "9" * 400]),
        ]
        replaced += [f'{{"{TAG}":"{dice.choice(KINDS)}","t":"{dice.choice(NAMED)}","v":{text[at:to] or 0}}}']
        text = text[:at] + dice.choice(replaced) + text[to:]
    return text


def tried(text: str) -> None:
    for read in (decode, decode_quietly, decode_error):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", KitaruValueWarning)
            try:
                read(text)
            except KitaruError as error:
                assert error.code == "store-damaged"


@often
@given(texts)
def test_any_json_is_a_value_or_a_kitaru_error(text: str) -> None:
    tried(text)


@often
@given(values, st.integers(0, 1 << 32))
def test_a_record_that_was_tampered_with_is_a_value_or_a_kitaru_error(value: Any, seed: int) -> None:
    tried(mutated(encode(value, pickle=False), seed))


@often
@given(st.integers(0, 1 << 32))
def test_so_is_an_exception_that_was_tampered_with(seed: int) -> None:
    try:
        try:
            raise ValueError("first", {"a": (1, 2)})
        except ValueError as first:
            raise KeyError("second") from first
    except KeyError as second:
        text = json.dumps(encode_error(second))
    tried(mutated(text, seed))


@often
@given(st.text(max_size=40))
def test_so_is_any_text(text: str) -> None:
    tried(text)


@pytest.mark.parametrize("deep", [10, 150, 1000, 100_000])
@pytest.mark.parametrize(
    "around", ["[{}]", '{{"a":{}}}', f'{{{{"{TAG}":"tuple","v":[{{}}]}}}}', f'{{{{"{TAG}":{{}}}}}}']
)
def test_however_deep_it_is(deep: int, around: str) -> None:
    before, after = around.format("|").split("|")
    tried(before * deep + "1" + after * deep)


@pytest.mark.parametrize(
    "value",
    [
        {TAG: "fraction", "v": "1e999999999"},
        {TAG: "fraction", "v": "1/0"},
        {TAG: "decimal", "v": "1e999999999999999999999"},
        {TAG: "int", "v": "9" * 100_000},
        {TAG: "range", "v": [0, 10**30, 1]},
        {TAG: "deque", "v": [], "max": -1},
        {TAG: "pattern", "v": ["(" * 5000]},
        {TAG: []},
        {TAG: {}},
        {TAG: {"a": 1}, "v": 1},
    ],
)
def test_what_is_small_costs_little(value: Any) -> None:
    tried(json.dumps(value))


# In a process of its own: a hook that watches cannot be taken off again.
WATCHED = """
import json, sys
sys.path.insert(0, TESTS)
from kitaru._values import decode
from kitaru._values._codec import decode_quietly

seen = set()
may = ("os.listdir", "os.scandir")

def importing():
    frame = sys._getframe(2)
    while frame is not None:
        if "importlib" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False

def watch(event, args):
    if event == "import":
        frame = sys._getframe(1)
        while frame is not None and "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        # What a module does when it is imported is that module's own affair.
        file = "" if frame is None else frame.f_code.co_filename
        # What Kitaru needs of Python's own library was chosen by nobody.
        own = "/kitaru/" in file and args[0].partition(".")[0] not in sys.stdlib_module_names
        if own or file.endswith("_names.py"):
            seen.add(("import", args[0]))
    elif event.startswith(("subprocess", "os.", "pickle", "shutil", "socket", "ctypes", "webbrowser", "urllib")):
        if event not in may and not importing():
            seen.add((event, ""))
    elif event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+") and not importing():
        seen.add(("write", str(args[0])))

sys.addaudithook(watch)
texts = json.load(sys.stdin)
found = []
for text in texts:
    seen.clear()
    try:
        decode_quietly(text)
    except Exception as error:
        assert type(error).__module__ == "kitaru.errors", (text, error)
    found.append(sorted(seen))
print(json.dumps(found))
"""

# Libraries that a kind names.
OF_KINDS = ("numpy", "pandas", "pyarrow", "PIL", "attrs", "attr", "msgspec", "pydantic", "pydantic_core", "kitaru")


def watched(texts: list[str]) -> list[list[tuple[str, str]]]:
    source = textwrap.dedent(WATCHED).replace("TESTS", repr(os.path.dirname(__file__)))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", source],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return [[(event, what) for event, what in one] for one in json.loads(done.stdout)]


def test_nothing_is_imported_but_what_a_tag_names_and_nothing_runs(tmp_path: Any) -> None:
    dice = random.Random(os.environ.get("KITARU_SEED", "hostile"))
    names = [*NAMED, "colorsys:x", "xdrlib:x", "wave:Wave_read", "sndhdr:x", "nntplib:NNTP", "chunk:Chunk"]
    texts = []
    for _ in range(EXAMPLES * 4):
        kind, name = dice.choice(KINDS), dice.choice(names)
        # A pickle of a call: os.mkdir of a folder that must not be there afterwards.
        call = f"cos\nmkdir\n(V{tmp_path}/made\ntR."
        pickled = base64.b64encode(call.encode()).decode()
        payload: Any = dice.choice([name, [name], {"a": name}, [], 1, ["a", name], pickled])
        texts.append(json.dumps({TAG: kind, "t": name, "v": payload, "c": 1}))
    for text, found in zip(texts, watched(texts), strict=True):
        for event, what in found:
            assert event == "import", (text, event, what)
            named = [name.partition(":")[0] for name in names if name in text]
            assert what.partition(".")[0] in OF_KINDS or what in named, (text, what)
    assert not (tmp_path / "made").exists()


def test_a_pickle_is_opened_where_it_was_asked_for_only(tmp_path: Any) -> None:
    made = tmp_path / "made"
    call = base64.b64encode(f"cos\nmkdir\n(V{made}\ntR.".encode()).decode()
    text = json.dumps([{TAG: "pickle", "t": "os:mkdir", "v": call}])
    for read in (decode, decode_quietly):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", KitaruValueWarning)
            (found,) = read(text)
        assert "pickle=True is not set" in found.reason
        assert not made.exists()
    decode(text, allow_pickle=True)
    assert made.exists(), "that it would have run is what this test is about"
