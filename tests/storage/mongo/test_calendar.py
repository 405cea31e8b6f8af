"""Spans of time: the server finds the same days as Python's zoneinfo, with any zone database it was built with."""

import datetime as dt
import random
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from crmkit.model.kind import Kind
from crmkit.storage.mongo.calendar import first_day
from crmkit.storage.spi import Bucket
from crmkit.values import UTC

ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Apia",
    "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Freetown", "Asia/Gaza", "Etc/GMT+12",
]  # fmt: skip
MILLISECOND = dt.timedelta(milliseconds=1)
FIRST, LAST = dt.datetime(1, 1, 1, tzinfo=UTC), dt.datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)


def expected(day, span):
    match span:
        case Bucket.DAY:
            first = day
        case Bucket.WEEK:
            first = day - dt.timedelta(days=day.weekday())
        case Bucket.MONTH:
            first = day.replace(day=1)
        case Bucket.QUARTER:
            first = day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case Bucket.YEAR:
            first = day.replace(month=1, day=1)
    return first.isoformat()


def local_day(instant, zone):
    try:
        return instant.astimezone(zone).date()
    except OverflowError:
        return instant.date()


def instants(zone):
    """Return instants from the whole calendar, and those around each change of the zone's offset in a few years."""
    drawn = random.Random(3)
    found = [FIRST, LAST]
    found += [FIRST + drawn.randrange((LAST - FIRST) // MILLISECOND) * MILLISECOND for _ in range(200)]
    found += [
        dt.datetime(1880, 1, 1, tzinfo=UTC) + drawn.randrange(7_000_000_000_000) * MILLISECOND for _ in range(300)
    ]
    for year in (1883, 1916, 1939, 2011, 2026, 2050, 2400):
        hours = [dt.datetime(year, 1, 1, tzinfo=UTC) + dt.timedelta(hours=number) for number in range(366 * 24)]
        for before, after in pairwise(hours):
            if before.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
                found += [before, after - MILLISECOND, after, after + dt.timedelta(hours=1)]
                midnight = after.astimezone(zone).replace(hour=0, minute=0, second=0)
                found += [midnight.astimezone(UTC), midnight.astimezone(UTC) - MILLISECOND]
    return [instant.replace(microsecond=instant.microsecond // 1000 * 1000) for instant in found]


@pytest.mark.parametrize("zone", ZONES)
def test_instants_fall_into_the_spans_of_their_zone(database, zone):
    moments = instants(ZoneInfo(zone))
    database["moments"].insert_many([{"_id": number, "at": at} for number, at in enumerate(moments)])
    spans = {span.value: first_day("$at", Kind.INSTANT, span, zone) for span in Bucket}
    for found in database["moments"].aggregate([{"$project": spans}]):
        day = local_day(moments[found["_id"]], ZoneInfo(zone))
        assert {span.value: found[span.value] for span in Bucket} == {
            span.value: expected(day, span) for span in Bucket
        }


def test_dates_fall_into_the_spans_of_the_calendar(database):
    drawn = random.Random(5)
    days = [dt.date.min, dt.date.max, *(dt.date.fromordinal(drawn.randrange(1, 3_652_060)) for _ in range(500))]
    database["days"].insert_many([{"_id": number, "on": on.isoformat()} for number, on in enumerate(days)])
    spans = {span.value: first_day("$on", Kind.DATE, span, "UTC") for span in Bucket}
    for found in database["days"].aggregate([{"$project": spans}]):
        day = days[found["_id"]]
        assert {span.value: found[span.value] for span in Bucket} == {
            span.value: expected(day, span) for span in Bucket
        }


@pytest.mark.parametrize("kind", [Kind.INSTANT, Kind.DATE], ids=lambda kind: kind.value)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_what_is_missing_stays_missing(database, kind, zone):
    database["empty"].insert_many([{"_id": 1, "at": None}, {"_id": 2}])
    spans = {span.value: first_day("$at", kind, span, zone) for span in Bucket}
    for found in database["empty"].aggregate([{"$project": spans}]):
        assert {found.get(span.value) for span in Bucket} == {None}
