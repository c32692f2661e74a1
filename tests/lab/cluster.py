"""A PostgreSQL of a test run's own: in a temporary folder, on loopback, with a password, and gone with the run.

It does not run as root, which it refuses. Not here: what is expected of a store in it.
"""

from __future__ import annotations

import atexit
import functools
import glob
import itertools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

# Without a word to those that are connected; what they wrote is read back from the log at the next start.
AT_ONCE = signal.SIGQUIT


def program(name: str) -> str:
    """Where a program of PostgreSQL is."""
    found = shutil.which(name) or max(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), default=None)
    assert found, f"{name} is missing: install PostgreSQL (Debian: apt-get install postgresql)"
    return found


def _argv(name: str) -> list[str]:
    """A command that does not run as root, and ends with this process."""
    if os.geteuid() != 0:
        return [program(name)]
    who = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=QUIT"]
    return [*who, program(name)]


class Cluster:
    """See the module. ``settings``: as after ``postgres -c``. ``also``: further addresses of this machine to listen at,
    each with the network that it is for (``10.1.2.1/30``)."""

    def __init__(self, *settings: str, also: tuple[str, ...] = ()) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kitaru-postgres"))
        self.settings = settings
        secret = self.folder / "secret"
        secret.write_text("secret\n")
        if os.geteuid() == 0:
            for path in (self.folder, secret):
                shutil.chown(path, "postgres", "postgres")
        how = ("--username=kitaru", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        argv = [*_argv("initdb"), *how, f"--pwfile={secret}", "-D", str(self.folder / "data")]
        made = subprocess.run(argv, cwd=self.folder, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        with open(self.folder / "data" / "pg_hba.conf", "a") as rules:
            rules.writelines(f"host all all {one} scram-sha-256\n" for one in also)
        self._listens = ",".join(["127.0.0.1", *(one.partition("/")[0] for one in also)])
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port: int = one.getsockname()[1]
        self._schemas = itertools.count()
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Starts it, and returns when it takes connections."""
        given = (f"listen_addresses={self._listens}", "unix_socket_directories=", "max_connections=300", *self.settings)
        argv = [*_argv("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        for one in given:
            argv += ["-c", one]
        until = time.monotonic() + 60
        while True:
            if self.process is None or self.process.poll() is not None:
                # After a kill those that it had started may live a moment longer, and it does not start beside them.
                with open(self.folder / "log", "ab") as log:
                    null = subprocess.DEVNULL
                    self.process = subprocess.Popen(argv, stdin=null, stdout=null, stderr=log, start_new_session=True)
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                assert time.monotonic() < until, (self.folder / "log").read_text()[-3000:]
                time.sleep(0.02)
            else:
                return

    def stop(self, how: signal.Signals = AT_ONCE) -> None:
        """Ends it by its process; killed, with those that it has started, which share its group."""
        if self.process is None:
            return
        if how == signal.SIGKILL:
            os.killpg(self.process.pid, how)
        else:
            self.process.send_signal(how)
        self.process.wait(60)
        self.process = None

    def remove(self) -> None:
        """Ends it for good."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def address(self, schema: str) -> str:
        """The address of a store."""
        return f"postgres://kitaru:secret@127.0.0.1:{self.port}/postgres?schema={schema}"

    def fresh(self) -> str:
        """The name of a schema that nobody has used."""
        return f"s{next(self._schemas)}"

    def query(self, schema: str, sql: str, *arguments: object) -> list[tuple[object, ...]]:
        """Reads a store's database directly. ``?`` stands for an argument."""
        import psycopg

        where = f"host=127.0.0.1 port={self.port} user=kitaru password=secret dbname=postgres"
        with psycopg.connect(f"{where} options=-csearch_path={schema}", autocommit=True) as connection:
            text = sql.replace("%", "%%").replace("?", "%s") if arguments else sql
            found = connection.execute(text.encode(), arguments or None)
            return found.fetchall() if found.description else []


@functools.cache
def shared() -> Cluster:
    """The one of this test run. It does not sync: what is tested is not whether a disk keeps its word."""
    made = Cluster("fsync=off", "full_page_writes=off")
    atexit.register(made.remove)
    return made
