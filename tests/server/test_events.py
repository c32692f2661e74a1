"""The stream of all executions: every event once, in order, whatever becomes of connections and servers."""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from lab import KITARU, PYTHON, Lab
from server.served import serving
from server.streams import Reader, Told

CUTS = 1000
SERVERS = 5

PROGRAM = """
import itertools, os, sys, time
import kitaru
from kitaru import checkpoint, flow

@checkpoint
def step(n):
    print("step", n)
    # A paid call takes its time: without it the disk would be all that is tried.
    time.sleep(0.004)
    return "x" * (n * 37 % 900)

@flow
def short(size):
    for n in range(size):
        step(n)
    if size % 5 == 0:
        kitaru.wait(name="go", question="Go on?")
    return size

@flow
def chatty(count):
    for n in range(count):
        kitaru.log(f"line {n} " + "." * 400)
    return step(1)

if __name__ == "__main__":
    for n in itertools.count():
        if os.path.exists("enough"):
            break
        try:
            short(n % 23)
        except kitaru.KitaruSuspended:
            pass
"""


@contextlib.contextmanager
def writing(lab: Lab, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """So many processes that write until it is enough."""
    lab.write("agent.py", PROGRAM)
    writers = [lab.spawn(PYTHON, "agent.py") for _ in range(count)]
    try:
        yield writers
    finally:
        (lab.folder / "enough").touch()
        for writer in writers:
            _, said = writer.communicate(timeout=60)
            assert writer.returncode == 0, said


def on_record(lab: Lab) -> list[tuple[int, str, str, int]]:
    """Number, kind, execution and place of all that the store has, in the order of its commits."""
    return sorted(
        (int(revision), kind, exec_id, int(place))
        for kind, sql in (
            ("journal", "SELECT revision, id, seq FROM journal JOIN executions USING (n)"),
            ("log", "SELECT revision, id, line FROM logs JOIN executions USING (n)"),
            ("deleted", "SELECT revision, id, 0 FROM gone"),
        )
        for revision, exec_id, place in lab.query(sql)
    )


def must_be_once_and_in_order(told: list[Told]) -> None:
    places = [one.place for one in told]
    odd = [
        (told[at - 1].id, told[at].id, told[at - 1].event, told[at].event)
        for at in range(1, len(told))
        if places[at] <= places[at - 1]
    ]
    assert not odd, "each once, in order"
    lines: dict[str, int] = {}
    seqs: dict[str, int] = {}
    for at, one in enumerate(told):
        exec_id = one.data["execution"]
        if one.event == "journal":
            seqs[exec_id] = seqs.get(exec_id, 0) + 1
            assert one.data["seq"] == seqs[exec_id], "no event of an execution is left out"
        if one.event == "log":
            lines[exec_id] = lines.get(exec_id, 0) + 1
        if one.id.endswith(".0"):
            # What changes a status is followed by it.
            assert (told[at + 1].event, told[at + 1].data["execution"]) == ("status", exec_id)
            assert told[at + 1].id == one.id.removesuffix(".0")
        else:
            assert one.event != "status" or told[at - 1].id == f"{one.id}.0"


def test_a_stream_that_is_cut_a_thousand_times_tells_every_event_once_and_in_order(lab: Lab) -> None:
    rng = random.Random(1005)
    reader = Reader("0")
    begun = time.monotonic()
    deleted: list[str] = []
    with writing(lab, 3) as writers:
        for turn in range(SERVERS):
            with serving(lab, "server") as server:
                for _ in range(CUTS // SERVERS):
                    reader.cut(server.host, server.port, int(2 ** rng.uniform(0, 14)))
                if turn < SERVERS - 1:
                    ended = server.get("/executions?status=completed&limit=1")["items"]
                    for one in ended[:1]:
                        # It has been told of, or nobody will be: what is deleted has no events.
                        server.delete(f"/executions/{one['id']}")
                        deleted.append(one["id"])
                # It ends in order, and it dies.
                server.process.send_signal(signal.SIGKILL if turn % 2 else signal.SIGTERM)
                server.process.communicate(timeout=30)
        assert all(writer.poll() is None for writer in writers), "they wrote all the while"
    while_cut = len(reader.told)
    expected = on_record(lab)
    with serving(lab, "server") as server:
        # What the cuts have left.
        while reader.told[-1].place < expected[-1][0] and time.monotonic() < begun + 120:
            reader.cut(server.host, server.port, 1 << 20)
    told = [one for one in reader.told if one.data["execution"] not in deleted]
    must_be_once_and_in_order(told)
    found = [
        (int(one.place + 0.5), one.event, one.data["execution"], one.data.get("seq", 0))
        for one in reader.told
        if one.event != "status"
    ]
    kept = [one for one in found if one[2] not in deleted or one[1] == "deleted"]
    numbers = [(number, kind, exec_id) for number, kind, exec_id, _ in expected]
    assert [(number, kind, exec_id) for number, kind, exec_id, _ in kept] == numbers
    journal = [(number, exec_id, seq) for number, kind, exec_id, seq in kept if kind == "journal"]
    assert journal == [(number, exec_id, seq) for number, kind, exec_id, seq in expected if kind == "journal"]
    assert len(deleted) == SERVERS - 1
    assert while_cut > CUTS, "it was cut in the middle of what was told"


def test_who_reads_nothing_holds_up_nobody_and_is_told_all_of_it_later(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    lab.kitaru("run", "agent.py:short", "--input", "size=1").ok(0)
    with serving(lab, "server") as server:
        slow, quick = Reader("0"), Reader("0")
        with (
            contextlib.closing(slow.connect(server.host, server.port)) as idle,
            contextlib.closing(quick.connect(server.host, server.port)) as busy,
        ):
            lab.kitaru("run", "agent.py:chatty", "--input", "count=20000").ok(0)
            last = on_record(lab)[-1][0]

            def read_all(reader: Reader, connection: socket.socket) -> None:
                until = time.monotonic() + 60
                raw = b""
                connection.settimeout(10)
                while f"id: {last}\n".encode() not in raw[-4096:]:
                    more = connection.recv(1 << 16)
                    assert more and time.monotonic() < until
                    raw += more
                reader.keep(raw)

            read_all(quick, busy)
            read_all(slow, idle)
        for reader in (quick, slow):
            must_be_once_and_in_order(reader.told)
            assert sum(one.event == "log" for one in reader.told) > 20_000
        status, _, text = server.ask("GET", "/api/v1/events", headers={"Last-Event-ID": str(last + 1)})
        assert (status, "none of this stream" in text) == (400, True)


@pytest.mark.parametrize("last", ["x", "-1", "1.1", "1.0.0", "9" * 16, "", "1 ", "0x1"])
def test_a_place_that_is_none_is_refused(lab: Lab, last: str) -> None:
    with serving(lab, "server") as server:
        assert server.ask("GET", "/api/v1/events", headers={"Last-Event-ID": last})[0] == 400
        assert server.ask("GET", "/api/v1/events?after=none")[0] == 400
        assert server.ask("GET", "/api/v1/events?before=1")[0] == 400


def test_it_begins_with_now_or_with_a_place(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    first = lab.item("run", "agent.py:short", "--input", "size=1", code=0)["id"]
    with serving(lab, "server") as server:
        told = server.stream
        with told("/events") as now, told("/events?after=0") as all_of_it:
            second = lab.item("run", "agent.py:short", "--input", "size=5", code=75)["id"]
            seen = [next(all_of_it) for _ in range(3)]
            assert [(event, data["execution"]) for event, _, data in seen][:2] == [("journal", first)] * 2
            heard = []
            for event, place, data in now:
                assert data["execution"] == second
                heard.append((event, place))
                if event == "status" and data["status"] == "waiting":
                    break
            assert heard[0] == ("journal", heard[0][1])
            with told(f"/events?after={heard[2][1]}") as again:
                assert [next(again)[:2] for _ in heard[3:]] == heard[3:]


def test_a_brief_stream_tells_the_same_without_values_and_texts(lab: Lab) -> None:
    lab.write("agent.py", PROGRAM)
    lab.kitaru("run", "agent.py:short", "--input", "size=20").ok(75)
    last = on_record(lab)[-1][0]
    with serving(lab, "server") as server:

        def told(query: str) -> list[tuple[str, str, dict[str, object]]]:
            seen = []
            with server.stream(f"/events?after=0{query}") as events:
                for event, place, data in events:
                    seen.append((event, place, data))
                    if place == str(last) and event != "log":
                        return seen
            raise AssertionError(seen)

        whole, brief = told(""), told("&brief=true")
        assert [one[:2] for one in brief] == [one[:2] for one in whole]
        for (event, _, full), (_, _, short) in zip(whole, brief, strict=True):
            assert short.items() <= full.items()
            missing = {"journal": {"event", "at"}, "log": {"text", "at"}, "status": set()}[event]
            assert full.keys() - short.keys() == missing
        assert server.ask("GET", "/api/v1/events?brief=maybe")[0] == 400


def test_an_owner_that_dies_is_told_of(lab: Lab) -> None:
    lab.write(
        "agent.py",
        """
        import os
        from kitaru import checkpoint, flow
        from world import did

        @checkpoint
        def step():
            did("begun")
            while not os.path.exists("end"):
                pass
            os._exit(9)

        @flow
        def dies():
            step()
        """,
    )
    with serving(lab, "server") as server, server.stream("/events?after=0") as events:
        process = lab.spawn(KITARU, "run", "agent.py:dies")
        lab.wait_for("begun")
        (lab.folder / "end").touch()
        process.communicate(timeout=30)
        for event, place, data in events:
            if event == "status" and data["status"] == "interrupted":
                assert place == "", "it is not on record"
                break
        with server.stream("/events") as later:
            assert next(later)[2] == {"execution": lab.only(), "status": "interrupted", "ended": False}
