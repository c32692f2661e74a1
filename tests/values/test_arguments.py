"""What tells calls apart: the bound arguments, as of the call, and only what counts of them."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest
import shapes
from hypothesis import given
from hypothesis import strategies as st

from kitaru._native import blake3
from kitaru._values import Signature, decode
from kitaru.errors import KitaruUsageError


def f(a: Any, b: Any = 2, **kw: Any) -> None: ...


def plain(a: Any, b: Any = 2, *, c: Any = 3) -> None: ...


def positional(a: Any, /, b: Any = 2, *rest: Any, c: Any = 3, **kw: Any) -> None: ...


def digest(function: Any, *args: Any, **kwargs: Any) -> Any:
    return Signature(function).bind(args, kwargs).digest


@pytest.mark.parametrize("function", [f, plain])
def test_equal_calls_have_equal_digests(function: Any) -> None:
    assert digest(function, 1) == digest(function, a=1) == digest(function, 1, 2) == digest(function, b=2, a=1)
    assert digest(function, 1) is not None
    assert digest(function, 1, 3) != digest(function, 1)


def test_keywords_count_in_any_order_and_dicts_in_theirs() -> None:
    assert digest(f, 1, x=1, y=2) == digest(f, 1, y=2, x=1)
    assert digest(f, {"x": 1, "y": 2}) != digest(f, {"y": 2, "x": 1})


def test_sets_count_in_any_order() -> None:
    assert digest(f, {3, 1}) == digest(f, {1, 3})
    assert digest(f, {3, 1}) != digest(f, [1, 3])


def test_one_and_one_point_zero_and_true_differ() -> None:
    values = [1, 1.0, True, "1", -0.0, 0.0, 0, None, "", [], (), {}, set(), b"", "None"]
    assert len({digest(f, value) for value in values}) == len(values)


def test_a_keyword_of_another_parameters_name_is_no_confusion() -> None:
    assert digest(positional, 1, a=2) != digest(positional, 2, a=1)
    assert digest(positional, 1, rest=(2,)) != digest(positional, 1, 2, 2)
    signature = Signature(positional)
    for args, kwargs in (
        ((1,), {"a": 2}),
        ((1,), {"rest": [2]}),
        ((1, 5, 6, 7), {"**": 1, "c": 4}),
        ((1,), {"$kitaru": "x"}),
    ):
        bound = signature.bind(args, kwargs)
        assert bound.text is not None
        again = signature.bind(*signature.unbind(bound.text))
        assert again.text == bound.text and again.digest == bound.digest


@given(st.lists(st.integers() | st.text(), max_size=5), st.dictionaries(st.text(min_size=1), st.integers(), max_size=4))
def test_recorded_arguments_are_given_again(args: list[Any], kwargs: dict[str, Any]) -> None:
    seen: list[Any] = []

    def keep(a: Any, /, b: Any = 2, *rest: Any, c: Any = 3, **kw: Any) -> None:
        seen.append((a, b, rest, c, kw))

    signature = Signature(keep)
    try:
        keep(*args, **kwargs)
    except TypeError:
        with pytest.raises(TypeError):
            signature.bind(tuple(args), kwargs)
        return
    bound = signature.bind(tuple(args), kwargs)
    assert bound.text is not None
    given_again, by_name = signature.unbind(bound.text)
    keep(*given_again, **by_name)
    assert seen[0] == seen[1]
    assert blake3(signature.canonical(decode(bound.text)) or "") == bound.digest


def test_the_digest_is_of_the_value_at_the_call() -> None:
    state = {"n": 0}
    bound = Signature(f).bind((state,), {})
    state["n"] = 5
    assert bound.digest == digest(f, {"n": 0}) and json.loads(bound.text or "")["a"] == {"n": 0}


def test_bad_arguments_raise_what_the_call_itself_raises() -> None:
    for args, kwargs in (((), {}), ((1, 2, 3, 4), {}), ((1,), {"a": 1}), ((1,), {"zzz": 1})):
        with pytest.raises(TypeError) as own:
            plain(*args, **kwargs)
        with pytest.raises(TypeError) as ours:
            Signature(plain).bind(args, kwargs)
        assert str(ours.value) == str(own.value) and "plain()" in str(own.value)


def test_bad_arguments_of_a_wrapper_run_nothing() -> None:
    runs: list[int] = []

    @functools.wraps(plain)
    def wrapper(a: Any, b: Any = 2, *, c: Any = 3) -> None:
        runs.append(1)

    with pytest.raises(TypeError, match=r"plain\(\)"):
        Signature(wrapper).bind((), {})
    assert runs == []


def test_a_wrapper_that_gives_an_argument_itself_is_bound_as_it_is_called() -> None:
    def with_client(client: Any, x: Any) -> None: ...

    @functools.wraps(with_client)
    def wrapper(x: Any) -> None: ...

    signature = Signature(wrapper)
    bound = signature.bind((1,), {})
    assert bound.kind == "digest" and bound.digest != signature.bind((2,), {}).digest
    assert signature.unbind(bound.text or "") == ((1,), {})
    named = signature.bind((1, 2), {})
    assert signature.bind((), {"client": 1, "x": 2}).digest == named.digest
    assert blake3(signature.canonical(decode(bound.text or "")) or "") == bound.digest
    with pytest.raises(TypeError, match="with_client"):
        signature.bind((), {"zzz": 1})


def test_no_inputs_are_told_from_some() -> None:
    def nothing() -> None: ...

    def many(*args: Any, **kw: Any) -> None: ...

    assert Signature(nothing).bind((), {}).kind == "none"
    assert Signature(many).bind((), {}).kind == "none"
    assert Signature(many).bind((), {"x": None}).kind == "digest"
    assert Signature(many).bind((), {}).digest is None


def test_what_is_ignored_does_not_count_but_is_recorded() -> None:
    signature = Signature(f, ignore=("b",))
    one, other = signature.bind((1, 2), {}), signature.bind((1, 3), {})
    assert one.digest == other.digest != signature.bind((2, 2), {}).digest
    assert json.loads(one.text or "") == {"a": 1, "b": 2}
    assert blake3(signature.canonical({"a": 1, "b": 9}) or "") == one.digest
    assert Signature(lambda a: None, ignore=("a",)).bind((1,), {}).kind == "none"


def test_an_ignored_argument_needs_no_codec() -> None:
    bound = Signature(f, ignore=("b",)).bind((1, shapes.Plain()), {})
    assert bound.kind == "digest" and bound.text is None and bound.blocked == "b"


def test_an_unknown_name_in_ignore_is_a_usage_error() -> None:
    with pytest.raises(KitaruUsageError, match="nope"):
        Signature(plain, ignore=("nope",))
    Signature(f, ignore=("may_be_a_keyword",))


def test_identity_says_what_counts() -> None:
    by_name = Signature(f, identity=lambda a: a["id"])
    assert by_name.bind(({"id": 1, "at": 5},), {}).digest == by_name.bind(({"id": 1, "at": 6}, 9), {}).digest
    whole = Signature(f, identity=lambda *args, **kw: [len(args), sorted(kw)])
    assert whole.bind((1,), {"x": 1}).digest == whole.bind((2,), {"x": 3}).digest != whole.bind((2,), {"y": 3}).digest
    opaque = Signature(f, identity=lambda a: a.key)
    value = shapes.Plain()
    value.key = 7  # type: ignore[attr-defined]
    bound = opaque.bind((value,), {})
    assert bound.kind == "digest" and bound.text is None
    with pytest.raises(KitaruUsageError, match="identity="):
        Signature(f, identity=lambda a: shapes.Plain()).bind((1,), {})


def test_an_argument_without_codec_makes_the_call_opaque() -> None:
    bound = Signature(f).bind((1, [shapes.Plain()]), {})
    assert (bound.kind, bound.digest, bound.text, bound.blocked) == ("opaque", None, None, "b[0]")


def test_a_method_is_opaque_unless_its_self_has_a_codec() -> None:
    class Agent:
        def ask(self, q: str) -> None: ...

    assert Signature(Agent.ask).bind((Agent(), "q"), {}).kind == "opaque"
    assert Signature(Agent.ask).bind((shapes.Point(1), "q"), {}).kind == "digest"


def test_a_class_made_in_a_function_still_tells_calls_apart() -> None:
    import dataclasses

    @dataclasses.dataclass
    class Inner:
        x: int

    one, other = Signature(f).bind((Inner(1),), {}), Signature(f).bind((Inner(2),), {})
    assert one.kind == "digest" and one.text is None and one.digest != other.digest


@pytest.mark.parametrize(
    ("value", "change", "path"),
    [
        ([1, 2, 3], lambda v: v.append(4), "a[3]"),
        ({"messages": [1]}, lambda v: v["messages"].append({"role": "x"}), "a.messages[1]"),
        ({1: 2}, lambda v: v.update({3: 4}), "a[1]"),
        ([[1], [2]], lambda v: v[1].clear(), "a[1][0]"),
        ({"x": 1}, lambda v: v.pop("x"), "a.x"),
        (shapes.Point([1]), lambda v: v.x.append(1), "a.x[1]"),
        (shapes.Model(x=1), lambda v: setattr(v, "y", 5), "a.y"),
        (([1],), lambda v: v[0].append(2), "a[0][1]"),
        ([1], lambda v: v.append(shapes.Plain()), "a[1]"),
        ([1], lambda v: v.__setitem__(0, True), "a[0]"),
        ({"x": 1, "y": 2}, lambda v: v.update(x=v.pop("x")), "a"),
    ],
)
def test_an_argument_that_the_body_changed_is_named(value: Any, change: Any, path: str) -> None:
    signature = Signature(f)
    bound = signature.bind((value,), {})
    assert bound.mutable and signature.rebind_check(bound) is None
    change(value)
    assert signature.rebind_check(bound) == path


def test_a_change_is_noticed_beside_an_argument_without_codec() -> None:
    messages = [1]
    signature = Signature(f)
    bound = signature.bind((shapes.Plain(), messages), {})
    assert bound.mutable and signature.rebind_check(bound) is None
    messages.append(2)
    assert signature.rebind_check(bound) == "b[1]"


def test_an_ignored_argument_may_be_changed() -> None:
    log: list[int] = []
    signature = Signature(f, ignore=("b",))
    bound = signature.bind(([1], log), {})
    log.append(1)
    assert signature.rebind_check(bound) is None


def test_plain_arguments_cannot_be_changed() -> None:
    import datetime

    assert not Signature(f).bind((1, ("x", datetime.date(2024, 1, 1))), {"k": b"x"}).mutable


def test_reordered_parameters_are_the_same_call_when_encoded_again() -> None:
    def now(b: Any, a: Any) -> None: ...

    recorded = Signature(lambda a, b: None).bind((1, 2), {}).text
    assert Signature(now).encodes_the_same(recorded or "", Signature(now).bind((2, 1), {}).digest)
    assert not Signature(now).encodes_the_same(recorded or "", Signature(now).bind((1, 2), {}).digest)
    assert not Signature(now).encodes_the_same('{"$kitaru":"no"}', b"")


def test_inputs_from_a_command_line_mean_what_they_say() -> None:
    assert Signature(plain).unbind('{"a": {"$kitaru": "tuple", "v": []}}', plain=True) == (
        (),
        {"a": {"$kitaru": "tuple", "v": []}},
    )
