"""The checker of histories sees what cannot have happened."""

from __future__ import annotations

from typing import Any

from chaos.history import Row, problems


def history(*events: tuple[str, int] | tuple[str, int, str]) -> list[Row]:
    payloads: dict[str, dict[str, Any]] = {"calls_dropped": {"calls_dropped": {"records": [4]}}}
    return [
        Row("e", seq, kind, call[0] if call else None, epoch, payloads.get(kind, {}))
        for seq, (kind, epoch, *call) in enumerate(events, start=1)
    ]


GOOD = (("created", 0), ("taken", 1), ("call_started", 1, "a"), ("call_ended", 1, "a"))


def test_what_happened_in_order_is_no_problem() -> None:
    end = (("taken", 2), ("call_ended", 2, "b"), ("completed", 2))
    assert problems(history(*GOOD, *end)) == []
    again = (("calls_dropped", 1), ("call_ended", 1, "a"), ("completed", 1))
    assert problems(history(*GOOD, *again)) == []


def test_a_zombie_is_seen() -> None:
    (told,) = problems(history(*GOOD, ("taken", 2), ("call_ended", 1, "b")))
    assert "written by the owner of epoch 1" in told


def test_a_call_that_is_recorded_twice_is_seen() -> None:
    (told,) = problems(history(*GOOD, ("taken", 2), ("call_ended", 2, "a")))
    assert "it was recorded in event 4" in told


def test_a_gap_a_second_end_and_an_epoch_that_comes_twice_are_seen() -> None:
    rows = history(*GOOD)
    assert len(problems([row for row in rows if row.seq != 3])) == 1
    assert "after the end" in problems(history(*GOOD, ("completed", 1), ("completed", 1)))[0]
    assert "taken up with epoch 1 after 1" in problems(history(*GOOD, ("taken", 1)))[0]
