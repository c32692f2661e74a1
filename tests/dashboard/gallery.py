"""A store that people like to look at: three agents, what they did, and where they need somebody.

What stands in it is the same each time: its identifiers and times are set once all is done. Not here: looking.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import sqlite3
import time

from lab import Lab

AGENTS = pathlib.Path(__file__).with_name("gallery_agents.py.txt")
# When each call begins and ends, in seconds from the execution's begin; by its key.
TIMES: dict[str, tuple[float, float]] = {
    "plan_research": (0.2, 4.1),
    "search": (4.2, 5.0),
    "summarise": (5.0, 13.4),
    "search#2": (13.4, 14.5),
    "summarise#2": (14.5, 21.9),
    "search#3": (21.9, 22.6),
    "summarise#3": (22.6, 30.2),
    "review": (30.3, 2_730.0),
    "write_report": (2_730.2, 2_751.0),
    "read_invoice": (0.1, 6.3),
    "check_supplier": (6.3, 6.9),
    "convert": (6.9, 7.2),
    "book": (7.2, 8.8),
    "look_up": (0.1, 0.5),
    "classify": (0.5, 3.8),
    "draft_reply": (3.9, 11.6),
    "refund": (11.7, 900.0),
    "send": (900.2, 901.0),
    "invoice_agent": (0.0, 9.0),
    "invoice_agent#2": (9.0, 17.0),
    "invoice_agent#3": (17.0, 26.0),
}
NUMBERS = range(2033, 2039)
MANY = f"""
import kitaru
from agents import invoice_agent, support_agent, triage

def run(flow, *given):
    try:
        flow(*given)
    except (ValueError, kitaru.KitaruSuspended):
        pass

for number in {list(NUMBERS)}:
    run(invoice_agent, f"INV-{{number}}")
run(triage, ["INV-97", "INV-2039", "INV-98"])
run(support_agent, "Grace Hopper")
run(support_agent, "Alan Kay")
"""
MINUTE, HOUR = 60, 3_600
# The store counts milliseconds.
UNIT = 1_000


def fill(lab: Lab, now: int | None = None) -> dict[str, str]:
    """Runs the agents; the identifiers of what they left, by name. ``now``: the time that it is said to be then."""
    lab.write("agents.py", AGENTS.read_text())
    lab.write("many.py", MANY)
    # In one process: most of the time goes into the beginning of one.
    lab.python("many.py", USER="ada").ok()
    names = [*(f"invoice {number}" for number in NUMBERS), "family", "answered", "stopped"]
    known = lab.query("SELECT id FROM executions WHERE parent IS NULL ORDER BY n")
    left = {name: str(one) for name, (one,) in zip(names, known, strict=True)}

    def run(name: str, flow: str, *more: str, code: int = 0, **inputs: object) -> None:
        given = [f"--input={key}={value}" for key, value in inputs.items()]
        left[name] = _item(lab, "run", f"agents.py:{flow}", *given, *more, code=code)

    total = 'convert.inputs.total="1240.50"'
    every = ("--flow", "invoice_agent", "--status", "failed", "--from", "convert", "--set", total)
    lab.kitaru("replay", *every, USER="ada").ok()
    lab.kitaru("input", left["answered"], "--value", "true", USER="ada").ok()
    lab.kitaru("cancel", left["stopped"], USER="ada").ok()
    run("published", "research_agent", "--tag", "energy", code=75, topic="heat pumps in old buildings")
    answer = {"verdict": "publish", "confidence": 90, "remarks": "Say what it cost.", "sources": []}
    lab.kitaru("input", left["published"], "--value", json.dumps(answer), USER="ada").ok()
    run("review", "research_agent", "--tag", "energy", "--tag", "weekly", code=75, topic="heat pumps in flats")
    run("failed", "invoice_agent", "--tag", "march", code=1, number="INV-2040")
    left["fixed"] = _item(lab, "replay", left["failed"], "--from", "convert", "--set", total)
    run("refund", "support_agent", "--tag", "billing", code=75, customer="Katherine Johnson")
    lab.kitaru("breakpoints", "add", "support_agent", "--before", "draft_reply", USER="ada").ok()
    run("paused", "support_agent", code=75, customer="Barbara Liskov")
    lab.kitaru("breakpoints", "add", "research_agent", "--before", "write_report", "--every", USER="ada").ok()
    release(lab)
    for name, scope in (("phone", "answer"), ("ci", "operate")):
        lab.kitaru("tokens", "create", name, "--scope", scope, USER="ada").ok()
    return settle(lab, left, int(time.time()) if now is None else now)


def release(lab: Lab) -> None:
    """What stands beside executions: limits, versions of flows, schedules."""
    for argv in (
        ("limits", "set", "openai:gpt", "--at-once", "10", "--rate", "50/s"),
        ("limits", "set", "anthropic:large", "--at-once", "4"),
        ("limits", "close", "anthropic:large", "--for", "15m", "--why", "529: overloaded, try again later"),
        ("deploy", "agents.py:support_agent", "--tag", "prod"),
        ("deploy", "agents.py:research_agent", "--version", "2026.11", "--tag", "prod"),
    ):
        lab.kitaru(*argv, USER="ada").ok()
    # A later version of the same flow, which is tried out.
    with (lab.folder / "agents.py").open("a") as file:
        file.write("\nLATER = True\n")
    lab.kitaru("deploy", "agents.py:support_agent", "--tag", "canary", USER="grace").ok()
    for flow, cron, zone, *more in (
        ("research_agent", "30 6 * * mon-fri", "Europe/Berlin", "--name", "morning", "--input", "topic=heat pumps"),
        ("invoice_agent", "*/15 * * * *", "UTC", "--overlap", "queue", "--input", "number=INV-2041"),
    ):
        at = ("--cron", cron, "--timezone", zone, *more)
        lab.kitaru("schedules", "add", f"agents.py:{flow}", *at, USER="ada").ok()
    lab.kitaru("schedules", "pause", "invoice_agent", USER="ada").ok()


def _item(lab: Lab, *argv: str, code: int = 0) -> str:
    """The identifier that a command tells; Ada gives it."""
    return str(lab.kitaru(*argv, "--output", "json", USER="ada").ok(code).json["item"]["id"])


def settle(lab: Lab, left: dict[str, str], now: int) -> dict[str, str]:
    """Sets identifiers and times; the identifiers that hold now."""
    connection = sqlite3.connect(lab.home / "kitaru.db", isolation_level=None)
    try:
        rows = connection.execute("SELECT n, id, parent FROM executions ORDER BY n").fetchall()
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        renamed = {old: _identifier(n) for n, old, _ in rows}
        for table in tables:
            for _, column, kind, *_, hidden in connection.execute(f"PRAGMA table_xinfo({table})").fetchall():
                if kind != "TEXT" or hidden:
                    continue
                put = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
                for old, new in renamed.items():
                    # Backwards too, for whoever is looked for by the end.
                    connection.executemany(put, [(old, new), (old[::-1], new[::-1])])
        begun: dict[str, int] = {}
        for n, old, parent in rows:
            # The newest four minutes ago, those before it ever further apart; children in a row.
            back = len(rows) - n
            alone = now - 4 * MINUTE - back * 47 * MINUTE - back * back * 2 * MINUTE
            begun[old] = begun[parent] + 9 if parent in begun else alone
            _date(connection, n, begun[old])
            if parent in begun:
                begun[parent] = begun[old]
        connection.execute("UPDATE tokens SET created_at = ?", (UNIT * (now - 9 * HOUR),))
        connection.execute("UPDATE limits SET set_at = ?", (UNIT * (now - 26 * HOUR),))
        # Twenty hours apart.
        apart = "UPDATE releases SET body = json_set(body, '$.at', ? + 72000000 * n)"
        connection.execute(apart, (UNIT * (now - 72 * HOUR),))
        added = "UPDATE schedules SET body = json_replace(body, '$.spec.added_at', ?, '$.state.paused.at', ?)"
        connection.execute(added, (UNIT * (now - 50 * HOUR), UNIT * (now - 3 * HOUR)))
        connection.execute("UPDATE breakpoints SET at = ?", (UNIT * (now - 2 * HOUR),))
        connection.execute(
            "UPDATE audit SET at = ? - 600000 * ((SELECT max(id) FROM audit) - id),"
            " ended_at = ? - 600000 * ((SELECT max(id) FROM audit) - id) + 900",
            (UNIT * (now - 5 * MINUTE), UNIT * (now - 5 * MINUTE)),
        )
    finally:
        connection.close()
    return {name: renamed[old] for name, old in left.items()}


def _identifier(n: int) -> str:
    digits = hashlib.sha256(f"execution {n}".encode()).hexdigest()
    return f"0195a1c0-{n:04x}-7{digits[:3]}-8{digits[3:6]}-{digits[6:18]}"


def _date(connection: sqlite3.Connection, n: int, begun: int) -> None:
    """Gives one execution its times."""

    def at(seconds: float) -> int:
        return int((begun + seconds) * UNIT)

    # What a replay was given of its source had ended before it began.
    own = "SELECT key FROM calls WHERE n = ? AND reused = 0"
    forked = connection.execute("SELECT forked_from FROM executions WHERE n = ?", (n,)).fetchone()[0] is not None
    begins = [TIMES[key][0] for (key,) in connection.execute(own, (n,)) if key in TIMES]
    spared = min(begins) if forked and begins else 0.0
    ended = 0.0
    for key, over in connection.execute("SELECT key, ended_at FROM calls WHERE n = ?", (n,)).fetchall():
        first, last = (time - spared for time in TIMES.get(key, (0.0, 1.0)))
        ended = max(ended, last if over is not None else first)
        connection.execute(
            "UPDATE calls SET started_at = ?, ended_at = CASE WHEN ended_at IS NULL THEN NULL ELSE ? END"
            " WHERE n = ? AND key = ?",
            (at(first), at(last), n, key),
        )
        connection.execute(
            "UPDATE waits SET opened_at = ?, deadline = CASE WHEN deadline IS NULL THEN NULL ELSE ? END"
            " WHERE n = ? AND key = ?",
            (at(first), at(first + 4 * HOUR), n, key),
        )
        # In the journal too, which comparisons are made of.
        connection.execute(
            "UPDATE journal SET at = CASE WHEN kind IN ('call_started', 'wait_opened') THEN ? ELSE ? END,"
            " payload = json_replace(payload, '$.call_ended.started_at', ?) WHERE n = ? AND call_key = ?",
            (at(first), at(last), at(first), n, key),
        )
        connection.execute("UPDATE logs SET at = ? WHERE n = ? AND call_key = ?", (at((first + last) / 2), n, key))
        connection.execute("UPDATE artifacts SET at = ? WHERE n = ? AND call_key = ?", (at(last), n, key))
    connection.execute("UPDATE executions SET created_at = ?, updated_at = ? WHERE n = ?", (at(0), at(ended + 0.2), n))
