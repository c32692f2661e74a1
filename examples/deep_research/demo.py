"""``make demo``: the agent meets a rate limit at step 38, dies, resumes, asks a human, and finishes.

Everything is real but the model provider, which runs here, on a loopback port, so that no network is needed. Each
promise is checked against facts, the provider's count of requests and what ``kitaru show`` says; one that does not
hold ends the demo with status 1. ``--keep DIR`` leaves the home and the provider's log there to look at.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from provider import Provider

TOPIC = "How does asyncio cancel tasks?"
_ROOT = Path(__file__).resolve().parents[2]
_AGENT = "examples/deep_research"
_FAILS_AT = 38
_LOCAL = 5  # of the steps before the failure, four searches and the ranking ask no provider


class Broken(Exception):
    """A promise that does not hold."""


def promise(holds: bool, text: str) -> None:
    """Ends the demo unless ``holds``."""
    if not holds:
        raise Broken(text)


class Shell:
    """Runs the story's commands as a user would, in a home of their own."""

    def __init__(self, home: Path, url: str) -> None:
        self._environment = {
            **os.environ,
            "KITARU_HOME": str(home),
            "OPENAI_BASE_URL": url,
            "OPENAI_API_KEY": "demo",
            "OPENAI_MODEL": "simulated-model",
        }
        for name in ("KITARU_STORE", "OPENAI_PRICE"):
            self._environment.pop(name, None)
        beside = Path(sys.executable).parent
        self._kitaru = next((path for path in (beside / "kitaru", beside / "kitaru.exe") if path.exists()), None)
        promise(self._kitaru is not None, f"there is no kitaru command beside {sys.executable}: run make demo")

    def run(self, *command: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
        """Runs ``python …`` or ``kitaru …`` and waits until the process is gone."""
        if not quiet:
            say(f"\n$ {shlex.join(command)}")
        process = self.spawn(*command)
        out, err = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def spawn(self, *command: str) -> subprocess.Popen[str]:
        """Starts ``python …`` or ``kitaru …``."""
        program = sys.executable if command[0] == "python" else str(self._kitaru)
        return subprocess.Popen(
            [program, *command[1:]],
            cwd=_ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def item(self, exec_id: str) -> dict[str, Any]:
        """An execution as ``kitaru show`` gives it to programs."""
        done = self.run("kitaru", "--output", "json", "show", exec_id, quiet=True)
        promise(done.returncode == 0, f"kitaru show failed: {done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout)["item"]
        return found


def say(text: str = "") -> None:
    """Prints, at once."""
    print(text, flush=True)


def brief(text: str, first: int, last: int) -> None:
    """Prints the first and the last lines of an output."""
    lines = text.rstrip().splitlines()
    left_out = len(lines) - first - last
    for line in [*lines[:first], f"… {left_out} lines …", *lines[-last:]] if left_out > 1 else lines:
        say(f"  {line}")


def steps(item: dict[str, Any], status: str) -> list[dict[str, Any]]:
    """The checkpoint calls of an execution with that status."""
    return [call for call in item["calls"] if call["kind"] == "checkpoint" and call["status"] == status]


def tell(shell: Shell, provider: Provider) -> None:
    """The story."""
    say(f"An agent researches: {TOPIC}")
    say("It plans, searches, ranks, reads 34 sources, asks a human, analyses each and writes: a checkpoint a step.")
    say("The model provider is simulated on this machine and answers with the sources' own words; all else is real.")
    died = shell.run("python", _AGENT, TOPIC)
    brief(died.stderr, 3, 0) if died.returncode == 0 else brief(_story_of(died.stderr), 3, 6)
    promise(died.returncode == 1 and "429" in died.stderr, f"the agent should die of a 429:\n{died.stderr}")
    say(f"\nThe provider answered 429 at step {_FAILS_AT}. The process died, with exit status {died.returncode}.")
    say("Here one would start from scratch. Instead, look what there is:")

    listed = shell.run("kitaru", "ls")
    brief(listed.stdout, 9, 0)
    promise(listed.returncode == 0, f"kitaru ls failed: {listed.stderr}")
    before = shell.item("latest")
    short = before["id"][-8:]
    kept = steps(before, "completed")
    promise(before["status"] == "failed" and short in listed.stdout, "the failed run is not listed")
    promise(len(kept) == _FAILS_AT - 1, f"{len(kept)} steps are kept, not {_FAILS_AT - 1}")
    promise(len(provider.answered) == _FAILS_AT - 1 - _LOCAL, f"the provider answered {len(provider.answered)}")
    say(f"\n{len(kept)} steps are kept. An hour later the quota is fresh, and the run goes on where it stopped:")

    provider.quota = None
    asked = len(provider.answered)
    resumed = shell.run("kitaru", "resume", short)
    brief(resumed.stderr, 12, 4)
    after = shell.item(before["id"])
    redone = _redone(kept, after) + len(provider.answered) - len(set(provider.answered))
    promise(resumed.returncode == 75, f"resume ended with {resumed.returncode}, not 75:\n{resumed.stderr}")
    promise(redone == 0, f"{redone} finished steps ran again")
    asked = len(provider.answered) - asked
    promise(asked == 3, f"the provider was asked {asked} times, not 3")
    say(f"\nSteps redone: {redone}. The provider was asked {asked} times: for the steps 38, 39 and 40.")

    promise(after["status"] == "waiting" and after["owner"] is None, "the run does not wait without a process")
    say(f"Then it asked its question, and the process left with exit status {resumed.returncode}. None runs now.")
    say("A human answers, from any terminal, today or next week:")
    answered = shell.run("kitaru", "input", short, "--value", "true")
    brief(answered.stderr, 3, 3)
    promise(answered.returncode == 0, f"the answer did not complete it:\n{answered.stderr}")
    done = shell.item(before["id"])
    redone = _redone(steps(after, "completed"), done) + len(provider.answered) - len(set(provider.answered))
    promise(done["status"] == "completed", f"it is {done['status']}")
    promise(redone == 0, f"{redone} finished steps ran again")
    say("\nThe report:\n")
    say(answered.stdout.rstrip())
    say("\n" + _saved(kept, done, provider))


def _story_of(output: str) -> str:
    """The progress lines and the end of the traceback, without the frames between."""
    lines = output.splitlines()
    progress = [line for line in lines if line.startswith("step ")]
    raised = [number for number, line in enumerate(lines) if line.startswith("  File ")]
    if not raised:
        return output
    return "\n".join([*progress, "Traceback (most recent call last):", "  …", *lines[raised[-1] :]])


def _redone(kept: list[dict[str, Any]], item: dict[str, Any]) -> int:
    """How many of the kept calls have run again since: tried again, or begun at another time."""
    now = {call["key"]: call for call in item["calls"]}
    same = ("attempts", "started_at", "ended_at", "usage")
    return sum(any(now[call["key"]][name] != call[name] for name in same) for call in kept)


def _saved(kept: list[dict[str, Any]], done: dict[str, Any], provider: Provider) -> str:
    usage = [call["usage"] for call in kept]
    tokens = sum(one["input_tokens"] + one["output_tokens"] for one in usage)
    cost = sum(one["cost_usd"] for one in usage)
    seconds = sum(_moment(call["ended_at"]) - _moment(call["started_at"]) for call in kept)
    whole = done["usage"]
    return (
        f"Saved by not starting from scratch: {len(kept)} of {len(steps(done, 'completed'))} steps, "
        f"{_FAILS_AT - 1 - _LOCAL} model calls, {tokens:,} tokens, ${cost:.4f}, "
        f"{seconds:.1f} s.\n"
        f"The whole run: {len(provider.answered)} model calls answered, {provider.refused} refused, none made twice; "
        f"{whole['input_tokens'] + whole['output_tokens']:,} tokens, ${whole['cost_usd']:.4f}."
    )


def _moment(text: str) -> float:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def main() -> int:
    """Tells the story in a temporary home, or in one that is kept."""
    parser = argparse.ArgumentParser(prog="demo", description="A rate limit, a crash, a resume, a human, a report.")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="use this folder as home and leave it there")
    keep = parser.parse_args().keep
    with tempfile.TemporaryDirectory(prefix="kitaru-demo-") as temporary:
        home = keep.resolve() if keep else Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        provider = Provider(quota=_FAILS_AT - 1 - _LOCAL)
        try:
            tell(Shell(home, provider.url), provider)
        except Broken as problem:
            print(f"\nThe demo failed: {problem}", file=sys.stderr)
            return 1
        finally:
            provider.stop()
            if keep:
                log = {"answered": provider.answered, "refused": provider.refused}
                (home / "provider.json").write_text(json.dumps(log, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
