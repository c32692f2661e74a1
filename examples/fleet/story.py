"""``python examples/fleet/story.py``: ten agents, two refusals, one question, a power cut, and one report.

Everything is real but the model provider, which runs here on a loopback port, so that no network is needed: it refuses
two agents once. Each promise is checked against facts, the provider's count of requests and what ``kitaru`` says; one
that does not hold ends the story with status 1. ``--keep DIR`` leaves the home there to look at.
"""

from __future__ import annotations

import argparse
import collections
import json
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "deep_research"))

from demo import Broken, Shell, brief, promise, say
from provider import Provider

_MASTER = "examples/fleet/master.py"
_REFUSED = ("parsing command line arguments", "logging from several processes")
_AGENTS = 10


class Moody(Provider):
    """A provider that refuses two topics once each, and tells when so many requests were answered."""

    def __init__(self) -> None:
        super().__init__(quota=None)
        self._moods = set(_REFUSED)
        self._asked = threading.Condition()

    def answer(self, path: str, request: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
        """See :class:`Provider`."""
        topic = json.loads(request["messages"][-1]["content"])["topic"]
        with self._asked:
            if topic in self._moods and any(topic in prompt for prompt in self.answered):
                self._moods.discard(topic)
                self.refused += 1
                error = {"message": "Rate limit reached for this key", "type": "rate_limit_error"}
                return 429, {"Retry-After": "3600"}, {"error": error}
        done = super().answer(path, request)
        with self._asked:
            self._asked.notify_all()
        return done

    def wait(self, count: int) -> None:
        """Returns when so many requests were answered."""
        with self._asked:
            promise(self._asked.wait_for(lambda: len(self.answered) >= count, 60), f"no {count} requests came")


def tell(shell: Shell, provider: Moody) -> None:
    """The story."""
    say(f"A master sends {_AGENTS} agents into the documentation of Python's library, one topic each.")
    say("The model provider is simulated on this machine; all else is real.")
    say(f"\n$ python {_MASTER}")
    process = shell.spawn("python", _MASTER)
    provider.wait(40)
    process.send_signal(signal.SIGKILL)
    cut = process.communicate()[0]
    brief(cut, 6, 0)
    answered = len(provider.answered)
    say(f"\nAfter {answered} answers of the provider the power goes: kill -9. Look what there is:")
    listed = shell.run("kitaru", "tree", "latest")
    brief(listed.stdout, 12, 0)
    before = _items(shell)
    promise(len(before) == 1 + _AGENTS, f"{len(before)} executions are there, not {1 + _AGENTS}")

    say("\nOne command goes on with all of them:")
    master = next(item["id"] for item in before if item["flow"] == "fleet")
    done = shell.run("kitaru", "resume", master[-8:])
    said, _, report = done.stdout.partition("# What the fleet found")
    brief(said or done.stderr, 40, 0)
    promise(done.returncode == 0, f"the fleet should end well:\n{done.stderr}")
    told = [line for line in (cut + said).splitlines() if line.startswith("'")]
    promise(sum("failed: 429" in line for line in told) == len(_REFUSED), "two agents should have been refused")
    promise(sum(" asks: " in line for line in told) == 1, "one agent should have asked")
    promise(sum(" is done: " in line for line in told) == _AGENTS, "all agents should have come home")

    after = _items(shell)
    promise({item["id"] for item in after} == {item["id"] for item in before}, "somebody was started twice")
    promise(all(item["status"] == "completed" for item in after), "all should be completed")
    twice = [prompt for prompt, count in collections.Counter(provider.answered).items() if count > 1]
    lost = len(twice)
    promise(lost <= _AGENTS, f"{lost} answers were paid for twice")
    say("\nThe report begins:\n")
    brief("# What the fleet found" + report, 16, 0)
    say("\n" + shell.run("kitaru", "tree", master[-8:]).stdout.rstrip())
    say(
        f"\n{_AGENTS} agents, none started twice: {provider.refused} were refused and resumed, 1 asked and its master "
        f"answered.\nThe provider answered {len(provider.answered)} times. When the power went {lost} of the answers "
        "were on their way; they were asked for again."
    )


def _items(shell: Shell) -> list[dict[str, Any]]:
    listed = shell.run("kitaru", "--output", "json", "ls", "--limit", "100", quiet=True)
    promise(listed.returncode == 0, f"kitaru ls failed: {listed.stderr}")
    found: list[dict[str, Any]] = json.loads(listed.stdout)["items"]
    return found


def main() -> int:
    """Tells the story in a temporary home, or in one that is kept."""
    parser = argparse.ArgumentParser(prog="story", description="Ten agents, two refusals, a question, a power cut.")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="use this folder as home and leave it there")
    keep = parser.parse_args().keep
    with tempfile.TemporaryDirectory(prefix="kitaru-fleet-") as temporary:
        home = keep.resolve() if keep else Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        provider = Moody()
        try:
            tell(Shell(home, provider.url), provider)
        except Broken as problem:
            print(f"\nThe story failed: {problem}", file=sys.stderr)
            return 1
        finally:
            provider.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
