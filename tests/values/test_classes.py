"""Classes with fields come back with their fields, and without running their own code again."""

from __future__ import annotations

import enum
import json
import warnings
from typing import Any

import pydantic
import pytest
import shapes

from kitaru._values import KitaruValueWarning, RawValue, decode, encode


def test_post_init_and_validators_do_not_run_again() -> None:
    counted = shapes.Counted(2)
    rich = shapes.Rich(given=4)
    before = list(shapes.RUNS)
    back = decode(encode([counted, rich]))
    assert before == shapes.RUNS
    assert back[1] == rich
    assert (back[0].x, back[0].total, hasattr(back[0], "unset")) == (3, 4, False)


def test_attributes_beside_the_fields_are_kept_and_computed_ones_left_out() -> None:
    value = shapes.Box[int](1)
    value.note = "n"  # type: ignore[attr-defined]
    assert value.shown == "1"
    text = encode(value)
    assert "shown" not in text
    assert decode(text).note == "n" and decode(text).shown == "1"


def test_a_frozen_slotted_dataclass_stays_frozen() -> None:
    back = decode(encode(shapes.Slotted(1)))
    with pytest.raises(AttributeError):
        back.x = 2


def test_nested_subclasses_of_models_keep_their_class() -> None:
    owner = shapes.Owner(
        pets=[shapes.Dog(name="a", tricks=["sit"]), shapes.Pet(name="b")], by_name={"c": shapes.Dog(name="c")}
    )
    back = decode(encode(owner))
    assert back == owner
    assert [type(pet) for pet in back.pets] == [shapes.Dog, shapes.Pet] and type(back.by_name["c"]) is shapes.Dog


def test_a_model_keeps_extra_private_and_what_was_given() -> None:
    value = shapes.Rich.model_validate({"Given Name": 3, "more": [1]}).keep(7)
    back = decode(encode(value))
    assert back == value and type(back) is shapes.Rich
    assert back.more == [1] and back._secret == 7 and not hasattr(back, "_never")
    assert back.model_fields_set == value.model_fields_set
    assert back.model_dump(by_alias=True) == value.model_dump(by_alias=True)
    pet = shapes.Dog(name="a")
    assert decode(encode(pet)).model_dump(exclude_unset=True) == {"name": "a"}


def test_generic_and_root_models_come_back() -> None:
    for value in (
        shapes.Reply[int](data=1),
        shapes.Reply[list[shapes.Pet]](data=[shapes.Dog(name="x")]),
        shapes.Ids([1, 2]),
    ):
        back = decode(encode(value))
        assert back == value and type(back) is type(value)


def test_urls_and_pydantic_dataclasses_come_back() -> None:
    site = shapes.Site(url=pydantic.HttpUrl("https://example.org"))
    back = decode(encode(site))
    assert back == site and type(back.url) is type(site.url)
    assert decode(encode(shapes.Validated(x=1))) == shapes.Validated(x=1)


def test_a_new_field_takes_its_default() -> None:
    for value in (shapes.Point(1), shapes.Pair(1), shapes.Attrs(1), shapes.Struct(1), shapes.Model(x=1)):
        data = json.loads(encode(value))
        data["v"].pop("b" if isinstance(value, shapes.Pair) else "y")
        assert decode(json.dumps(data)) == value


def test_a_new_field_without_default_gives_the_raw_value() -> None:
    data = json.loads(encode(shapes.Point(1)))
    del data["v"]["x"]
    with pytest.warns(KitaruValueWarning, match="new field 'x'"):
        back = decode(json.dumps(data))
    assert isinstance(back, RawValue) and back.raw == data and back.type_name == "shapes.Point"


def test_a_removed_field_is_left_out_and_said() -> None:
    data = json.loads(encode(shapes.Point(1)))
    data["v"]["gone"] = 1
    with pytest.warns(KitaruValueWarning, match="gone"):
        assert decode(json.dumps(data)) == shapes.Point(1)


@pytest.mark.parametrize(
    "value",
    [shapes.Point(1, 2), shapes.Pair(1, "2"), shapes.Attrs(1, 2), shapes.Struct(1, 2), shapes.Model(x=1, y=2)],
    ids=lambda value: type(value).__name__,
)
def test_a_field_that_may_have_been_renamed_gives_the_raw_value_and_not_its_default(value: Any) -> None:
    data = json.loads(encode(value))
    data["v"]["old"] = data["v"].pop("b" if isinstance(value, shapes.Pair) else "y")
    with pytest.warns(KitaruValueWarning, match="'old'"):
        back = decode(json.dumps(data))
    assert isinstance(back, RawValue) and back.raw == data


@pytest.mark.parametrize(
    "text",
    [
        '{"$kitaru":"dataclass","t":"shapes:Missing","v":{"a":{"$kitaru":"tuple","v":[1]}}}',
        '{"$kitaru":"pydantic","t":"no_such_module_1:X","v":{}}',
        '{"$kitaru":"enum","t":"shapes:Colour","v":"BLUE"}',
        '{"$kitaru":"dataclass","t":"shapes:function","v":{}}',
        '{"$kitaru":"ref","v":"shapes:nothing"}',
        '{"$kitaru":"from the future","v":1}',
        '{"$kitaru":5}',
        '{"$kitaru":"uuid","v":"not one"}',
    ],
)
def test_what_does_not_load_is_kept_raw_and_said(text: str) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        back: Any = decode(f'[1,{text},"x"]')
    assert back[0] == 1 and back[2] == "x"
    assert isinstance(back[1], RawValue) and back[1].raw == json.loads(text) and back[1].reason
    assert json.loads(encode(back[1])) == json.loads(text)
    assert [one.category for one in said] in ([KitaruValueWarning], [])


def test_a_missing_class_is_said_once() -> None:
    text = '{"$kitaru":"dataclass","t":"shapes:SaidOnce","v":{}}'
    with pytest.warns(KitaruValueWarning, match="SaidOnce"):
        decode(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decode(text)


@pytest.mark.parametrize("base", [enum.Flag, enum.IntFlag])
def test_flags_keep_their_names_when_one_is_put_in_between(monkeypatch: pytest.MonkeyPatch, base: type) -> None:
    def define(names: list[str]) -> Any:
        # A name for each: what was said once is not said again.
        made: Any = base(f"Right{base.__name__}", names, module="shapes")  # type: ignore[call-arg]
        monkeypatch.setattr(shapes, made.__name__, made, raising=False)
        return made

    old = define(["READ", "WRITE"])
    texts = {
        name: encode(value) for name, value in (("both", old.READ | old.WRITE), ("read", old.READ), ("no", old(0)))
    }
    new = define(["ADMIN", "READ", "WRITE"])
    assert decode(texts["both"]) == new.READ | new.WRITE
    assert decode(texts["read"]) == new.READ and decode(texts["no"]) == new(0)
    define(["ADMIN", "SEE", "WRITE"])
    with pytest.warns(KitaruValueWarning, match="no longer has a member READ"):
        assert type(decode(texts["read"])) is RawValue
