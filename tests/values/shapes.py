"""Classes that the tests of values store and load. They stand in a module, as users' classes do."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import pathlib
from typing import Any, Generic, NamedTuple, TypedDict, TypeVar

import attrs
import msgspec
import pydantic
import pydantic.dataclasses

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "r"
    GREEN = 2
    ALIAS = "r"  # noqa: PIE796


class Level(enum.IntEnum):
    LOW = 1


class Name(str, enum.Enum):
    A = "a"


class Right(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 0


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    x: Any
    y: Any = 3


RUNS: list[str] = []


@dataclasses.dataclass
class Counted:
    x: int
    total: int = dataclasses.field(init=False)
    unset: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        RUNS.append("Counted")
        self.total = self.x * 2
        self.x += 1


@dataclasses.dataclass
class Child(Point):
    z: Any = 0


@dataclasses.dataclass
class Box(Generic[T]):
    item: T

    @functools.cached_property
    def shown(self) -> str:
        return repr(self.item)


class Pair(NamedTuple):
    a: Any
    b: Any = 2


OldPair = collections.namedtuple("OldPair", "a b")


class Movie(TypedDict):
    title: str
    year: int


@attrs.define
class Attrs:
    x: Any
    y: Any = attrs.field(factory=list)
    _hidden: int = 1


@attrs.frozen(slots=False)
class FrozenAttrs:
    x: Any


class Struct(msgspec.Struct):
    x: Any
    y: Any = 1


class FrozenStruct(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    x: Any
    doubled: Any = None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "doubled", self.doubled or [self.x, self.x])


class Model(pydantic.BaseModel):
    x: Any
    y: int = 1


class Pet(pydantic.BaseModel):
    name: str


class Dog(Pet):
    tricks: list[str] = []


class Owner(pydantic.BaseModel):
    pets: list[Pet]
    by_name: dict[str, Pet] = {}


class Rich(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    given: int = pydantic.Field(alias="Given Name")
    _secret: int = pydantic.PrivateAttr(default=0)
    _never: int = pydantic.PrivateAttr()

    @pydantic.field_validator("given")
    @classmethod
    def twice(cls, value: int) -> int:
        RUNS.append("Rich")
        return value * 2

    def keep(self, value: int) -> Rich:
        self._secret = value
        return self


class Reply(pydantic.BaseModel, Generic[T]):
    data: T


class Ids(pydantic.RootModel[list[int]]):
    pass


class Site(pydantic.BaseModel):
    url: pydantic.HttpUrl


@pydantic.dataclasses.dataclass
class Validated:
    x: int


class MyStr(str):
    pass


class MyInt(int):
    pass


class MyList(list):  # type: ignore[type-arg]
    pass


class MyDict(dict):  # type: ignore[type-arg]
    def __init__(self, required: Any, /) -> None:
        super().__init__(required)
        self.extra = len(self)


class MySet(set):  # type: ignore[type-arg]
    pass


class MyTuple(tuple):  # type: ignore[type-arg]
    pass


class Plain:
    """No codec takes this."""


class Celsius:
    def __init__(self, degrees: float) -> None:
        self.degrees = degrees

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Celsius) and other.degrees == self.degrees

    __hash__ = None  # type: ignore[assignment]


class Colder(Celsius):
    pass


def function(x: int) -> int:
    return x + 1


class Folder(type(pathlib.Path())):  # type: ignore[misc]
    """A path of one's own class, which may hold more than the path."""
