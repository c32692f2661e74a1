"""A server: its inbox and its lists over large stores, events to many clients, and what it needs when nobody asks.

The stores are filled by SQL, which takes seconds where a million flows would take an hour: copies of the rows of one
execution, as a real flow left them. Not here: what answers cost (``answer``).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import select
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kit import Bench, Row

NAME = "server"
WAITING = 1_000_000
LISTED = 100_000
CLIENTS = 100
RATE = 1000

AGENT = """
import kitaru
from kitaru import checkpoint, flow

@checkpoint
def step(n: int) -> int:
    return n

@flow
def asks(n: int) -> int:
    kitaru.wait(schema=bool, name="approve", question="Approve?")
    return step(n)

@flow
def ends(n: int) -> int:
    return step(n)
"""


def command(*arguments: str) -> list[str]:
    """The command, through the interpreter where its script is not installed."""
    script = os.path.join(os.path.dirname(sys.executable), "kitaru")
    start = [script] if os.path.exists(script) else [sys.executable, "-c", "from kitaru._cli import main; main()"]
    return [*start, *arguments]


def fill(home: str, flow: str, count: int) -> None:
    """A store with so many executions like one that a flow left."""
    import sqlite3

    pathlib.Path(home, "agent.py").write_text(AGENT)
    env = {**os.environ, "KITARU_HOME": home}
    subprocess.run(
        command("run", f"agent.py:{flow}", "--input", "n=1"), cwd=home, env=env, capture_output=True, check=False
    )
    db = sqlite3.connect(os.path.join(home, "kitaru.db"), isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("BEGIN")
    (first,) = db.execute("SELECT max(n) FROM executions").fetchone()
    db.execute(
        "CREATE TEMP TABLE more AS"
        " WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < ?) SELECT x FROM i",
        (count - 1,),
    )

    def copies(table: str, changed: dict[str, str]) -> None:
        columns = [name for _, name, *_, hidden in db.execute(f"PRAGMA table_xinfo({table})") if not hidden]
        chosen = ", ".join(changed.get(name, name) for name in columns)
        names = ", ".join(columns)
        db.execute(f"INSERT INTO {table} ({names}) SELECT {chosen} FROM more CROSS JOIN {table} WHERE n = {first}")

    number = f"{first} + x"
    copies(
        "executions",
        {
            "n": number,
            "id": "printf('%08x', x) || substr(id, 9)",
            "reversed": "reversed || x",
            "created_at": "created_at + x",
        },
    )
    copies("calls", {"n": number})
    copies("journal", {"place": f"(({number}) << 32) | (place & 4294967295)"})
    if flow == "asks":
        copies("waits", {"n": number, "opened_at": "opened_at + x"})
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


@contextlib.contextmanager
def serving(home: str) -> Iterator[tuple[int, int, float]]:
    """Port and process of a server, and how long it took until it answered."""
    env = {**os.environ, "KITARU_HOME": home}
    begun = time.perf_counter()
    process = subprocess.Popen(
        command("server", "--port", "0", "--output", "json"), env=env, cwd=home, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port = int(json.loads(process.stdout.readline())["item"]["url"].rpartition(":")[2])
        get(port, "/health/ready")
        yield port, process.pid, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(timeout=30)


def get(port: int, path: str) -> bytes:
    """What a server answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        told = response.read()
        if response.status != 200:
            raise SystemExit(f"bench: {path}: {response.status} {told!r}")
        return told


def timed(work: Callable[[], Any], times: int) -> float:
    """Seconds of the middle one."""
    import statistics

    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent)


def inbox(home: str) -> list[float]:
    """Seconds of a page of a hundred in the middle of the inbox: over HTTP, and of Python's own SQLite."""
    import sqlite3

    db = sqlite3.connect(os.path.join(home, "kitaru.db"))
    middle = "SELECT opened_at, n FROM waits ORDER BY opened_at LIMIT 1 OFFSET ?"
    at, n = db.execute(middle, (count_of(db) // 2,)).fetchone()
    sql = (
        "SELECT id, waits.key, question, schema, data, opened_at FROM waits JOIN executions USING (n)"
        " WHERE opened_at > ? AND waits.status = 'open' AND sleep = 0 AND over = 0 ORDER BY opened_at LIMIT 100"
    )
    with serving(home) as (port, _, _):
        path = f"/api/v1/waits?limit=100&cursor=w{at}.{n}.approve"
        page = json.loads(get(port, path))
        assert len(page["items"]) == 100 and page["next"]
        ours = timed(lambda: get(port, path), 50)
    return [ours, timed(lambda: db.execute(sql, (at,)).fetchall(), 50)]


def count_of(db: Any) -> int:
    """How many waits there are."""
    return int(db.execute("SELECT count(*) FROM waits").fetchone()[0])


def lists(home: str, rate: str, seconds: str) -> list[float]:
    """Milliseconds of the slowest of a hundred lists when so many are asked for in a second: of executions, and of what
    needs no store. Each is timed from when it was to be sent."""
    with serving(home) as (port, _, _):
        get(port, "/api/v1/executions")
        return [load(port, path, int(rate), float(seconds)) for path in ("/api/v1/executions", "/api/v1/version")]


def load(port: int, path: str, rate: int, seconds: float) -> float:
    """The 99th percentile, in milliseconds, over sixteen connections that are kept."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    lanes, spent = 16, []
    due = iter(range(int(rate * seconds)))
    taking = threading.Lock()
    begun = time.perf_counter() + 0.1

    def lane() -> None:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            with taking:
                nth = next(due, None)
            if nth is None:
                return
            when = begun + nth / rate
            time.sleep(max(0.0, when - time.perf_counter()))
            connection.sendall(request)
            answer(connection)
            spent.append(time.perf_counter() - when)

    threads = [threading.Thread(target=lane) for _ in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(spent)[int(len(spent) * 0.99)] * 1e3


def answer(connection: socket.socket) -> None:
    """Takes one whole answer."""
    told = connection.recv(1 << 17)
    while (end := told.find(b"\r\n\r\n")) < 0:
        told += connection.recv(1 << 17)
    head = told[:end].lower()
    assert head.startswith(b"http/1.1 200"), head
    left = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]) - (len(told) - end - 4)
    while left > 0:
        left -= len(connection.recv(1 << 17))


def events(home: str, clients: str) -> list[float]:
    """Milliseconds from a step's commit until all clients have its event, the 99th percentile and the middle; and the
    processor time of the server for an event, in milliseconds."""
    import kitaru

    pathlib.Path(home, "agent.py").write_text(AGENT)
    kitaru.configure(home=home, interactive=False)
    written: dict[int, float] = {}

    @kitaru.checkpoint
    def step(n: int) -> int:
        return n

    @kitaru.flow
    def flow(n: int) -> int:
        for at in range(n):
            step(at)
            written[at] = time.perf_counter()
            time.sleep(0.05)
        return n

    flow(1)
    with serving(home) as (port, pid, _):
        sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(int(clients))]
        for one in sockets:
            one.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        waiting = set(sockets)
        while waiting:
            for one in select.select(list(waiting), [], [], 10)[0]:
                if b"id: " in one.recv(4096):
                    waiting.discard(one)
        written.clear()
        before = processor(pid)
        runner = threading.Thread(target=flow, args=(100,))
        runner.start()
        had: dict[int, int] = {}
        last: dict[int, float] = {}
        while len(last) < 100:
            for one in select.select(sockets, [], [], 10)[0]:
                told = one.recv(1 << 16)
                now = time.perf_counter()
                for part in told.split(b'"outcome":{"returned":{"result":{"inline":')[1:]:
                    at = int(part.partition(b"}")[0])
                    had[at] = had.get(at, 0) + 1
                    if had[at] == len(sockets):
                        last[at] = now
        runner.join()
        spent = processor(pid) - before
        for one in sockets:
            one.close()
    late = sorted((last[at] - written[at]) * 1e3 for at in last)
    return [late[98], late[50], spent * 1e3 / len(last)]


def processor(pid: int) -> float:
    """Seconds that a process has had."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(home: str) -> list[float]:
    """Megabytes that a server holds when nobody asks, and seconds until it answers."""
    with serving(home) as (_, pid, up):
        time.sleep(1)
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return [int(status.partition("VmRSS:")[2].split()[0]) / 1024, up]


def measure(bench: Bench) -> list[Row]:
    """Each beside what it cannot be quicker than."""
    from kit import Row, median

    waiting, listed = bench.count(WAITING), bench.count(LISTED)
    with bench.home() as home:
        fill(home, "asks", waiting)
        pages = [bench.program(__file__, "inbox", home) for _ in range(bench.rounds)]
        after = [bench.program(__file__, "idle", home) for _ in range(bench.rounds)]
    with bench.home() as home:
        fill(home, "ends", listed)
        asked = [bench.program(__file__, "lists", home, RATE, 5) for _ in range(bench.rounds)]
    with bench.home() as home:
        many = [bench.program(__file__, "events", home, CLIENTS) for _ in range(bench.rounds)]
        one = [bench.program(__file__, "events", home, 1) for _ in range(bench.rounds)]
    with bench.home() as home:
        empty = [bench.program(__file__, "idle", home) for _ in range(bench.rounds)]
        bare = median([bench.whole([sys.executable, "-c", "pass"]) for _ in range(bench.rounds)])

    def middle(found: list[list[float]], at: int) -> float:
        return median([row[at] for row in found])

    page, slowest, reach = middle(pages, 0) * 1e3, middle(asked, 0), middle(many, 0)
    held = max(middle(empty, 0), middle(after, 0))
    up = middle(empty, 1) * 1e3
    return [
        Row(
            f"a page of the inbox over HTTP, {waiting:,} waiting",
            page,
            "ms",
            "under 10 ms",
            page < 10,
            {"the same rows by SQLite in Python": middle(pages, 1) * 1e3},
        ),
        Row(
            f"{RATE:,} lists a second of {listed:,} executions, 99th percentile",
            slowest,
            "ms",
            "under 50 ms",
            slowest < 50,
            {"a route without a store": middle(asked, 1)},
        ),
        Row(
            f"an event reaches {CLIENTS} clients, 99th percentile",
            reach,
            "ms",
            "under 50 ms",
            reach < 50,
            {"one client": middle(one, 0), f"the middle, {CLIENTS} clients": middle(many, 1)},
        ),
        Row(
            f"processor time of a server for an event to {CLIENTS} clients",
            middle(many, 2),
            "ms",
            "no target",
            True,
            {"one client": middle(one, 2)},
        ),
        Row("a server in memory when nobody asks", held, "MB", "under 60 MB", held < 60),
        Row("a server answers after", up, "ms", "under 200 ms", up < 200, {"bare interpreter": bare * 1e3}),
    ]


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
