"""A user's desk for tests: a folder with programs, a home of its own, and the real commands run as processes.

Not here: killing at chosen points (``lab.sweep``).
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from typing import Any

from lab import cluster, served

PYTHON = sys.executable
KITARU = str(pathlib.Path(sys.executable).with_name("kitaru"))

# What programs import to leave a mark outside of Kitaru: one line for each time that work is really done.
WORLD = '''
import os, time

def did(what):
    fd = os.open(os.environ["WORLD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{what}\\n".encode())
    os.close(fd)
    return what

def paid(what=None):
    """Marks work in the body of a call by the call's own identity, which no other call has."""
    from kitaru import _context
    frame = _context.frame().body()
    did(f"{frame.run.id} {frame.key}")
    return what

def count(what):
    try:
        with open(os.environ["WORLD"]) as lines:
            return sum(line.rstrip("\\n") == what for line in lines)
    except FileNotFoundError:
        return 0
'''


@dataclasses.dataclass(frozen=True)
class Result:
    """What a process left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    def ok(self, code: int = 0) -> Result:
        """Fails with all that was printed unless the exit status is ``code``."""
        assert self.code == code, f"exit status {self.code}, not {code}\n--- out\n{self.out}\n--- err\n{self.err}"
        return self


# Columns of values, which a sealed store shows to nobody.
SEALED = frozenset(("payload", "text", "answer", "inputs", "result", "error", "reason", "question", "data", "value"))


class Lab:
    """A folder, a home and the commands."""

    def __init__(self, folder: pathlib.Path, *, store: str | None = None) -> None:
        self.folder = folder
        self.store = served.wanted() if store is None else store
        self._server: served.Server | None = None
        self.schema = cluster.shared().fresh() if self.store == "postgres" else ""
        self.home = folder / "home"
        self.world = folder / "world.log"
        folder.mkdir(parents=True, exist_ok=True)
        self.write("world.py", WORLD)
        self.keys = folder / "secret" / "keys"
        if self.store == "sealed":
            made = subprocess.run(
                (served.KITARU, "keys", "new", "--file", str(self.keys)), capture_output=True, text=True
            )
            assert made.returncode == 0, made.stderr

    def write(self, name: str, source: str) -> pathlib.Path:
        """A file in the folder."""
        file = self.folder / name
        file.write_text(textwrap.dedent(source))
        return file

    def env(self, **more: str) -> dict[str, str]:
        """The environment of a process."""
        # Who is logged in here is nobody's business: what is done by hand is done by `cli`.
        dropped = ("USER", "LOGNAME", "USERNAME")
        known = {
            key: value for key, value in os.environ.items() if not key.startswith("KITARU_") and key not in dropped
        }
        return {
            **known,
            **({"KITARU_HOME": str(self.home)} if "KITARU_STORE" in more else self._place()),
            "WORLD": str(self.world),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_COLOR": "1",
            "COLUMNS": "120",
            **more,
        }

    def _place(self) -> dict[str, str]:
        """Where programs find the store."""
        if self.store == "local":
            return {"KITARU_HOME": str(self.home)}
        if self.store == "sealed":
            return {"KITARU_HOME": str(self.home), "KITARU_KEYS": str(self.keys)}
        if self.store == "postgres":
            return {"KITARU_HOME": str(self.home), "KITARU_STORE": cluster.shared().address(self.schema)}
        # Not the server's home: nothing but the address leads there.
        client = {"KITARU_HOME": str(self.folder / "client"), "KITARU_STORE": self.server.url}
        return {**client, "KITARU_PATIENCE": "60"} if self.store == "killed" else client

    @property
    def server(self) -> served.Server:
        """The server of this lab's store."""
        if self._server is None:
            self.home.mkdir(parents=True, exist_ok=True)
            clean = {key: value for key, value in os.environ.items() if not key.startswith("KITARU_")}
            self._server = served.Server(self.home, clean)
            if self.store == "killed":
                seed = os.environ.get("KITARU_SEED") or os.environ.get("PYTEST_CURRENT_TEST", "")
                self._server.kill_at_random(seed)
        return self._server

    def close(self) -> None:
        """Ends what serves it."""
        if self._server is not None:
            self._server.stop()

    def spawn(self, *argv: str, cwd: pathlib.Path | None = None, **env: str) -> subprocess.Popen[str]:
        """Starts a process."""
        return subprocess.Popen(
            argv,
            cwd=cwd or self.folder,
            env=self.env(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *argv: str, cwd: pathlib.Path | None = None, timeout: float = 60, **env: str) -> Result:
        """Runs a process to its end."""
        process = self.spawn(*argv, cwd=cwd, **env)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            out, err = process.communicate()
            raise AssertionError(f"{argv} did not end in {timeout} s\n--- out\n{out}\n--- err\n{err}") from None
        return Result(process.returncode, out, err)

    def python(self, *argv: str, **options: Any) -> Result:
        """Runs Python."""
        return self.run(PYTHON, "-X", "faulthandler", *argv, **options)

    def kitaru(self, *argv: str, **options: Any) -> Result:
        """Runs the command."""
        return self.run(KITARU, *argv, **options)

    def item(self, *argv: str, code: int = 0) -> Any:
        """The item of a command's JSON."""
        return self.kitaru(*argv, "--output", "json").ok(code).json["item"]

    def items(self, *argv: str, code: int = 0) -> Any:
        """The items of a command's JSON."""
        return self.kitaru(*argv, "--output", "json").ok(code).json["items"]

    def done(self) -> list[str]:
        """What was really done, in order."""
        return self.world.read_text().split("\n")[:-1] if self.world.exists() else []

    def query(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Reads the store's database directly."""
        if self.store == "postgres":
            return cluster.shared().query(self.schema, sql, *arguments)
        connection = sqlite3.connect(self._readable(sql))
        try:
            return connection.execute(sql, arguments).fetchall()
        finally:
            connection.close()

    def _readable(self, sql: str) -> pathlib.Path:
        """The database, or a plain copy of a sealed one, where what is sealed is asked for."""
        file = self.home / "kitaru.db"
        if self.store != "sealed" or not set(re.findall(r"\w+", sql)) & SEALED:
            return file
        copy = self.folder / "plain" / f"{len(list(self.folder.glob('plain/*.db')))}.db"
        self.kitaru("store", "copy", "--from", str(file), "--to", str(copy), "--to-plain").ok()
        return copy

    def change(self, sql: str) -> None:
        """Changes the store's database behind the back of whoever has it open."""
        if self.store == "postgres":
            cluster.shared().query(self.schema, sql)
            return
        connection = sqlite3.connect(self.home / "kitaru.db", timeout=30)
        try:
            connection.executescript(sql)
        finally:
            connection.close()

    def only(self) -> str:
        """The identifier of the one execution that there is."""
        rows = self.query("SELECT id FROM executions WHERE parent IS NULL")
        assert len(rows) == 1, rows
        return str(rows[0][0])

    def wait_for(self, what: str, times: int = 1, seconds: float = 30) -> None:
        """Returns when ``what`` was done that often."""
        until = time.monotonic() + seconds
        while self.done().count(what) < times:
            assert time.monotonic() < until, f"{what!r} was not done {times} times: {self.done()}"
            time.sleep(0.005)


def plain(text: str) -> str:
    """Output without identifiers, times and durations."""
    text = re.sub(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<id>", text)
    return re.sub(r"\b[0-9a-f]{8}\b", "<short>", text)
