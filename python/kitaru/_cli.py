"""The ``kitaru`` command's way into the Rust command line. Everything it prints is decided there."""

from __future__ import annotations

import sys
from typing import Any


def main() -> int:
    """Entry point of the console script. Returns the exit status."""
    from kitaru import _native

    status: int = _native.cli(sys.argv[1:], Host())
    sys.stdout.flush()
    return status


class Host:
    """What the command line needs Python for: running a flow."""

    def run(self, job: str, json_output: bool) -> tuple[str | None, str | None, str | None, int]:
        """Runs a job. Returns the execution, or a code, a message and an exit status."""
        import json

        from kitaru import _config, _runner
        from kitaru.errors import KitaruError

        wanted: dict[str, Any] = json.loads(job)
        entry = wanted.get("resume", {}).get("entry")
        if entry is not None and not _is_this(entry["interpreter"]):
            return _elsewhere(wanted, json_output)
        if json_output:
            sys.stdout.flush()
            _config.configure(interactive=False)
        stdout = sys.stdout
        try:
            if json_output:
                sys.stdout = sys.stderr
            return _runner.execute(wanted), None, None, 0
        except KitaruError as error:
            return None, error.code, str(error), 1
        except KeyboardInterrupt:
            return None, "interrupted", "interrupted", 130
        except TypeError as error:
            return None, "bad-inputs", str(error), 2
        finally:
            sys.stdout = stdout


def _is_this(interpreter: str) -> bool:
    import os

    # Names in one folder that lead to one program (python, python3, python3.12) have the same packages.
    return os.path.dirname(interpreter) == os.path.dirname(sys.executable) and os.path.realpath(
        interpreter
    ) == os.path.realpath(sys.executable)


def _elsewhere(job: dict[str, Any], json_output: bool) -> tuple[str | None, str | None, str | None, int]:
    """Runs the job in the interpreter that the execution was recorded with."""
    import json
    import os
    import subprocess

    interpreter = job["resume"]["entry"]["interpreter"]
    if not os.path.exists(interpreter):
        return None, "flow-import", f"the interpreter that ran it is gone: {interpreter}", 1
    code = "import sys; from kitaru._cli import child; sys.exit(child())"
    done = subprocess.run(
        [interpreter, "-c", code, json.dumps(job), "1" if json_output else "0"],
        stdout=sys.stderr if json_output else None,
        check=False,
    )
    if done.returncode:
        return None, "flow-import", f"{interpreter} could not go on with it (status {done.returncode})", 1
    return job["resume"]["id"], None, None, 0


def child() -> int:
    """The other interpreter's side of a resume."""
    found, _, message, status = Host().run(sys.argv[1], sys.argv[2] == "1")
    if message is not None:
        sys.stderr.write(message + "\n")
    return 0 if found is not None else status or 1
