"""What has no codec is refused with the path to it; nothing is stored as something else."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import pytest
import shapes

import kitaru._native as native
from kitaru._values import KitaruValueWarning, RawValue, Unencodable, decode, encode


def refusal(value: Any, where: str = "checkpoint.return") -> Unencodable:
    with pytest.raises(Unencodable) as caught:
        encode(value, where)
    return caught.value


def test_the_path_leads_to_the_part() -> None:
    deep = {"path": [1, 2, 3, shapes.Point(shapes.Plain())]}
    problem = refusal(deep)
    assert problem.path == "checkpoint.return.path[3].x"
    assert problem.type_name == "shapes.Plain" and "kitaru.codec" in problem.hint
    assert refusal(shapes.Plain()).path == "checkpoint.return"
    assert refusal({"a b": {1: (0, shapes.Plain())}}).path == "checkpoint.return['a b'][1][1]"
    assert refusal(shapes.Model(x={"k": [shapes.Plain()]})).path == "checkpoint.return.x.k[0]"
    assert refusal({shapes.Plain(): 1}).path == "checkpoint.return.keys()"


@pytest.mark.parametrize(
    "value",
    [
        lambda: 1,
        object(),
        (x for x in []),
        threading.Lock(),
        sys.stdout,
        shapes.Plain().__init__,
        type("Local", (), {}),
        type("LocalStr", (str,), {})("x"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_loaded_again_is_refused(value: Any) -> None:
    refusal(value)


def test_a_path_that_holds_more_than_a_path_is_refused() -> None:
    folder = shapes.Folder("a/b")
    assert type(decode(encode(folder))) is shapes.Folder
    folder.hits = 3
    assert "attributes of its own" in refusal(folder).type_name


def test_a_class_made_in_a_function_is_refused_with_the_way_out() -> None:
    import dataclasses

    @dataclasses.dataclass
    class Inner:
        x: int

    assert "top level" in refusal([Inner(1)]).hint


def test_a_cycle_is_refused_where_it_closes() -> None:
    ring: list[Any] = [1]
    ring.append({"again": ring})
    problem = refusal(ring)
    assert problem.path == "checkpoint.return[1].again" and "cycle" in problem.hint
    node = shapes.Point(1)
    node.y = [node]
    assert refusal(node).path == "checkpoint.return.y[0]"


def test_the_same_object_twice_is_no_cycle() -> None:
    part = [1]
    assert decode(encode([part, part, (part,)])) == [part, part, (part,)]


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"k": v}, lambda v: (v,), lambda v: {1: v}, shapes.Point])
def test_a_value_nested_too_deep_is_refused_not_a_crash(wrap: Any) -> None:
    value: Any = 0
    for _ in range(100_000):
        value = wrap(value)
    assert "too deep" in refusal(value).hint
    # Taken apart by hand: even freeing such a value recurses.
    while not isinstance(value, int):
        value = (
            value.x
            if isinstance(value, shapes.Point)
            else value[1 if 1 in value else "k"]
            if isinstance(value, dict)
            else value[0]
        )


def test_what_is_just_not_too_deep_comes_back_on_a_small_stack() -> None:
    def work() -> None:
        value: Any = 0
        for _ in range(native.MAX_DEPTH // 2 - 1):
            value = shapes.Point(value)
        back = decode(encode(value))
        for _ in range(native.MAX_DEPTH // 2 - 1):
            back = back.x
        done.append(back)

    done: list[int] = []
    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert done == [0]


def test_json_nested_too_deep_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="deep"):
        decode("[" * 100_000)


def test_code_that_raises_while_it_is_read_is_a_refusal() -> None:
    class Raises:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    assert "RuntimeError" in refusal([Raises()]).hint


def test_pickle_only_where_it_was_asked_for() -> None:
    plain = {"kept": [1], "odd": shapes.Plain()}
    refusal(plain)
    text = encode(plain, pickle=True)
    assert '"kept":[1]' in text
    back = decode(text, allow_pickle=True)
    assert type(back["odd"]) is shapes.Plain
    with pytest.warns(KitaruValueWarning, match="pickle"):
        refused = decode(text)
    assert refused["kept"] == [1] and isinstance(refused["odd"], RawValue) and "pickle" in refused["odd"].reason


def test_what_cannot_be_pickled_is_refused_too() -> None:
    with pytest.raises(Unencodable, match="lock") as caught:
        encode([threading.Lock()], "r", pickle=True)
    assert caught.value.path == "r[0]" and "pickled" in caught.value.hint


def test_importing_the_codecs_imports_no_library() -> None:
    code = (
        "import sys, kitaru._values as v; v.decode(v.encode([1, {'a': (2,)}]));"
        "heavy = 'pydantic numpy pandas pyarrow PIL attrs msgspec asyncio'.split();"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
