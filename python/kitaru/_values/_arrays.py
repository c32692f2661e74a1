"""Arrays, frames and images: numpy, pandas, pyarrow, PIL.

Entered only when a value of one of these libraries is met, or a recorded one is read; the library itself is
imported in the function that needs it. Subclasses of their types and arrays of objects have no codec.
"""

from __future__ import annotations

import base64
import io
import sys
import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kitaru._values._names import shown
from kitaru._values._refusal import TAG, Unencodable

if TYPE_CHECKING:
    from collections.abc import Callable

    Reduce = Callable[[Any, int], dict[str, Any]]


def choose(cls: type) -> Reduce | None:
    """The reducer for a class of one of these libraries; ``None``: it has none here."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        if cls is numpy.ndarray:
            return _array
        if issubclass(cls, numpy.generic):
            return _scalar
        if issubclass(cls, numpy.dtype):
            return lambda value, mode: {TAG: "numpy.dtype", "v": numpy.lib.format.dtype_to_descr(value)}
    library = cls.__module__.partition(".")[0]
    if library == "pandas":
        return _PANDAS.get(cls.__name__)
    if library == "pyarrow":
        return _arrow_kind(cls)
    images: Any = sys.modules.get("PIL.Image")
    if images is not None and issubclass(cls, images.Image):
        return _image
    return None


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


# -- numpy ----------------------------------------------------------------------------------------------------


def _npy(value: Any) -> str:
    numpy = import_module("numpy")

    held = io.BytesIO()
    numpy.lib.format.write_array(held, value, allow_pickle=False)
    return _text(held.getvalue())


def _from_npy(text: str) -> Any:
    numpy = import_module("numpy")

    return numpy.lib.format.read_array(io.BytesIO(base64.b64decode(text)), allow_pickle=False)


def _array(value: Any, mode: int) -> dict[str, Any]:
    if value.dtype.hasobject or value.dtype.kind == "T":
        raise Unencodable("", f"numpy array of {value.dtype}", "Convert it to a list, or give it a plain dtype")
    return {TAG: "numpy.array", "v": _npy(value)}


_READABLE = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
)


def _scalar(value: Any, mode: int) -> dict[str, Any]:
    numpy = import_module("numpy")

    if value.dtype.hasobject:
        raise Unencodable("", shown(type(value)))
    if value.dtype.name in _READABLE and value.dtype.isnative:
        return {TAG: "numpy.scalar", "t": value.dtype.name, "v": value.item()}
    return {TAG: "numpy.scalar", "v": _npy(numpy.asarray(value))}


def _build_scalar(data: dict[str, Any]) -> Any:
    numpy = import_module("numpy")

    if "t" in data:
        return numpy.dtype(data["t"]).type(data["v"])
    return _from_npy(data["v"])[()]


def _build_dtype(data: dict[str, Any]) -> Any:
    numpy = import_module("numpy")

    return numpy.lib.format.descr_to_dtype(data["v"])


# -- pandas ---------------------------------------------------------------------------------------------------


def _column(values: Any) -> dict[str, Any]:
    """The values of a column or index, by what their dtype is."""
    numpy = import_module("numpy")
    pandas = import_module("pandas")

    dtype = values.dtype
    if isinstance(dtype, numpy.dtype):
        if not dtype.hasobject:
            return {"npy": _npy(numpy.asarray(values))}
        return {"list": list(values)}
    if isinstance(dtype, pandas.CategoricalDtype):
        held = values.array if hasattr(values, "array") else values
        categories = _index(dtype.categories, 0)
        return {"codes": _npy(numpy.asarray(held.codes)), "categories": categories["v"], "ordered": bool(dtype.ordered)}
    if isinstance(dtype, pandas.DatetimeTZDtype):
        naive = numpy.asarray(values.array.tz_convert("UTC").tz_localize(None))
        return {"npy": _npy(naive), "tz": dtype.tz}
    name = str(dtype)
    plain = [None if value is pandas.NA or value != value else value for value in values]
    column = {"list": plain, "dtype": name}
    made = _build_column(column)
    if made.dtype != dtype or not pandas.Series(made).equals(pandas.Series(values.array)):
        raise Unencodable("", f"pandas column of {name}", "Convert it to a plain dtype first, with .astype(...)")
    return column


def _build_column(column: dict[str, Any]) -> Any:
    numpy = import_module("numpy")
    pandas = import_module("pandas")

    if "codes" in column:
        categories = _build_index({"v": column["categories"]})
        dtype = pandas.CategoricalDtype(categories, ordered=column["ordered"])
        return pandas.Categorical.from_codes(_from_npy(column["codes"]), dtype=dtype)
    if "tz" in column:
        return pandas.DatetimeIndex(_from_npy(column["npy"])).tz_localize("UTC").tz_convert(column["tz"]).array
    if "npy" in column:
        return _from_npy(column["npy"])
    if "dtype" in column:
        return pandas.array(column["list"], dtype=column["dtype"])
    made = numpy.empty(len(column["list"]), dtype=object)
    for at, value in enumerate(column["list"]):
        made[at] = value
    return made


def _index(value: Any, mode: int) -> dict[str, Any]:
    pandas = import_module("pandas")

    if isinstance(value, pandas.MultiIndex):
        levels = [_index(value.get_level_values(at), mode)["v"] for at in range(value.nlevels)]
        return {TAG: "pandas.index", "v": {"levels": levels, "names": list(value.names)}}
    if isinstance(value, pandas.RangeIndex):
        return {TAG: "pandas.index", "v": {"range": [value.start, value.stop, value.step], "name": value.name}}
    column = _column(value)
    column["name"] = value.name
    frequency = getattr(value, "freqstr", None)
    if frequency is not None and type(value).__name__ in ("DatetimeIndex", "TimedeltaIndex"):
        column["freq"] = [type(value).__name__, frequency]
    return {TAG: "pandas.index", "v": column}


def _build_index(data: dict[str, Any]) -> Any:
    pandas = import_module("pandas")

    held = data["v"]
    if "levels" in held:
        return pandas.MultiIndex.from_arrays(
            [_build_index({"v": level}) for level in held["levels"]], names=held["names"]
        )
    if "range" in held:
        return pandas.RangeIndex(*held["range"], name=held["name"])
    column = _build_column(held)
    if "freq" in held:
        kind, frequency = held["freq"]
        made = pandas.TimedeltaIndex if kind == "TimedeltaIndex" else pandas.DatetimeIndex
        return made(column, name=held["name"], freq=frequency)
    if "npy" in held or "dtype" in held or "codes" in held:
        return pandas.Index(column, name=held["name"])
    # Values in a list were objects, and must not become another dtype by inference.
    return pandas.Index(column, name=held["name"], dtype=object)


def _series(value: Any, mode: int) -> dict[str, Any]:
    data = {"values": _column(value), "index": _index(value.index, mode)["v"], "name": value.name}
    if value.attrs:
        data["attrs"] = value.attrs
    return {TAG: "pandas.series", "v": data}


def _build_series(data: dict[str, Any]) -> Any:
    pandas = import_module("pandas")

    held = data["v"]
    made = pandas.Series(
        _build_column(held["values"]),
        index=_build_index({"v": held["index"]}),
        name=held["name"],
        dtype=object if held["values"].keys() == {"list"} else None,
    )
    made.attrs.update(held.get("attrs", {}))
    return made


def _frame(value: Any, mode: int) -> dict[str, Any]:
    columns = []
    for at in range(value.shape[1]):
        try:
            columns.append(_column(value.iloc[:, at]))
        except Unencodable as problem:
            raise Unencodable(f"[{value.columns[at]!r}]", problem.type_name, problem.hint) from None
    data = {"columns": _index(value.columns, mode)["v"], "index": _index(value.index, mode)["v"], "data": columns}
    if value.attrs:
        data["attrs"] = value.attrs
    return {TAG: "pandas.frame", "v": data}


def _build_frame(data: dict[str, Any]) -> Any:
    pandas = import_module("pandas")

    held = data["v"]
    index = _build_index({"v": held["index"]})
    series = {
        at: pandas.Series(_build_column(column), index=index, dtype=object if column.keys() == {"list"} else None)
        for at, column in enumerate(held["data"])
    }
    made = pandas.DataFrame(series, index=index, columns=range(len(series)))
    made.columns = _build_index({"v": held["columns"]})
    made.attrs.update(held.get("attrs", {}))
    return made


def _timestamp(value: Any, mode: int) -> dict[str, Any]:
    # With a unit and without a zone a number says it exactly, nanoseconds too.
    moment = value if value.tzinfo is None else value.tz_convert("UTC").tz_localize(None)
    return {TAG: "pandas.timestamp", "v": str(moment.asm8), "u": value.unit, "z": value.tzinfo}


def _build_timestamp(data: dict[str, Any]) -> Any:
    numpy = import_module("numpy")
    pandas = import_module("pandas")

    made = pandas.Timestamp(numpy.datetime64(data["v"], data["u"]))
    return made if data["z"] is None else made.tz_localize("UTC").tz_convert(data["z"])


def _timedelta(value: Any, mode: int) -> dict[str, Any]:
    return {TAG: "pandas.timedelta", "v": [int(value.asm8.astype("int64")), value.unit]}


def _build_timedelta(data: dict[str, Any]) -> Any:
    numpy = import_module("numpy")
    pandas = import_module("pandas")

    return pandas.Timedelta(numpy.timedelta64(*data["v"]))


def _missing(value: Any, mode: int) -> dict[str, Any]:
    pandas = import_module("pandas")

    return {TAG: "pandas.missing", "v": "NA" if value is pandas.NA else "NaT"}


def _build_missing(data: dict[str, Any]) -> Any:
    pandas = import_module("pandas")

    return pandas.NA if data["v"] == "NA" else pandas.NaT


_PANDAS: dict[str, Reduce] = {
    "DataFrame": _frame,
    "Series": _series,
    "Index": _index,
    "RangeIndex": _index,
    "MultiIndex": _index,
    "DatetimeIndex": _index,
    "TimedeltaIndex": _index,
    "CategoricalIndex": _index,
    "Timestamp": _timestamp,
    "Timedelta": _timedelta,
    "NaTType": _missing,
    "NAType": _missing,
}

# -- pyarrow --------------------------------------------------------------------------------------------------


def _arrow_kind(cls: type) -> Reduce | None:
    pyarrow = import_module("pyarrow")

    if issubclass(cls, pyarrow.Table):
        return _table
    if issubclass(cls, pyarrow.RecordBatch):
        return _batch
    if issubclass(cls, (pyarrow.Array, pyarrow.ChunkedArray)):
        return _arrow_array
    if issubclass(cls, pyarrow.Schema):
        return lambda value, mode: {TAG: "pyarrow.schema", "v": _text(value.serialize().to_pybytes())}
    return None


def _stream(schema: Any, write: Callable[[Any], None]) -> str:
    pyarrow = import_module("pyarrow")

    held = io.BytesIO()
    with pyarrow.ipc.new_stream(held, schema) as writer:
        write(writer)
    return _text(held.getvalue())


def _table(value: Any, mode: int) -> dict[str, Any]:
    return {TAG: "pyarrow.table", "v": _stream(value.schema, lambda writer: writer.write_table(value))}


def _batch(value: Any, mode: int) -> dict[str, Any]:
    return {TAG: "pyarrow.batch", "v": _stream(value.schema, lambda writer: writer.write_batch(value))}


def _arrow_array(value: Any, mode: int) -> dict[str, Any]:
    pyarrow = import_module("pyarrow")

    table = pyarrow.Table.from_arrays([value], names=["v"])
    data: dict[str, Any] = _table(table, mode)
    data[TAG] = "pyarrow.array"
    data["chunked"] = isinstance(value, pyarrow.ChunkedArray)
    return data


def _read(data: dict[str, Any]) -> Any:
    pyarrow = import_module("pyarrow")

    return pyarrow.ipc.open_stream(base64.b64decode(data["v"]))


def _build_batch(data: dict[str, Any]) -> Any:
    batches = list(_read(data))
    if len(batches) != 1:
        raise ValueError(f"{len(batches)} record batches where there was one")
    return batches[0]


def _build_arrow_array(data: dict[str, Any]) -> Any:
    pyarrow = import_module("pyarrow")

    column = _read(data).read_all().column(0)
    if data["chunked"]:
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pyarrow.concat_arrays(column.chunks) if column.num_chunks else pyarrow.array([], column.type)


def _build_schema(data: dict[str, Any]) -> Any:
    pyarrow = import_module("pyarrow")

    return pyarrow.ipc.read_schema(pyarrow.py_buffer(base64.b64decode(data["v"])))


# -- PIL ------------------------------------------------------------------------------------------------------


def _image(value: Any, mode: int) -> dict[str, Any]:
    if getattr(value, "n_frames", 1) > 1:
        raise Unencodable("", "image of several frames", "Copy the frame that counts: image.copy()")
    data: dict[str, Any] = {
        TAG: "PIL.image",
        "mode": value.mode,
        "size": list(value.size),
        "v": _text(zlib.compress(value.tobytes(), 1)),
        "info": value.info,
    }
    if value.format is not None:
        data["format"] = value.format
    if value.palette is not None and value.mode in ("P", "PA"):
        data["palette"] = [value.palette.mode, bytes(value.getpalette(value.palette.mode) or [])]
    return data


def _build_image(data: dict[str, Any]) -> Any:
    images = import_module("PIL.Image")

    made = images.frombytes(data["mode"], tuple(data["size"]), zlib.decompress(base64.b64decode(data["v"])))
    if "palette" in data:
        kind, colours = data["palette"]
        made.putpalette(colours, kind)
    made.info.update(data["info"])
    made.format = data.get("format")
    return made


BUILD: dict[str, Callable[[dict[str, Any]], Any]] = {
    "numpy.array": lambda data: _from_npy(data["v"]),
    "numpy.scalar": _build_scalar,
    "numpy.dtype": _build_dtype,
    "pandas.frame": _build_frame,
    "pandas.series": _build_series,
    "pandas.index": _build_index,
    "pandas.timestamp": _build_timestamp,
    "pandas.timedelta": _build_timedelta,
    "pandas.missing": _build_missing,
    "pyarrow.table": lambda data: _read(data).read_all(),
    "pyarrow.batch": _build_batch,
    "pyarrow.array": _build_arrow_array,
    "pyarrow.schema": _build_schema,
    "PIL.image": _build_image,
}
