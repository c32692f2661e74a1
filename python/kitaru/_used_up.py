"""Arguments that a body uses up, such as a generator or an open file: a recorded result does not use them up.

A call that runs with one that a recorded call was given would find it where nobody left it, so it is asked about. Not
here: arguments that can be stored, which are compared after the body (``_values``).
"""

from __future__ import annotations

import io
import random
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from kitaru._calls import Identified
    from kitaru._steps import Step

_MODULES = ("builtins", "itertools", "_csv")


def served(one: Identified) -> None:
    """A recorded call is given its result: what it was given stays as it is."""
    run = one.run
    for value in _used_up(one):
        record = run.session.record_of(one.call)
        run.unread.setdefault(id(value), (value, []))[1].append(record if record is not None else (one.name, 0))


def asked(one: Identified) -> Generator[Step, Any, None]:
    """A call is about to run. Pauses where it is given what recorded calls have left as it was."""
    import json
    import shlex

    from kitaru._decisions import _ask

    run = one.run
    for value in _used_up(one):
        if id(value) not in run.unread:
            continue
        records = run.unread[id(value)][1]
        again = " ".join(f"--rerun {shlex.quote(key)}" for key, _ in records)
        keys = ", ".join(key for key, _ in records)
        text = (
            f"{one.name} is given a {type(value).__qualname__} that {keys} worked on before; their recorded results "
            "are used, so it does not stand where they left it.\n"
            "Give each call what it needs (a list, a path), or leave the argument out with ignore=.\n"
            f"To run those again (may cost): kitaru resume {run.id[-8:]} {again}"
        )
        key, seq = records[0]
        yield from _ask(one, json.dumps({"volatile": {"key": key, "record": seq, "path": ""}}), text)


def _used_up(one: Identified) -> Iterator[Any]:
    for name, held in one.bound.arguments.items():
        if name not in one.spec.signature.ignore:
            for value in held if isinstance(held, (list, tuple)) else (held,):
                if _is_used_up(value):
                    yield value


def _is_used_up(value: Any) -> bool:
    if isinstance(value, (types.GeneratorType, types.AsyncGeneratorType, random.Random)):
        return True
    if isinstance(value, io.IOBase):
        return not value.closed and value.readable()
    return type(value).__module__ in _MODULES and hasattr(value, "__next__")
