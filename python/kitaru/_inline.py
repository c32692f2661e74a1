"""Asking a wait's question on the terminal. Ctrl-C or end of input leaves the wait open."""

from __future__ import annotations

import contextlib
import json
import select
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

from kitaru._schema import check_answer
from kitaru._values import decode_plain
from kitaru.errors import KitaruAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kitaru._parked import Parked
    from kitaru._run import Run

_WORDS = {"y": True, "yes": True, "n": False, "no": False}


class _Stored:
    """A question of an execution below, as the store has it."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.execution_id: str = item["execution_id"]
        self.key: str = item["key"]
        self.name: str = item["name"]
        self.text: str = item["question"]
        self.json_schema: Any = item["schema"]
        # A JSON Schema is all that is known of it: the Python type is looked at where the answer is taken.
        self.schema: Any = item["schema"]
        self.data: str | None = None if item["metadata"] is None else json.dumps(item["metadata"])


def ask(run: Run, parked: Parked) -> bool:
    """Asks until there is a valid answer and records it. ``False``: left open."""
    text = _answer(run, parked.question)
    if text is None:
        return False
    if run.session.wait_news(parked.call)[0] == "due":
        sys.stderr.write("(too late: the flow goes on without an answer)\n")
        return True
    run.session.answer_wait(parked.call, text, "inline")
    return True


def ask_below(run: Run) -> bool:
    """The same for the oldest question of the executions below."""
    from kitaru import _config, _native

    engine = _config.engine()
    found = json.loads(_native.manage_waiting(engine, run.id, True))
    if not found:
        return False
    question = _Stored(found[0])
    text = _answer(run, question)
    if text is None:
        return False
    _native.manage_answer(engine, question.execution_id, question.key, text, "inline", False)
    return True


def _answer(run: Run, question: Any) -> str | None:
    try:
        # From before the question is seen: nobody presses Ctrl-C at it earlier.
        with _ctrl_c_raises() as pressed:
            text = _asked(question, pressed)
    except KeyboardInterrupt:
        run.left_by_interrupt = True
        text = None
    if text is None:
        sys.stderr.write("\n(left open)\n")
    return text


def _asked(question: Any, pressed: socket.socket | None) -> str | None:
    """The answer as a JSON text; ``None`` at the end of input."""
    from kitaru import _native

    schema = None if question.json_schema is None else json.dumps(question.json_schema)
    out = sys.stderr
    if question.data is not None:
        out.write(f"{json.dumps(json.loads(question.data), indent=2, ensure_ascii=False)}\n")
    while True:
        out.write(f"{question.text} {_hint(question.json_schema)}")
        out.flush()
        if pressed is not None:
            _until_typed(pressed)
        line = sys.stdin.readline()
        if not line:
            return None
        text = _as_json(line.strip(), question.json_schema)
        problem = _native.check_schema(schema, text) if schema is not None else None
        if problem is None:
            try:
                check_answer(question.schema, decode_plain(text), question.name)
            except KitaruAnswerError as error:
                problem = str(error)
        if problem is None:
            return text
        out.write(f"{problem}\n")


@contextlib.contextmanager
def _ctrl_c_raises() -> Iterator[socket.socket | None]:
    """asyncio's own handler only cancels a task, which a blocking read would not notice.

    Yields what can be read once a signal has come; ``None``: no signal comes to this thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield None
        return
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        woken = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield ours
        finally:
            signal.set_wakeup_fd(woken)
            signal.signal(signal.SIGINT, previous)


def _until_typed(pressed: socket.socket) -> None:
    """Waits for a line or a signal.

    A read alone would miss a signal that comes after Python has looked for one and before the system call has begun
    (https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd).
    """
    while True:
        try:
            ready = select.select([sys.stdin, pressed], [], [])[0]
        except (OSError, ValueError):
            # Not every system can wait for a terminal so, and not everything that stands in for one.
            return
        if sys.stdin in ready:
            return
        pressed.recv(64)


def _hint(schema: Any) -> str:
    kind = schema.get("type") if isinstance(schema, dict) else None
    return {"boolean": "[y/n] ", "string": "> ", "integer": "(a whole number) ", "number": "(a number) "}.get(
        str(kind), "(JSON) " if schema is not None else "> "
    )


def _as_json(text: str, schema: Any) -> str:
    """What was typed as a JSON text: yes and no for booleans, plain text for strings."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind == "boolean" and text.lower() in _WORDS:
        return json.dumps(_WORDS[text.lower()])
    if kind == "string":
        return json.dumps(text)
    try:
        json.loads(text)
    except ValueError:
        return json.dumps(text)
    return text
