"""A schedule starts its flow at its times, each once: whoever works, and whoever is killed on whichever line.

Nobody waits for a clock here: a schedule that is put back has ticks that are due. When schedules tick across changes of
the clocks is in ``crates/core/tests/schedule_times.rs``, three servers at once in ``crates/engine/tests/schedules.rs``.
"""

from __future__ import annotations

import contextlib
import datetime
import random
import signal
import subprocess
import time
import zoneinfo
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab import KITARU, Lab

FLOW = """
    import os
    from kitaru import checkpoint, flow, wait
    from world import did

    @checkpoint
    def work(topic: str) -> str:
        did(f"work {topic}")
        return topic

    @flow
    def report(topic: str, depth: int = 2) -> str:
        return work(topic)

    @flow
    def asks(topic: str) -> bool:
        work(topic)
        return wait(schema=bool, name="go")
"""

# Of these tests' own: nothing here looks at a server's store.
pytestmark = pytest.mark.skipif("os.environ.get('KITARU_TEST_STORE')", reason="puts schedules back in the file")


@pytest.fixture
def desk(lab: Lab) -> Lab:
    """A lab with the flows."""
    lab.write("agent.py", FLOW)
    return lab


def add(desk: Lab, *more: str, flow: str = "report", code: int = 0) -> Any:
    """Adds a schedule that ticks each minute."""
    return desk.item(
        "schedules", "add", f"agent.py:{flow}", "--cron", "* * * * *", "--input", "topic=tea", *more, code=code
    )


def put_back(desk: Lab, minutes: int, name: str = "report", timezone: str = "UTC") -> None:
    """Has so many ticks be due, as if nobody had worked: those from ten past the hour before on. No other comes."""
    hour = datetime.datetime.now(zoneinfo.ZoneInfo(timezone)) - datetime.timedelta(hours=1)
    first = hour.replace(minute=10, second=0, microsecond=0)
    until = int(first.timestamp() * 1000) - 1
    cron = f"10-{9 + minutes} {first.hour} * * *"
    desk.change(
        f"UPDATE schedules SET look_at = 0, decided = {until}, body = json_set(body, '$.state.until', {until}, "
        f"'$.spec.cron', '{cron}') WHERE name = '{name}'"
    )


def tick_again(desk: Lab, *names: str) -> None:
    """Has one more tick be due, after those of :func:`put_back`: that of forty past the hour."""
    listed = ", ".join(f"'{name}'" for name in names)
    old = "json_extract(body, '$.spec.cron')"
    body = f"json_set(body, '$.spec.cron', '40 ' || substr({old}, instr({old}, ' ') + 1))"
    desk.change(f"UPDATE schedules SET look_at = 0, body = {body} WHERE name IN ({listed})")


@contextlib.contextmanager
def worker(desk: Lab) -> Iterator[subprocess.Popen[str]]:
    """A worker, until it is no longer needed."""
    process = desk.spawn(KITARU, "worker", "--output", "json")
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def until(what: Callable[[], Any], seconds: float = 40) -> Any:
    """What that returns, as soon as it is something."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, what()
        time.sleep(0.02)
    return found


def executions(desk: Lab, status: str) -> list[Any]:
    """Executions of the schedule in that state, oldest first."""
    return [one for one in reversed(desk.items("ls", "--tag", "schedule:report")) if one["status"] == status]


def test_a_schedule_is_checked_when_it_is_added_and_starts_its_flow(desk: Lab) -> None:
    refused = desk.kitaru("schedules", "add", "agent.py:report", "--cron", "0 6 * * *", "--input", "topics=tea").ok(2)
    assert "error[bad-inputs]" in refused.err
    for more, code in [
        (["--cron", "0 6 * *"], "bad-schedule"),
        (["--cron", "0 6 30 2 *"], "bad-schedule"),
        (["--cron", "0 6 * * *", "--timezone", "Europe/Nowhere"], "bad-schedule"),
    ]:
        refused = desk.kitaru("schedules", "add", "agent.py:report", *more, "--input", "topic=tea")
        assert f"error[{code}]" in refused.err, refused.err
    assert desk.items("schedules", "list") == []

    item = add(desk, "--timezone", "Europe/Berlin", "--tag", "daily")
    assert (item["name"], item["inputs"], item["overlap"]) == ("report", {"topic": "tea", "depth": 2}, "skip")
    assert len(item["next"]) == 5
    assert (
        "error[schedule-exists]"
        in desk.kitaru("schedules", "add", "agent.py:report", "--cron", "@daily", "--input", "topic=tea").err
    )
    put_back(desk, 3, timezone="Europe/Berlin")
    with worker(desk):
        (done,) = until(lambda: executions(desk, "completed"))
    assert done["tags"] == ["daily", "schedule:report"]
    assert done["key"].startswith("report@20")
    assert done["key"].endswith(":00Z")
    assert desk.done() == ["work tea"]
    shown = desk.item("schedules", "show", "report")
    assert shown["last"]["execution"] == done["id"]
    # The latest is started; those before it are told, and cost nothing.
    assert [(one["fate"], one["count"]) for one in shown["ticks"]] == [("started", 1), ("missed", 2)]


def test_with_backfill_all_are_started_once_one_after_the_other_whoever_is_killed(desk: Lab) -> None:
    add(desk, "--backfill")
    put_back(desk, 10)
    luck = random.Random(7)
    end = time.monotonic() + 90
    workers = [desk.spawn(KITARU, "worker") for _ in range(3)]
    try:
        while len(executions(desk, "completed")) < 10:
            assert time.monotonic() < end, desk.item("schedules", "show", "report")
            at = luck.randrange(3)
            workers[at].send_signal(signal.SIGKILL)
            workers[at].communicate()
            workers[at] = desk.spawn(KITARU, "worker")
            time.sleep(luck.random())
    finally:
        for one in workers:
            one.kill()
            one.communicate()
    found = desk.items("ls", "--tag", "schedule:report")
    keys = [one["key"] for one in found]
    assert len(keys) == len(set(keys)) == 10
    assert keys == sorted(keys, reverse=True), "in their order"
    assert len(desk.done()) <= len(found), "none twice"
    # By the order in which the store took them: times are those of who wrote.
    kinds = desk.query("SELECT kind FROM journal WHERE kind IN ('created', 'completed') ORDER BY revision")
    assert [kind for (kind,) in kinds] == ["created", "completed"] * 10, "one after the other"


def test_a_tick_is_skipped_queued_or_cancels_while_the_one_before_is_open(desk: Lab) -> None:
    for overlap in ("skip", "queue", "cancel"):
        add(desk, "--overlap", overlap, "--name", overlap, flow="asks")

    def shown(name: str) -> Any:
        return desk.item("schedules", "show", name)

    def open_ones() -> list[str]:
        return [one["tags"][0] for one in desk.items("ls") if one["status"] == "waiting"]

    for name in ("skip", "queue", "cancel"):
        put_back(desk, 1, name)
    with worker(desk):
        until(lambda: sorted(open_ones()) == ["schedule:cancel", "schedule:queue", "schedule:skip"])
    first = {name: shown(name)["last"]["execution"] for name in ("skip", "queue", "cancel")}
    tick_again(desk, "skip", "queue", "cancel")
    with worker(desk):
        until(lambda: shown("skip")["ticks"][0]["fate"] == "skipped")
        assert "waiting" in shown("skip")["ticks"][0]["why"]
        assert shown("skip")["last"]["execution"] == first["skip"]
        until(lambda: shown("queue")["waiting"])
        until(lambda: shown("cancel")["last"]["execution"] != first["cancel"])
        until(lambda: desk.item("show", first["cancel"])["status"] == "cancelled")
        desk.kitaru("input", first["queue"], "--value", "true").ok()
        until(lambda: shown("queue")["last"]["execution"] != first["queue"])


def test_what_cannot_begin_is_on_record_and_not_tried_for_ever(desk: Lab) -> None:
    add(desk)
    desk.folder.joinpath("agent.py").rename(desk.folder / "gone.py")
    put_back(desk, 1)
    with worker(desk):
        told = until(lambda: desk.item("schedules", "show", "report")["problem"])
    assert "flow-import" in told
    assert "agent.py" in told
    doctor = desk.kitaru("doctor").ok()
    assert "schedule report: its last tick could not begin" in doctor.out
    refused = desk.item("schedules", "show", "report")["last"]["execution"]
    # Two that failed before: the third pauses it.
    desk.change("UPDATE schedules SET body = json_set(body, '$.state.failures', 2)")
    tick_again(desk, "report")
    with worker(desk):
        paused = until(lambda: desk.item("schedules", "show", "report")["paused"])
        until(lambda: desk.item("show", refused)["status"] == "cancelled")
    assert paused["by"] == "kitaru"
    assert "flow-import" in paused["why"]
    assert "kitaru schedules resume report" in desk.kitaru("doctor").ok().out
    assert desk.done() == []
    resumed = desk.item("schedules", "resume", "report")
    assert resumed["paused"] is None
    assert len(resumed["next"]) == 5


def test_a_schedule_is_paused_resumed_and_removed(desk: Lab) -> None:
    add(desk)
    assert desk.item("schedules", "pause", "report")["paused"]["by"] == "cli"
    put_back(desk, 3)
    desk.change("UPDATE schedules SET look_at = NULL")
    with worker(desk):
        time.sleep(1.5)
        assert executions(desk, "completed") == []
        # What came meanwhile stays away.
        shown = desk.item("schedules", "resume", "report")
        assert [one["fate"] for one in shown["ticks"]] == ["missed"]
        assert shown["ticks"][0]["why"] == "it was paused"
    assert desk.item("schedules", "remove", "report") == "report"
    assert "error[unknown-schedule]" in desk.kitaru("schedules", "remove", "report").ok(1).err
    acts = [one["act"] for one in reversed(desk.items("audit"))]
    assert acts == ["addSchedule", "pauseSchedule", "resumeSchedule", "removeSchedule", "removeSchedule"]


def test_python_keeps_schedules_as_the_command_does(desk: Lab) -> None:
    desk.write(
        "use.py",
        """
        from agent import report
        from kitaru import KitaruClient
        from kitaru.errors import KitaruInputsError, KitaruNotFoundError, KitaruStateError, KitaruUsageError

        schedules = KitaruClient().schedules
        tea = {"topic": "tea"}
        one = schedules.add(report, "30 6 * * mon-fri", timezone="Europe/Berlin", inputs=tea, overlap="queue")
        assert (one.name, one.paused, len(one.next), one.inputs["depth"]) == ("report", False, 5, 2), one
        assert [one.name for one in schedules.list()] == ["report"]
        for kind, again in [
            (KitaruStateError, lambda: schedules.add(report, "@daily", inputs={"topic": "tea"})),
            (KitaruUsageError, lambda: schedules.add(report, "@never", name="x", inputs={"topic": "tea"})),
            (KitaruInputsError, lambda: schedules.add(report, "@daily", name="x", inputs={"topic": 7})),
            (KitaruNotFoundError, lambda: schedules.pause("x")),
        ]:
            try:
                again()
            except kind:
                continue
            raise AssertionError(kind)
        assert schedules.pause("report").next == ()
        assert schedules.resume("report").paused is False
        schedules.remove("report")
        assert schedules.list() == []
        one = schedules.add(report.options(pool="nights", deadline=90), "@daily", inputs=tea)
        assert (one.pool, one.deadline) == ("nights", 90.0), one
        """,
    )
    desk.python("use.py").ok()


def test_what_a_schedule_starts_has_its_pool_and_its_deadline(desk: Lab) -> None:
    argv = ("--cron", "* * * * *", "--input", "topic=tea", "--pool", "nights", "--deadline", "90s")
    shown = desk.kitaru("schedules", "add", "agent.py:report", *argv).ok().out
    assert "in the pool nights, paused after 90 s of work" in shown
    # Whoever works ticks, also for pools that it does not serve.
    worker = desk.spawn(KITARU, "worker", "--log", "text")
    try:
        end = time.monotonic() + 90
        while not (made := desk.query("SELECT id, pool, status FROM executions WHERE pool = 'nights'")):
            assert time.monotonic() < end, desk.item("schedules", "show", "report")
            time.sleep(0.05)
    finally:
        worker.terminate()
        worker.communicate(timeout=30)
    assert [tuple(row[1:]) for row in made] == [("nights", "interrupted")]
    ((created,),) = desk.query("SELECT payload FROM journal WHERE kind = 'created' AND payload LIKE '%nights%'")
    assert '"deadline":90000' in str(created)
