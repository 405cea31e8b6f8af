"""Spans of time as MongoDB expressions.

The rules of time zones come from Python's `zoneinfo` and travel with the query as a table of offsets. A server brings a
zone database of its own, as old as its build and without daylight saving past 2037, so two servers could sort the same
instant into different days.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any, Final

from crmkit.model.kind import Kind
from crmkit.storage.mongo.wire import NAIVE
from crmkit.storage.spi.plan import Bucket
from crmkit.storage.spi.zone import ranges
from crmkit.values import UTC

__all__ = ["first_day"]

_DAY: Final = 86_400_000
_FIRST_YEAR: Final = 1830
"""Before the first change of any zone, which was in 1834."""
_PERIODIC: Final = dt.datetime(2100, 1, 1, tzinfo=UTC)
"""After the last change that is not made by a yearly rule, which will be in 2087."""
_PERIOD: Final = dt.timedelta(days=146_097)
"""400 years: the Gregorian calendar repeats itself, its weekdays included."""
_EARLIEST: Final = dt.datetime(1, 1, 1)  # noqa: DTZ001 - the driver's own spelling of UTC
_LATEST: Final = dt.datetime(9999, 12, 31, 23, 59, 59, 999_000)  # noqa: DTZ001 - as above
_FORMAT: Final = {Bucket.DAY: "%Y-%m-%d", Bucket.WEEK: "%Y-%m-%d", Bucket.MONTH: "%Y-%m-01", Bucket.YEAR: "%Y-01-01"}


def first_day(path: str, kind: Kind, span: Bucket, zone: str) -> Any:
    """Return the expression for the first day, as ISO text, of the span in which a value lies; missing stays missing.

    Args:
        path: the expression for the value.
        kind: `INSTANT` or `DATE`.
        span: the span.
        zone: the IANA name of the zone in which an instant's day is meant.
    """
    if kind is Kind.INSTANT:
        local: Any = _local(path, zone)
    else:
        local = {"$dateFromString": {"dateString": path, "format": "%Y-%m-%d"}}
    return {"$let": {"vars": {"day": local}, "in": _first_day("$$day", span)}}


def _first_day(day: str, span: Bucket) -> Any:
    if span is Bucket.WEEK:
        since_monday = {"$multiply": [{"$subtract": [{"$isoDayOfWeek": day}, 1]}, _DAY]}
        return _text({"$subtract": [day, since_monday]}, _FORMAT[span])
    if span is Bucket.QUARTER:
        month = {"$month": day}
        later = _text(day, "%Y-10-01")
        for bound, form in ((10, "%Y-07-01"), (7, "%Y-04-01"), (4, "%Y-01-01")):
            later = {"$cond": [{"$lt": [month, bound]}, _text(day, form), later]}
        return later
    return _text(day, _FORMAT[span])


def _text(day: Any, form: str) -> Any:
    return {"$dateToString": {"date": day, "format": form}}


def _local(path: str, zone: str) -> Any:
    """Return the expression for an instant moved so that its UTC day is the zone's, and kept within the calendar."""
    if zone == "UTC":
        return path
    starts, offsets = _offsets(zone)
    instant = {"$toLong": path}
    first, period = _milliseconds(_PERIODIC), _PERIOD // dt.timedelta(milliseconds=1)
    in_table = {"$add": [first, {"$mod": [{"$subtract": ["$$instant", first]}, period]}]}
    at = {"$cond": [{"$lt": ["$$instant", first]}, "$$instant", in_table]}
    table = _search(starts, offsets, 0, len(starts))
    offset = {"$let": {"vars": {"instant": instant}, "in": {"$let": {"vars": {"at": at}, "in": table}}}}
    moved = {"$add": [path, offset]}
    kept = {"$max": [_EARLIEST, {"$min": [_LATEST, moved]}]}
    return {"$cond": [{"$gt": [path, None]}, kept, None]}


def _search(starts: tuple[int, ...], offsets: tuple[int, ...], low: int, high: int) -> Any:
    """Return the expression that finds, by halving, the offset that holds at `$$at`."""
    if low == high:
        return offsets[low]
    middle = (low + high) // 2
    before, after = _search(starts, offsets, low, middle), _search(starts, offsets, middle + 1, high)
    return {"$cond": [{"$lt": ["$$at", starts[middle]]}, before, after]}


@lru_cache(maxsize=32)
def _offsets(zone: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return when a zone's offset from UTC changes, and the offsets before, between and after; in milliseconds."""
    found = ranges(zone, range(_FIRST_YEAR, (_PERIODIC + _PERIOD).year))
    return tuple(_milliseconds(each.start) for each in found[1:]), tuple(each.shift * 1000 for each in found)


def _milliseconds(instant: dt.datetime) -> int:
    return (instant - NAIVE.replace(tzinfo=UTC)) // dt.timedelta(milliseconds=1)
