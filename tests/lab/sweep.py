"""Kills a program at every point where the engine writes, resumes it, and looks at what is left.

Run as a process of its own under the shim: ``LD_PRELOAD=shim.so python -m lab.sweep FILE``. The file defines ``main``
(a flow) and may define ``INPUTS`` (its keyword arguments), ``EXPECT`` (its result; default: that of a run without
a crash), ``STATUS`` (how it ends), ``ANSWERS`` (by wait name), ``RETRIED`` (a failed execution is resumed),
``BREAKPOINTS`` (selectors; set in every case's store) with ``SET`` (paths and values that a resume puts in there),
``TWICE`` (after a kill at a random moment, the process that goes on is killed too), ``RECORDED`` (how many calls are on
record as completed then), ``SAME_KEYS`` (they are the same calls after every crash, also one of the process that takes
the answers). Each case is a forked child of this process, which imports the library
and the program once and never opens a store itself. Prints one JSON report. Not here: the shim, and any judgement by
eye.
"""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from typing import Any

BEFORE, HALF, AFTER, EDGES = 0, 1, 2, 4
HERE = pathlib.Path(__file__).parent
MOST_PASSES = 12


def build_shim(folder: pathlib.Path) -> pathlib.Path:
    """Compiles the shim."""
    made = folder / "shim.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", made, HERE / "shim.c", "-ldl"], check=True)
    return made


def sweep(
    lab: Any,
    file: pathlib.Path,
    *,
    points: str = "edges",
    random_kills: int = 0,
    seed: int = 0,
    part: tuple[int, int] = (0, 1),
) -> Any:
    """Sweeps a program in a process of its own; returns the report.

    ``points``: ``edges`` (before the first write and after the sync of each commit), ``all`` (before, half way
    through and after every write), ``creation`` (the same, while the store itself is made), or ``none``.
    ``random_kills``: so many kills at random moments, in at most four times as many cases. A case that came to its end
    before the point at which it was to be killed is ``short``.
    ``part`` (n, of): every of-th case, from the n-th on.
    """
    if lab.store != "local":
        import pytest

        pytest.skip("the writes at which it kills are those to a file of the process's own")
    shim = build_shim(lab.folder)
    process = lab.run(
        sys.executable,
        "-m",
        "lab.sweep",
        str(file),
        points,
        str(random_kills),
        str(seed),
        *map(str, part),
        timeout=600 + random_kills,
        LD_PRELOAD=str(shim),
        PYTHONPATH=str(HERE.parent),
    )
    assert process.code == 0, f"{process.out}\n{process.err}"
    return json.loads(process.out.splitlines()[-1])


class Case:
    """One crash and what follows, in a home of its own."""

    def __init__(self, module: Any, folder: pathlib.Path) -> None:
        self.module = module
        self.folder = folder
        self.home = folder / "home"
        self.world = folder / "world.log"

    def child(
        self, work: Any, *, arm: tuple[int, int] | None = None, kill_after: float | None = None
    ) -> tuple[int, str]:
        """Runs ``work`` in a forked child. Returns its exit status (-9: killed) and what it printed."""
        log = self.folder / "child.log"
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                os.dup2(out, 1)
                os.dup2(out, 2)
                os.environ["KITARU_HOME"] = str(self.home)
                os.environ["WORLD"] = str(self.world)
                if arm is not None:
                    ctypes.CDLL(None).shim_arm(ctypes.c_long(arm[0]), ctypes.c_int(arm[1]))
                work()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                seen = ctypes.CDLL(None).shim_seen()
                (self.folder / "seen").write_text(str(seen))
                os._exit(status)
        until = time.monotonic() + 30
        kill_at = None if kill_after is None else time.monotonic() + kill_after
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status), log.read_text() if log.exists() else ""
            now = time.monotonic()
            if kill_at is not None and now >= kill_at:
                os.kill(pid, 9)
                kill_at = None
            if now > until:
                import signal

                os.kill(pid, signal.SIGABRT)
                os.waitpid(pid, 0)
                raise AssertionError(f"hangs: {log.read_text()[-6000:]}")
            time.sleep(0.001)

    def rows(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        if not (self.home / "kitaru.db").exists():
            return []
        connection = sqlite3.connect(self.home / "kitaru.db")
        try:
            return connection.execute(sql, arguments).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        finally:
            connection.close()

    def done(self) -> list[str]:
        return self.world.read_text().split("\n")[:-1] if self.world.exists() else []

    def start(self) -> None:
        """The program's first process."""
        flow = self.module.main
        inputs = getattr(self.module, "INPUTS", {})
        from kitaru import KitaruError

        try:
            if flow.is_async:
                import asyncio

                async def awaited() -> None:
                    await flow(**inputs)

                asyncio.run(awaited())
            else:
                flow(**inputs)
        except KitaruError as error:
            if error.code not in ("suspended", "paused"):
                raise
        except Exception:
            if self.status() != "failed":
                raise

    def go_on(self) -> None:
        """A later process: answers what is asked, and resumes."""
        from kitaru import _config, _native, _runner

        ((exec_id,),) = self.rows("SELECT id FROM executions WHERE parent IS NULL")
        answers = getattr(self.module, "ANSWERS", {})
        open_waits = self.rows(
            "SELECT e.id, w.key, w.name FROM waits w JOIN executions e USING (n) "
            "WHERE w.status = 'open' AND NOT w.sleep"
        )
        for owner, key, name in open_waits:
            if name in answers:
                value = json.dumps(answers[name])
                _native.cli(["input", owner, "--wait", key, "--value", value, "--no-resume"], None)
        known = json.loads(_config.engine().describe(exec_id))
        if known["status"] == "paused":
            put = [(path, json.dumps(value)) for path, value in getattr(self.module, "SET", {}).items()]
            _native.manage_prepare(_config.engine(), exec_id, None, [], put, None, "test")
        _runner.execute(
            {
                "resume": {
                    "id": exec_id,
                    "entry": json.loads(known["entry"]) if isinstance(known["entry"], str) else known["entry"],
                }
            }
        )

    def status(self) -> str | None:
        rows = self.rows("SELECT status FROM executions WHERE parent IS NULL")
        return None if not rows else str(rows[0][0])

    def finish(self) -> dict[str, Any]:
        """Goes on until the execution has ended. Returns what was found."""
        problems: list[str] = []
        passes = 0
        log = ""
        final = {"completed", "cancelled"}
        final |= set() if getattr(self.module, "RETRIED", False) else {"failed"}
        final |= set() if hasattr(self.module, "BREAKPOINTS") else {"paused"}
        while self.status() not in final:
            passes += 1
            if passes > MOST_PASSES:
                return {"problems": [f"not over after {passes} passes: {self.status()}\n{log[-3000:]}"]}
            recorded = {
                key
                for (key,) in self.rows(
                    "SELECT e.id || ' ' || c.key FROM calls c JOIN executions e USING (n) WHERE c.status = 'completed'"
                )
            }
            before = len(self.done())
            code, log = self.child(self.start if self.status() is None else self.go_on)
            again = [what for what in self.done()[before:] if what in recorded]
            if again:
                problems.append(f"ran again although recorded: {again}")
            if code != 0:
                problems.append(f"exit status {code}: {log[-3000:]}")
                break
        rows = self.rows("SELECT status, result, reason, error FROM executions WHERE parent IS NULL")
        status, result, reason, error = rows[0] if rows else (None, None, None, None)
        (check,) = self.rows("PRAGMA integrity_check")
        if check[0] != "ok":
            problems.append(f"integrity_check: {check[0]}")
        keys = self.rows(
            "SELECT calls.key FROM calls JOIN executions USING (n) WHERE calls.status = 'completed' ORDER BY calls.key"
        )
        known = [key for (key,) in keys]
        return {
            "problems": problems,
            "status": status,
            "result": result,
            "reason": reason,
            "error": error,
            "keys": known,
        }


def main(file: str, which: str, random_kills: int, seed: int, part: tuple[int, int]) -> dict[str, Any]:
    """The sweep. Returns its report."""
    import faulthandler

    from kitaru import _runner

    faulthandler.enable()

    # All that a case will import is imported before the first fork.
    import asyncio  # noqa: F401
    import gc

    import kitaru._children
    import kitaru._handles
    import kitaru._inside
    import kitaru._waits  # noqa: F401

    os.chdir(os.path.dirname(file))
    sys.path.insert(0, os.path.dirname(file))
    module = _runner._import_file(file, None, [])
    # Collections in the children would copy every page of what was imported here.
    gc.collect()
    gc.freeze()
    base = pathlib.Path(tempfile.mkdtemp(prefix="sweep-"))
    report: dict[str, Any] = {"kills": 0, "short": 0, "cases": 0, "problems": [], "points": 0, "seconds": 0.0}
    began = time.monotonic()

    def case(name: str) -> Case:
        folder = base / name
        folder.mkdir()
        if which != "creation":
            shutil.copytree(base / "ready" / "home", folder / "home")
        return Case(module, folder)

    try:
        ready = Case(module, base / "ready")
        ready.folder.mkdir()
        ready.child(lambda: open_store(module))
        modes = [EDGES] if which == "edges" else [] if which == "none" else [BEFORE, HALF, AFTER]
        calm = case("calm")
        alone = time.monotonic()
        calm.child(calm.start, arm=(1 << 40, modes[0] if modes else 0))
        points = int((calm.folder / "seen").read_text())
        length = time.monotonic() - alone
        good = calm.finish()
        if good["problems"]:
            report["problems"].append({"case": "calm", **good})
            return report
        expect = json.dumps(module.EXPECT) if hasattr(module, "EXPECT") else good["result"]
        status = getattr(module, "STATUS", "completed")
        report.update(points=points, result=good["result"], status=good["status"], done=len(calm.done()))
        if _plain(good["result"]) != _plain(expect) or good["status"] != status:
            report["problems"].append({"case": "calm", "expected": expect, **good})
            return report
        if len(good["keys"]) != getattr(module, "RECORDED", len(good["keys"])):
            report["problems"].append({"case": "calm", "on record": good["keys"], "not": module.RECORDED})
            return report
        plan: list[tuple[str, tuple[int, int] | None, float | None]] = [
            # Odd edges are first writes, even ones syncs.
            (f"{mode}-{n}", (n, EDGES | (BEFORE if n % 2 else AFTER) if mode == EDGES else mode), None)
            for n in range(1, points + 1)
            for mode in modes
        ]
        answered: list[tuple[str, tuple[int, int]]] = []
        if (hasattr(module, "ANSWERS") or hasattr(module, "BREAKPOINTS")) and getattr(module, "SAME_KEYS", False):
            # The process that takes the answers, or goes on, is killed everywhere too.
            second = case("second")
            second.child(second.start)
            second.child(second.go_on, arm=(1 << 40, modes[0] if modes else 0))
            left_points = int((second.folder / "seen").read_text())
            answered = [
                (f"answered-{mode}-{n}", (n, EDGES | (BEFORE if n % 2 else AFTER) if mode == EDGES else mode))
                for n in range(1, left_points + 1)
                for mode in modes
                if mode != EDGES or n % 2 == 0
            ]
        source = random.Random(seed)
        plan += [(f"random-{n}", None, source.uniform(0.0, length)) for n in range(4 * random_kills)]
        plan += [(name, arm, None) for name, arm in answered]
        for name, arm, after in plan[part[0] :: part[1]]:
            if random_kills and report["kills"] >= random_kills:
                break
            one = case(name)
            report["cases"] += 1
            try:
                if name.startswith("answered"):
                    one.child(one.start)
                    code, log = one.child(one.go_on, arm=arm)
                else:
                    code, log = one.child(one.start, arm=arm, kill_after=after)
                report["kills"] += code == -9
                if arm is not None and code == 0:
                    # Calls that end beside each other may share a commit: then there are fewer than in the calm run.
                    seen = int((one.folder / "seen").read_text())
                    report["short"] += 1
                    if seen >= arm[0]:
                        report["problems"].append({"case": name, "problems": [f"lived on, {seen} points later"]})
                if code == -9 and after is not None and getattr(module, "TWICE", False) and one.status() != status:
                    second = one.start if one.status() is None else one.go_on
                    code, log = one.child(second, kill_after=source.uniform(0.0, length))
                if code not in (0, -9):
                    report["problems"].append({"case": name, "problems": [f"exit status {code}: {log[-3000:]}"]})
                    continue
                left = one.finish()
            except AssertionError as hang:
                left = {"problems": [str(hang)]}
            if getattr(module, "SAME_KEYS", False) and left.get("keys") != good["keys"]:
                left["problems"].append(f"keys {left.get('keys')}, not {good['keys']}")
            if left["problems"] or _plain(left["result"]) != _plain(expect) or left["status"] != status:
                report["problems"].append({"case": name, "expected": expect, **left, "done": one.done()})
            shutil.rmtree(one.folder)
            if len(report["problems"]) >= 5:
                break
    finally:
        shutil.rmtree(base, ignore_errors=True)
        report["seconds"] = round(time.monotonic() - began, 1)
    return report


def open_store(module: Any) -> None:
    """Makes a store without executions."""
    from kitaru import _config, _native

    engine = _config.engine()
    for before in getattr(module, "BREAKPOINTS", ()):
        _native.manage_add_breakpoint(engine, module.main.name, module.__file__, before, False, None, "test")


def _plain(text: str | None) -> Any:
    return None if text is None else json.loads(text)


if __name__ == "__main__":
    print(
        json.dumps(
            main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), (int(sys.argv[5]), int(sys.argv[6])))
        )
    )
