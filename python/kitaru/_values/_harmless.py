"""Differences between recorded and present inputs that mean nothing: memory addresses, and readings of the clock.

A prompt that says "It is 14:05" is the same prompt at 14:20, if the clock said so each time. Not here: what is
done about other differences.
"""

from __future__ import annotations

import datetime
import re

_NEAR = 60.0
"""Seconds that a reading may be off the clock."""

_PART = re.compile(
    r"(?P<address>(?<=\ at\ )0x[0-9a-fA-F]{4,16}(?=>))"
    r"|(?P<iso>(?<![\w.-])\d{4}-\d\d-\d\d[T\ ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
    r"(?P<zone>\ ?Z|\ ?UTC|\ ?[+-]\d\d:?\d\d(?::\d\d)?)?(?![\w:]|\.\d))"
    r"|(?P<number>(?<![\w.+-])\d{9,19}(?:\.\d+)?(?![\w]|\.\d))"
)
_UNITS = (1.0, 1e3, 1e6, 1e9)


def harmless_difference(before: str, after: str, recorded_at: int, now: int) -> str | None:
    """Why two JSON texts of arguments may count as equal, or ``None`` if they may not.

    They may if they differ only in addresses in default reprs, and in times that were the clock's: each within a
    minute of ``recorded_at`` before, and of ``now`` after (both in milliseconds since the Unix epoch). Times are
    seen as ISO 8601 or ``str(datetime)``, with a zone or in local time or UTC without, and as numbers of seconds,
    milliseconds, microseconds or nanoseconds since the epoch.
    """
    old = list(_PART.finditer(before))
    new = list(_PART.finditer(after))
    if len(old) != len(new) or _between(before, old) != _between(after, new):
        return None
    addresses = clocks = False
    for one, other in zip(old, new, strict=True):
        if one[0] == other[0]:
            continue
        if one.lastgroup is None or _kind(one) != _kind(other):
            return None
        if one["address"] is not None:
            addresses = True
            continue
        same = _same_clock if one["iso"] is not None else _same_count
        if not same(one, other, recorded_at / 1000, now / 1000):
            return None
        clocks = True
    if addresses and clocks:
        return "only memory addresses and readings of the clock differ"
    if clocks:
        return "only readings of the clock differ"
    return "only memory addresses differ" if addresses else None


def _between(text: str, found: list[re.Match[str]]) -> list[str]:
    parts, at = [], 0
    for one in found:
        parts.append(text[at : one.start()])
        at = one.end()
    return [*parts, text[at:]]


def _kind(found: re.Match[str]) -> str:
    return "address" if found["address"] is not None else "iso" if found["iso"] is not None else "number"


def _same_clock(one: re.Match[str], other: re.Match[str], then: float, now: float) -> bool:
    # Summer time may have changed the offset in between, but a zone stays a zone.
    if (one["zone"] is None) != (other["zone"] is None):
        return False
    if one["zone"] is not None:
        return _near(_seconds(one, None), then) and _near(_seconds(other, None), now)
    return any(
        _near(_seconds(one, zone), then) and _near(_seconds(other, zone), now) for zone in (None, datetime.timezone.utc)
    )


def _near(reading: tuple[float, float] | None, clock: float) -> bool:
    return reading is not None and -_NEAR <= clock - reading[0] <= _NEAR + reading[1]


_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d).(\d\d):(\d\d)(?::(\d\d))?")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")


def _seconds(found: re.Match[str], zone: datetime.timezone | None) -> tuple[float, float] | None:
    """Seconds since the epoch, and how many were cut off; a time without a zone is local, or of ``zone``."""
    match = _ISO.match(found[0])
    if match is None:
        return None
    if found["zone"] is not None:
        offset = _OFFSET.search(found["zone"])
        minutes = 0
        if offset is not None:
            minutes = (int(offset[2]) * 60 + int(offset[3])) * (-1 if offset[1] == "-" else 1)
        zone = datetime.timezone(datetime.timedelta(minutes=minutes)) if abs(minutes) < 1440 else None
        if zone is None:
            return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        moment = datetime.datetime(year, month, day, hour, minute, second, tzinfo=zone).timestamp()
        return moment, 60.0 if match[6] is None else 1.0
    except (ValueError, OverflowError, OSError):
        return None


def _same_count(one: re.Match[str], other: re.Match[str], then: float, now: float) -> bool:
    return any(
        abs(float(one[0]) / unit - then) <= _NEAR and abs(float(other[0]) / unit - now) <= _NEAR for unit in _UNITS
    )
