"""``KitaruClient``: look at executions and act on them from Python, as the ``kitaru`` command does from a shell.

Both call the same functions of the engine. Not here: starting executions (call the flow) and what a value is
made of (``_values``); how an execution is carried on is in ``_runner``.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kitaru._native import Engine


@dataclasses.dataclass(frozen=True)
class Usage:
    """What was consumed, failed tries included."""

    input_tokens: int
    output_tokens: int
    cost_usd: float


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of an execution. ``attempts`` is 0 for a wait or a sleep; ``reused``: the last pass was served it."""

    key: str
    name: str
    kind: str
    status: str
    attempts: int
    started_at: datetime.datetime
    ended_at: datetime.datetime | None
    reused: bool
    usage: Usage


@dataclasses.dataclass(frozen=True)
class Wait:
    """An open question. ``schema`` is a JSON Schema, ``metadata`` what was shown with it.

    ``overdue``: its ``deadline`` has passed. With ``on_timeout="escalate"`` it can be answered all the same.
    """

    execution_id: str
    key: str
    name: str
    question: str
    schema: dict[str, Any] | None
    metadata: Any
    deadline: datetime.datetime | None
    on_timeout: str | None
    overdue: bool
    opened_at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Failure:
    """What a flow raised, as it was recorded. :meth:`exception` rebuilds it."""

    type: str
    message: str
    traceback: str
    _text: str = dataclasses.field(repr=False, compare=False)

    def exception(self) -> BaseException:
        """The exception, made again without calling its ``__init__``."""
        from kitaru._values import decode_error

        error: BaseException = decode_error(self._text)
        return error


@dataclasses.dataclass(frozen=True)
class Parent:
    """The execution that called this one, and the call in it."""

    id: str
    key: str


@dataclasses.dataclass(frozen=True)
class LogLine:
    """A line that a call printed or logged. ``call`` is ``None`` for the flow's own body; ``stream`` is
    ``stdout``, ``stderr``, ``log``, ``progress`` or ``usage``."""

    at: datetime.datetime
    call: str | None
    stream: str
    text: str


@dataclasses.dataclass(frozen=True)
class Execution:
    """An execution as it was when it was looked at. Its values are read when they are asked for."""

    id: str
    flow: str
    status: str
    reason: dict[str, Any] | None
    error: Failure | None
    parent: Parent | None
    tags: tuple[str, ...]
    usage: Usage
    wake_at: datetime.datetime | None
    created_at: datetime.datetime
    updated_at: datetime.datetime
    calls: tuple[Call, ...]
    waits: tuple[Wait, ...]
    _engine: Engine = dataclasses.field(repr=False, compare=False)

    @property
    def inputs(self) -> dict[str, Any]:
        """The flow's arguments by name, decoded."""
        from kitaru import _native

        inputs: dict[str, Any] = _decoded(_native.manage_value(self._engine, self.id, "inputs"))
        return inputs

    @property
    def result(self) -> Any:
        """What the flow returned, decoded; ``None`` while it has not."""
        from kitaru import _native

        return _decoded(_native.manage_value(self._engine, self.id, "result"))


@dataclasses.dataclass(frozen=True)
class Artifact:
    """A value that an execution saved by name. ``bytes`` is the length of its JSON text."""

    execution_id: str
    name: str
    call: str | None
    bytes: int
    at: datetime.datetime
    _engine: Engine = dataclasses.field(repr=False, compare=False)

    @property
    def value(self) -> Any:
        """The value, decoded."""
        from kitaru import _native

        return _decoded(_native.manage_artifact(self._engine, self.execution_id, self.name)[1])


class KitaruClient:
    """Executions and artifacts of a store: the configured one, or ``store`` in ``home``.

    Raises :class:`~kitaru.errors.KitaruStoreError` when the store cannot be opened.
    """

    def __init__(self, store: str | None = None, home: str | os.PathLike[str] | None = None) -> None:
        from kitaru import _config

        folder = None if home is None else os.fspath(home)
        if store is None and folder is not None:
            store = os.path.join(os.path.abspath(os.path.expanduser(folder)), "kitaru.db")
        default = _config.place(store, folder)[:2] == _config.place(None, None)[:2]
        engine = _config.engine() if default else _config.opened(store, folder)
        place = None if default else (store, folder)
        self.executions = Executions(engine, place)
        self.artifacts = Artifacts(engine)


class Executions:
    """``client.executions``. An identifier may be a unique beginning or end of one, or ``"latest"``.

    Everything here raises :class:`~kitaru.errors.KitaruNotFoundError` for an identifier that is unknown or ambiguous.
    """

    def __init__(self, engine: Engine, place: tuple[str | None, str | None] | None) -> None:
        self._engine = engine
        self._place = place

    def get(self, id: str) -> Execution:
        """One execution."""
        from kitaru import _native

        return _execution(self._engine, json.loads(_native.manage_get(self._engine, id)))

    def list(
        self,
        *,
        status: str | Iterable[str] | None = None,
        flow: str | None = None,
        tag: str | None = None,
        limit: int = 20,
        page: int = 1,
    ) -> list[Execution]:
        """A page of executions, newest first. ``page`` counts from 1."""
        from kitaru import _native
        from kitaru.errors import KitaruUsageError

        if limit < 1 or page < 1:
            raise KitaruUsageError("limit and page count from 1")
        words = [status] if isinstance(status, str) else [*(status or ())]
        found = json.loads(_native.manage_list(self._engine, words, flow, tag, limit, page))
        return [_execution(self._engine, item) for item in found]

    def latest(self, flow: str | None = None) -> Execution:
        """The newest execution, or the newest one of a flow."""
        from kitaru.errors import KitaruNotFoundError

        found = self.list(flow=flow, limit=1)
        if not found:
            raise KitaruNotFoundError("there is no execution" + (f" of {flow}" if flow is not None else ""))
        return found[0]

    def logs(self, id: str) -> Sequence[LogLine]:
        """What the execution's calls printed and logged, oldest first."""
        from kitaru import _native

        lines = json.loads(_native.manage_logs(self._engine, id, 0, 0))
        return [LogLine(_time(one["at"]), one["call"], one["stream"], one["text"]) for one in lines]

    def input(self, id: str, value: Any, wait: str | None = None, resume: bool = True) -> Execution:
        """Answers a wait of the execution or of its children; ``wait`` says which if several are open.

        Unless ``resume=False`` the flow then goes on: by the process that holds it, or here, until it ends or
        waits again. Returns the execution that asked, as it is afterwards.

        Raises :class:`~kitaru.errors.KitaruAnswerError` if the value does not fit (the wait stays open),
        :class:`~kitaru.errors.KitaruStateError` if it was answered before,
        :class:`~kitaru.errors.KitaruNotFoundError` if nothing is asked.
        """
        from kitaru import _entry, _native

        text = _plain(value)
        told = json.loads(_native.manage_answer(self._engine, id, wait, text, "python", resume))
        # A notebook's flow stays where it is, which may be here.
        ours = told["entry"]["module"] is None and told["root"] in _entry.here
        if told["after"] == "carry" or (told["after"] == "stays" and ours):
            self._carry_on(told, "answer", taken_is_fine=True)
        return self.get(told["asked"])

    def resume(self, id: str, *, on_drift: str | None = None, rerun: str | Iterable[str] = ()) -> Execution:
        """Goes on with an execution, and returns it as it is afterwards: ended, or waiting again.

        ``on_drift`` decides about a call that is met with other inputs (``"reuse"`` or ``"rerun"``); ``rerun``
        names calls to run again, by key, or ``"failed"`` for all that failed. What the flow raises is not raised
        here: it is in ``error``.

        Raises :class:`~kitaru.errors.KitaruStateError` when it has ended, is held by a living process or lacks an
        answer or a decision, :class:`~kitaru.errors.KitaruImportError` when its code cannot be loaded.
        """
        from kitaru import _native

        keys = [rerun] if isinstance(rerun, str) else [*rerun]
        told = json.loads(_native.manage_prepare(self._engine, id, on_drift, keys))
        self._carry_on(told, "resume", taken_is_fine=False)
        return self.get(told["asked"])

    def retry(self, id: str) -> Execution:
        """The same as :meth:`resume`: what failed runs again."""
        return self.resume(id)

    def cancel(self, id: str) -> Execution:
        """Cancels an execution and its children. One that is running stops at its next step."""
        return self._stop(id, "cancel")

    def pause(self, id: str) -> Execution:
        """Pauses an execution and its children. One that is running stops at its next step."""
        return self._stop(id, "pause")

    def _stop(self, id: str, how: str) -> Execution:
        from kitaru import _native

        found = self.get(id)
        _native.manage_stop(self._engine, found.id, how)
        return self.get(found.id)

    def _carry_on(self, told: dict[str, Any], why: str, *, taken_is_fine: bool) -> None:
        """Runs an execution to its end or suspension: here where it ran in such surroundings, else in a process of
        its own, so that this one keeps its working directory."""
        from kitaru import _config, _entry, _runner
        from kitaru.errors import KitaruError, KitaruFlowNotFoundError

        job = {"resume": {"id": told["root"], "entry": told["entry"], "why": why}}
        entry = told["entry"]
        try:
            here = _runner.is_this_interpreter(entry["interpreter"]) and entry["cwd"] == os.getcwd()
            here = here or _config.place(None, None)[0] == "memory:"
            if entry["module"] is None and told["root"] in _entry.here:
                here = True
            elif entry["module"] is None:
                raise KitaruFlowNotFoundError(
                    f"{told['flow']} was defined in a notebook or at a prompt: it goes on there, with "
                    f"{told['flow']}.resume({told['root']!r})"
                )
            if here and self._place is None:
                _on_own_thread(lambda: _runner.execute(job))
            else:
                _runner.execute_elsewhere(job, quiet=True, silent=True, place=self._place)
        except KitaruError as error:
            if not taken_is_fine or error.code not in ("held", "conflict", "fenced", "already-ended"):
                raise


class Artifacts:
    """``client.artifacts``: values that executions saved by name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(self, id: str) -> list[Artifact]:
        """An execution's artifacts, by name."""
        from kitaru import _native

        return [self._made(one) for one in json.loads(_native.manage_artifacts(self._engine, id))]

    def get(self, id: str, name: str) -> Artifact:
        """One artifact. Raises :class:`~kitaru.errors.KitaruNotFoundError` if there is none of that name."""
        from kitaru import _native

        return self._made(json.loads(_native.manage_artifact(self._engine, id, name)[0]))

    def load(self, id: str, name: str) -> Any:
        """The value of one artifact, decoded. Raises as :meth:`get` does."""
        from kitaru import _native

        return _decoded(_native.manage_artifact(self._engine, id, name)[1])

    def _made(self, item: dict[str, Any]) -> Artifact:
        return Artifact(
            item["execution_id"], item["name"], item["call"], item["bytes"], _time(item["at"]), self._engine
        )


def _on_own_thread(work: Callable[[], Any]) -> None:
    """Runs flow code on a thread of its own: this one may have an event loop, or be inside another flow."""
    import contextvars
    import threading

    problem: list[BaseException] = []

    def main() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            problem.append(error)

    thread = threading.Thread(target=contextvars.Context().run, args=(main,), name="kitaru-client")
    thread.start()
    thread.join()
    if problem:
        raise problem[0]


def _plain(value: Any) -> str:
    """An answer as plain JSON, which its schema is checked against."""
    try:
        return json.dumps(value)
    except TypeError:
        from pydantic import PydanticSchemaGenerationError
        from pydantic_core import PydanticSerializationError, to_json

        from kitaru.errors import KitaruAnswerError

        try:
            return to_json(value).decode()
        except (PydanticSchemaGenerationError, PydanticSerializationError) as error:
            raise KitaruAnswerError(f"the answer is no JSON value: {error}") from None


def _decoded(text: str | None) -> Any:
    if text is None:
        return None
    from kitaru._values import decode

    return decode(text)


def _time(text: str) -> datetime.datetime:
    # fromisoformat of 3.10 knows no "Z".
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def _time_or_none(text: str | None) -> datetime.datetime | None:
    return None if text is None else _time(text)


def _execution(engine: Engine, item: dict[str, Any]) -> Execution:
    error, parent = item["error"], item["parent"]
    return Execution(
        id=item["id"],
        flow=item["flow"],
        status=item["status"],
        reason=item["reason"],
        error=None if error is None else Failure(error["type"], error["message"], error["traceback"], error["value"]),
        parent=None if parent is None else Parent(parent["id"], parent["key"]),
        tags=tuple(item["tags"]),
        usage=Usage(**item["usage"]),
        wake_at=_time_or_none(item["wake_at"]),
        created_at=_time(item["created_at"]),
        updated_at=_time(item["updated_at"]),
        calls=tuple(_call(one) for one in item["calls"]),
        waits=tuple(_wait(one) for one in item["waits"]),
        _engine=engine,
    )


def _call(item: dict[str, Any]) -> Call:
    return Call(
        key=item["key"],
        name=item["name"],
        kind=item["kind"],
        status=item["status"],
        attempts=item["attempts"],
        started_at=_time(item["started_at"]),
        ended_at=_time_or_none(item["ended_at"]),
        reused=item["reused"],
        usage=Usage(**item["usage"]),
    )


def _wait(item: dict[str, Any]) -> Wait:
    return Wait(
        execution_id=item["execution_id"],
        key=item["key"],
        name=item["name"],
        question=item["question"],
        schema=item["schema"],
        metadata=item["metadata"],
        deadline=_time_or_none(item["deadline"]),
        on_timeout=item["on_timeout"],
        overdue=item["overdue"],
        opened_at=_time(item["opened_at"]),
    )
