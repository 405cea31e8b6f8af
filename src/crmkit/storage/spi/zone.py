"""Zones: what a zone's clocks show, as a few ranges of instants with one shift each.

No database is asked for its own idea of time zones, which is as old as its build: the ranges come from Python's
`zoneinfo`, and the database adds the shift.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import attrs

from crmkit.values import UTC

__all__ = ["Range", "ranges"]

_FIRST: Final = dt.datetime(1, 1, 1, tzinfo=UTC)
_LAST: Final = dt.datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
_DAY: Final = dt.timedelta(days=1)
_STEP: Final = dt.timedelta(days=3)
"""No zone has ever changed its shift twice within so few."""
_SECOND: Final = dt.timedelta(seconds=1)


@attrs.frozen
class Range:
    """Instants that a zone's clocks show by one rule, up to the start of the next range.

    Attributes:
        start: the first of them.
        shift: the seconds by which local time is ahead of UTC.
        day: the day that stands for all of them, where local time leaves the calendar; otherwise `None`.
    """

    start: dt.datetime
    shift: int
    day: dt.date | None = None


def ranges(zone: str, years: Iterable[int]) -> tuple[Range, ...]:
    """Return the ranges of a zone that cover all instants of these years (in UTC), earliest first.

    >>> [(str(r.start), r.shift) for r in ranges("Europe/Berlin", [2026])]  # doctest: +NORMALIZE_WHITESPACE
    [('2026-01-01 00:00:00+00:00', 3600), ('2026-03-29 01:00:00+00:00', 7200), ('2026-10-25 01:00:00+00:00', 3600)]
    """
    found: list[Range] = []
    for year in sorted(set(years)):
        for item in _year(zone, year):
            if not found or _rule(item) != _rule(found[-1]):
                found.append(item)
    return tuple(found) or (Range(_FIRST, 0),)


def _rule(item: Range) -> tuple[int, dt.date | None]:
    return item.shift, item.day


@lru_cache(maxsize=4096)
def _year(zone: str, year: int) -> tuple[Range, ...]:
    info = ZoneInfo(zone)
    moment = dt.datetime(year, 1, 1, tzinfo=UTC)
    shift = _shift(info, moment)
    found = [Range(moment, shift)]
    end = _LAST if year == _LAST.year else dt.datetime(year + 1, 1, 1, tzinfo=UTC)
    while moment < end:
        after = end if end - moment < _STEP else moment + _STEP
        if _shift(info, after) != shift:
            change = _change(info, moment, after)
            shift = change.shift
            if change.start < end:
                found.append(change)
        moment = after
    return _within_calendar(found, year)


def _change(info: ZoneInfo, before: dt.datetime, after: dt.datetime) -> Range:
    shift = _shift(info, before)
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if _shift(info, middle) == shift:
            before = middle
        else:
            after = middle
    return Range(after, _shift(info, after))


def _shift(info: ZoneInfo, moment: dt.datetime) -> int:
    # On the first and on the last day of the calendar local time may lie outside it; no zone changes there.
    moment = min(max(moment, _FIRST + _DAY), _LAST - _DAY)
    return round((moment.astimezone(info).replace(tzinfo=None) - moment.replace(tzinfo=None)).total_seconds())


def _within_calendar(found: list[Range], year: int) -> tuple[Range, ...]:
    first, last = found[0], found[-1]
    if year == _FIRST.year and first.shift < 0:
        outside = Range(_FIRST, first.shift, _FIRST.date())
        found[0] = Range(_FIRST - dt.timedelta(seconds=first.shift), first.shift)
        found.insert(0, outside)
    if year == _LAST.year and last.shift > 0:
        midnight = _LAST.replace(hour=0, minute=0, second=0, microsecond=0)
        found.append(Range(midnight + (_DAY - dt.timedelta(seconds=last.shift)), last.shift, _LAST.date()))
    return tuple(found)
