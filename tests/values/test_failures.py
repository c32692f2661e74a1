"""A recorded exception is rebuilt as itself, without calling ``__init__``; where it is not, that is known."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import warnings
from typing import Annotated, Any

import faults
import pydantic
import pytest
import shapes

from kitaru._values import RawValue, RecordedError, Unencodable, decode, decode_error, encode, encode_error
from kitaru.errors import KitaruTimeoutError


def raised(function: Any) -> BaseException:
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def again(error: BaseException, *, rebuilds: bool = True) -> Any:
    data = encode_error(error)
    json.loads(data["value"])
    assert data["rebuilds"] is rebuilds, data["value"]
    return decode_error(data["value"])


def _unicode() -> None:
    b"ab\xff".decode("ascii")


def _surrogate() -> None:
    "\ud800".encode()


def _syntax() -> None:
    compile("x = (", "f.py", "exec")


def _file() -> None:
    open("/no/such/file")  # noqa: SIM115


def _import() -> None:
    import no_such_module_2  # noqa: F401


def _json() -> None:
    json.loads("{")


def _called() -> None:
    subprocess.run([sys.executable, "-c", "raise SystemExit(3)"], check=True, capture_output=True)


def _attribute() -> None:
    object().nothing  # type: ignore[attr-defined]  # noqa: B018


def _validation() -> None:
    class Local(pydantic.BaseModel):
        x: int
        y: list[str]

    Local.model_validate({"x": "no", "y": [1]})


@pytest.mark.parametrize(
    "make",
    [
        _unicode,
        _surrogate,
        _syntax,
        _file,
        _import,
        _json,
        _called,
        _attribute,
        _validation,
        lambda: {}["missing"],
        lambda: [][1],
        lambda: next(iter([])),
        lambda: 1 / 0,
        lambda: nothing,  # type: ignore[name-defined]  # noqa: F821
        lambda: sys.exit(3),
        lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
        lambda: (_ for _ in ()).throw(asyncio.CancelledError("why")),
        lambda: (_ for _ in ()).throw(TimeoutError()),
        lambda: (_ for _ in ()).throw(KitaruTimeoutError("slow", code="other")),
        lambda: (_ for _ in ()).throw(faults.Both([1], extra={"a": (1, 2)})),
        lambda: (_ for _ in ()).throw(faults.Slots(7)),
        lambda: (_ for _ in ()).throw(faults.New(need=3)),
        lambda: (_ for _ in ()).throw(ConnectionResetError(104, "reset")),
        lambda: (_ for _ in ()).throw(ValueError("\ud800", {1: shapes.Point(1)}, b"x")),
    ],
)
def test_an_exception_comes_back_in_type_text_arguments_and_attributes(make: Any) -> None:
    error = raised(make)
    back = again(error)
    assert type(back) is type(error) and str(back) == str(error) and repr(back) == repr(error)
    if make is not _validation:
        assert encode(list(back.args)) == encode(list(error.args))
    for name in (
        "errno",
        "filename",
        "start",
        "reason",
        "lineno",
        "value",
        "code",
        "name",
        "returncode",
        "stdout",
        "extra",
        "doc",
        "need",
    ):
        assert getattr(back, name, None) == getattr(error, name, None), name


def test_mandatory_keywords_of_a_providers_error_do_not_matter() -> None:
    error = faults.ApiError(
        response=faults.Response(429, {"Retry-After": "7"}, '{"error": "slow down"}'), body={"a": [1]}
    )
    back = again(error)
    assert type(back) is faults.ApiError and str(back) == "status 429" and back.body == {"a": [1]}
    assert back.response.status_code == 429
    assert back.response.headers["retry-after"] == "7" and back.response.headers.get("RETRY-AFTER") == "7"
    assert back.response.text == '{"error": "slow down"}' and back.response.json() == {"error": "slow down"}
    with pytest.raises(AttributeError, match="not recorded"):
        back.response.stream  # noqa: B018


def test_secrets_of_a_request_are_not_recorded() -> None:
    error = faults.ApiError(
        response=faults.Response(500, {"Set-Cookie": "s=1"}, None), body=None, request=faults.Request()
    )
    text = encode_error(error)["value"]
    assert "secret" not in text and "s=1" not in text
    back = again(error)
    assert back.request.method == "POST" and back.request.headers["accept"] == "json"
    assert back.response.status_code == 500 and not hasattr(back.response, "text")


def test_validation_errors_of_every_kind_come_back() -> None:
    from pydantic_core import PydanticCustomError

    def refuse(value: int) -> int:
        if value == 1:
            raise PydanticCustomError("mine", "no {y}", {"y": "{z}"})
        raise ValueError("too small", value)

    adapter = pydantic.TypeAdapter(dict[str, Annotated[int, pydantic.AfterValidator(refuse)]])
    error = raised(lambda: adapter.validate_python({"a": 1, "b": 2, "c": "x"}))
    back = again(error)
    assert type(back) is pydantic.ValidationError and str(back) == str(error)
    assert [line["type"] for line in back.errors()] == ["mine", "value_error", "int_parsing"]


def test_slots_come_back_private_ones_too() -> None:
    assert again(faults.Slots(7)).hidden() == [7]


def test_a_text_of_its_own_comes_back() -> None:
    error = faults.Said("a")
    error.more = "b"  # type: ignore[attr-defined]
    assert str(again(error)) == "said ab"


def test_the_chain_comes_back() -> None:
    def chained() -> None:
        try:
            try:
                raise KeyError("inner")
            except KeyError as inner:
                raise faults.Holds([1]) from inner
        except faults.Holds:
            raise ValueError("outer")  # noqa: B904

    back = again(raised(chained))
    assert type(back.__context__) is faults.Holds and back.__cause__ is None and not back.__suppress_context__
    assert back.__context__.what == [1] and type(back.__context__.__cause__) is KeyError
    assert back.__context__.__cause__ is back.__context__.__context__ and back.__context__.__suppress_context__


def test_from_none_stays_from_none() -> None:
    def quiet() -> None:
        try:
            raise KeyError(1)
        except KeyError:
            raise ValueError(2) from None

    back = again(raised(quiet))
    assert back.__suppress_context__ and back.__cause__ is None and type(back.__context__) is KeyError


def test_a_long_chain_is_no_deep_recursion() -> None:
    error: BaseException = ValueError(0)
    for n in range(1, 150):
        following = ValueError(n)
        following.__cause__ = error
        error = following
    back = again(error)
    for n in reversed(range(150)):
        assert back.args == (n,)
        back = back.__cause__
    assert back is None


def test_a_chain_that_is_cut_off_does_not_rebuild() -> None:
    error: BaseException = ValueError(0)
    for n in range(1, 500):
        following = ValueError(n)
        following.__cause__ = error
        error = following
    assert again(error, rebuilds=False).args == (499,)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with 3.11")
def test_a_group_comes_back_with_its_members() -> None:
    shared = KeyError("k")
    inner = ExceptionGroup("inner", [shared, OSError(2, "x")])  # noqa: F821
    error = BaseExceptionGroup("all", [inner, shared, KeyboardInterrupt()])  # noqa: F821
    error.add_note("a note")  # type: ignore[attr-defined]
    back = again(error)
    assert type(back) is BaseExceptionGroup and back.message == "all" and str(back) == str(error)  # noqa: F821
    assert [type(one) for one in back.exceptions] == [ExceptionGroup, KeyError, KeyboardInterrupt]  # noqa: F821
    assert back.exceptions[0].exceptions[0] is back.exceptions[1]
    assert back.__notes__ == ["a note"] and back.exceptions[0].exceptions[1].errno == 2


def test_what_cannot_be_stored_is_known_not_to_survive() -> None:
    class Local(Exception):
        pass

    assert type(again(Local("x"), rebuilds=False)) is RecordedError
    held = again(faults.Holds(shapes.Plain()), rebuilds=False)
    assert type(held) is faults.Holds and isinstance(held.what, RawValue)
    again(ValueError(shapes.Plain()), rebuilds=False)


def test_an_exception_that_holds_itself_is_no_endless_matter() -> None:
    error = faults.Holds(None)
    error.what = error
    again(error, rebuilds=False)
    looped = ValueError(1)
    looped.__context__ = ValueError(2)
    looped.__context__.__context__ = looped
    back = again(looped)
    assert back.__context__.__context__ is back


def test_a_broken_str_does_not_hide_the_failure() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    data = encode_error(Broken())
    assert "RuntimeError" in data["message"] and data["traceback"]


def test_a_missing_class_is_a_recorded_error_with_type_and_message() -> None:
    text = encode_error(faults.Holds("x"))["value"].replace("faults:Holds", "faults:Gone")
    back = decode_error(text)
    assert (
        isinstance(back, RecordedError)
        and back.type_name == "faults.Gone"
        and "Gone" in str(back)
        and "Gone" in back.reason
    )
    assert isinstance(decode_error("null"), RecordedError)
    assert isinstance(again(back), RecordedError)


def test_the_traceback_and_the_type_are_for_people() -> None:
    def deep() -> None:
        raise KeyError("k")

    data = encode_error(raised(deep))
    assert data["type"] == "builtins.KeyError" and data["message"] == "'k'" and "in deep" in data["traceback"]


def test_exceptions_are_values_too_but_lose_nothing() -> None:
    values = [ValueError(1), {"e": faults.Holds([KeyError("k")])}]
    back = decode(encode(values))
    assert repr(back) == repr(values) and back[1]["e"].what[0].args == ("k",)
    with pytest.raises(Unencodable) as caught:
        encode([faults.Holds(shapes.Plain())], "r")
    assert caught.value.path == "r[0].args[0]"


def test_rebuilding_runs_no_warning_for_plain_errors() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again(ValueError("x"))
