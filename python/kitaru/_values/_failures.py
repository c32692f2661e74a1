"""Exceptions as data, and rebuilt from it without calling ``__init__``.

An exception and all that hangs on it (cause, context, members of a group) is one flat table, so that chains of any
length and shared links survive. Not here: what becomes of a failure that does not rebuild (the engine runs that
call again).
"""

from __future__ import annotations

import builtins
import contextlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

from kitaru._values import _codec
from kitaru._values._codec import Json, decode, encode
from kitaru._values._names import find, name_of, reference, shown
from kitaru._values._refusal import TAG, NotLoaded, RawValue, Unencodable
from kitaru._values._response import Recorded, bag_of
from kitaru._values._subclasses import slots_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_CHAIN = 200
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LOST = "an attribute that was not stored"
# What exceptions written in C keep outside `args` and `__dict__`. AttributeError.obj is for suggestions only.
_OWN: dict[type[BaseException], tuple[str, ...]] = {
    OSError: ("errno", "strerror", "filename", "filename2"),
    UnicodeDecodeError: ("encoding", "object", "start", "end", "reason"),
    UnicodeEncodeError: ("encoding", "object", "start", "end", "reason"),
    UnicodeTranslateError: ("object", "start", "end", "reason"),
    SyntaxError: ("msg", "filename", "lineno", "offset", "text", "end_lineno", "end_offset"),
    StopIteration: ("value",),
    SystemExit: ("code",),
    ImportError: ("msg", "name", "path"),
    AttributeError: ("name",),
    NameError: ("name",),
}
_GROUP: Any = getattr(builtins, "BaseExceptionGroup", None)


class RecordedError(Exception):
    """Stands for a recorded exception whose class is missing or does not load.

    ``type_name`` and ``message`` are those of the original, ``reason`` says why it was not rebuilt.
    """

    def __init__(self, type_name: str, message: str, reason: str = "") -> None:
        super().__init__(type_name, message)
        self.type_name = type_name
        self.message = message
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message}"


# -- writing --------------------------------------------------------------------------------------------------


def encode_error(exc: BaseException) -> dict[str, Any]:
    """An exception for the journal: ``type``, ``message``, ``traceback``, ``value`` (JSON text) and ``rebuilds``.

    ``rebuilds`` is false where the exception that :func:`decode_error` makes of it differs in type, arguments,
    text, attributes or chain.
    """
    lost: list[str] = []
    value = _encode_table(exc, lost)
    return {
        "type": name_of(type(exc)).replace(":", ".", 1),
        "message": _message(exc),
        "traceback": _traceback(exc),
        "value": value,
        "rebuilds": not lost and _survives(exc, value),
    }


def _survives(exc: BaseException, value: str) -> bool:
    try:
        back = decode_error(value)
        if type(back) is not type(exc):
            return False
        lost: list[str] = []
        return _encode_table(back, lost) == value and not lost
    except Exception:
        # The user's own classes take part in this and may raise anything: then it does not rebuild.
        return False


def settle(exc: BaseException, value: str) -> None:
    """Puts what was written of an exception, and of those that hang on it, in the place of what they hold.

    It stays the exception that was raised, with its traceback; whoever handles it sees what a re-entry will see.
    """
    seen: set[int] = set()
    pairs: list[tuple[Any, Any]] = [(exc, decode_error(value))]
    while pairs:
        live, kept = pairs.pop()
        if live is None or type(live) is not type(kept) or id(live) in seen:
            continue
        seen.add(id(live))
        with contextlib.suppress(Exception):  # a class of the user's may refuse to be changed, and stays as it is
            _replace(live, kept)
        pairs += [(live.__cause__, kept.__cause__), (live.__context__, kept.__context__)]
        pairs += zip(getattr(live, "exceptions", ()), getattr(kept, "exceptions", ()), strict=False)


def _replace(live: BaseException, kept: BaseException) -> None:
    if _validation(live) is not None:
        return
    if _GROUP is None or not isinstance(live, _GROUP):
        live.args = kept.args
    getattr(live, "__dict__", {}).update(getattr(kept, "__dict__", {}))
    for name in slots_of(type(live)):
        if hasattr(kept, name):
            object.__setattr__(live, name, getattr(kept, name))


def reduce_error(exc: BaseException, mode: int) -> dict[str, Any]:
    """An exception as a value in a result or an argument: nothing of it may be lost. For ``_codec``."""
    return _table(exc, None)


def _encode_table(exc: BaseException, lost: list[str]) -> str:
    return encode(_Table(_table(exc, lost)), "error")


class _Table:
    """A table ready to be written."""

    __slots__ = ("data",)

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data


class _Lost:
    """Marks what could not be stored."""

    __slots__ = ("data",)

    def __init__(self, value: Any) -> None:
        self.data = {TAG: "lost", "t": shown(type(value)), "v": _shortened(value)}


def _table(exc: BaseException, lost: list[str] | None) -> dict[str, Any]:
    """The table of an exception. Parts without a codec go into ``lost``, or if that is ``None`` are refused."""
    order: list[BaseException] = [exc]
    index = {id(exc): 0}

    def link(other: BaseException | None) -> int | None:
        if other is None:
            return None
        known = index.get(id(other))
        if known is None:
            if len(order) >= _LONGEST_CHAIN:
                if lost is not None:
                    lost.append("chain")
                return None
            known = index[id(other)] = len(order)
            order.append(other)
        return known

    rows: list[Any] = []
    at = 0
    while at < len(order):
        one = order[at]
        rows.append(_row(one, link, lost))
        at += 1
    # The first stands by itself, so that paths lead into it without a number.
    return {TAG: "errors", "v": rows[0], "more": rows[1:]} if len(rows) > 1 else {TAG: "errors", "v": rows[0]}


def _row(one: BaseException, link: Any, lost: list[str] | None) -> dict[str, Any]:
    cls = type(one)
    row: dict[str, Any] = {"t": _class_name(cls, lost), "message": _message(one)}
    special = _validation(one)
    if special is not None:
        row["validation"] = _kept(special, "errors", lost)
    elif isinstance(one, RecordedError):
        row["t"], row["message"] = one.type_name.replace(".", ":", 1), one.message
        row["missing"] = one.type_name
    else:
        row["args"] = [_kept(value, f"args[{at}]", lost) for at, value in enumerate(one.args)]
        attributes = {name: _kept(value, name, lost) for name, value in _attributes(one)}
        if attributes:
            row["attributes"] = attributes
    if _GROUP is not None and isinstance(one, _GROUP):
        row["group"] = [one.message, [link(member) for member in one.exceptions]]
        # The members stand in the table; their place in `args` would be a second copy.
        row["args"] = []
    for name, other in (("cause", one.__cause__), ("context", one.__context__)):
        number = link(other)
        if number is not None:
            row[name] = number
    if one.__suppress_context__:
        row["suppress"] = True
    return row


def _class_name(cls: type, lost: list[str] | None) -> str:
    if lost is None:
        return reference(cls)
    try:
        return reference(cls)
    except Unencodable:
        lost.append("class")
        return name_of(cls)


def _kept(value: Any, name: str, lost: list[str] | None) -> Any:
    """A part's JSON text; a stand-in for a response; or if it is lost, its repr with a mark."""
    if lost is None:
        return value
    try:
        return Json(encode(value, name))
    except Unencodable:
        pass
    bag = bag_of(value)
    if bag is not None:
        return bag
    lost.append(name)
    return _Lost(value)


def _shortened(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:
        # Somebody's __repr__: what it raises is all that can be said of the value.
        text = f"<its repr raised {type(error).__name__}>"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")[:500]


def _attributes(one: BaseException) -> Iterator[tuple[str, Any]]:
    yield from getattr(one, "__dict__", {}).items()
    for name in slots_of(type(one)):
        if hasattr(one, name):
            yield name, getattr(one, name)
    for base, names in _OWN.items():
        if isinstance(one, base):
            for name in names:
                value = getattr(one, name, None)
                if value is not None:
                    yield name, value


def _message(one: BaseException) -> str:
    try:
        text = str(one)
    except Exception as error:
        # An exception class may have a broken __str__; the failure itself must be recorded all the same.
        text = f"<its text cannot be had: {type(error).__name__}: {error}>"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _traceback(exc: BaseException) -> str:
    """The traceback as Python prints it, without this library's own frames."""
    try:
        printed = traceback.TracebackException.from_exception(exc)
        _leave_out_ours(printed)
        text = "".join(printed.format())
    except Exception as error:
        # Formatting calls the user's __str__ and __repr__.
        text = f"(the traceback cannot be shown: {type(error).__name__}: {error})\n"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _leave_out_ours(printed: traceback.TracebackException) -> None:
    ahead: list[traceback.TracebackException | None] = [printed]
    while ahead:
        one = ahead.pop()
        if one is not None:
            kept = [frame for frame in one.stack if not frame.filename.startswith(_OURS)]
            one.stack = traceback.StackSummary.from_list(kept)
            ahead += [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())]


# -- reading --------------------------------------------------------------------------------------------------


def decode_error(text: str) -> BaseException:
    """The exception of a recorded JSON text; a :class:`RecordedError` if its class is missing or does not load."""
    found = decode(text)
    if isinstance(found, BaseException):
        return found
    if isinstance(found, RawValue):
        first = found.raw.get("v") if isinstance(found.raw, dict) else None
        if not isinstance(first, dict):
            first = {}
        name = str(first.get("t", "exception")).replace(":", ".", 1)
        return RecordedError(name, str(first.get("message", "")), found.reason)
    return RecordedError("exception", text[:500], "it was not recorded as an exception")


def build_error(data: dict[str, Any]) -> BaseException:
    """Rebuilds the exceptions of a table, links them, and returns the first. For ``_codec``."""
    rows: list[dict[str, Any]] = [data["v"], *data.get("more", ())]
    made: dict[int, BaseException] = {}
    for at in reversed(range(len(rows))):
        _build(at, rows, made)
    for at, row in enumerate(rows):
        one = made[at]
        if "cause" in row:
            one.__cause__ = made[row["cause"]]
        if "context" in row:
            one.__context__ = made[row["context"]]
        # After the cause, whose setter sets it.
        one.__suppress_context__ = bool(row.get("suppress"))
    return made[0]


def _build(at: int, rows: list[dict[str, Any]], made: dict[int, BaseException]) -> None:
    # Members come before their group; they stand behind it, and going backwards has met them, unless they are shared.
    waiting = [at]
    while waiting:
        at = waiting[-1]
        row = rows[at]
        missing = [one for one in row.get("group", (None, ()))[1] if one not in made]
        if at in made:
            waiting.pop()
        elif missing and not set(missing) & set(waiting):
            waiting.extend(missing)
        else:
            made[at] = _one(row, made)
            waiting.pop()


def _one(row: dict[str, Any], made: dict[int, BaseException]) -> BaseException:
    name = row["t"].replace(":", ".", 1)
    if "missing" in row:
        return RecordedError(row["missing"], row["message"])
    try:
        cls = find(row["t"])
        if not (isinstance(cls, type) and issubclass(cls, BaseException)):
            raise NotLoaded(name, "it is no exception class any more")
        if "validation" in row:
            return _rebuilt_validation(cls, *row["validation"])
        return _without_init(cls, row, made)
    except Exception as error:
        # A class's own code may run (`__new__`, setters) and raise anything; the record stays readable.
        reason = error.reason if isinstance(error, NotLoaded) else f"{type(error).__name__}: {error}"
        return RecordedError(name, row["message"], reason)


def _without_init(cls: Any, row: dict[str, Any], made: dict[int, BaseException]) -> BaseException:
    one: BaseException
    if "group" in row:
        message, members = row["group"]
        one = _GROUP.__new__(cls, message, [made[number] for number in members])
    else:
        base: Any = next(b for b in cls.__mro__ if b.__module__ == "builtins")
        one = base.__new__(cls)
        one.args = tuple(row["args"])
    for name, value in row.get("attributes", {}).items():
        if hasattr(one, "__dict__") and not _declared(cls, name):
            one.__dict__[name] = value
        else:
            object.__setattr__(one, name, value)
    return one


def _declared(cls: type, name: str) -> bool:
    """Whether a name is a slot or a member of a C type, which only an assignment reaches."""
    found = getattr(cls, name, None)
    return type(found).__name__ in ("member_descriptor", "getset_descriptor")


# -- pydantic's own error, which is final and has no arguments ------------------------------------------------


def _validation(one: BaseException) -> list[Any] | None:
    core = sys.modules.get("pydantic_core")
    if core is None or type(one) is not core.ValidationError:
        return None
    errors = []
    for line in one.errors(include_url=False):  # type: ignore[attr-defined]
        kept = {name: line[name] for name in ("type", "loc", "input", "ctx") if name in line}
        if not _is_known(line):
            kept["msg"] = line["msg"]
        errors.append(kept)
    return [one.title, errors]  # type: ignore[attr-defined]


def _is_known(line: Any) -> bool:
    """Whether an error is one of pydantic's own, and no PydanticCustomError of the user's."""
    from pydantic_core import PydanticKnownError

    try:
        PydanticKnownError(line["type"], line.get("ctx"))
    except (KeyError, TypeError, ValueError):
        return False
    return True


def _rebuilt_validation(cls: Any, title: str, errors: list[dict[str, Any]]) -> BaseException:
    from pydantic_core import PydanticCustomError

    lines = []
    for line in errors:
        if "msg" in line:
            kind = PydanticCustomError(line["type"], line["msg"], line.get("ctx"))
            lines.append({"type": kind, "loc": line["loc"], "input": line["input"]})
        else:
            lines.append(line)
    made: BaseException = cls.from_exception_data(title, lines)
    return made


def _lost(data: dict[str, Any]) -> RawValue:
    return RawValue(data.get("t", "object"), data, _LOST)


_codec.also(_Table, lambda value, mode: value.data, {"errors": build_error})
_codec.also(_Lost, lambda value, mode: value.data, {"lost": _lost})
_codec.also(Recorded, Recorded.reduce, {"recorded": Recorded.build})
