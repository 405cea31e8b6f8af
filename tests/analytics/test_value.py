"""The values that reports are made of: ratios, periods and durations."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from random import Random
from statistics import mean, median, quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import Ratio
from crmkit.analytics.durations import DAY, Spread
from crmkit.analytics.form import plain
from crmkit.analytics.period import Period
from crmkit.storage.spi import Bucket
from crmkit.values import UTC


def spread_of(values):
    spread = Spread()
    for value in values:
        spread.add(value)
    return spread


def test_a_ratio_is_exact_and_holds_its_parts():
    ratio = Ratio(Decimal("0.1"), Decimal("0.3"), open=Decimal(2), excluded=1, definition="example/1", currency="EUR")
    assert ratio.exact == Fraction(1, 3)
    assert plain(ratio) == {
        "numerator": "0.1",
        "denominator": "0.3",
        "open": "2",
        "excluded": 1,
        "definition": "example/1",
        "currency": "EUR",
        "value": 0.333333,
    }
    assert str(Ratio(1, 4, definition="example/1")) == "1 of 4 (25.0%)"
    assert str(Ratio(0, 0, definition="example/1")) == "0 of 0"


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=200))
def test_percentiles_are_those_of_the_inclusive_definition(values):
    told = spread_of(values).durations()
    quarter, _, three = quantiles(values, n=4, method="inclusive")
    for found, wanted in (
        (told.median, median(values)),
        (told.p25, quarter),
        (told.p75, three),
        (told.mean, mean(values)),
    ):
        assert abs(found - dt.timedelta(milliseconds=wanted)) <= dt.timedelta(milliseconds=1)
    assert (told.count, told.exact) == (len(values), True)


@given(st.lists(st.integers(0, 10**12), max_size=50), st.lists(st.integers(0, 10**12), max_size=50))
def test_two_spreads_together_are_the_spread_of_both(first, second):
    merged = spread_of(first)
    merged.merge(spread_of(second))
    assert merged.durations() == spread_of(first + second).durations()


def test_very_many_different_durations_take_bounded_memory_and_stay_close():
    random = Random(1)
    values = [random.randrange(1, 90 * DAY) for _ in range(200_000)]
    spread = spread_of(values)
    told = spread.durations()
    assert len(spread._seen) < 65_536
    assert not told.exact
    assert told.median / dt.timedelta(milliseconds=median(values)) == pytest.approx(1, abs=0.001)
    assert told.mean == dt.timedelta(microseconds=round(Fraction(sum(values) * 1000, len(values))))


def test_no_durations_tell_nothing():
    told = Spread().durations()
    assert (told.count, told.median_days, told.mean_days, told.p90_days) == (0, None, None, None)


@pytest.mark.parametrize(
    ("day", "zone", "start"),
    [
        ("2026-03-29", "Europe/Berlin", dt.datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("2026-03-30", "Europe/Berlin", dt.datetime(2026, 3, 29, 22, tzinfo=UTC)),
        # The clocks of Beirut skip this midnight, so its first instant is one o'clock.
        ("2026-03-29", "Asia/Beirut", dt.datetime(2026, 3, 28, 22, tzinfo=UTC)),
    ],
)
def test_a_day_begins_when_its_zone_says(day, zone, start):
    assert Period.of((day, None), zone).start == start


def test_a_period_holds_its_start_and_not_its_end():
    period = Period.of((dt.date(2026, 1, 1), dt.datetime(2026, 1, 2, tzinfo=UTC)), "UTC")
    assert period.covers(period.start)
    assert not period.covers(period.end)
    assert Period().covers(period.end)


@pytest.mark.parametrize(
    ("span", "first"),
    [
        (Bucket.DAY, dt.date(2026, 5, 17)),
        (Bucket.WEEK, dt.date(2026, 5, 11)),
        (Bucket.MONTH, dt.date(2026, 5, 1)),
        (Bucket.QUARTER, dt.date(2026, 4, 1)),
        (Bucket.YEAR, dt.date(2026, 1, 1)),
    ],
)
def test_spans_begin_with_their_first_day(span, first):
    assert span.first_day(dt.date(2026, 5, 17)) == first
