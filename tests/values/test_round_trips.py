"""Every value kind comes back as what it was: equal, and of the same class."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import functools
import ipaddress
import json
import math
import pathlib
import re
import uuid
import zoneinfo
from typing import Any

import msgspec
import pydantic
import pytest
import shapes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kitaru._values import Unencodable, decode, encode, encode_result


def alike(a: Any, b: Any) -> bool:
    """Equal with the same classes all the way down; nan equals nan, and -0.0 is not 0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, complex):
        return alike(a.real, b.real) and alike(a.imag, b.imag)
    if isinstance(a, dict):
        # In order, and keys too: 1, 1.0 and True are equal keys.
        return len(a) == len(b) and all(alike(x, y) for x, y in zip(a.items(), b.items(), strict=True))
    if isinstance(a, (list, tuple, collections.deque)):
        return len(a) == len(b) and all(alike(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, (set, frozenset)):
        return len(a) == len(b) and sorted(map(repr, a)) == sorted(map(repr, b))
    if isinstance(a, datetime.datetime):
        return (
            a.replace(tzinfo=None) == b.replace(tzinfo=None) and repr(a.tzinfo) == repr(b.tzinfo) and a.fold == b.fold
        )
    if isinstance(a, decimal.Decimal):
        return str(a) == str(b)
    return bool(a == b)


def comes_back(value: Any) -> Any:
    text = encode(value)
    json.loads(text)
    text.encode("utf-8")
    back = decode(text)
    assert alike(back, value), (value, text, back)
    assert encode(back) == text
    return back


zones = st.one_of(
    st.none(),
    st.just(datetime.timezone.utc),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"]).map(zoneinfo.ZoneInfo),
    st.timedeltas(datetime.timedelta(hours=-23), datetime.timedelta(hours=23)).map(datetime.timezone),
    st.just(datetime.timezone(datetime.timedelta(hours=2), "CEST")),
)
hashable = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.text(st.characters(categories=["Cs", "Lu"])),
    st.binary(),
    st.complex_numbers(),
    st.dates(),
    st.datetimes(timezones=zones),
    st.builds(datetime.time, st.integers(0, 23), st.integers(0, 59), fold=st.integers(0, 1)),
    st.timedeltas(),
    st.uuids(),
    st.decimals().filter(lambda value: not value.is_snan()),
    st.fractions(),
    st.sampled_from([*shapes.Colour, *shapes.Level, *shapes.Name, shapes.Right.READ | shapes.Right.WRITE]),
    st.builds(range, st.integers(), st.integers(), st.integers(1)),
    st.text("ab/._ ").map(pathlib.PurePosixPath),
    st.text("ab\\:. ").map(pathlib.PureWindowsPath).filter(lambda path: type(path)(str(path)) == path),
    st.text("ab/").map(pathlib.Path),
    st.text("ab").map(shapes.MyStr),
    st.integers().map(shapes.MyInt),
    st.ip_addresses(),
)
names = st.one_of(
    st.text(), st.sampled_from(["$kitaru", "$kitaru2", "v", "t", "$ref", "$serde_json::private::RawValue", ""])
)


def grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(names, inner, max_size=4),
        st.dictionaries(hashable, inner, max_size=3),
        st.sets(hashable, max_size=4),
        st.frozensets(hashable, max_size=4),
        st.lists(inner, max_size=3).map(lambda items: collections.deque(items, 5)),
        st.dictionaries(hashable, inner, max_size=3).map(collections.OrderedDict),
        st.dictionaries(hashable, inner, max_size=3).map(lambda items: collections.defaultdict(list, items)),
        st.lists(inner, max_size=3).map(shapes.MyList),
        st.lists(inner, max_size=3).map(shapes.MyTuple),
        st.binary().map(bytearray),
        st.tuples(inner, inner).map(lambda given: shapes.Point(*given)),
        st.tuples(inner, inner, inner).map(lambda given: shapes.Child(*given)),
        st.tuples(inner).map(lambda given: shapes.Frozen(*given)),
        st.tuples(inner).map(lambda given: shapes.Slotted(*given)),
        st.tuples(inner).map(lambda given: shapes.Box(*given)),
        st.tuples(inner, inner).map(lambda given: shapes.Pair(*given)),
        st.tuples(inner, inner).map(lambda given: shapes.OldPair(*given)),
        st.tuples(inner, inner).map(lambda given: shapes.Attrs(*given)),
        st.tuples(inner).map(lambda given: shapes.FrozenAttrs(*given)),
        st.tuples(inner, inner).map(lambda given: shapes.Struct(*given)),
        inner.map(lambda x: shapes.FrozenStruct(x=x)),
        inner.map(lambda x: shapes.Model(x=x)),
        inner.map(lambda x: shapes.Reply(data=x)),
    )


@given(st.text("ab\\/:. ").map(pathlib.PureWindowsPath))
def test_a_path_comes_back_as_it_was_or_is_refused(value: pathlib.PureWindowsPath) -> None:
    try:
        text = encode(value)
    except Unencodable as refused:
        assert "not what its text says" in str(refused)  # noqa: PT017 - most are not refused
        assert type(value)(str(value)) != value
    else:
        assert alike(decode(text), value)


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.recursive(hashable, grow, max_leaves=12).filter(lambda value: "nan" not in repr(value).lower()))
def test_every_kind_comes_back_equal_and_of_its_class(value: Any) -> None:
    comes_back(value)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda key: not key.startswith("$")), inner),
    max_leaves=20,
)


def mutable_parts(value: Any) -> set[int]:
    """The identities of the plain containers in a value that code could change in place."""
    if isinstance(value, dict):
        return {id(value)}.union(*map(mutable_parts, value.values()))
    if isinstance(value, (list, tuple)):
        own = {id(value)} if isinstance(value, list) else set()
        return own.union(*map(mutable_parts, value))
    return set()


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(plain | st.recursive(hashable, grow, max_leaves=12).filter(lambda value: "nan" not in repr(value).lower()))
def test_a_result_is_given_as_it_is_read_and_shares_nothing_that_can_be_changed(value: Any) -> None:
    text, handed = encode_result(value, "value", False)
    assert text == encode(value)
    assert alike(handed, decode(text)), (value, text, handed)
    assert not mutable_parts(handed) & mutable_parts(value)


def test_a_result_that_contains_itself_or_is_too_deep_is_refused_with_its_path() -> None:
    loop: list[Any] = [1]
    loop.append({"again": [loop, loop]})
    with pytest.raises(Unencodable) as told:
        encode_result(loop, "value", False)
    assert told.value.path == "value[1].again[0]"
    deep: list[Any] = []
    for _ in range(250):
        deep = [deep, deep]
    with pytest.raises(Unencodable) as told:
        encode_result(deep, "value", False)
    assert "too deep" in told.value.hint


@settings(max_examples=300, deadline=None)
@given(plain)
def test_plain_json_reads_as_itself_in_the_database(value: Any) -> None:
    assert alike(json.loads(encode(value)), value)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        -0.0,
        1.0,
        1e16,
        5e-324,
        2**64,
        -(2**63) - 1,
        10**5000,
        -(16**9000),
        "\ud800 lone \\ud800 \\\\",
        "a\0b\u2028\x7f\U0001f600",
        {"\udfff": 1},
        {1: "a", "1": "b", (1, 2): {"$kitaru": "tuple", "v": []}},
        {True: "a", 2.0: "b"},
        {shapes.Name.A: 1},
        b"\0\xff",
        complex(-0.0, float("inf")),
        decimal.Decimal("1.10"),
        decimal.Decimal("-sNaN"),
        fractions.Fraction(-1, 3),
        datetime.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        datetime.datetime.min,
        datetime.datetime.max,
        datetime.timezone.utc,
        datetime.timezone(datetime.timedelta(0), "GMT"),
        zoneinfo.ZoneInfo("Asia/Tokyo"),
        datetime.time(1, 2, 3, 4, tzinfo=datetime.timezone.utc),
        slice(1, None, 2),
        re.compile(r"a(b)", re.I),
        re.compile(rb"x"),
        Ellipsis,
        NotImplemented,
        int,
        shapes.Colour,
        shapes.function,
        len,
        list[int],
        dict[str, list[int]],
        shapes.Colour.ALIAS,
        collections.Counter({"a": 0, "b": -2}),
        collections.defaultdict(None, {1: 2}),
        uuid.UUID(int=5),
        ipaddress.ip_network("10.0.0.0/8"),
        pydantic.HttpUrl("https://example.org/a?b"),
        {"$kitaru": "tuple", "v": [1]},
        [[], {}, (), set(), frozenset()],
        shapes.MySet({1}),
        {"title": "M", "year": 1931},
        msgspec.UNSET,
    ],
    ids=lambda value: type(value).__name__,
)
def test_edges_of_the_kinds_come_back(value: Any) -> None:
    comes_back(value)


def test_a_union_comes_back() -> None:
    assert decode(encode(int | None)) == int | None


def test_a_partial_comes_back() -> None:
    back = decode(encode(functools.partial(shapes.function, 3)))
    assert back() == 4 and back.func is shapes.function


def test_equal_sets_have_one_text() -> None:
    numbers = [8, 0, 16, 24, "a", (1, 2)]
    assert encode(set(numbers)) == encode({*numbers[3:], *numbers[:3]})
    assert encode({3, 1}) == encode({1, 3})


def test_the_order_of_a_dict_is_kept() -> None:
    assert list(decode(encode({"b": 1, "a": 2}))) == ["b", "a"]


def test_json_from_outside_is_read_as_python_reads_it() -> None:
    text = ' {"a" : [1, -2.5e3, "\\u00e9\\ud83d\\ude00\\n\\/", true ,null], "b":{} , "c": 12345678901234567890 } '
    assert decode(text) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1,",
        '"abc',
        "tru",
        "1 2",
        '{"a" 1}',
        '"\\x"',
        '"\\ud8"',
        "[1 2]",
        "-",
        "01",
        "1.",
        ".5",
        "-.5",
        "1e",
        "1e+",
        '"\n"',
    ],
)
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        decode(text)


def test_a_subclass_keeps_its_class_and_attributes() -> None:
    value = shapes.MyDict({"a": 1})
    value.other = [1]  # type: ignore[attr-defined]
    back = decode(encode(value))
    assert type(back) is shapes.MyDict and back == {"a": 1} and back.__dict__ == {"extra": 1, "other": [1]}
