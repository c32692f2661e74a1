"""A network namespace with a link of its own to this machine, which can be cut and slowed: what is sent is lost then,
and nobody is told, as when a cable is pulled. It needs to be allowed to (Linux, root).

Not here: when that happens.
"""

from __future__ import annotations

import os
import shutil
import subprocess


class Link:
    """The ``number``-th of this process."""

    def __init__(self, number: int) -> None:
        self.namespace = f"kitaru-{os.getpid()}-{number}"
        # An interface's name has fifteen characters at the most.
        self._here, there = (f"kt{os.getpid()}{end}{number}" for end in "ab")
        # Of each process its own, as far as there are enough.
        network = f"10.{200 + os.getpid() % 50}.{number}"
        self.address = f"{network}.1"
        self.network = f"{network}.1/30"
        _ip("netns", "add", self.namespace)
        _ip("link", "add", self._here, "type", "veth", "peer", "name", there)
        _ip("link", "set", there, "netns", self.namespace)
        _ip("address", "add", self.network, "dev", self._here)
        _ip("link", "set", self._here, "up")
        self._inside("address", "add", f"{network}.2/30", "dev", there)
        self._inside("link", "set", there, "up")
        self._inside("link", "set", "lo", "up")

    def argv(self, argv: list[str]) -> list[str]:
        """A command that runs inside, as the process that is started."""
        return ["ip", "netns", "exec", self.namespace, *argv]

    def cut(self) -> None:
        """What is sent from here on is lost."""
        _ip("link", "set", self._here, "down")

    def up(self) -> None:
        """Passes on again."""
        _ip("link", "set", self._here, "up")

    def slow(self, kilobits: int | None) -> None:
        """Passes on so much a second, and loses what comes too fast; ``None``: all."""
        subprocess.run(["tc", "qdisc", "del", "dev", self._here, "root"], capture_output=True)
        if kilobits is not None:
            how = ["tbf", "rate", f"{kilobits}kbit", "burst", "16kbit", "latency", "200ms"]
            subprocess.run(["tc", "qdisc", "add", "dev", self._here, "root", *how], check=True)

    def close(self) -> None:
        """Ends it. What runs inside has ended before."""
        _ip("link", "delete", self._here)
        _ip("netns", "delete", self.namespace)

    def _inside(self, *argv: str) -> None:
        _ip("-n", self.namespace, *argv)


def why_not() -> str | None:
    """What keeps this process from making one; ``None``: nothing."""
    for name in ("ip", "tc"):
        if shutil.which(name) is None:
            return f"{name} is missing (Debian: apt-get install iproute2)"
    try:
        Link(0).close()
    except subprocess.CalledProcessError as error:
        return f"network namespaces are not allowed here: {error.stderr.strip()}"
    return None


def _ip(*argv: str) -> None:
    subprocess.run(["ip", *argv], check=True, capture_output=True, text=True)
