"""What is kept of an HTTP response or request that hangs on a provider's exception.

Handlers read ``error.response.status_code`` and the like; the object itself (sockets, streams) cannot be stored.
Secrets in headers are left out. Not here: which exceptions have one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kitaru._values._refusal import TAG

_SECRET = {
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-auth-token",
}
_RESPONSE = ("status_code", "status", "reason_phrase", "reason", "text", "url", "ok", "http_version")
_REQUEST = ("method", "url")
_LONGEST = 256 * 1024


class Headers(Mapping[str, str]):
    """Recorded headers; names in any case."""

    __slots__ = ("_items",)

    def __init__(self, items: dict[str, str]) -> None:
        self._items = items

    def __getitem__(self, name: str) -> str:
        wanted = name.lower()
        for key, value in self._items.items():
            if key.lower() == wanted:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"


class Recorded:
    """Stands for a response or request of a recorded exception: its plain attributes, ``headers``, ``json()``."""

    def __init__(self, type_name: str, attributes: dict[str, Any], headers: dict[str, str]) -> None:
        self.__dict__.update(attributes)
        self.__dict__["headers"] = Headers(headers)
        self.__dict__["_type_name"] = type_name

    def json(self) -> Any:
        """The body as JSON."""
        import json

        return json.loads(self.text)

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        return str(self.text).encode("utf-8")

    def __getattr__(self, name: str) -> Any:
        kind = self.__dict__.get("_type_name", "object")
        raise AttributeError(f"{name!r} of the {kind} was not recorded with the exception")

    def __repr__(self) -> str:
        return f"<recorded {self._type_name}>"

    @staticmethod
    def reduce(value: Recorded, mode: int) -> dict[str, Any]:
        """For ``_codec``."""
        held = {name: one for name, one in value.__dict__.items() if name not in ("headers", "_type_name")}
        return {TAG: "recorded", "t": value._type_name, "v": held, "h": dict(value.headers)}

    @staticmethod
    def build(data: dict[str, Any]) -> Recorded:
        """For ``_codec``."""
        return Recorded(data["t"], data["v"], data["h"])


def bag_of(value: Any) -> Recorded | None:
    """What can be kept of an object that looks like an HTTP response or request; ``None``: it does not."""
    headers = _read(value, "headers")
    if headers is None:
        return None
    status = _read(value, "status_code")
    status = _read(value, "status") if status is None else status
    names: tuple[str, ...]
    if isinstance(status, int):
        names = _RESPONSE
    elif isinstance(_read(value, "method"), str):
        names = _REQUEST
    else:
        return None
    try:
        kept = {str(name): str(one) for name, one in dict(headers).items() if str(name).lower() not in _SECRET}
    except (TypeError, ValueError):
        return None
    attributes: dict[str, Any] = {}
    for name in names:
        found = _read(value, name)
        if found is None:
            continue
        if name == "text":
            if not isinstance(found, str) or len(found) > _LONGEST:
                continue
        elif not isinstance(found, (bool, int, str)):
            found = str(found)
        attributes[name] = found
    return Recorded(type(value).__name__, attributes, kept)


def _read(value: Any, name: str) -> Any:
    try:
        return getattr(value, name, None)
    except Exception:
        # Reading the text of a response whose stream was not read raises, as the client library pleases.
        return None
