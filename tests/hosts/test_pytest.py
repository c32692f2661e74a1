"""Under pytest, pytest-asyncio and anyio's plugin: a flow is suspended, answered and finished inside a test."""

from __future__ import annotations

import pytest

from lab import PYTHON, Lab

SUITE = """
import asyncio
import pytest
import kitaru
from kitaru import KitaruSuspended, checkpoint, flow

paid = []

@checkpoint
def work(x):
    paid.append(x)
    return x + 1

@flow
def plain(x):
    return work(x) + kitaru.wait(schema=int, name="more")

@flow
async def asynchronous(x):
    got, more = await asyncio.gather(asyncio.to_thread(work, x), kitaru.wait(schema=int, name="more"))
    return got + more

def test_plain():
    with pytest.raises(KitaruSuspended) as left:
        plain(1)
    assert left.value.waits == ["more"]
    left.value.answer(10)
    assert plain.resume(left.value.exec_id) == 12
    assert paid == [1]
    paid.clear()

def test_handle():
    handle = plain.run(1)
    with pytest.raises(KitaruSuspended) as left:
        handle.wait(20)
    assert handle.status == "waiting"
    left.value.answer(10)
    assert plain.resumed(left.value.exec_id).wait(20) == 12
    assert paid == [1]
    paid.clear()

def test_a_bad_answer_is_refused():
    with pytest.raises(KitaruSuspended) as left:
        plain(1)
    with pytest.raises(kitaru.KitaruAnswerError):
        left.value.answer("ten")
    left.value.answer(10)
    assert plain.resume(left.value.exec_id) == 12
    paid.clear()

async def asynchronous_suspends():
    with pytest.raises(KitaruSuspended) as left:
        await asynchronous(1)
    left.value.answer(10)
    assert await asynchronous.resume(left.value.exec_id) == 12
    assert paid == [1]
    paid.clear()

def test_runner():
    asyncio.run(asynchronous_suspends())
"""

ON_THE_LOOP = """
MARK
async def test_on_the_plugins_loop():
    await asynchronous_suspends()

MARK
async def test_a_sync_flow_is_awaited_by_its_handle():
    with pytest.raises(KitaruSuspended) as left:
        await plain.run(1)
    left.value.answer(1)
    assert await plain.resumed(left.value.exec_id) == 3
"""

PLUGINS = {
    "pytest-asyncio": ("pytest_asyncio", "import pytest\n@pytest.mark.asyncio\n", ""),
    "anyio": (
        "anyio",
        "import pytest\n@pytest.mark.anyio\n",
        "@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n",
    ),
}


def suite(lab: Lab, source: str, **env: str) -> None:
    own = "asyncio_default_fixture_loop_scope = function" if "mark.asyncio" in source else "addopts = -p no:asyncio"
    lab.write("pytest.ini", f"[pytest]\n{own}\n")
    lab.write("test_flows.py", source)
    argv = ["-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "test_flows.py"]
    done = lab.run(PYTHON, *argv, **env)
    assert done.code == 0, done.out + done.err
    assert " passed" in done.out


@pytest.mark.parametrize("store", ["memory:", ""], ids=["memory", "file"])
def test_a_flow_is_suspended_answered_and_finished_in_a_test(lab: Lab, store: str) -> None:
    suite(lab, SUITE, **({"KITARU_STORE": store} if store else {}))
    # Nothing is left on the disk by a store in memory.
    assert (lab.home / "kitaru.db").exists() == (not store)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_same_holds_under_the_plugins_that_own_the_loop(lab: Lab, plugin: str) -> None:
    module, mark, fixture = PLUGINS[plugin]
    pytest.importorskip(module)
    suite(lab, SUITE + fixture + ON_THE_LOOP.replace("MARK\n", mark), KITARU_STORE="memory:")


def test_a_failure_of_the_flow_fails_the_test_with_the_users_lines_and_none_of_ours(lab: Lab) -> None:
    lab.write(
        "test_fails.py",
        """
        from kitaru import checkpoint, flow

        @checkpoint
        def broken(x):
            return 1 / x

        @flow
        def main():
            return broken(0)

        def test_it():
            main()
        """,
    )
    done = lab.run(PYTHON, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "test_fails.py")
    assert done.code == 1
    assert "return 1 / x" in done.out and "ZeroDivisionError" in done.out
    assert "kitaru/_" not in done.out


FRESH = """
import pytest
import kitaru
from kitaru import KitaruClient, KitaruSuspended, flow

@pytest.fixture(autouse=True)
def store():
    kitaru.configure(store="memory:")

@flow
def asks(x):
    return x + kitaru.wait(schema=int, name="more")

@pytest.mark.parametrize("x", [1, 2, 3])
def test_alone(x):
    client = KitaruClient()
    assert client.executions.list() == []
    with pytest.raises(KitaruSuspended) as left:
        asks(x)
    assert [one.inputs for one in client.executions.list()] == [{"x": x}]
    assert client.executions.input(left.value.exec_id, 10).result == x + 10

def test_whoever_has_a_store_keeps_it():
    before = KitaruClient()
    with pytest.raises(KitaruSuspended) as left:
        asks(1)
    kitaru.configure(store="memory:")
    assert KitaruClient().executions.list() == []
    kitaru.configure(strict=False)
    assert KitaruClient().executions.list() == [], "nothing was said of the store"
    assert [one.id for one in before.executions.list()] == [left.value.exec_id]
"""


@pytest.mark.parametrize("store", ["memory:", ""], ids=["memory", "file"])
def test_each_test_may_have_an_empty_store_of_its_own(lab: Lab, store: str) -> None:
    suite(lab, FRESH, **({"KITARU_STORE": store} if store else {}))
