"""The ``kitaru`` command's way into the Rust command line. Everything it prints is decided there.

Not here: finding and running a flow (``_runner``), what is found in its code (``_inspect``), rehearsals (``_check``).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from kitaru._native import Engine

# (flow, the file that defines it, code, message, hint)
FoundFlow = tuple["str | None", "str | None", "str | None", "str | None", "str | None"]
# (execution, whether Ctrl-C was pressed at a question, code, message, hint)
Told = tuple["str | None", bool, "str | None", "str | None", "str | None"]
# (place of the job, told)
Each = tuple[int, Told]
# (what was found as JSON, code, message, hint)
Found = tuple["str | None", "str | None", "str | None", "str | None"]


def main() -> int:
    """Entry point of the console script. Returns the exit status."""
    from kitaru import _native

    status: int = _native.cli(sys.argv[1:], Host())
    return _flushed(status)


def _flushed(status: int) -> int:
    """Flushes now, where a reader that has gone can be told from an error; the interpreter's exit would complain."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


class Host:
    """What the command line needs Python for: running a flow, looking at its code, and asking on a terminal."""

    def run(self, job: str, json_output: bool, engine: Engine, store: str, home: str, normal: bool) -> Told:
        """Runs a job on the command's store. Returns the execution, or a code, a message and a way out."""
        import json

        from kitaru import _config, _runner, _wake
        from kitaru._deployed import placed
        from kitaru.errors import KitaruError

        _adopt(engine, store, home, normal)
        wanted: dict[str, Any] = json.loads(job)
        if json_output:
            _config.configure(interactive=False)
        entry = _runner.entry_of(wanted)
        try:
            elsewhere = entry is not None and not _runner.is_this_interpreter(placed(entry)["interpreter"])
        except KitaruError as error:
            return None, False, error.code, str(error), error.hint
        if elsewhere:
            return _reported(lambda: _runner.execute_elsewhere(wanted, quiet=json_output))
        stdout = sys.stdout
        sys.stdout = _Patient(sys.stderr if json_output else stdout)
        try:
            # The command itself sees to what waited for it.
            with _wake.seen_to(_wake.root_of(wanted)):
                told = _reported(lambda: _runner.execute(wanted))
        finally:
            sys.stdout.flush()
            sys.stdout = stdout
        other = _config.overruled()
        if other is not None and other != store:
            asked, used = _config.shown(other), _config.shown(store)
            sys.stderr.write(f"note: the flow's code asks for the store {asked}; this command used {used}\n")
        return told

    def run_all(self, jobs: str, at_once: int, engine: Engine, store: str, home: str, normal: bool) -> Iterator[Each]:
        """Runs jobs that resume, each in a process of its own, at most ``at_once`` together: (place, told) of each.

        Closed or interrupted, it begins no more of them and waits for those that run.
        """
        import json

        from kitaru import _runner

        _adopt(engine, store, home, normal)
        wanted: list[dict[str, Any]] = json.loads(jobs)

        def one(job: dict[str, Any]) -> Told:
            return _reported(lambda: _runner.execute_elsewhere(job, quiet=True, silent=True))

        import concurrent.futures

        pool = concurrent.futures.ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="kitaru-batch")
        try:
            places = {pool.submit(one, job): place for place, job in enumerate(wanted)}
            for done in concurrent.futures.as_completed(places):
                yield places[done], done.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def inspect(self, job: str, engine: Engine, store: str, home: str, normal: bool) -> Found:
        """Looks at the code of an execution as it is now: see :func:`kitaru._inspect.inspect`."""
        import json

        from kitaru import _inspect

        _adopt(engine, store, home, normal)
        return _found(lambda: _inspect.inspected(json.loads(job)))

    def bind(self, job: str, engine: Engine, store: str, home: str, normal: bool) -> Found:
        """Binds the arguments of a flow that is named: see :func:`kitaru._runner.bind`."""
        import json

        from kitaru import _runner

        _adopt(engine, store, home, normal)
        return _found(lambda: _runner.bind(json.loads(job)))

    def released(self, entry: str, engine: Engine, store: str, home: str, normal: bool) -> Found:
        """Loads what is about to be deployed: see :func:`kitaru._runner.released`."""
        import json

        from kitaru import _runner

        _adopt(engine, store, home, normal)
        return _found(lambda: _runner.released(json.loads(entry)))

    def rehearse(self, job: str, engine: Engine, store: str, home: str, normal: bool) -> Found:
        """Rehearses an execution with the code of an entry point: see :func:`kitaru._check.rehearse`."""
        import json

        from kitaru import _check

        _adopt(engine, store, home, normal)
        return _found(lambda: _check.rehearse(**json.loads(job)))

    def check(self, target: str, engine: Engine, store: str, home: str, normal: bool) -> Found:
        """Rehearses the open executions of a flow: see :func:`kitaru._check.check`."""
        from kitaru import _check

        _adopt(engine, store, home, normal)
        return _found(lambda: _check.check(target))

    def token_file(self, file: pathlib.Path) -> None:
        """Has whatever this process starts find the token where the command was told to."""
        import os

        os.environ["KITARU_TOKEN_FILE"] = str(file)
        os.environ.pop("KITARU_TOKEN", None)

    def confirm(self, question: str) -> bool:
        """Asks a question on the terminal; whether the answer is yes."""
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        try:
            said = sys.stdin.readline()
        except KeyboardInterrupt:
            sys.stderr.write("\n")
            return False
        return said.strip().lower() in ("y", "yes")

    def flow(self, target: str, json_output: bool, engine: Engine, store: str, home: str, normal: bool) -> FoundFlow:
        """Loads the flow of ``FILE.py:FLOW``. Returns its name and file, or a code, a message and a way out."""
        from kitaru import _entry, _runner
        from kitaru.errors import KitaruError

        _adopt(engine, store, home, normal)
        stdout = sys.stdout
        sys.stdout = sys.stderr if json_output else stdout
        try:
            flow = _runner.load_target(target)
        except KitaruError as error:
            return None, None, error.code, str(error), error.hint
        finally:
            sys.stdout.flush()
            sys.stdout = stdout
        return flow.name, _entry.entry_point(flow._function)["file"], None, None, None


def _adopt(engine: Engine, store: str, home: str, normal: bool) -> None:
    """Makes the command's store that of this process and of those that it starts."""
    import os

    from kitaru import _config

    os.environ["KITARU_HOME"], os.environ["KITARU_STORE"] = home, store
    os.environ["KITARU_SYNCHRONOUS"] = "normal" if normal else "full"
    _config.adopt(engine)


def _reported(work: Any) -> Told:
    from kitaru.errors import KitaruError

    try:
        ran = work()
    except KitaruError as error:
        return None, False, error.code, str(error), error.hint
    except KeyboardInterrupt:
        return None, False, "interrupted", "interrupted", None
    return ran.exec_id, ran.interrupted, None, None, None


def _found(work: Any) -> Found:
    """Runs what only looks: what the user's code prints meanwhile is no part of the answer."""
    import json

    from kitaru.errors import KitaruError

    stdout, sys.stdout = sys.stdout, sys.stderr
    try:
        return json.dumps(work()), None, None, None
    except KitaruError as error:
        return None, error.code, str(error), error.hint
    except KeyboardInterrupt:
        return None, "interrupted", "interrupted", None
    finally:
        sys.stdout = stdout


class _Patient:
    """Standard output whose reader may go away (``| head``): a flow that costs money does not fail by that."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._gone = False

    def write(self, text: str) -> int:
        if not self._gone:
            try:
                return int(self._inner.write(text))
            except BrokenPipeError:
                self._gone = True
        return len(text)

    def flush(self) -> None:
        if not self._gone:
            try:
                self._inner.flush()
            except BrokenPipeError:
                self._gone = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _leave(told: str, found: Any) -> None:
    """Ends the process of a rehearsal as soon as it is known what it found: nothing of the user's code unwinds."""
    import os

    from kitaru import _elsewhere

    _elsewhere.tell(told, found)
    os._exit(0)


def child() -> int:
    """The other process's side of a job: the job in, what was told out, both in files. Returns 0."""
    import contextlib
    import json
    import os
    import shutil

    from kitaru import _config, _elsewhere, _runner, _wake

    job, told, quiet = sys.argv[1:4]
    with open(job, encoding="utf-8") as file:
        wanted = json.load(file)
    stdout = sys.stdout
    if quiet == "1":
        _config.configure(interactive=False)
        sys.stdout = sys.stderr
    try:
        if "inspect" in wanted:
            from kitaru import _inspect

            _elsewhere.tell(told, _found(lambda: _inspect.inspect(wanted["inspect"])))
        elif "bind" in wanted:
            _elsewhere.tell(told, _found(lambda: _runner.bind(wanted["bind"])))
        elif "rehearse" in wanted:
            from kitaru import _check

            _check.rehearse_one(wanted["rehearse"], lambda found: _leave(told, found))
        else:
            # Whoever asked for it sees to what waited for it, unless that is to be seen to here.
            seen_to = (
                contextlib.nullcontext()
                if wanted.pop("sees_to_waiters", False)
                else _wake.seen_to(_wake.root_of(wanted))
            )
            with seen_to:
                _elsewhere.tell(told, _reported(lambda: _runner.execute(wanted)))
    finally:
        sys.stdout = stdout
        if wanted.get("asked_by", os.getppid()) != os.getppid():
            # Nobody is left to read what was told.
            shutil.rmtree(os.path.dirname(told), ignore_errors=True)
    return _flushed(0)
