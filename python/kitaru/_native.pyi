"""The Rust half of Kitaru: store and engine, one execution as a session, the command line.

Values cross as JSON texts, times as milliseconds since the Unix epoch, scopes as 16 bytes, digests as 32, calls and
records as integers that are good for one pass. Whatever the engine refuses is raised as a ``KitaruError`` with the
engine's code (see ``kitaru.errors.from_engine``). Not public: its shape follows the Python beside it.
"""

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, final

__all__ = [
    "MAX_DEPTH",
    "Decoder",
    "Encoder",
    "Engine",
    "Session",
    "Text",
    "Worker",
    "__version__",
    "answer_command",
    "ask_turn",
    "blake3",
    "check_schema",
    "cli",
    "close_limit",
    "confirm_turn",
    "deployment_at",
    "end_turn",
    "forget_memory",
    "keyed_id",
    "leave_turn",
    "limit_problem",
    "manage_acted",
    "manage_add_breakpoint",
    "manage_add_schedule",
    "manage_another",
    "manage_answer",
    "manage_artifact",
    "manage_artifacts",
    "manage_breakpoints",
    "manage_call",
    "manage_close_limit",
    "manage_delete",
    "manage_deployment",
    "manage_deployments",
    "manage_diff",
    "manage_get",
    "manage_left",
    "manage_limits",
    "manage_list",
    "manage_logs",
    "manage_must_fit",
    "manage_must_not_circle",
    "manage_notes",
    "manage_open_limit",
    "manage_plan",
    "manage_prepare",
    "manage_remove_breakpoint",
    "manage_remove_limit",
    "manage_remove_schedule",
    "manage_replay",
    "manage_roll_back",
    "manage_root",
    "manage_runnable",
    "manage_schedule",
    "manage_schedules",
    "manage_set_limit",
    "manage_standings",
    "manage_steer_schedule",
    "manage_stirred",
    "manage_stop",
    "manage_tag_deployment",
    "manage_tree",
    "manage_value",
    "manage_waiters",
    "manage_waiting",
    "recorded_codes",
    "schema_problem",
    "stand_aside",
    "turn",
]

__version__: Final[str]
MAX_DEPTH: Final[int]
"""How deep the JSON text of a value may nest."""

_Error: TypeAlias = tuple[str, str, str, str, bool]
"""Type, message, traceback, JSON text of the exception tree, whether it rebuilds."""
_Usage: TypeAlias = tuple[int, int, float]
"""Input tokens, output tokens, US dollars."""
_CallKind: TypeAlias = Literal["checkpoint", "child", "wait", "sleep", "reading", "client"]
_Await: TypeAlias = tuple[int, bool, list[str]]
"""How many must come, whether only their end counts, which executions."""
_Verdict: TypeAlias = Literal[
    "run", "reuse", "park", "open", "drift", "moved", "in_doubt", "began", "volatile", "mutated", "race"
]

def blake3(data: bytes | str) -> bytes:
    """BLAKE3 (32 bytes) of bytes, or of a text's UTF-8."""

@final
class Encoder:
    """Writes values as JSON text.

    ``reduce(value, mode)`` gives a dict (a tagged object, whose members are written in turn) or a str (JSON already)
    for what is not plain. It may raise ``refusal(path, type_name, hint)``, which is raised on with the whole path.
    """

    def __new__(cls, reduce: Callable[[Any, int], dict[str, Any] | str], refusal: type[BaseException]) -> Encoder: ...
    def encode(self, value: Any, where: str, mode: int) -> tuple[str, int]:
        """The JSON text, and flags: 1 something was reduced, 2 something can be changed in place."""
    def result(self, value: Any, where: str, mode: int) -> tuple[str | Text, Any, bool]:
        """For a result that is to be recorded: the JSON text, what the flow is given, and whether that is still to be
        read from the text, which then is a str."""
    def arguments(self, values: dict[str, Any], mode: int) -> tuple[str, bytes, int]:
        """The JSON text of a dict of arguments, its BLAKE3, and the flags of what is in it."""

@final
class Text:
    """A large JSON text on its way to the store."""

@final
class Decoder:
    """Reads values from JSON text.

    ``build(members)`` makes what a tagged object stands for. If it raises ``refusal`` (with ``type_name`` and
    ``reason``), ``keep(type_name, text, reason)`` makes the stand-in.
    """

    def __new__(
        cls,
        build: Callable[[dict[str, Any]], Any],
        refusal: type[BaseException],
        keep: Callable[[str, str, str], Any],
    ) -> Decoder: ...
    def decode(self, text: str) -> Any:
        """The value. Raises ``ValueError`` if the text is not JSON."""

def schema_problem(schema: str) -> str | None:
    """What is wrong with a JSON Schema itself."""

def answer_command(short: str, schema: str | None, key: str) -> str:
    """The command that answers a question, to paste."""

def check_schema(schema: str | None, value: str) -> str | None:
    """What is wrong with an answer; ``None``: it satisfies the JSON Schema."""

def forget_memory() -> None:
    """Lets whoever opens the store in memory next begin with an empty one."""

def cli(argv: list[str], host: Any) -> int:
    """Runs a command line; ``host`` runs flows for it (``kitaru._cli.Host``). Returns the exit status."""

def deployment_at(engine: Engine, home: str, entry: str, python: str) -> str:
    """A recorded entry point as it is on this machine, where a deployment is unpacked below ``home`` and runs with
    ``python``. Both JSON objects."""

def manage_another(engine: Engine, id: str, version: str) -> str:
    """The version or tag that an execution is to go on with: the whole ``id`` and the ``entry``, as a JSON object."""

def manage_must_fit(engine: Engine, id: str, version: str, found: str) -> None:
    """Refuses to go on with it by what its rehearsal ``found``, a JSON object."""

def manage_deployments(engine: Engine, flow: str | None) -> str:
    """Versions of a flow's code, or of all flows, the newest first, as a JSON array."""

def manage_deployment(engine: Engine, target: str) -> str:
    """What ``flow@name`` names, as a JSON object."""

def manage_tag_deployment(engine: Engine, flow: str, version: str, tag: str, by: str) -> str:
    """Has a tag name a version. Returns it as a JSON object."""

def manage_roll_back(engine: Engine, flow: str, tag: str, by: str) -> str:
    """Has a tag name again what it named before. Returns that as a JSON object."""

def manage_runnable(engine: Engine, target: str, key: str | None, request: str | None) -> str:
    """What a target starts that names no file: its ``flow``, its ``entry`` and the ``id`` of an execution of it."""

def manage_get(engine: Engine, id: str) -> str:
    """One execution as a JSON object."""

def manage_list(
    engine: Engine, status: list[str], flow: str | None, tag: str | None, key: str | None, limit: int, page: int
) -> str:
    """A page of executions, newest first, as a JSON array."""

def manage_value(engine: Engine, id: str, which: str) -> str | None:
    """JSON text of an execution's ``inputs`` or ``result``; ``None``: there is no result."""

def manage_logs(engine: Engine, id: str, after: int, limit: int) -> str:
    """Log lines after the ``after``-th, at most ``limit`` (0: all), as a JSON array."""

def manage_answer(engine: Engine, id: str, wait: str | None, value: str, by: str, look: bool) -> str:
    """Records an answer. A JSON object: who asked, and with ``look`` who goes on."""

def manage_prepare(
    engine: Engine,
    id: str,
    on_drift: str | None,
    rerun: list[str],
    set: list[tuple[str, str]],
    asker: str | None,
    by: str,
) -> str:
    """Writes what a resume needs; ``set`` are paths and JSON texts. A JSON object: the execution to take up, its
    entry point, and whether it goes on in place, where a living process holds it. ``asker``: the flow that asks."""

def manage_add_breakpoint(
    engine: Engine, flow: str, file: str | None, before: str, every: bool, condition: str | None, by: str
) -> str:
    """Sets a breakpoint for a flow that has run, or for one of a file. A JSON object: it, and what to know about it."""

def manage_breakpoints(engine: Engine, flow: str | None) -> str:
    """The breakpoints that are set, as a JSON array."""

def manage_remove_breakpoint(engine: Engine, id: int) -> None:
    """Removes a breakpoint."""

def manage_set_limit(
    engine: Engine, name: str, at_once: int | None, rate: str | None, burst: int | None, by: str
) -> str:
    """Sets what a limit is. A JSON object, as all of these return."""

def manage_limits(engine: Engine) -> str:
    """All limits, as a JSON array."""

def manage_close_limit(engine: Engine, name: str, lasts: str, why: str | None, by: str) -> str:
    """Lets nobody begin there for so long."""

def manage_open_limit(engine: Engine, name: str, by: str) -> str:
    """Lets calls begin again."""

def manage_remove_limit(engine: Engine, name: str, by: str) -> None:
    """Forgets what was set."""

_Standing: TypeAlias = tuple[Literal["begins", "given", "full", "rate", "closed", "unknown"], int, int]
"""How a call stands at its limit, when it begins as far as is known, and how many are before it."""

def ask_turn(session: Session, call: int, limit: str, priority: int) -> _Standing:
    """A call asks for its turn at a limit."""

def turn(session: Session, call: int) -> _Standing:
    """How a call stands that waits for its turn, as far as this process knows."""

def confirm_turn(session: Session, call: int) -> _Standing:
    """The same, asked anew; of one that begins it is the last word."""

def leave_turn(session: Session, call: int) -> None:
    """The call wants no turn any more."""

def stand_aside(session: Session, call: int) -> None:
    """The call keeps its place, and gets no turn before it asks again."""

def end_turn(session: Session, call: int) -> None:
    """The call's body has ended: its turn goes back with the next write."""

def close_limit(session: Session, limit: str, pause: int, by: str, why: str) -> None:
    """Closes a limit for all who share it, for so many milliseconds."""

def limit_problem(name: str) -> str | None:
    """What is wrong with the name of a limit, if anything is."""

def manage_add_schedule(engine: Engine, asked: str, by: str) -> str:
    """Adds a schedule, given as a JSON object. The schedule as a JSON object."""

def manage_schedules(engine: Engine) -> str:
    """All schedules, by name, as a JSON array."""

def manage_schedule(engine: Engine, name: str) -> str:
    """One schedule as a JSON object."""

def manage_steer_schedule(engine: Engine, name: str, pause: bool, by: str) -> str:
    """Pauses a schedule, or has it tick again. The schedule as a JSON object."""

def manage_remove_schedule(engine: Engine, name: str, by: str) -> None:
    """Removes a schedule."""

def manage_stop(engine: Engine, id: str, how: str, by: str, again: bool) -> bool:
    """Cancels (``cancel``) or pauses (``pause``). ``True``: it has stopped; ``False``: its process was asked to."""

def manage_standings(engine: Engine, ids: list[str]) -> list[tuple[str, str]]:
    """Recorded status and standing (``ended``, ``asks``, ``paused``, ``interrupted``, ``pending``) of executions."""

def manage_stirred(engine: Engine, seen: list[tuple[str, int]]) -> bool:
    """Whether an execution that was left parked can go on: it, or one below it, has moved since its last event, or its
    time has come. ``seen``: their identifiers and last events, itself first."""

def manage_must_not_circle(engine: Engine, id: str) -> None:
    """Refuses a wait of an execution for others that wait for it."""

def manage_waiters(engine: Engine, moved: str) -> str:
    """Executions that can go on because ``moved`` has ended or needs somebody: a JSON array of id, flow and entry."""

def manage_waiting(engine: Engine, parent: str | None, recursive: bool) -> str:
    """Open questions as a JSON array, oldest first: of all executions, or of those that ``parent`` started."""

def manage_tree(engine: Engine, id: str) -> str:
    """The tree that an execution stands in, as nested JSON objects."""

def manage_acted(engine: Engine, id: str, by: str) -> str | None:
    """The execution, of that one and those below it, to which ``by`` has done something."""

def manage_left(engine: Engine, id: str, by: str) -> bool:
    """Whether ``by`` has done something to that execution, and nobody has taken it up since."""

def manage_root(engine: Engine, id: str) -> str:
    """The execution that is carried on where that one is to go on."""

def keyed_id(flow: str, key: str) -> str:
    """The identifier of the execution of a flow that is known by a key."""

def manage_artifacts(engine: Engine, id: str) -> str:
    """An execution's artifacts, without their values, as a JSON array."""

def manage_artifact(engine: Engine, id: str, name: str) -> tuple[str, str]:
    """A named value: its item, and its own JSON text."""

def manage_plan(engine: Engine, id: str, asked: str, inspection: str | None = None, unread: str | None = None) -> str:
    """Plans a replay of what is ``asked`` (a JSON object: ``from``, ``reuse``, ``keep``, ``set`` as pairs of path and
    value, ``ask_again``, ``tags``). Returns a JSON object: the ``plan`` as an item, once it is told what the code is
    (``inspection``) or why that could not be found out (``unread``); for an inspection the ``checks``, and the digests
    that are on record, ``recorded`` and ``flow_recorded``; and the source's ``id``, ``flow`` and ``entry``."""

def manage_replay(engine: Engine, id: str, asked: str, inspection: str | None = None, batch: str | None = None) -> str:
    """Creates a replay, which nobody has taken up then. Returns a JSON object: its ``id``, whether it is ``new``, its
    ``flow`` and ``entry``. ``batch``: the identifier is derived from that name and the source."""

def manage_diff(engine: Engine, ids: list[str]) -> str:
    """Compares executions with the first of them, as a JSON object."""

def manage_delete(engine: Engine, id: str) -> str:
    """Deletes an execution that has ended, and all that it started. Returns a JSON object: ``deleted``, ``read_by``."""

def manage_call(engine: Engine, id: str, key: str) -> str:
    """One call, by key, checkpoint's name or ``step N``, as a JSON object: the call as an item, with the recorded JSON
    texts of its ``inputs``, of what its body was ``given`` instead, and of its ``output``; ``by``: who supplied that by
    hand, which is then plain JSON; and its ``error``, with the text that it is rebuilt from (``value``)."""

def manage_notes(engine: Engine, id: str, code: str) -> list[str]:
    """What was noted under ``code`` since an execution was created, of a replay in its own events, once each."""

def recorded_codes(session: Session) -> list[tuple[str, str | None]]:
    """Digests of code that are on record in an execution, by name of checkpoint or child flow."""

@final
class Engine:
    """This process's handle on a store."""

    def __new__(cls, store: str, home: str, normal: bool) -> Engine:
        """Opens the store; ``normal``: a commit survives a crash of the process, but not a power cut."""
    def start(
        self,
        id: str | None,
        flow: str,
        inputs: str,
        entry: str,
        code: str | None,
        parent: tuple[str, str] | None,
        tags: list[str],
        key: str | None,
        detached: bool,
        pause_before: list[str],
        deadline: int | None,
    ) -> Session | None:
        """Creates an execution and takes it; ``None``: one with that identifier exists."""
    def submit(
        self,
        id: str | None,
        flow: str,
        inputs: str,
        entry: str,
        code: str | None,
        parent: tuple[str, str] | None,
        tags: list[str],
        key: str | None,
        pause_before: list[str],
        pool: str,
        deadline: int | None,
    ) -> tuple[str, bool]:
        """Leaves an execution to the workers of a pool. Returns its identifier, and whether it is new."""
    def take(self, id: str, code: str | None, why: str, entry: str | None = None, seen: int | None = None) -> Session:
        """Takes up an execution that nobody holds. ``entry``: where its code is from now on, a JSON object. ``seen``:
        the epoch in which it was seen."""
    def hand_over(self, by: str) -> None:
        """The process is to end: its executions are handed over to others, each when what runs of it has ended."""
    def rehearsing(self) -> Engine:
        """An engine on the same store that writes nothing to it."""
    def rehearse(self, id: str, code: str | None) -> Session:
        """Enters an execution again without taking it up; only where nothing is written."""
    def is_new_code(self, digest: str) -> bool:
        """Whether this process has kept nothing of that code digest."""
    def keep_code(self, digest: str, parts: str) -> None:
        """Keeps what a code digest is made of, a manifest; written when nobody waits for it."""
    def code(self, digest: str) -> str | None:
        """What a code digest is made of, if that was kept: a manifest (``_values._changes``)."""
    def artifact(self, id: str, name: str) -> str | None:
        """JSON text of a named value of an execution; ``None``: it has none of that name."""
    def now(self) -> int:
        """Milliseconds since the Unix epoch."""
    def describe(self, id: str) -> str:
        """Flow, status, inputs, entry point, owner and parent of an execution, as JSON."""

@final
class Worker:
    """Carries executions on until it is stopped."""

    def __new__(
        cls, engine: Engine, store: str, home: str, normal: bool, at_once: int, serves: tuple[list[str], list[str]]
    ) -> Worker: ...
    def stop(self) -> None:
        """Nothing more is begun; what is under way goes on to its end by itself."""

@final
class Session:
    """One execution that this process owns."""

    @property
    def id(self) -> str:
        """The execution's identifier."""
    @property
    def epoch(self) -> int:
        """How many times the execution has been taken up."""
    @property
    def is_open(self) -> bool:
        """Whether anything may still be recorded."""
    def now(self) -> int:
        """Milliseconds since the Unix epoch, by the engine's clock."""
    def begin_pass(self) -> None:
        """The flow's function is about to run from its top."""

    # -- identity -----------------------------------------------------------------------------------

    def open_scope(self, parent: bytes, kind: str, name: str, inputs: bytes | None) -> bytes:
        """The scope of a task, submitted item or child flow below ``parent``."""
    def adopt_scope(self, parent: bytes, name: str) -> bytes:
        """A scope for a task that was met without one; input-less calls never match there."""
    def label(self, at: bytes) -> str:
        """Beginning of the keys of the calls made in a scope."""
    def identify(
        self,
        at: bytes,
        name: str,
        kind: _CallKind,
        inputs: bytes | None,
        opaque: bool,
        named: bool,
        once: bool,
        code: str | None,
    ) -> int:
        """Gives a call its identity. ``inputs`` is ``None`` with ``opaque``: cannot be told; without: takes none."""
    def decide(self, call: int, alone: bool) -> tuple[_Verdict, int, int]:
        """What becomes of a call: the verdict, a record (or 0), and its place in delivery order (or 0)."""

    # -- the order of delivery ----------------------------------------------------------------------

    def ask(self, order: int) -> None:
        """A served outcome is wanted."""
    def delivered(self, order: int) -> None:
        """A served outcome was handed out, or is not wanted any more."""
    def next_delivery(self) -> tuple[int | None, int | None]:
        """``(order, None)``: hand it out; ``(None, ms)``: look again after that; ``(None, None)``: nobody asks."""

    # -- serving and running ------------------------------------------------------------------------

    def serve(self, call: int) -> tuple[Literal["value", "supplied", "error", "elapsed"], str | None]:
        """What the record of a reused call hands out, as a JSON text."""
    def drifted(self, call: int, record: int) -> tuple[str, int, str | None, int, str | None]:
        """Key, sequence, inputs (JSON text) and time of the record that a drifted call might be, and digest of the
        flow's code then."""
    def drift_differences(
        self, call: int, record: int, moved: bool, now: str | None
    ) -> tuple[str, list[tuple[str, str | None, str | None]]]:
        """The reason to pause on a drift, as JSON, and its differences: path, before, after."""
    def reuse(self, call: int, record: int, decided: bool) -> int:
        """Serves a drifted call the record after all. Returns its place in delivery order."""
    def rerun(self, call: int) -> None:
        """Lets a drifted call run, and all that drift after it in its scope."""
    def start(
        self, call: int, inputs: str | None, once: bool, look: bool
    ) -> tuple[str, bytes, int, tuple[str, list[str]] | None] | None:
        """The body is about to run: its key, the scope inside, and tries that failed before. ``once``: durable.

        With ``look`` it may be that it must not begin, and nothing is noted of it: ``None``, the flow is held; a last
        member, somebody changed its inputs, which are then all of them (JSON) with the parameters in which something
        was changed. If those are good, the same without ``look`` begins it."""
    @property
    def is_held(self) -> bool:
        """Whether no body begins any more."""
    def hold(self, reason: str, text: str) -> None:
        """Holds the flow for that reason (JSON), unless it is held already."""
    def hold_before(self, call: int, inputs: str | None, problem: str) -> None:
        """Holds the flow before a call that cannot be given or served what somebody put in."""
    def halt(self, cut: list[str]) -> tuple[int, str, str] | None:
        """Pauses a held execution: the sequence of that event, the reason (JSON) and what people are told, with what
        was ``cut`` off. ``None``: something came first, or what held it is gone."""
    def used(self, key: str, used: _Usage) -> None:
        """The call with that key has consumed something: durable with its end, or with the next beat of the heart."""
    def attempt_failed(self, call: int, attempt: int, error: _Error, retry_at: int) -> None:
        """A try failed and another is due at ``retry_at``. Durable when this returns, as are all ends below."""
    def end_returned(self, call: int, result: str | Text, attempts: int) -> int:
        """The call returned. Returns the sequence of its record, as the other ends do."""
    def end_returned_together(self, ended: list[tuple[int, str | Text, int]]) -> None: ...
    def end_volatile(self, call: int, path: str, rerunnable: bool, attempts: int) -> int:
        """The call returned something that no codec takes; ``path`` says where in it."""
    def end_raised(self, call: int, error: _Error, attempts: int) -> int:
        """The call raised and is not tried again."""
    def end_cancelled(self, call: int, attempts: int) -> int:
        """The flow cancelled the call."""
    def mutates(self, call: int, path: str) -> None:
        """An argument of the call, at that path, was changed while it ran: the end that follows is to say so."""
    def mutated(self, call: int, record: int | None = None) -> tuple[str, str, str]:
        """The record (default: the call's own) that lacks a change to an argument: its key, the argument's path, and
        the reason to pause as JSON."""
    def read(self, call: int, value: str) -> None:
        """A recorded reading of a clock or of randomness; written with the next commit."""
    def restart_body(self, call: int, keep: bool) -> None:
        """Begins a body anew; what it recorded below is served again (``keep``) or dropped."""
    def drop_records(self, records: list[int], why: str) -> None:
        """Marks records to run again, durably."""
    def failed_calls(self) -> list[tuple[int, str, str]]:
        """Failed calls on record: sequence, key and message."""
    def retry_at(self, call: int) -> int:
        """When the next try of a call is due whose earlier ones failed; 0: at once."""
    def child_id(self, call: int, keyed: str | None = None) -> str:
        """The execution that a call of a child flow starts or goes on with; ``keyed``: that which its key gives it."""
    def child_left(self, call: int, alone: bool) -> tuple[int, str, str] | None:
        """A child that began and has not ended for this flow, which the call may be: record, identifier and status."""
    def standing(self, call: int) -> tuple[Literal["none", "open", "dropped", "ended"], int]:
        """What is on record of a call whose body is to run, and since when: nothing, a start without an outcome, an
        outcome that is to be made anew, or one that holds."""
    def record_of(self, call: int) -> tuple[str, int] | None:
        """Key and sequence of the record that a call has."""
    def record_at(self, record: int) -> tuple[str, int, str | None] | None:
        """Key and sequence of a record, and the path of a volatile result."""

    # -- waits --------------------------------------------------------------------------------------

    def open_wait(
        self,
        call: int,
        question: str,
        schema: str | None,
        data: str | None,
        deadline: int | None,
        on_timeout: str | None,
    ) -> str:
        """Asks; durable when this returns. Returns the wait's key."""
    def reopen_wait(self, call: int) -> str:
        """Waits again for what an earlier pass asked. Returns the wait's key."""
    def wait_news(self, call: int) -> tuple[Literal["open", "over", "due", "cancel"], int | None]:
        """Where a wait stands; its deadline while it is open."""
    def await_news(self, seconds: float) -> None:
        """Blocks, without the interpreter's lock, until something came from outside; at most so long."""
    def close_wait(self, call: int, why: str) -> None:
        """Ends a wait without an answer: ``withdrawn``, ``timed_out`` or ``elapsed``."""
    def answer_wait(self, call: int, value: str, by: str) -> None:
        """Records an answer that was given in this process; it must have been validated."""
    def wait_done(self) -> None:
        """The wait is over for its caller."""
    def look(self) -> None:
        """Takes in what other processes wrote for this execution."""

    # -- how it leaves the process ------------------------------------------------------------------

    def suspend(
        self,
        own: list[str],
        children: list[str],
        others: list[_Await],
        below: list[tuple[str, int]],
        wake_at: int | None,
        sleeping: bool,
    ) -> int | None:
        """Parks the execution on its own and its children's open waits and on other executions; ``below``: what is
        parked below it, each with its last event. Returns the sequence of the event; ``None``: something came first
        and the flow goes on."""
    def flush(self) -> None:
        """Writes what rides along."""
    def abandon(self) -> None:
        """The flow has ended, and the store did not take that: the execution is let go of when it does."""
    def interrupt(self, by: str, in_haste: bool = False) -> None:
        """The process stops before the end, in an orderly way. ``in_haste``: a store that is away is not waited for."""
    def complete(self, result: str, volatile: str | None) -> list[str]:
        """The flow returned; ``volatile``: the path of what could not be stored in its result. Returns, in sentences,
        what was put in place in a replay and no call took."""
    def fail(self, error: _Error, sources: list[int]) -> list[str]:
        """The flow raised; ``sources`` are the records of the failed calls that it came from. Returns the same."""
    def cancel(self, by: str) -> None:
        """Somebody asked, and the flow has unwound."""
    def stop_requested(self) -> Literal["cancel", "pause"] | None:
        """What somebody asked this execution to do, as far as this session was told."""

    # -- beside the calls ---------------------------------------------------------------------------

    def note(self, key: str | None, code: str, text: str) -> None:
        """Says something that readers of the journal should know."""
    def log(self, key: str | None, stream: str, text: str) -> None:
        """Keeps a line of output."""
    def save(self, call: int, name: str, value: str, key: str | None) -> None:
        """Stores a named value, of the call with that key, and records by the reading ``call`` that it was stored.
        Durable when this returns."""
    def served_count(self) -> int:
        """How many records this pass was served."""
    def usage(self) -> _Usage:
        """Sum over all calls and tries."""
