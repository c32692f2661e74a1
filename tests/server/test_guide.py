"""The API guide's commands are answered as it says, in its order, by a server with its flow."""

from __future__ import annotations

import json
import pathlib
import re
import shlex

from lab import Lab
from server.served import serving

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "guide"


def commands(page: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("curl ")]


def test_each_command_of_the_api_guide_is_answered(lab: Lab) -> None:
    (program,) = re.findall(r"^```python\n(# agent.py.*?)^```$", (GUIDE / "server.md").read_text(), re.M | re.S)
    # The page's artifact is not of the flow that the server's page shows.
    saves = program.replace(
        "    return write(sources)", '    kitaru.save("draft", "a draft")\n    return write(sources)'
    )
    assert saves != program
    lab.write("agent.py", saves)
    lab.kitaru("run", "agent.py:report", "--input", "topic=ants").ok(75)
    lab.kitaru("input", "latest", "--value", "true").ok(0)
    told: list[tuple[str, str]] = []
    with serving(lab) as server:
        head = f"API={shlex.quote(server.url + '/api/v1')}; JSON='Content-Type: application/json'\n"
        for command in commands((GUIDE / "api.md").read_text()):
            if "/events" in command:
                exec_id = server.get("/executions/latest")["id"]
                with server.events(exec_id) as events:
                    assert next(events)[0] == "journal"
                server.until(exec_id, "completed")
                continue
            if "ids=FIRST" in command:
                first, second = (one["id"] for one in server.get("/executions?limit=2")["items"])
                command = command.replace("FIRST", first).replace("SECOND", second)
            told.append((command, lab.run("bash", "-c", f"{head}{command} -w '\n%{{http_code}}'").out))
            if "order-17" in command or "replay-1" in command:
                server.until(
                    json.loads(told[-1][1].rsplit("\n", 1)[0])["id"], "waiting" if "order" in command else "completed"
                )
    assert len(told) > 20
    for command, out in told:
        status = out.rsplit("\n", 1)[1]
        # The execution has ended by then: these are refused, each with a code.
        is_refused = re.search(r"latest/(pause|resume|retry|cancel) ", command) is not None
        assert status in (("409",) if is_refused else ("200", "201", "206")), (command, out)
