"""Jobs in a process of their own: with another interpreter, or beside the work of this one.

A job goes in and what was told comes out as JSON, both in files, since the program's output is the user's. Not here:
what a job does (``_runner``, ``_inspect``, ``_rehearsal``); the other process's side is :func:`kitaru._cli.child`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import weakref
from typing import Any

from kitaru.errors import KitaruImportError

Place = tuple["str | None", "str | None"]


def told_by(
    job: dict[str, Any],
    interpreter: str,
    *,
    quiet: bool = False,
    silent: bool = False,
    place: Place | None = None,
    timeout: float | None = None,
) -> Any:
    """What a job told, run by ``interpreter``.

    ``quiet``: its output goes to stderr; ``silent``: nowhere; ``place``: store and home, where they are not those of
    the environment; ``timeout`` in seconds, after which it is killed: ``None`` is told.

    Raises :class:`~kitaru.errors.KitaruImportError` when that interpreter is gone or cannot run it.
    """
    if not os.path.exists(interpreter):
        raise KitaruImportError(
            f"the interpreter that it ran with is gone: {interpreter}",
            hint="make that environment again, with kitaru in it",
        )
    code = "import sys; from kitaru._cli import child; sys.exit(child())"
    with tempfile.TemporaryDirectory(prefix="kitaru-") as folder:
        given, told = os.path.join(folder, "job"), os.path.join(folder, "told")
        with open(given, "w", encoding="utf-8") as file:
            json.dump(job, file)
        out: Any = subprocess.DEVNULL if silent else (sys.stderr.fileno() if quiet else None)
        try:
            done = subprocess.run(
                [interpreter, "-c", code, given, told, "1" if quiet or silent else "0"],
                stdin=subprocess.DEVNULL if quiet or silent else None,
                stdout=out,
                stderr=subprocess.PIPE if silent else None,
                env=environment(place),
                check=False,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired:
            if not os.path.exists(told):
                return None
        else:
            if not os.path.exists(told):
                last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] if silent else []
                said = "".join(f": {line}" for line in last)
                raise KitaruImportError(
                    f"{interpreter} could not go on with it (exit status {done.returncode}){said}",
                    hint=f"is kitaru installed there? {interpreter} -c 'import kitaru'",
                )
        with open(told, encoding="utf-8") as file:
            return json.load(file)


class Helper:
    """A process that does one job after another, so that what it has loaded stays. It ends with its owner."""

    def __init__(self, interpreter: str, place: Place | None) -> None:
        self._interpreter = interpreter
        self._place = place
        self._process: subprocess.Popen[str] | None = None

    def ask(self, job: dict[str, Any]) -> Any:
        """What a job told. Raises :class:`~kitaru.errors.KitaruImportError` when its process tells nothing."""
        process = self._process or self._begin()
        assert process.stdin is not None and process.stdout is not None
        said = ""
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            said = process.stdout.readline()
        except BrokenPipeError:
            # It is gone, which is told below.
            pass
        answer = json.loads(said) if said else {}
        if not answer.get("again"):
            self._process = None
            process.stdin.close()
            process.stdout.close()
            process.wait()
        if answer.get("told") is None:
            raise KitaruImportError(
                f"{self._interpreter} told nothing (exit status {process.poll()})",
                hint=f"is kitaru installed there? {self._interpreter} -c 'import kitaru'",
            )
        return answer["told"]

    def _begin(self) -> subprocess.Popen[str]:
        if not os.path.exists(self._interpreter):
            raise KitaruImportError(f"there is no interpreter {self._interpreter}")
        self._process = subprocess.Popen(
            [self._interpreter, "-c", "import sys; from kitaru._serve import serve; sys.exit(serve())"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(self._place),
            start_new_session=True,
            text=True,
        )
        weakref.finalize(self, _let_go, self._process)
        return self._process


def _let_go(process: subprocess.Popen[str]) -> None:
    """Lets a helper end, which it does when it has read all."""
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
        process.wait()


def tell(told: str, what: Any) -> None:
    """Writes what a job tells, whole or not at all."""
    with open(f"{told}.new", "w", encoding="utf-8") as file:
        json.dump(what, file)
    os.replace(f"{told}.new", told)


def environment(place: Place | None) -> dict[str, str]:
    """What the other process needs to find the same store."""
    from kitaru import _config

    store, home, synchronous = _config.place(*(place or (None, None)))
    keys = os.environ.get("KITARU_KEYS")
    # It works in another folder.
    found = {"KITARU_KEYS": os.path.abspath(keys)} if keys else {}
    return {**os.environ, **found, "KITARU_STORE": store, "KITARU_HOME": home, "KITARU_SYNCHRONOUS": synchronous}
