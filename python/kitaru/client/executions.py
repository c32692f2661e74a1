"""``client.executions``: look at executions and act on them.

Inside a flow each of these is itself recorded, so that the flow takes the same way when it is entered again. Not here:
starting executions (call the flow), and how one is carried on (``carrying``, ``kitaru._runner``).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from kitaru.client.carrying import carry_on, is_held_here, must_not_block
from kitaru.client.handles import ExecutionHandle
from kitaru.client.items import Execution, LogLine, Tree, Wait, execution, plain, time_of, tree, wait_of, who
from kitaru.client.recording import flow_frame, looks
from kitaru.client.replays import Replays

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kitaru._native import Engine
    from kitaru.client.items import Place

_WHOLE = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")

NOTHING: Any = object()
"""What stands for a value that is not given, where ``None`` is one."""


class Executions(Replays):
    """``client.executions``. An identifier may be a unique beginning or end of one, or ``"latest"``.

    Everything here raises :class:`~kitaru.errors.KitaruNotFoundError` for an identifier that is unknown or ambiguous.
    """

    def __init__(self, engine: Engine, place: Place | None) -> None:
        self._engine = engine
        self._place = place

    @looks("executions.get")
    def get(self, id: str) -> Execution:
        """One execution."""
        return self._get(id)

    def _get(self, id: str) -> Execution:
        from kitaru import _native

        return execution(self._place, json.loads(_native.manage_get(self._engine, id)))

    @looks("executions.list")
    def list(
        self,
        *,
        status: str | Iterable[str] | None = None,
        flow: str | None = None,
        tag: str | None = None,
        key: str | None = None,
        limit: int = 20,
        page: int = 1,
    ) -> list[Execution]:
        """A page of executions, newest first. ``page`` counts from 1."""
        found: list[Execution] = self._list(status, flow, tag, key, limit, page)
        return found

    def _list(
        self,
        status: str | Iterable[str] | None,
        flow: str | None,
        tag: str | None,
        key: str | None,
        limit: int,
        page: int,
    ) -> Any:
        from kitaru import _native
        from kitaru.errors import KitaruUsageError

        if limit < 1 or page < 1:
            raise KitaruUsageError("limit and page count from 1")
        words = [status] if isinstance(status, str) else [*(status or ())]
        found = json.loads(_native.manage_list(self._engine, words, flow, tag, key, limit, page))
        return [execution(self._place, item) for item in found]

    @looks("executions.latest")
    def latest(self, flow: str | None = None) -> Execution:
        """The newest execution, or the newest one of a flow."""
        from kitaru.errors import KitaruNotFoundError

        found: Sequence[Execution] = self._list(None, flow, None, None, 1, 1)
        if not found:
            raise KitaruNotFoundError("there is no execution" + (f" of {flow}" if flow is not None else ""))
        return found[0]

    @looks("executions.logs")
    def logs(self, id: str) -> Sequence[LogLine]:
        """What the execution's calls printed and logged, oldest first."""
        from kitaru import _native

        lines = json.loads(_native.manage_logs(self._engine, id, 0, 0))
        return [LogLine(time_of(one["at"]), one["call"], one["stream"], one["text"]) for one in lines]

    @looks("executions.waiting")
    def waiting(self, parent: str | None = None, recursive: bool = False) -> Sequence[Wait]:
        """Open questions, oldest first: of all executions, or of those that ``parent`` started; with ``recursive`` of
        all below it."""
        from kitaru import _native
        from kitaru.errors import KitaruUsageError

        if recursive and parent is None:
            raise KitaruUsageError("waiting(recursive=True) needs a parent: without one all questions are listed")
        return [wait_of(one) for one in json.loads(_native.manage_waiting(self._engine, parent, recursive))]

    @looks("executions.tree")
    def tree(self, id: str) -> Tree:
        """The whole tree that an execution stands in, from its top: children below what started them, replays below
        what they replay."""
        from kitaru import _native

        return tree(json.loads(_native.manage_tree(self._engine, id)))

    def handle(self, id: str) -> ExecutionHandle:
        """A handle on any execution, to wait for it as for one that ``flow.run()`` started.

        Raises :class:`~kitaru.errors.KitaruUsageError` for a client with a store of its own.
        """
        if self._place is not None:
            from kitaru.errors import KitaruUsageError

            raise KitaruUsageError("a handle is one of the configured store: kitaru.configure(store=...) sets it")
        return ExecutionHandle(self._found(id))

    @looks("executions.find")
    def _found(self, id: str) -> str:
        from kitaru import _native

        whole: str = json.loads(_native.manage_get(self._engine, id))["id"]
        return whole

    def _target(self, id: str) -> str:
        """The whole identifier of what a flow acts on: "latest" may be another one when it comes here again."""
        return id if _WHOLE.fullmatch(id) else self._found(id)

    # -- acts -----------------------------------------------------------------------------------------

    def input(self, id: str, value: Any, wait: str | None = None, resume: bool = True) -> Execution:
        """Answers a wait of the execution or of its children; ``wait`` says which if several are open.

        Unless ``resume=False`` the flow then goes on: by the process that holds it, or here, until it ends or
        waits again. Returns the execution that asked, as it is afterwards. Inside a flow, what it started goes on
        beside it, and this returns at once; another one in an async flow: ``await asyncio.to_thread(...)``.

        Raises :class:`~kitaru.errors.KitaruAnswerError` if the value does not fit (the wait stays open),
        :class:`~kitaru.errors.KitaruStateError` if it was answered before or the execution has ended,
        :class:`~kitaru.errors.KitaruNotFoundError` if nothing is asked.
        """
        text, frame = plain(value), flow_frame()
        if frame is None:
            return self._get(self._input(id, text, wait, resume, who(), again=False))
        from kitaru import _steer

        target = self._target(id)

        def answer(by: str, again: bool) -> Any:
            if resume and not again:
                must_not_block(self._engine, target, "input")
            asked = self._input(target, text, wait, resume, by, again=again)
            return _steer.NOT_DONE if asked is None else self._get(asked)

        given = {"id": target, "value": text, "wait": wait, "resume": resume}
        answered: Execution = _steer.act(frame, "executions.input", given, answer)
        return answered

    def _input(self, id: str, text: str, wait: str | None, resume: bool, by: str, *, again: bool) -> Any:
        """Who was answered; ``None``: ``again``, and ``by`` had answered nobody."""
        from kitaru import _entry, _native

        here = is_held_here(self._engine, id)
        if again:
            asked = _native.manage_acted(self._engine, id, by)
            if asked is not None and resume and not here:
                self._go_on_if_free(asked)
            return asked
        told = json.loads(_native.manage_answer(self._engine, id, wait, text, by, resume and not here))
        # A notebook's flow stays where it is, which may be here.
        ours = told["entry"]["module"] is None and told["root"] in _entry.here
        if told["after"] == "carry" or (told["after"] == "stays" and ours):
            carry_on(self._engine, self._place, told, "answer", taken_is_fine=True)
        if resume and here:
            self._go_on_if_free(told["asked"])
        return told["asked"]

    def _go_on_if_free(self, id: str) -> None:
        """Carries on what was answered and nobody has: who answered was gone before it could, or the flow was left
        just before its answer came."""
        from kitaru import _native
        from kitaru._outcomes import ENDED

        root = json.loads(self._engine.describe(_native.manage_root(self._engine, id)))
        stirred = _native.manage_stirred(self._engine, [(root["id"], root["last_seq"])])
        if root["held"] or root["status"] in (*ENDED, "paused") or not (stirred or root["status"] == "interrupted"):
            return
        told = {"root": root["id"], "flow": root["flow"], "entry": root["entry"]}
        carry_on(self._engine, self._place, told, "answer", taken_is_fine=True, beside=True)

    def resume(
        self,
        id: str,
        *,
        on_drift: str | None = None,
        rerun: str | Iterable[str] = (),
        set: Mapping[str, Any] | None = None,
        output: Any = NOTHING,
        version: str | None = None,
    ) -> Execution:
        """Goes on with an execution, and returns it as it is afterwards: ended, or waiting again.

        ``on_drift`` decides about a call that is met with other inputs (``"reuse"`` or ``"rerun"``); ``rerun``
        names calls to run again, by key, or ``"failed"`` for all that failed. ``set`` changes what the call is given
        that the execution is paused at, by path: ``{"topic": "tea", "messages[3].text": "…"}``; ``output`` is its
        result instead of running it. Both are plain JSON values, which the call's annotations make into theirs, and
        are marked with who put them there. ``version``: a version or tag of its flow, with whose code it goes on from
        now on; unless ``on_drift`` decides, it is looked first whether what is on record fits that.

        What the flow raises is not raised here: it is in ``error``. Inside a flow, what it started goes on beside it,
        and this returns at once: wait for its handle. Another one in an async flow:
        ``await asyncio.to_thread(executions.resume, id)``, or :class:`~kitaru.errors.KitaruSyncOnLoopError`.

        Raises :class:`~kitaru.errors.KitaruStateError` when it has ended, is held by a living process, lacks an answer
        or a decision, or would not go on as it stands on that version (``does-not-fit``),
        :class:`~kitaru.errors.KitaruOverrideError` for a path that the call does not have,
        :class:`~kitaru.errors.KitaruImportError` when its code cannot be loaded.
        """
        keys, frame = [rerun] if isinstance(rerun, str) else [*rerun], flow_frame()
        put = [(path, plain(value)) for path, value in (set or {}).items()]
        if output is not NOTHING:
            put.append(("output", plain(output)))
        if frame is not None:
            from kitaru._resumed import resume_in_flow

            if version is not None:
                from kitaru.errors import KitaruUsageError

                raise KitaruUsageError("resume(version=...) inside a flow: move an execution from outside of flows")
            return resume_in_flow(self, frame, self._target(id), on_drift, keys, put)
        return self._resume(id, on_drift, keys, put, version)

    def _resume(
        self,
        id: str,
        on_drift: str | None,
        keys: Sequence[str],
        put: Sequence[tuple[str, str]] = (),
        version: str | None = None,
    ) -> Execution:
        from kitaru import _native

        moved = None if version is None else self._moved(id, version, is_decided=on_drift is not None)
        told = json.loads(_native.manage_prepare(self._engine, id, on_drift, [*keys], [*put], None, who()))
        if not told["in_place"]:
            if moved is not None:
                told |= {"entry": moved, "moves": True}
            self._go_on(told)
        return self._get(told["asked"])

    def _go_on(self, told: dict[str, Any]) -> None:
        # What its parent is paused at is another question.
        why = "resume" if told["root"] == told["asked"] else "child"
        carry_on(self._engine, self._place, told, why, taken_is_fine=False)
        if told["asked"] == told["root"]:
            return
        left = json.loads(self._engine.describe(told["asked"]))
        if left["status"] == "interrupted" and not left["held"]:
            # What it belongs to had done with it, and does not wait for it any more.
            alone = {"root": left["id"], "flow": left["flow"], "entry": left["entry"], "epoch": left["epoch"]}
            carry_on(self._engine, self._place, alone, "resume", taken_is_fine=False)

    def _moved(self, id: str, version: str, *, is_decided: bool) -> Any:
        """Where the code of another version is, if what is on record fits it."""
        from kitaru import _check, _native

        deployment = json.loads(_native.manage_another(self._engine, id, version))
        if not is_decided:
            found = _check.rehearse(deployment["id"], deployment["entry"], self._place)
            _native.manage_must_fit(self._engine, id, version, json.dumps(found))
        return deployment["entry"]

    def _resume_again(self, id: str, by: str) -> None:
        """``by`` had resumed it, and was gone before it went on, or while it did."""
        from kitaru import _native

        left = json.loads(self._engine.describe(id))
        if not left["held"] and (left["status"] == "interrupted" or _native.manage_left(self._engine, id, by)):
            told = {"root": left["id"], "flow": left["flow"], "entry": left["entry"], "epoch": left["epoch"]}
            carry_on(self._engine, self._place, told, "resume", taken_is_fine=True)

    def retry(self, id: str) -> Execution:
        """The same as :meth:`resume`: what failed runs again."""
        return self.resume(id)

    def cancel(self, id: str) -> Execution:
        """Cancels an execution and its children. One that is running stops at its next step."""
        return self._stop(id, "cancel")

    def pause(self, id: str) -> Execution:
        """Pauses an execution and its children. In one that is running nothing new begins, and it pauses when what
        runs has ended."""
        return self._stop(id, "pause")

    def _stop(self, id: str, how: str) -> Execution:
        frame = flow_frame()
        if frame is None:
            found = self._get(id)
            return self._stopped(found.id, how, who(), again=False, beside=False)
        from kitaru import _native, _steer

        target = self._target(id)

        def stop(by: str, again: bool) -> Any:
            if again and _native.manage_acted(self._engine, target, by) is None:
                return _steer.NOT_DONE
            return self._stopped(target, how, by, again=again, beside=True)

        stopped: Execution = _steer.act(frame, f"executions.{how}", {"id": target}, stop)
        return stopped

    def _stopped(self, id: str, how: str, by: str, *, again: bool, beside: bool) -> Execution:
        from kitaru import _native
        from kitaru.client.carrying import wake

        _native.manage_stop(self._engine, id, how, by, again)
        wake(self._engine, self._place, id, beside=beside)
        return self._get(id)
