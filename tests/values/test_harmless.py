"""Only addresses and readings of the clock are differences that mean nothing."""

from __future__ import annotations

import datetime
import json
import os
import time
from typing import Any

import pytest

from kitaru._values import encode, harmless_difference

THEN = 1_700_000_123_456
NOW = THEN + 3_600_000 * 30
UTC = datetime.timezone.utc


def at(ms: int, zone: datetime.tzinfo | None = None) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(ms / 1000, zone)


def judge(make: Any, *, then: int = THEN, now: int = NOW) -> str | None:
    return harmless_difference(encode({"a": make(then)}), encode({"a": make(now)}), THEN, NOW)


@pytest.mark.parametrize(
    "make",
    [
        lambda ms: f"It is {at(ms)}. Write.",
        lambda ms: f"It is {at(ms).isoformat()}.",
        lambda ms: f"{at(ms, UTC).replace(tzinfo=None).isoformat(timespec='seconds')}",
        lambda ms: at(ms, UTC).strftime("[%Y-%m-%dT%H:%M:%SZ]"),
        lambda ms: at(ms, UTC).strftime("%Y-%m-%d %H:%M UTC, go"),
        lambda ms: at(ms, datetime.timezone(datetime.timedelta(hours=5, minutes=30))).isoformat(),
        lambda ms: at(ms, UTC),
        lambda ms: [{"at": at(ms)}, at(ms, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")],
        lambda ms: ms / 1000,
        lambda ms: ms // 1000,
        lambda ms: ms,
        lambda ms: ms * 1000,
        lambda ms: ms * 1_000_000,
        lambda ms: f"id-x {ms} and {ms / 1000:.3f};",
    ],
)
def test_the_clock_then_and_now_is_the_same_input(make: Any) -> None:
    assert judge(make) is not None
    assert judge(make, then=THEN - 50_000, now=NOW - 50_000) is not None


@pytest.mark.parametrize(
    "make",
    [
        lambda ms: f"It is {at(ms)}. Write.",
        lambda ms: at(ms, UTC),
        lambda ms: ms / 1000,
        lambda ms: ms,
    ],
)
def test_other_times_are_other_inputs(make: Any) -> None:
    assert judge(make, then=THEN - 120_000) is None
    assert judge(make, now=NOW + 120_000) is None
    assert judge(make, then=NOW, now=THEN) is None


def test_addresses_in_default_reprs_are_the_same_input() -> None:
    def make(address: str) -> str:
        return encode({"a": f"tools: <agent.Tool object at {address}>, <bound method X.y of <X object at {address}>>"})

    assert harmless_difference(make("0x7f0011223344"), make("0x7f00aabbccdd"), THEN, NOW) is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("pay 0xAbCd12 now", "pay 0xAbCd13 now"),
        ("send to 0x7f0011223344>", "send to 0x7f00aabbccdd>"),
        ("order 1700000123 items", "order 1700000124 items"),
        ("2023-11-14", "2023-11-15"),
        ("10:15", "10:16"),
        ("1234567890", "1234567891"),
        ("a", "b"),
        (f"at {THEN}", f"At {NOW}"),
        (f"{THEN}", f"{NOW // 1000}"),
        (f"x{THEN}", f"x{NOW}"),
        (f"{at(THEN)}", f"{at(NOW, UTC).isoformat()}"),
        (f"{THEN} a", f"{NOW} b"),
        (1, 2),
        (1, 1.0),
    ],
)
def test_everything_else_is_another_input(before: Any, after: Any) -> None:
    assert harmless_difference(json.dumps({"a": before}), json.dumps({"a": after}), THEN, NOW) is None


def test_what_is_added_or_renamed_is_another_input() -> None:
    assert harmless_difference(json.dumps({"a": THEN}), json.dumps({"b": NOW}), THEN, NOW) is None
    assert harmless_difference(json.dumps([THEN]), json.dumps([NOW, NOW]), THEN, NOW) is None


def test_a_harmless_difference_hides_no_other() -> None:
    before, after = {"at": THEN, "amount": 5}, {"at": NOW, "amount": 6}
    assert harmless_difference(json.dumps(before), json.dumps(after), THEN, NOW) is None


def test_summer_time_between_the_two_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        then, now = (int(datetime.datetime(2024, m, 27, 12).timestamp() * 1000) for m in (1, 7))
        assert harmless_difference(json.dumps(str(at(then))), json.dumps(str(at(now))), then, now) is not None
    finally:
        monkeypatch.undo()
        time.tzset()
    assert os.environ.get("TZ") != "Europe/Berlin"
