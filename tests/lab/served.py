"""A server of a lab's own, whose store its programs work on: one that runs, or one that is killed again and again.

``KITARU_TEST_STORE=remote`` has every lab work through one; ``killed``: and it is killed at random moments and started
again, by a seed that is printed. Not here: what is expected of it.
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time

KITARU = str(pathlib.Path(sys.executable).with_name("kitaru"))

# Seconds between two kills.
APART = (0.05, 0.9)


def wanted() -> str:
    """How labs keep their store: ``local``, ``sealed``, ``postgres``, ``remote`` or ``killed``."""
    how = os.environ.get("KITARU_TEST_STORE", "local")
    assert how in ("local", "sealed", "postgres", "remote", "killed"), how
    return how


def free_port() -> int:
    """A port that nobody has, and that no connection is given by chance: the server comes back to it."""
    for port in random.SystemRandom().sample(range(10_000, 30_000), 200):
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


class Server:
    """A running server of the store in ``home``."""

    def __init__(self, home: pathlib.Path, env: dict[str, str], command: str = "server") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.kills = 0
        self._env = {**env, "KITARU_HOME": str(home), "KITARU_STORE": str(home / "kitaru.db")}
        self._command = command
        self._over = threading.Event()
        self._killer: threading.Thread | None = None
        self.start()

    def start(self) -> None:
        """Starts it, and returns when it serves."""
        argv = (KITARU, self._command, "--port", str(self.port), "--output", "json")
        for _ in range(100):
            self.process = subprocess.Popen(
                argv, env=self._env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
            if line:
                assert json.loads(line)["item"]["url"] == self.url
                return
            said = self.process.communicate()[1]
            # Somebody's connection had the port for a moment.
            assert "port-taken" in said, said
            time.sleep(0.05)
        raise AssertionError(f"port {self.port} stays taken")

    def kill(self) -> None:
        """Kills it with -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()
        self.kills += 1

    def kill_at_random(self, seed: str) -> None:
        """From here on it is killed and started again at random moments."""
        print(f"the server is killed by the seed {seed!r}", flush=True)
        luck = random.Random(seed)

        def again() -> None:
            while not self._over.wait(luck.uniform(*APART)):
                self.kill()
                time.sleep(luck.choice((0, 0, 0.05, 0.4)))
                self.start()

        self._killer = threading.Thread(target=again, daemon=True)
        self._killer.start()

    def stop(self) -> None:
        """Ends it in order."""
        self._over.set()
        if self._killer is not None:
            self._killer.join()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.communicate()
                raise
