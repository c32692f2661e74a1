"""Codecs and identities that a program registers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import shapes

import kitaru
from kitaru._values import RawValue, Signature, Unencodable, _registry, decode, encode
from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    kept = [dict(table) for table in (_registry.codecs, _registry.by_name, _registry.identities)]
    yield
    for table, before in zip((_registry.codecs, _registry.by_name, _registry.identities), kept, strict=True):
        table.clear()  # type: ignore[attr-defined]
        table.update(before)  # type: ignore[attr-defined]
    for one in _registry.changed:
        one()


def celsius(version: int = 1, **more: Any) -> None:
    kitaru.codec(
        shapes.Celsius,
        encode=lambda v: {"d": v.degrees},
        decode=lambda d: shapes.Celsius(d["d"]),
        version=version,
        **more,
    )


def test_a_registered_type_comes_back_also_inside_others() -> None:
    with pytest.raises(Unencodable):
        encode(shapes.Celsius(1.5))
    celsius()
    value = [shapes.Point(shapes.Celsius(1.5))]
    assert decode(encode(value)) == value


def test_a_codec_is_for_exactly_its_type() -> None:
    celsius()
    with pytest.raises(Unencodable):
        encode(shapes.Colder(1))


def test_the_version_is_stored_and_given_to_decode() -> None:
    celsius()
    text = encode(shapes.Celsius(1))
    assert json.loads(text)["c"] == 1
    kitaru.codec(
        shapes.Celsius,
        encode=lambda v: v.degrees,
        decode=lambda d, version: shapes.Celsius(d["d"] if version == 1 else d),
        version=2,
    )
    assert decode(text) == shapes.Celsius(1) == decode(encode(shapes.Celsius(1)))


def test_a_version_that_decode_does_not_know_is_kept_raw() -> None:
    celsius(version=2)
    text = encode(shapes.Celsius(1))
    celsius(version=3)
    with pytest.warns(UserWarning, match="version 2"):
        assert isinstance(decode(text), RawValue)
    celsius(version=1)
    with pytest.warns(UserWarning, match="newer"):
        assert isinstance(decode(text), RawValue)


def test_a_changed_codec_is_no_other_input() -> None:
    celsius()

    def f(t: Any) -> None: ...

    recorded = Signature(f).bind((shapes.Celsius(1),), {})
    kitaru.codec(
        shapes.Celsius,
        encode=lambda v: v.degrees,
        decode=lambda d, version: shapes.Celsius(d["d"] if version == 1 else d),
        version=2,
    )
    now = Signature(f).bind((shapes.Celsius(1),), {})
    assert now.digest != recorded.digest
    assert Signature(f).encodes_the_same(recorded.text or "", now.digest)


def test_identity_of_a_type_says_what_counts() -> None:
    def f(model: Any) -> None: ...

    kitaru.identity(shapes.Model, lambda model: model.y)
    one, other = (Signature(f).bind(([shapes.Model(x=x)],), {}) for x in (1, 2))
    assert one.digest == other.digest and one.text != other.text
    assert Signature(f).bind(([shapes.Model(x=1, y=5)],), {}).digest != one.digest
    kitaru.identity(shapes.Plain, lambda value: "always")
    assert Signature(f).bind((shapes.Plain(),), {}).kind == "digest"


def test_a_codec_that_raises_is_a_refusal_that_says_so() -> None:
    kitaru.codec(shapes.Celsius, encode=lambda v: 1 / 0, decode=lambda d: shapes.Celsius(d))
    with pytest.raises(Unencodable) as caught:
        encode([shapes.Celsius(1)], "r")
    assert caught.value.path == "r[0]" and "ZeroDivisionError" in caught.value.hint


def test_plain_types_and_nonsense_are_refused() -> None:
    for bad in (dict, str, 5):
        with pytest.raises(KitaruUsageError):
            kitaru.codec(bad, encode=repr, decode=repr)
    with pytest.raises(KitaruUsageError):
        celsius(version=0)
    with pytest.raises(KitaruUsageError):
        kitaru.identity(shapes.Model, 5)  # type: ignore[arg-type]
