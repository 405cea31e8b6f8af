"""Days of a zone are what Python's own time zones say."""

import datetime as dt
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.storage.spi.zone import ranges
from crmkit.values import UTC

ZONES = sorted(available_timezones())
instants = st.datetimes(timezones=st.just(UTC), allow_imaginary=False)


def shown(moment, zone):
    """The day that the zone's clocks show, or the calendar's first or last one where there is none."""
    try:
        return moment.astimezone(ZoneInfo(zone)).date()
    except OverflowError:
        return moment.date()


def computed(moment, zone, years):
    rule = [item for item in ranges(zone, years) if item.start <= moment][-1]
    return rule.day or (moment.replace(tzinfo=None) + dt.timedelta(seconds=rule.shift)).date()


@given(st.sampled_from(ZONES), st.lists(instants, min_size=1, max_size=3))
def test_ranges_give_the_day_that_clocks_show(zone, moments):
    years = {moment.year for moment in moments}
    for moment in moments:
        assert computed(moment, zone, years) == shown(moment, zone)


@pytest.mark.parametrize(
    "zone", ["America/New_York", "Pacific/Apia", "Asia/Kathmandu", "Africa/Casablanca", "Etc/GMT-14"]
)
@pytest.mark.parametrize("year", [1, 1892, 2011, 2026, 9999])
def test_every_hour_of_a_year(zone, year):
    first = dt.datetime(year, 1, 1, tzinfo=UTC)
    for hour in range(365 * 24):
        moment = first + dt.timedelta(hours=hour)
        assert computed(moment, zone, [year - 1 or 1, year, min(year + 1, 9999)]) == shown(moment, zone)
