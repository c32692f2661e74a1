"""A call's arguments: bound, encoded, digested, compared with what the body left of them, and given again.

Recorded is a flat JSON object: the parameters in their order with defaults applied, ``*args`` as a list under its
name, ``**kw`` by name in sorted order. Not here: the encoding itself (``_codec``).
"""

from __future__ import annotations

import json
import types
import weakref
from typing import TYPE_CHECKING, Any

from kitaru import _native
from kitaru._values import _registry
from kitaru._values._codec import (
    DIGEST,
    MUTABLE,
    STRICT,
    decode,
    decode_plain,
    decode_quietly,
    encode_arguments,
    rebuild,
)
from kitaru._values._refusal import TAG, Unencodable
from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Sequence

_REDUCED = 1
_ARGUMENTS, _KEYWORDS = "*", "**"
"""Where arguments stand that have no parameter of their own, and keywords that bear the name of another parameter."""


class Bound:
    """The arguments of one call, as of the moment of the call.

    ``kind``: ``"none"`` (no inputs), ``"digest"``, or ``"opaque"`` (an argument has no codec, its path is
    ``blocked``). ``text`` is the JSON of all arguments, ``None`` if they cannot all be recorded. ``arguments`` has
    the values by name, ``partial`` the JSON of those that can be recorded where not all can, ``mutable`` says
    whether a body could change any in place.
    """

    __slots__ = ("args", "arguments", "blocked", "checked", "digest", "kind", "kwargs", "mutable", "partial", "text")

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    arguments: dict[str, Any]
    text: str | None
    digest: bytes | None
    kind: str
    blocked: str | None
    mutable: bool
    partial: dict[str, str] | None
    checked: str | None


class _Shape:
    """What is known of a function's parameters, worked out once."""

    __slots__ = (
        "__weakref__",
        "by_keyword",
        "defaults",
        "fast",
        "keywords",
        "loose",
        "names",
        "order",
        "positional",
        "rest",
    )

    def __init__(
        self,
        positional_only: Sequence[str],
        positional: Sequence[str],
        rest: str | None,
        keyword_only: Sequence[str],
        keywords: str | None,
        defaults: dict[str, Any],
    ) -> None:
        self.rest = rest
        self.keywords = keywords
        self.fast = rest is None and keywords is None
        self.names = (*positional_only, *positional, *keyword_only)
        self.positional = len(positional_only) + len(positional)
        self.by_keyword = frozenset((*positional, *keyword_only))
        self.defaults = defaults
        # As the function declares them; what ``**`` takes follows.
        self.order = (*positional_only, *positional, *((rest,) if rest is not None else ()), *keyword_only)
        # What a decorator's wrapper itself takes, where that differs from what it says.
        self.loose: inspect.Signature | None = None


_shapes: weakref.WeakKeyDictionary[Any, _Shape] = weakref.WeakKeyDictionary()


def _shape(function: Callable[..., Any]) -> _Shape:
    try:
        found = _shapes.get(function)
    except TypeError:
        return _read_shape(function)
    if found is None:
        found = _read_shape(function)
        try:
            _shapes[function] = found
        except TypeError:
            return found
    return found


def _read_shape(function: Callable[..., Any]) -> _Shape:
    own = function.__dict__ if type(function) is types.FunctionType else None
    if own is not None and "__wrapped__" not in own and "__signature__" not in own:
        return _plain_shape(function)  # type: ignore[arg-type]
    import inspect

    try:
        signature = inspect.signature(function)
        wrapper = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        # Some functions in C do not say what they take.
        return _plain_shape(_anything)  # type: ignore[arg-type]
    by_kind: dict[Any, list[str]] = {}
    for one in signature.parameters.values():
        by_kind.setdefault(one.kind, []).append(one.name)
    kinds = inspect.Parameter
    shape = _Shape(
        by_kind.get(kinds.POSITIONAL_ONLY, ()),
        by_kind.get(kinds.POSITIONAL_OR_KEYWORD, ()),
        next(iter(by_kind.get(kinds.VAR_POSITIONAL, ())), None),
        by_kind.get(kinds.KEYWORD_ONLY, ()),
        next(iter(by_kind.get(kinds.VAR_KEYWORD, ())), None),
        {one.name: one.default for one in signature.parameters.values() if one.default is not kinds.empty},
    )
    if list(wrapper.parameters) != list(signature.parameters):
        shape.loose = wrapper
    return shape


_VARARGS, _VARKEYWORDS = 4, 8
"""Flags of code objects (``inspect.CO_VARARGS`` and ``CO_VARKEYWORDS``, whose module is slow to import)."""


def _plain_shape(function: types.FunctionType) -> _Shape:
    code = function.__code__
    names, count, only = code.co_varnames, code.co_argcount, code.co_kwonlyargcount
    end = count + only
    rest = names[end] if code.co_flags & _VARARGS else None
    keywords = names[end + (rest is not None)] if code.co_flags & _VARKEYWORDS else None
    given = function.__defaults__ or ()
    defaults = dict(zip(names[count - len(given) : count], given, strict=True))
    defaults.update(function.__kwdefaults__ or {})
    first = code.co_posonlyargcount
    return _Shape(names[:first], names[first:count], rest, names[count:end], keywords, defaults)


def _anything(*args: Any, **kwargs: Any) -> None:
    """The parameters of a function that does not tell."""


class Signature:
    """A function's parameters, and what of them tells its calls apart.

    ``ignore`` names arguments that do not count; ``identity(...)`` takes the arguments, or those of its own
    parameters' names, and returns what counts instead. Raises :class:`KitaruUsageError` for unknown names.
    """

    __slots__ = ("_function", "_shape", "identity", "ignore", "wants")

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        ignore: Sequence[str] = (),
        identity: Callable[..., Any] | None = None,
    ) -> None:
        self._function = fn
        self._shape = _shape(fn)
        self.ignore = frozenset(ignore)
        self.identity = identity
        shape = self._shape
        if self.ignore and shape.keywords is None:
            known = {*shape.names, shape.rest}
            unknown = sorted(self.ignore - known)
            if unknown:
                takes = ", ".join(shape.order) or "no arguments"
                raise KitaruUsageError(f"ignore={unknown[0]!r}: {_called(fn)} takes {takes}")
        self.wants = _wanted(identity, shape) if identity is not None else None

    # -- at the call -----------------------------------------------------------------------------------

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bound:
        """Binds and encodes a call's arguments. Raises the ``TypeError`` that the call itself would raise."""
        bound = Bound()
        bound.args, bound.kwargs = args, kwargs
        flat = self._quick(args, kwargs) if self._shape.fast else None
        if flat is None:
            flat = self._slow(args, kwargs)
        bound.arguments = flat
        bound.blocked = bound.partial = bound.checked = None
        if not flat:
            bound.text, bound.kind, bound.digest, bound.mutable = "{}", "none", None, False
            return bound
        try:
            text, digest, flags = encode_arguments(flat, STRICT)
        except Unencodable as problem:
            self._opaque(bound, flat, problem)
            return bound
        bound.text = bound.checked = text
        bound.mutable = flags & MUTABLE != 0
        if self.ignore or self.identity is not None or (flags & _REDUCED and _registry.identities):
            self._particular(bound, flat)
        else:
            bound.kind, bound.digest = "digest", digest
        return bound

    def _quick(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
        """Plain parameters only; ``None``: what is left to the thorough way, errors too."""
        shape = self._shape
        names = shape.names
        given = len(args)
        if given > shape.positional:
            return None
        flat = dict(zip(names, args, strict=False))
        if given == len(names) and not kwargs:
            return flat
        for name, value in kwargs.items():
            if name in flat or name not in shape.by_keyword:
                return None
            flat[name] = value
        if len(flat) < len(names):
            defaults = shape.defaults
            for name in names:
                if name not in flat:
                    if name not in defaults:
                        return None
                    flat[name] = defaults[name]
        return {name: flat[name] for name in names}

    def _slow(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Any parameters. Raises the ``TypeError`` of arguments that do not fit."""
        shape = self._shape
        named = dict(zip(shape.names, args[: shape.positional], strict=False))
        rest = args[shape.positional :]
        problem = None
        if rest and shape.rest is None:
            problem = "too many positional arguments"
        others: dict[str, Any] = {}
        for name, value in kwargs.items():
            if name in shape.by_keyword:
                if name in named:
                    problem = f"multiple values for argument {name!r}"
                named[name] = value
            elif shape.keywords is not None:
                others[name] = value
            else:
                problem = f"got an unexpected keyword argument {name!r}"
        missing = [name for name in shape.names if name not in named and name not in shape.defaults]
        if missing:
            problem = f"missing a required argument: {missing[0]!r}"
        if problem is not None:
            if shape.loose is None:
                raise self._failure(args, kwargs, problem)
            return self._unnamed(args, kwargs, shape.loose)
        flat: dict[str, Any] = {}
        for name in shape.order:
            if name == shape.rest:
                if rest:
                    flat[name] = list(rest)
            else:
                flat[name] = named[name] if name in named else shape.defaults[name]
        taken = {*shape.order, _ARGUMENTS, _KEYWORDS}
        if taken.isdisjoint(others):
            flat.update((name, others[name]) for name in sorted(others))
        else:
            flat[_KEYWORDS] = {name: others[name] for name in sorted(others)}
        return flat

    def _unnamed(self, args: tuple[Any, ...], kwargs: dict[str, Any], own: inspect.Signature) -> dict[str, Any]:
        """A decorator's wrapper that takes other arguments than the function that it says it is: they have no names."""
        try:
            own.bind(*args, **kwargs)
        except TypeError as problem:
            raise self._failure(args, kwargs, str(problem)) from None
        flat: dict[str, Any] = {_ARGUMENTS: list(args)}
        if kwargs:
            flat[_KEYWORDS] = {key: kwargs[key] for key in sorted(kwargs)}
        return flat

    def _failure(self, args: tuple[Any, ...], kwargs: dict[str, Any], problem: str) -> TypeError:
        function = self._function
        if type(function) is types.FunctionType and not hasattr(function, "__wrapped__"):
            try:
                # Its arguments do not fit, so this raises before any of its code runs: Python's own words.
                function(*args, **kwargs)
            except TypeError as own:
                return own.with_traceback(None)
        return TypeError(f"{_called(function)}() {problem}")

    def _particular(self, bound: Bound, flat: dict[str, Any]) -> None:
        """The digest where not all arguments count, or not as they are."""
        counted = self._counted(flat)
        if self.ignore:
            bound.checked = encode_arguments(counted, STRICT)[0] if bound.text is not None and counted else None
        if self.identity is not None:
            try:
                bound.digest = encode_arguments({"identity": self._identity(flat)}, DIGEST)[1]
            except Unencodable as problem:
                raise KitaruUsageError(
                    f"identity= of {_called(self._function)} returned a {problem.type_name} ({problem.path}), "
                    "which has no codec: return plain data"
                ) from None
            bound.kind = "digest"
        elif not counted:
            bound.kind, bound.digest = "none", None
        else:
            try:
                bound.digest, bound.kind = encode_arguments(counted, DIGEST)[1], "digest"
            except Unencodable:
                bound.digest, bound.kind = None, "opaque"

    def _opaque(self, bound: Bound, flat: dict[str, Any], problem: Unencodable) -> None:
        """Not all arguments can be recorded; those that can are kept, to notice that the body changed them."""
        bound.text, bound.blocked, bound.partial = None, problem.path, {}
        bound.mutable = False
        for name, value in flat.items():
            if name in self.ignore:
                continue
            try:
                text, _, flags = encode_arguments({name: value}, STRICT)
            except Unencodable:
                continue
            bound.partial[name] = text
            bound.mutable = bound.mutable or flags & MUTABLE != 0
        self._particular(bound, flat)

    def _counted(self, flat: dict[str, Any]) -> dict[str, Any]:
        if not self.ignore:
            return flat
        counted = {name: value for name, value in flat.items() if name not in self.ignore}
        if _KEYWORDS in counted:
            nested = {name: value for name, value in counted[_KEYWORDS].items() if name not in self.ignore}
            counted[_KEYWORDS] = nested
        return counted

    def _identity(self, flat: dict[str, Any]) -> Any:
        assert self.identity is not None
        args, kwargs = self.spread(dict(flat))
        if self.wants is None:
            return self.identity(*args, **kwargs)
        return self.identity(**{name: flat[name] for name in self.wants if name in flat})

    # -- after the body --------------------------------------------------------------------------------

    def rebind_check(self, bound: Bound) -> str | None:
        """The path of the first argument that the body changed in place, such as ``messages[3]``, or ``None``."""
        if bound.partial is not None:
            for name, before in bound.partial.items():
                changed = _changed(before, {name: bound.arguments[name]})
                if changed is not None:
                    return changed
            return None
        if bound.checked is None:
            return None
        return _changed(bound.checked, self._counted(bound.arguments))

    # -- again, later ----------------------------------------------------------------------------------

    def canonical(self, known: dict[str, Any]) -> str | None:
        """The text whose BLAKE3 is the digest of a call with these arguments (by name, as :meth:`bind` records
        them); ``None`` if they have none."""
        if self.identity is not None:
            return encode_arguments({"identity": self._identity(known)}, DIGEST)[0]
        ordered = {name: known[name] for name in self._shape.order if name in known}
        ordered.update((name, value) for name, value in known.items() if name not in ordered)
        counted = self._counted(ordered)
        return encode_arguments(counted, DIGEST)[0] if counted else None

    def encodes_the_same(self, before: str, digest: bytes | None) -> bool:
        """Whether recorded arguments have this digest when they are encoded again: then only a codec has changed."""
        try:
            known = decode_quietly(before)
            again = self.canonical(known) if isinstance(known, dict) else None
        except Exception:
            # Classes, codecs and identity= of today meet values of then, and may raise anything.
            return False
        return again is not None and _native.blake3(again) == digest

    def detach(self, bound: Bound) -> Unencodable | None:
        """Puts copies in place of arguments, as they were at the call. Returns why they stay what they are, if so."""
        if bound.text is None:
            return None
        try:
            known: dict[str, Any] = rebuild(bound.text, bound.arguments, "its input")
        except Unencodable as problem:
            return problem
        bound.arguments = known
        bound.args, bound.kwargs = self.spread(dict(known))
        return None

    def unbind(self, text: str, plain: bool = False) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Recorded arguments (or, if ``plain``, a JSON object that a user gave) as ``(args, kwargs)``."""
        known = decode_plain(text) if plain else decode(text)
        if not isinstance(known, dict):
            raise KitaruUsageError(f"arguments of {_called(self._function)}: they are a JSON object of name and value")
        return self.spread(dict(known))

    def spread(self, known: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments by name, as :meth:`bind` has them, as ``(args, kwargs)``. Empties ``known``."""
        shape = self._shape
        rest = known.pop(shape.rest, None) if shape.rest is not None else None
        args: list[Any] = known.pop(_ARGUMENTS, [])
        kwargs: dict[str, Any] = {}
        nested = known.pop(_KEYWORDS, None)
        for at, name in enumerate(shape.names):
            if name not in known:
                continue
            if name not in shape.by_keyword or (rest and at < shape.positional):
                args.append(known.pop(name))
            else:
                kwargs[name] = known.pop(name)
        if isinstance(rest, (list, tuple)):
            args.extend(rest)
        elif rest is not None:
            args.append(rest)
        if isinstance(nested, dict):
            kwargs.update(nested)
        kwargs.update(known)
        return tuple(args), kwargs


def _called(function: Any) -> str:
    name: str = getattr(function, "__qualname__", None) or repr(function)
    return name


def _wanted(identity: Callable[..., Any], shape: _Shape) -> tuple[str, ...] | None:
    """The parameters that ``identity`` takes by name; ``None``: it takes the arguments as they come."""
    own = _shape(identity)
    named = own.fast and own.by_keyword.issuperset(own.names) and set(own.names) <= set(shape.order)
    return own.names if named else None


def _changed(before: str, arguments: dict[str, Any]) -> str | None:
    try:
        now = encode_arguments(arguments, STRICT)[0]
    except Unencodable as problem:
        return problem.path
    except RuntimeError:
        # It is being changed right now, by code beside the flow.
        return next(iter(arguments), "(unknown)")
    if now == before:
        return None
    return first_difference(json.loads(before), json.loads(now)) or "(unknown)"


def first_difference(a: Any, b: Any) -> str | None:
    """The path of the first place where two recorded JSON values differ, or ``None``."""
    path: list[str] = []
    while True:
        if type(a) is type(b) is dict:
            if TAG in a and a.get(TAG) == b.get(TAG) and a.get("t") == b.get("t") and a.get("v") != b.get("v"):
                # What stands in a tagged value belongs to the path of that value.
                a, b = a.get("v"), b.get("v")
                continue
            key = next((k for k in [*a, *b] if k not in a or k not in b or _differ(a[k], b[k])), None)
            if key is None:
                return "".join(path).lstrip(".") if _differ(list(a), list(b)) else None
            path.append(f".{key}")
            if key not in a or key not in b:
                return "".join(path).lstrip(".")
            a, b = a[key], b[key]
        elif type(a) is type(b) is list:
            at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if _differ(x, y)), min(len(a), len(b)))
            if at == len(a) == len(b):
                return None
            path.append(f"[{at}]")
            if at >= len(a) or at >= len(b):
                return "".join(path).lstrip(".")
            a, b = a[at], b[at]
        else:
            return "".join(path).lstrip(".") if _differ(a, b) else None


def _differ(a: Any, b: Any) -> bool:
    return json.dumps(a) != json.dumps(b)
