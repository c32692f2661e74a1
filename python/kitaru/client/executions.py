"""``client.executions``: look at executions and act on them.

Not here: starting them (call the flow), and how one is carried on (``_runner``).
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from kitaru.client.items import Execution, LogLine, execution, time_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kitaru._native import Engine


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

        return execution(self._engine, json.loads(_native.manage_get(self._engine, id)))

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
        return [execution(self._engine, item) for item in found]

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
        return [LogLine(time_of(one["at"]), one["call"], one["stream"], one["text"]) for one in lines]

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
