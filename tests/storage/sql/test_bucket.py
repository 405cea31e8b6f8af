"""Spans of time are computed inside the database, also at the ends of the calendar."""

import datetime as dt
from zoneinfo import ZoneInfo

from crmkit.expr.core import Constant
from crmkit.storage.spi import Bucket, GroupKey, Measure, Tally
from crmkit.storage.spi.plan import Aggregate
from crmkit.testing.drive import step
from crmkit.values import UTC
from tests.storage.sql.shop import FIRM, Firm, add


def shown(moment, zone):
    """The day that the zone's clocks show, or the calendar's first or last one where there is none."""
    try:
        return moment.astimezone(ZoneInfo(zone)).date()
    except OverflowError:
        return moment.date()


def test_the_database_groups_extreme_instants(store):
    moments = [
        dt.datetime(1, 1, 1, tzinfo=UTC),
        dt.datetime(1, 1, 1, 12, tzinfo=UTC),
        dt.datetime(1883, 11, 18, 17, tzinfo=UTC),
        dt.datetime(2026, 3, 8, 6, 59, 59, 999_000, tzinfo=UTC),
        dt.datetime(2026, 3, 8, 7, tzinfo=UTC),
        dt.datetime(2026, 4, 1, 3, 59, 59, 999_000, tzinfo=UTC),
        dt.datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        None,
    ]
    step(add(store, *(Firm(name="n", seen=moment) for moment in moments)))

    async def days(zone, bucket=Bucket.DAY):
        unit = await store.begin()
        plan = Tally(
            FIRM, Constant(value=True), (GroupKey("seen", bucket=bucket, zone=zone),), (Measure(Aggregate.COUNT),)
        )
        found = await unit.tally(plan)
        await unit.commit()
        return sorted(day for day, count in found for _ in range(count) if day)

    for zone in ("UTC", "America/New_York", "Asia/Tokyo", "Pacific/Kiritimati"):
        assert step(days(zone)) == sorted(shown(moment, zone) for moment in moments if moment), zone
    assert step(days("America/New_York", Bucket.QUARTER))[-2:] == [dt.date(2026, 1, 1), dt.date(9999, 10, 1)]
    assert step(days("America/New_York", Bucket.WEEK))[-1] == dt.date(9999, 12, 27)
