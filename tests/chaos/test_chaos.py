"""Workers, their processes, the database and the network fail at random while executions run: all of them
end as if nothing had happened, each call is recorded once, and nobody writes who has lost an execution.

One minute, and ten in ``make nightly``. ``KITARU_SEED`` repeats a run's choices.
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from chaos.history import Row, problems
from chaos.link import Link, why_not
from chaos.proxy import Proxy
from kitaru import KitaruClient
from lab import KITARU, PYTHON, Lab
from lab.cluster import Cluster

HERE = pathlib.Path(__file__).parent
KINDS = ("steps", "tries", "beside", "fleet", "asks", "sleeps")
# Longer than a lease.
STOPPED = 17.0
SKEWS = (0, 0, 300, -300, 0, 86_400, 0, -3_600)


class Scene:
    """A database, a network and workers."""

    # What happens, and how often beside the others.
    harms = {  # noqa: RUF012 - nobody changes it
        "kill": 30,
        "kill_worker": 6,
        "stop": 10,
        "stop_worker": 3,
        "cut": 8,
        "down": 3,
        "slow": 6,
        "restart": 2,
        "drain": 4,
    }

    def __init__(self, folder: pathlib.Path, seed: int, also: tuple[str, ...] = ()) -> None:
        self.luck = random.Random(seed)
        # Its promise is kept by the system here: that a disk keeps its word is tested elsewhere.
        self.cluster = Cluster("fsync=off", "full_page_writes=off", also=also)
        self.proxy = Proxy(self.cluster.port)
        self.lab = Lab(folder, store="local")
        self.lab.write("agents.py", (HERE / "agents.py.txt").read_text())
        self.lab.world.touch()
        clock = folder / "clock.so"
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", clock, HERE / "clock.c", "-ldl"], check=True)
        self.clock = str(clock)
        self.address = self.cluster.address("chaos")
        self.workers: list[subprocess.Popen[bytes]] = []
        self.stopped: list[tuple[float, int]] = []
        self.acts: collections.Counter[str] = collections.Counter()
        self.log = open(folder / "workers.log", "ab")  # noqa: SIM115 - it is closed with the scene

    def env(self, skew: int = 0) -> dict[str, str]:
        through = self.address.replace(f":{self.cluster.port}/", f":{self.proxy.port}/")
        more = {"KITARU_STORE": through, "KITARU_PATIENCE": "120"}
        if skew:
            more |= {"LD_PRELOAD": self.clock, "CLOCK_SKEW": str(skew)}
        return self.lab.env(**more, KITARU_HOME=str(self.lab.home))

    def worker(self, skew: int = 0) -> None:
        argv = [KITARU, "worker", "--log", "text", "--at-once", "4"]
        self.begin(argv, self.env(skew))

    def begin(self, argv: list[str], env: dict[str, str]) -> None:
        """Starts a worker."""
        log = self.log
        made = subprocess.Popen(argv, cwd=self.lab.folder, env=env, stdout=log, stderr=log, start_new_session=True)
        self.workers.append(made)

    def processes(self) -> list[int]:
        """Those that run executions. Asked of each process who its parent is: the list of a parent's children
        is one of each of its threads, and a thread that ends meanwhile takes its own along."""
        workers = {worker.pid for worker in self.workers}
        found = []
        for told in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent = told.read_text().rpartition(")")[2].split()[:2]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(parent) in workers and state != "Z":
                found.append(int(told.parent.name))
        return found

    def harm(self) -> None:
        """One of the things that happen."""
        now = time.monotonic()
        for until, pid in [one for one in self.stopped if one[0] <= now]:
            self.stopped.remove((until, pid))
            _signal(pid, signal.SIGCONT)
        what = self.luck.choices(list(self.harms), list(self.harms.values()))[0]
        self.acts[what] += 1
        getattr(self, what)()

    def kill(self) -> None:
        if found := self.processes():
            _signal(self.luck.choice(found), signal.SIGKILL)

    def kill_worker(self) -> None:
        at = self.luck.randrange(len(self.workers))
        gone = self.workers.pop(at)
        _signal(gone.pid, signal.SIGKILL)
        gone.wait()
        self.worker(self.luck.choice(SKEWS))

    def drain(self) -> None:
        at = self.luck.randrange(len(self.workers))
        leaving = self.workers.pop(at)
        leaving.terminate()
        threading.Thread(target=leaving.wait, daemon=True).start()
        self.worker(self.luck.choice(SKEWS))

    def stop(self) -> None:
        """A zombie: it comes back when its lease is over."""
        if (found := self.processes()) and len(self.stopped) < 6:
            self._stop(self.luck.choice(found))

    def stop_worker(self) -> None:
        if len(self.stopped) < 6:
            self._stop(self.luck.choice(self.workers).pid)

    def _stop(self, pid: int) -> None:
        _signal(pid, signal.SIGSTOP)
        self.stopped.append((time.monotonic() + STOPPED, pid))

    def cut(self) -> None:
        self.proxy.cut()

    def down(self) -> None:
        self.proxy.cut(down=True)
        time.sleep(self.luck.uniform(0.2, 2))
        self.proxy.up()

    def slow(self) -> None:
        self.proxy.slow(self.luck.uniform(0.01, 0.1))
        time.sleep(1)
        self.proxy.slow(0)

    def restart(self) -> None:
        self.cluster.stop()
        self.cluster.start()

    def calm(self) -> None:
        """Nothing more happens, and who was stopped goes on."""
        for _, pid in self.stopped:
            _signal(pid, signal.SIGCONT)
        self.stopped.clear()

    def rows(self) -> list[Row]:
        found = self.query(
            "SELECT executions.id, seq, kind, call_key, journal.epoch, payload FROM journal"
            " JOIN executions USING (n) ORDER BY journal.n, seq",
        )
        return [
            Row(str(a), int(str(b)), str(c), d and str(d), int(str(e)), json.loads(str(f)))
            for a, b, c, d, e, f in found
        ]

    def asking(self) -> list[str]:
        """Executions with an open question."""
        sql = "SELECT id FROM executions JOIN waits USING (n) WHERE waits.status = 'open' AND NOT sleep AND NOT over"
        return [str(one) for (one,) in self.query(sql)]

    def open(self) -> list[tuple[Any, ...]]:
        """Those that have not ended."""
        ended = "('completed', 'failed', 'cancelled')"
        return self.query(f"SELECT id, status, reason FROM executions WHERE status NOT IN {ended}")

    def ended(self) -> dict[str, tuple[str, Any]]:
        """What became of those with a key."""
        found = self.query("SELECT key, status, result FROM executions WHERE key IS NOT NULL")
        return {key: (status, result and json.loads(result)["inline"]) for key, status, result in found}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What is there, once the database answers."""
        until = time.monotonic() + 60
        while True:
            try:
                return [tuple(row) for row in self.cluster.query("chaos", sql)]
            except psycopg.OperationalError:
                assert time.monotonic() < until, "the database does not answer"
                time.sleep(0.1)

    def close(self) -> None:
        self.calm()
        for worker in self.workers:
            _signal(worker.pid, signal.SIGKILL)
        for pid in self.processes():
            _signal(pid, signal.SIGKILL)
        for worker in self.workers:
            worker.wait()
        self.proxy.close()
        self.cluster.remove()
        self.log.close()


class Apart(Scene):
    """The same with each worker behind a link of its own, on which what is sent may be lost without a word: for longer
    than a lease now and then, so that a worker that lives and works is a zombie when it is heard again."""

    harms = {**Scene.harms, "cut": 14, "slow": 8}  # noqa: RUF012 - nobody changes it

    def __init__(self, folder: pathlib.Path, seed: int) -> None:
        self.links = [Link(number) for number in range(1, len(SKEWS) + 1)]
        self.behind: dict[int, Link] = {}
        self.lost: list[tuple[float, Link]] = []
        super().__init__(folder, seed, also=tuple(link.network for link in self.links))

    def begin(self, argv: list[str], env: dict[str, str]) -> None:
        """See :class:`Scene`: behind a link that has no worker."""
        taken = {id(self.behind[worker.pid]) for worker in self.workers}
        link = next(link for link in self.links if id(link) not in taken)
        here = f"@127.0.0.1:{self.proxy.port}/"
        there = f"@{link.address}:{self.cluster.port}/"
        super().begin(link.argv(argv), {**env, "KITARU_STORE": env["KITARU_STORE"].replace(here, there)})
        self.behind[self.workers[-1].pid] = link

    def harm(self) -> None:
        """See :class:`Scene`. Links that were cut or slowed are whole again when their time is over."""
        now = time.monotonic()
        for one in [one for one in self.lost if one[0] <= now]:
            self.lost.remove(one)
            self.mend(one[1])
        super().harm()

    def mend(self, link: Link) -> None:
        if all(link is not other for _, other in self.lost):
            link.up()
            link.slow(None)

    def cut(self) -> None:
        link = self.luck.choice(self.links)
        link.cut()
        self.lost.append((time.monotonic() + self.luck.choice([0.5, 2.0, 5.0, STOPPED + 3]), link))

    def down(self) -> None:
        for link in self.links:
            link.cut()
        time.sleep(self.luck.uniform(0.2, 2))
        for link in self.links:
            self.mend(link)

    def slow(self) -> None:
        link = self.luck.choice(self.links)
        link.slow(self.luck.choice([64, 256]))
        self.lost.append((time.monotonic() + 3, link))

    def calm(self) -> None:
        """See :class:`Scene`."""
        self.lost.clear()
        for link in self.links:
            self.mend(link)
        super().calm()

    def close(self) -> None:
        super().close()
        for link in self.links:
            link.close()


def _signal(pid: int, what: signal.Signals) -> None:
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        # It has ended by itself.
        pass


def drawn() -> int:
    """What the choices of a run follow from."""
    seed = int(os.environ.get("KITARU_SEED") or random.SystemRandom().randrange(1 << 30))
    print(f"KITARU_SEED={seed}")
    return seed


@pytest.fixture
def scene(tmp_path: pathlib.Path) -> Iterator[Scene]:
    made = Scene(tmp_path, drawn())
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def apart(tmp_path: pathlib.Path) -> Iterator[Scene]:
    if why := why_not():
        pytest.skip(why)
    made = Apart(tmp_path, drawn())
    try:
        yield made
    finally:
        made.close()


SUBMIT = """
import sys
sys.path.insert(0, ".")
import agents
kinds = [agents.steps, agents.tries, agents.beside, agents.fleet, agents.asks, agents.sleeps]
first, count = int(sys.argv[1]), int(sys.argv[2])
for at in range(first, first + count):
    kind = kinds[at % len(kinds)]
    kind.submit(f"{at}", 2 + at % 4, key=f"{at}", tags=["root"])
"""


def answer(scene: Scene, client: KitaruClient, answered: set[str]) -> None:
    """What people do meanwhile."""
    for one in scene.asking():
        if one not in answered:
            client.executions.input(one, 42, wait="number", resume=False)
            answered.add(one)


def run(scene: Scene, executions: int, seconds: float, calm: float) -> dict[str, tuple[str, Any]]:
    """Executions under harm, and their end when that is over. What became of each, by its key."""
    lab = scene.lab
    client = KitaruClient(store=scene.address, home=str(lab.home))
    for skew in SKEWS:
        scene.worker(skew)
    near = {"KITARU_STORE": scene.address, "KITARU_HOME": str(lab.home), "KITARU_PATIENCE": "120"}
    submitter = lab.spawn(PYTHON, "-c", SUBMIT, "0", str(executions), **near)
    answered: set[str] = set()
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        scene.harm()
        answer(scene, client, answered)
        time.sleep(scene.luck.uniform(0.1, 0.6))
    scene.calm()
    assert submitter.wait(120) == 0
    until = time.monotonic() + calm
    while left := scene.open():
        answer(scene, client, answered)
        for exec_id in [one for one, status, _ in left if status == "paused"]:
            # Three times in a row without one new record is what pauses it, and somebody has to look.
            scene.acts["resumed by hand"] += 1
            lab.kitaru("resume", exec_id, **near)
        assert time.monotonic() < until, f"after {scene.acts}: {left[:10]}"
        time.sleep(0.5)
    return scene.ended()


def judge(scene: Scene, executions: int, found: dict[str, tuple[str, Any]]) -> None:
    wanted = {str(at): expected(KINDS[at % len(KINDS)], 2 + at % 4) for at in range(executions)}
    assert {key: result for key, (_, result) in found.items()} == wanted, scene.acts
    rows = scene.rows()
    assert problems(rows) == [], scene.acts
    # A call is made again only if its process was lost while it ran.
    taken = collections.Counter(row.execution for row in rows if row.kind == "taken")
    done = collections.Counter(scene.lab.done())
    lost = sum(taken.values()) - len(taken)
    assert sum(done.values()) - len(done) <= executions + 4 * lost, (done.most_common(5), lost)
    print(f"{executions} executions, {len(rows)} events, {lost} times taken up again, {dict(scene.acts)}")


def expected(kind: str, n: int) -> int:
    """What a flow of that kind returns."""

    def squares(upto: int) -> int:
        return sum(at * at for at in range(upto))

    results = {
        "steps": squares(n),
        "tries": sum(range(n)),
        "beside": sum(at + 1 for at in range(n)),
        "fleet": squares(2) + n * squares(3),
        "asks": n * n + 42 + (n + 1) ** 2,
        "sleeps": 5,
    }
    return results[kind]


# Longer than it gives itself: what has not ended by then is told.
@pytest.mark.timeout(400)
def test_all_ends_as_if_nothing_had_happened(scene: Scene) -> None:
    judge(scene, 150, run(scene, 150, seconds=45, calm=180))


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_all_ends_as_if_nothing_had_happened_for_ten_minutes(scene: Scene) -> None:
    judge(scene, 2000, run(scene, 2000, seconds=600, calm=900))


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_all_ends_as_if_nothing_had_happened_on_networks_that_lose_what_is_sent(apart: Scene) -> None:
    judge(apart, 600, run(apart, 600, seconds=180, calm=600))


@pytest.mark.timeout(300)
def test_a_store_that_does_not_fence_is_found_out(scene: Scene) -> None:
    """The same with a store that lets everybody write: the checker of histories says so."""
    KitaruClient(store=scene.address, home=str(scene.lab.home)).executions.list()
    # Both ways by which an owner writes, and the renewal of a lease: whoever comes back renews at once, and would be
    # told that it has lost the execution before it writes, or not, as its threads happen to run.
    fences = {
        "write_renew": "epoch = v_lease.epoch AND owner IS NOT NULL",
        "write_append": "e.epoch = v_epoch AND e.owner IS NOT NULL AND e.lease_until > v_at",
        "steps": "e.epoch = p_epochs[at] AND e.owner IS NOT NULL AND e.lease_until > p_ats[at]",
    }
    for function, fence in fences.items():
        (text,) = scene.cluster.query("chaos", f"SELECT pg_get_functiondef('{function}'::regproc)")[0]
        assert fence in str(text)
        scene.cluster.query("chaos", str(text).replace(f"AND {fence}", ""))
    scene.lab.write("agents.py", (HERE / "agents.py.txt").read_text().replace("time.sleep(0.02)", "time.sleep(0.5)"))
    scene.worker()
    near = {"KITARU_STORE": scene.address, "KITARU_HOME": str(scene.lab.home)}
    scene.lab.python("-c", "import agents; agents.steps.submit('a', 60, key='0')", **near).ok()
    while not scene.lab.done():
        time.sleep(0.05)
    (zombie,) = scene.processes()
    _signal(zombie, signal.SIGSTOP)
    scene.stopped.append((0.0, zombie))
    scene.worker()
    before = len(scene.lab.done())
    until = time.monotonic() + 60
    while len(scene.lab.done()) < before + 3:
        assert time.monotonic() < until, "nobody took it up"
        time.sleep(0.1)
    scene.calm()
    while scene.open():
        assert time.monotonic() < until + 120, scene.open()
        time.sleep(0.2)
    assert any("written by the owner of epoch 1" in problem for problem in problems(scene.rows()))
