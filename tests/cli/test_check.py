"""`kitaru check` says of every open execution whether it would resume with the code as it is now; it writes nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lab import Lab

FLOW = """
    import kitaru
    from kitaru import checkpoint, flow
    from world import did
    from text import clean

    @checkpoint
    def fetch(topic: str) -> str:
        did("fetch")
        return clean(topic)

    @checkpoint
    def write(text: str) -> str:
        did("write")
        return f"about {text}"

    @flow
    def research(topic: str = "bees") -> str:
        text = fetch(topic)
        did("between")
        if not kitaru.wait(schema=bool, name="approve", question="Go on?"):
            return "stopped"
        return write(text)

    if __name__ == "__main__":
        import sys
        research(*sys.argv[1:])
"""
TEXT = "def clean(text):\n    return text.strip()\n"


@pytest.fixture
def desk(lab: Lab) -> Lab:
    lab.write("agent.py", FLOW)
    lab.write("text.py", TEXT)
    return lab


def edit(lab: Lab, file: str, *changes: tuple[str, str]) -> None:
    path = lab.folder / file
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def whole(lab: Lab) -> tuple[list[str], str]:
    """All rows of the store, and its file's own bytes."""
    connection = sqlite3.connect(lab.home / "kitaru.db")
    try:
        rows = list(connection.iterdump())
    finally:
        connection.close()
    return rows, hashlib.sha256((lab.home / "kitaru.db").read_bytes()).hexdigest()


def checked(lab: Lab, target: str = "agent.py:research", *, code: int) -> dict[str, Any]:
    """What is found, after a look that nothing was written."""
    before, done = whole(lab), lab.done()
    found = lab.kitaru("check", target, "--output", "json").ok(code).json["item"]
    assert whole(lab) == before
    assert [one for one in lab.done()[len(done) :] if one != "between"] == [], "no body runs"
    return found


def only(found: dict[str, Any]) -> dict[str, Any]:
    (one,) = found["executions"]
    return one


def test_what_waits_is_clean_as_long_as_its_code_is(desk: Lab) -> None:
    desk.python("agent.py").ok(75)
    one = only(checked(desk, code=0))
    assert one["id"] == desk.only() and one["status"] == "waiting"
    assert (one["clean"], one["served"], one["runs"], one["waits"]) == (True, 1, [], ["approve"])
    assert one["changed"] == {}
    assert desk.done() == ["fetch", "between", "between"], "code between checkpoints runs"


def test_an_answered_wait_is_gone_on_from(desk: Lab) -> None:
    desk.python("agent.py").ok(75)
    desk.kitaru("input", "latest", "--value", "true", "--no-resume").ok()
    one = only(checked(desk, code=0))
    assert (one["clean"], one["served"], one["runs"]) == (True, 2, ["write"])
    desk.kitaru("resume", "latest").ok()
    assert desk.done().count("write") == 1
    assert checked(desk, code=0)["executions"] == []


def test_other_inputs_stop_it_and_what_changed_is_named(desk: Lab) -> None:
    desk.python("agent.py").ok(75)
    edit(desk, "agent.py", ("text = fetch(topic)", "text = fetch(topic.upper())"))
    edit(desk, "text.py", ("strip()", "strip().lower()"))
    one = only(checked(desk, code=1))
    assert (one["clean"], one["why"]) == (False, "drift")
    assert 'topic: "bees" -> "BEES"' in one["text"]
    changed = one["changed"]
    assert changed["fetch"] == "calls clean() in text.py, changed"
    assert changed["research"].startswith("its own source")
    text = desk.kitaru("check", "agent.py:research").ok(1)
    assert "stops: drift" in text.out and "changed: fetch (calls clean() in text.py, changed)" in text.out
    assert "1 open execution" not in text.err and "would stop" in text.err
    assert "nothing was written" in text.err and "between checkpoints was run" in text.err
    assert "kitaru resume" not in text.out


def test_a_changed_question_that_was_answered_stops_it(desk: Lab) -> None:
    desk.python("agent.py").ok(75)
    desk.kitaru("input", "latest", "--value", "true", "--no-resume").ok()
    edit(desk, "agent.py", ("Go on?", "Publish?"))
    one = only(checked(desk, code=1))
    assert one["why"] == "drift" and "asks something else now" in one["text"] and "Publish?" in one["text"]


def test_what_the_flow_raises_by_itself_is_told(desk: Lab) -> None:
    desk.python("agent.py").ok(75)
    edit(desk, "agent.py", ('did("between")', '{}["gone"]'))
    one = only(checked(desk, code=1))
    assert one["why"] == "raised" and one["text"].startswith("KeyError: 'gone' (") and "agent.py:" in one["text"]


def test_code_that_cannot_be_loaded_is_one_error(desk: Lab) -> None:
    desk.python("agent.py").ok(75)
    edit(desk, "agent.py", ("from text import clean", "from text import cleaned"))
    result = desk.kitaru("check", "agent.py:research").ok(1)
    assert result.err.startswith("error[flow-import]: ") and "Traceback" not in result.err
    assert desk.kitaru("check", "agent.py:nothing").ok(1).err.startswith("error[")


def test_a_flow_that_takes_other_arguments_now_is_told(desk: Lab) -> None:
    desk.python("agent.py").ok(75)
    edit(
        desk, "agent.py", ('research(topic: str = "bees")', "research(topics: list)"), ("fetch(topic)", "fetch(topics)")
    )
    one = only(checked(desk, code=1))
    assert one["why"] == "raised" and "TypeError" in one["text"]


def test_a_failure_that_was_handled_is_served(desk: Lab) -> None:
    edit(
        desk,
        "agent.py",
        ("text = fetch(topic)", "try: text = fetch(topic)\n    except ValueError: text = 'none'"),
        ('did("fetch")', 'did("fetch"); raise ValueError("no")'),
    )
    desk.python("agent.py").ok(75)
    one = only(checked(desk, code=0))
    assert one["clean"] and one["waits"] == ["approve"]


def test_branches_are_all_followed_to_their_first_call_that_runs(lab: Lab) -> None:
    lab.write(
        "fan.py",
        """
        import asyncio, kitaru
        from kitaru import checkpoint, flow
        from world import did

        @checkpoint
        async def fetch(n: int) -> int:
            did(f"fetch {n}")
            return n

        @checkpoint
        async def rate(n: int) -> int:
            did(f"rate {n}")
            return n

        async def branch(n):
            got = await fetch(n)
            if n == 0:
                await kitaru.wait(schema=bool, name="ok")
            return await rate(got)

        @flow
        async def fan() -> list:
            return list(await asyncio.gather(*(branch(n) for n in range(3))))

        if __name__ == "__main__":
            asyncio.run(fan())
        """,
    )
    lab.python("fan.py").ok(75)
    assert sorted(lab.done()) == ["fetch 0", "fetch 1", "fetch 2", "rate 1", "rate 2"]
    one = only(checked(lab, "fan.py:fan", code=0))
    assert (one["served"], one["waits"], one["runs"]) == (5, ["branch/ok"], [])
    edit(lab, "fan.py", ("return await rate(got)", "return await rate(got + 1)"))
    one = only(checked(lab, "fan.py", code=0))
    assert (one["waits"], sorted(one["runs"])) == (["branch/ok"], ["branch.2/rate#2", "branch.3/rate#2"])


def test_threads_streams_sleeps_and_children_are_left_where_they_are(lab: Lab) -> None:
    lab.write(
        "many.py",
        """
        import sys, kitaru
        from kitaru import checkpoint, flow
        from world import did

        @checkpoint
        def work(n: int) -> int:
            did(f"work {n}")
            return n

        @flow
        def child() -> int:
            kitaru.wait(schema=bool, name="ok")
            return 1

        @flow
        def many(what: str) -> int:
            kitaru.wait(schema=bool, name="first")
            if what == "threads":
                return sum(work.map([1, 2, 3]))
            if what == "stream":
                with kitaru.open_call("stream", 1) as call:
                    if not call.recorded:
                        did("streamed")
                        call.finish(1)
                return call.value
            if what == "sleep":
                kitaru.sleep(30)
                return 1
            return child()

        if __name__ == "__main__":
            many(sys.argv[1])
        """,
    )
    expected = {
        "threads": {"runs": ["work", "work.2/work", "work.3/work"]},
        "stream": {"runs": ["stream"]},
        "sleep": {"sleeps": ["sleep"]},
        "child": {"runs": ["child"]},
    }
    for what in expected:
        lab.python("many.py", what).ok(75)
        lab.kitaru("input", "latest", "--value", "true", "--no-resume").ok()
    found = checked(lab, "many.py:many", code=0)["executions"]
    assert len(found) == 4
    for (what, wanted), one in zip(reversed(expected.items()), found, strict=True):
        got = {name: one[name] for name in ("runs", "waits", "sleeps") if one[name]}
        assert {name: len(keys) for name, keys in got.items()} == {name: len(keys) for name, keys in wanted.items()}, (
            what
        )


def test_what_began_and_must_happen_once_stops_it(lab: Lab) -> None:
    lab.write(
        "pay.py",
        """
        import os, kitaru
        from kitaru import checkpoint, flow
        from world import did

        @checkpoint(effect="once")
        def charge(n: int) -> int:
            did("charge")
            os._exit(9)

        @flow
        def pay() -> int:
            return charge(1)

        if __name__ == "__main__":
            pay()
        """,
    )
    lab.python("pay.py").ok(9)
    one = only(checked(lab, "pay.py:pay", code=1))
    assert one["status"] == "interrupted" and one["why"] == "in_doubt" and "may have happened" in one["text"]
    edit(lab, "pay.py", ('effect="once"', 'effect="once", reconcile=lambda n: did("asked")'))
    one = only(checked(lab, "pay.py:pay", code=0))
    assert one["runs"] == ["charge (its reconcile says whether)"]


def test_a_result_that_was_not_stored_stops_it(lab: Lab) -> None:
    lab.write(
        "lost.py",
        """
        import threading, warnings, kitaru
        from kitaru import checkpoint, flow
        warnings.simplefilter("ignore")

        @checkpoint
        def connect() -> object:
            return threading.Lock()

        @flow
        def lost() -> int:
            connect()
            return kitaru.wait(schema=int, name="n")

        if __name__ == "__main__":
            lost()
        """,
    )
    lab.python("lost.py").ok(75)
    assert only(checked(lab, "lost.py:lost", code=1))["why"] == "volatile"


def test_code_between_checkpoints_that_does_not_end_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.write(
        "loop.py",
        """
        import os, kitaru
        from kitaru import flow

        @flow
        def loop() -> int:
            kitaru.wait(schema=bool, name="ok")
            while True:
                pass

        if __name__ == "__main__":
            loop()
        """,
    )
    lab.python("loop.py").ok(75)
    lab.kitaru("input", "latest", "--value", "true", "--no-resume").ok()
    lab.write(
        "briefly.py",
        """
        import sys
        from kitaru import _check, _cli
        _check._PATIENCE = 2.0
        sys.argv = ["kitaru", *sys.argv[1:]]
        sys.exit(_cli.main())
        """,
    )
    found = lab.python("briefly.py", "check", "loop.py:loop", "--output", "json").ok(1).json["item"]
    assert only(found)["why"] == "endless"


def test_a_flow_without_open_executions_is_fine(desk: Lab) -> None:
    result = desk.kitaru("check", "agent.py:research").ok()
    assert result.out == "" and result.err == "no execution of research is open\n"


def test_a_checkout_elsewhere_is_checked_against_the_same_store(desk: Lab) -> None:
    """As in CI: another folder, the store of production."""
    desk.python("agent.py").ok(75)
    other = desk.folder / "checkout"
    other.mkdir()
    for name in ("agent.py", "text.py", "world.py"):
        (other / name).write_text((desk.folder / name).read_text())
    (other / "agent.py").write_text((other / "agent.py").read_text().replace("fetch(topic)", "fetch(topic + '!')"))
    before = whole(desk)
    assert "stops: drift" in desk.kitaru("check", "agent.py:research", cwd=other).ok(1).out
    assert "resumes" in desk.kitaru("check", "agent.py:research").ok().out
    assert whole(desk) == before
    desk.write("elsewhere.py", FLOW)
    result = desk.kitaru("check", "elsewhere.py:research").ok()
    assert "1 more of a flow of that name in another file" in result.err
