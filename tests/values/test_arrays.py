"""Arrays, frames and images come back with dtype, index and mode."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import pyarrow as pa
import pytest

from kitaru._values import Unencodable, decode, encode


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.ones((2, 3), dtype="f4")),
        np.array(5.0),
        np.zeros((0, 3), dtype="u1"),
        np.array([1 + 2j], dtype="c8"),
        np.array(["a", "bcd"]),
        np.array([b"x"]),
        np.array(["2024-01-01", "NaT"], dtype="M8[ns]"),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", ">f8")]),
        np.array([True]),
        np.array([1, 2], dtype=">i2"),
        np.arange(10)[::2],
    ],
    ids=lambda value: value.dtype.str,
)
def test_an_array_comes_back(value: Any) -> None:
    back = decode(encode({"x": [value]}))["x"][0]
    assert type(back) is np.ndarray and back.dtype == value.dtype and back.shape == value.shape
    assert np.array_equal(back, value, equal_nan=value.dtype.kind in "fcM")
    assert back.flags.writeable


@pytest.mark.parametrize(
    "value",
    [
        np.float64(1.5),
        np.float32("nan"),
        np.int8(-3),
        np.bool_(True),
        np.uint64(2**64 - 1),
        np.complex64(1j),
        np.datetime64("2024-01-01T00:00", "m"),
        np.timedelta64(5, "ns"),
        np.str_("x"),
        np.bytes_(b"x"),
        np.longdouble(1) / 3,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_scalar_keeps_its_type(value: Any) -> None:
    back = decode(encode([value]))[0]
    assert type(back) is type(value) and back.dtype == value.dtype
    assert back == value or value != value


def test_a_dtype_comes_back() -> None:
    for dtype in (np.dtype("f4"), np.dtype([("a", "i4")])):
        assert decode(encode(dtype)) == dtype


def test_arrays_of_objects_are_refused() -> None:
    with pytest.raises(Unencodable) as caught:
        encode({"x": np.array([object()])}, "r")
    assert caught.value.path == "r.x"
    with pytest.raises(Unencodable):
        encode(np.ma.masked_array([1], [True]))


frame = pd.DataFrame(
    {
        "i": [1, 2, 3],
        "f": [1.5, float("nan"), -0.0],
        "s": ["a", None, "c"],
        "o": pd.Series([1, "x", (1, None)], dtype=object),
        "c": pd.Categorical(["b", "a", None], categories=["b", "a"], ordered=True),
        "t": pd.to_datetime(["2024-01-01", None, "2024-03-01T01:02:03.000000004"], format="ISO8601"),
        "z": pd.date_range("2024-03-31", periods=3, freq="h", tz="Europe/Berlin"),
        "n": pd.array([1, None, 3], dtype="Int64"),
        "b": pd.array([True, None, False], dtype="boolean"),
        "d": pd.to_timedelta([1, 2, None], unit="s"),
    },
    index=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["k", None]),
)


@pytest.mark.parametrize(
    "value",
    [
        frame,
        frame.reset_index(drop=True),
        pd.DataFrame(),
        pd.DataFrame({1: [1], "x": [2]}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2024-01-01", periods=2, freq="D")),
        pd.DataFrame(index=[1, 2]),
    ],
)
def test_a_frame_comes_back(value: pd.DataFrame) -> None:
    back = decode(encode([value]))[0]
    pd.testing.assert_frame_equal(back, value, check_freq=True)


@pytest.mark.parametrize(
    "value",
    [
        pd.Series([1, 2], name="x"),
        pd.Series(["a"], index=["i"]),
        pd.Series([], dtype=object),
        *[frame[name] for name in frame.columns],
    ],
)
def test_a_series_comes_back(value: Any) -> None:
    pd.testing.assert_series_equal(decode(encode([value]))[0], value)


@pytest.mark.parametrize(
    "value",
    [
        pd.Index([1, 2]),
        pd.Index(["a"], name="n"),
        pd.RangeIndex(1, 9, 2, name="r"),
        frame.index,
        pd.Index([1, "x"]),
        pd.date_range("2024-01-01", periods=2, freq="D", tz="UTC"),
        pd.CategoricalIndex(["a"]),
        pd.timedelta_range("1s", periods=2),
    ],
)
def test_an_index_comes_back(value: Any) -> None:
    back = decode(encode([value]))[0]
    pd.testing.assert_index_equal(back, value, exact=True)
    assert getattr(back, "freq", None) == getattr(value, "freq", None)


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp("2024-01-01T00:00:00.123456789"),
        pd.Timestamp("2024-10-27T01:30Z").tz_convert("Europe/Berlin"),
        pd.Timestamp(datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)),
        pd.Timedelta("1s 5ns"),
        pd.NaT,
        pd.NA,
    ],
)
def test_pandas_scalars_come_back(value: Any) -> None:
    back = decode(encode([value]))[0]
    assert (
        type(back) is type(value)
        and repr(back) == repr(value)
        and getattr(back, "unit", 0) == getattr(value, "unit", 0)
    )


def test_an_unstorable_cell_is_named_or_refused() -> None:
    with pytest.raises(Unencodable):
        encode(pd.DataFrame({"x": [object()]}), "r")


table = pa.table(
    {"a": [1, None], "s": ["x", "y"], "l": [[1], []], "d": pa.array(["p", "p"]).dictionary_encode()}
).replace_schema_metadata({"k": "v"})


@pytest.mark.parametrize(
    "value",
    [
        table,
        table.to_batches()[0],
        table.slice(1),
        pa.array([1, None]),
        pa.array([]),
        pa.chunked_array([[1], [2]]),
        pa.array([1, 2, 3])[1:],
        table.schema,
    ],
)
def test_arrow_comes_back(value: Any) -> None:
    back = decode(encode([value]))[0]
    assert type(back) is type(value) and back.equals(value)
    if hasattr(value, "schema"):
        assert back.schema.equals(value.schema, check_metadata=True)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F", "I;16"])
def test_an_image_comes_back(mode: str) -> None:
    value = (
        PIL.Image.new("RGB", (5, 3), (9, 8, 7)).convert("L").convert(mode)
        if mode != "P"
        else PIL.Image.new("RGB", (5, 3), (9, 8, 7)).quantize(4)
    )
    value.info["dpi"] = (72, 72)
    back = decode(encode([value]))[0]
    assert back == value and back.info == value.info


def test_an_image_file_comes_back_as_its_picture(tmp_path: Any) -> None:
    PIL.Image.new("RGB", (4, 4), "red").save(tmp_path / "x.png")
    with PIL.Image.open(tmp_path / "x.png") as value:
        back = decode(encode(value))
        assert back.tobytes() == value.tobytes() and back.format == "PNG" and back.size == (4, 4)
