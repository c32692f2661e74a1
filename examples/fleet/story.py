"""``python examples/fleet/story.py``: ten agents, two refusals, one question, a power cut, and one report.

Everything is real but the model provider, which runs here on a loopback port, so that no network is needed: it refuses
two agents once. Each promise is checked against facts, the provider's count of requests and what ``kitaru`` says; one
that does not hold ends the story with status 1. ``--keep DIR`` leaves the home there to look at; ``--after N`` has the
power go after so many answers.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "deep_research"))

from demo import Broken, Shell, brief, promise, say, steps
from provider import Provider

_MASTER = "examples/fleet/master.py"
_REFUSED = ("parsing command line arguments", "logging from several processes")
_AGENTS = 10
_PAID = ("read", "analyse", "write")  # what asks the provider, once each


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


def tell(shell: Shell, provider: Moody, after: int) -> None:
    """The story."""
    say(f"A master sends {_AGENTS} agents into the documentation of Python's library, one topic each.")
    say("The model provider is simulated on this machine; all else is real.")
    say(f"\n$ python {_MASTER}")
    process = shell.spawn("python", _MASTER)
    provider.wait(after)
    process.send_signal(signal.SIGKILL)
    cut = process.communicate()[0]
    brief(cut, 6, 0)
    say(f"\nAfter {len(provider.answered)} answers of the provider the power goes: kill -9. Look what there is:")
    listed = shell.run("kitaru", "tree", "latest")
    brief(listed.stdout, 12, 0)
    before = _items(shell)
    promise(len(before) == 1 + _AGENTS, f"{len(before)} executions are there, not {1 + _AGENTS}")

    asked = list(provider.answered)
    promise(len(set(asked)) == len(asked), "something was asked twice before anything went wrong")
    lost = _on_their_way(shell, asked, before)

    say("\nOne command goes on with all of them:")
    master = next(item["id"] for item in before if item["flow"] == "fleet")
    done = shell.run("kitaru", "resume", master[-8:])
    said, _, report = done.stdout.partition("# What the fleet found")
    brief(said or done.stderr, 40, 0)
    promise(done.returncode == 0, f"the fleet should end well:\n{done.stderr}")
    # A line that was being said when the power went is said again.
    told = {line for line in (cut + said).splitlines() if line.startswith("'")}
    promise(sum("failed: 429" in line for line in told) == len(_REFUSED), "two agents should have been refused")
    promise(sum(" asks: " in line for line in told) == 1, "one agent should have asked")
    promise(sum(" is done: " in line for line in told) == _AGENTS, "all agents should have come home")

    ended = _items(shell)
    promise({item["id"] for item in ended} == {item["id"] for item in before}, "somebody was started twice")
    promise(all(item["status"] == "completed" for item in ended), "all should be completed")
    twice = len(provider.answered) - len(set(provider.answered))
    promise(twice == lost, f"{twice} answers were paid for twice, and {lost} were on their way when the power went")
    say("\nThe report begins:\n")
    brief("# What the fleet found" + report, 16, 0)
    say("\n" + shell.run("kitaru", "tree", master[-8:]).stdout.rstrip())
    say(
        f"\n{_AGENTS} agents, none started twice: {provider.refused} were refused and resumed, 1 asked and its master "
        f"answered.\nThe provider answered {len(provider.answered)} times. When the power went {lost} of the answers "
        "were on their way, at most one an\nagent: those were asked for again. None that was on record was."
    )


def _on_their_way(shell: Shell, asked: list[str], items: list[dict[str, Any]]) -> int:
    """How many of the provider's answers are not on record: of each agent it may be the last."""
    prompts = [json.loads(prompt) for prompt in asked]
    lost = 0
    for item in items:
        kept = sum(call["name"] in _PAID for call in steps(shell.item(item["id"]), "completed"))
        master = item["flow"] == "fleet"
        own = [one for one in prompts if (one["task"] == "report" if master else one["topic"] in item["tags"])]
        mine = len([one for one in own if master or one["task"] != "report"]) - kept
        promise(0 <= mine <= (_AGENTS if master else 1), f"{mine} answers to {item['id'][-8:]} are not on record")
        lost += mine
    return lost


def _items(shell: Shell) -> list[dict[str, Any]]:
    listed = shell.run("kitaru", "--output", "json", "ls", "--limit", "100", quiet=True)
    promise(listed.returncode == 0, f"kitaru ls failed: {listed.stderr}")
    found: list[dict[str, Any]] = json.loads(listed.stdout)["items"]
    return found


def main() -> int:
    """Tells the story in a temporary home, or in one that is kept."""
    parser = argparse.ArgumentParser(prog="story", description="Ten agents, two refusals, a question, a power cut.")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="use this folder as home and leave it there")
    parser.add_argument("--after", metavar="N", type=int, default=40, help="the power goes after so many answers [40]")
    given = parser.parse_args()
    keep = given.keep
    with tempfile.TemporaryDirectory(prefix="kitaru-fleet-") as temporary:
        home = keep.resolve() if keep else Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        provider = Moody()
        try:
            tell(Shell(home, provider.url), provider, given.after)
        except Broken as problem:
            print(f"\nThe story failed: {problem}", file=sys.stderr)
            return 1
        finally:
            provider.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
