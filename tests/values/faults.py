"""Exception classes as programs and provider libraries define them."""

from __future__ import annotations

from typing import Any


class Headers(dict):  # type: ignore[type-arg]
    pass


class Response:
    """Like an HTTP client's: holds what cannot be stored."""

    def __init__(self, status_code: int, headers: dict[str, str], text: str | None) -> None:
        self.status_code = status_code
        self.headers = Headers(headers)
        self._text = text
        self._stream = open(__file__)  # noqa: SIM115 - held open, as a connection is

    @property
    def text(self) -> str:
        if self._text is None:
            raise RuntimeError("not read")
        return self._text


class Request:
    def __init__(self) -> None:
        self.method = "POST"
        self.url = "https://api.example.org"
        self.headers = {"Authorization": "Bearer secret", "Accept": "json"}
        self.callback = lambda: 1


class ApiError(Exception):
    def __init__(self, *, response: Any, body: Any, request: Any = None) -> None:
        super().__init__(f"status {response.status_code}")
        self.response = response
        self.body = body
        self.request = request


class Slots(Exception):
    __slots__ = ("code", "__hidden")

    def __init__(self, code: int) -> None:
        self.code = code
        self.__hidden = [code]

    def hidden(self) -> list[int]:
        return self.__hidden


class Both(OSError):
    def __init__(self, a: Any, *, extra: Any) -> None:
        super().__init__(5, f"text {a}", "file")
        self.extra = extra


class Said(Exception):
    def __str__(self) -> str:
        return f"said {self.args[0] + self.more}"  # type: ignore[attr-defined]


class Holds(Exception):
    def __init__(self, what: Any) -> None:
        self.what = what


class New(Exception):
    def __new__(cls, *args: Any, need: int) -> New:
        return super().__new__(cls, *args)

    def __init__(self, *, need: int) -> None:
        self.need = need
