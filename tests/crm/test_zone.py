"""Days and months are those of the actor's zone, unless the call names another, in everything a session does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from crmkit import (
    UTC,
    Actor,
    Crm,
    Customer,
    Funnel,
    Money,
    Opportunity,
    Segment,
    Session,
    by_day,
    by_month,
    connect,
    f,
    today,
)
from crmkit.lifecycle.built_in import OPPORTUNITY

TOKYO = Actor(name="ann", zone="Asia/Tokyo")
GREENWICH = Actor(name="bo")
FEBRUARY, MARCH = dt.date(2026, 2, 1), dt.date(2026, 3, 1)
NOW = dt.datetime(2026, 2, 28, 16, tzinfo=UTC)  # 1 March in Tokyo


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    with connect(store_url, clock=lambda: NOW) as crm:
        with crm.session(TOKYO) as s:
            late = Opportunity(name="late", amount=Money(1, "EUR"), close_date=dt.date(2026, 2, 28))
            s.opportunities.add(late)
            s.opportunities.advance(s.opportunities.add(Opportunity(name="won", amount=Money(2, "EUR"))), "won")
        yield crm


def test_today_is_one_day_in_expressions_and_in_reports(crm: Crm) -> None:
    for actor, late in ((TOKYO, 1), (GREENWICH, 0)):
        with crm.session(actor) as s:
            forecast = s.analytics.forecast()
            overdue = [bucket.open for bucket in forecast.total.buckets if bucket.name == "overdue"]
            assert (s.opportunities.count(f.close_date < today()), sum(overdue)) == (late, late)
            assert forecast.zone == actor.zone
            assert s.analytics.win_rate(where=f.close_date < today()).total.open == late
            assert s.segments.count(Segment("late", "opportunity", f.close_date < today())) == late


@pytest.mark.parametrize(("actor", "month"), [(TOKYO, MARCH), (GREENWICH, FEBRUARY)])
def test_groups_are_spans_of_the_actor_s_zone(crm: Crm, actor: Actor, month: dt.date) -> None:
    with crm.session(actor) as s:
        assert [group.key for group in s.opportunities.tally(by=by_month(f.created_at))] == [(month,)]
        won = s.analytics.forecast().total
        assert f"{month:%Y-%m}" in [bucket.name for bucket in won.buckets if bucket.won]
        for report in (
            s.analytics.win_rate(by=by_month(f.created_at)),
            s.analytics.cycle(by=by_month(f.created_at)),
            s.analytics.pipeline_value(by=by_month(f.created_at), ended=True),
            s.analytics.funnel(Funnel(OPPORTUNITY, by=by_month(f.created_at))),
        ):
            assert [group.key for group in report] == [month]


def periods(s: Session, zone: str | None) -> list[int]:
    """Return how many deals each report finds in March."""
    march = (MARCH, None)
    win_rate = s.analytics.win_rate(closed=march, zone=zone)
    assert s.analytics.velocity(closed=march, zone=zone).period == win_rate.period
    return [
        win_rate.total.won,
        s.analytics.cycle(closed=march, zone=zone).total.days.count,
        sum(stage.visits for stage in s.analytics.time_in_stage(OPPORTUNITY, left=march, zone=zone)),
        s.analytics.funnel(Funnel(OPPORTUNITY, entered=march, zone=zone)).total.entered,
    ]


@pytest.mark.parametrize(
    ("actor", "zone", "found"),
    [
        (TOKYO, None, True),
        (GREENWICH, None, False),
        (TOKYO, "UTC", False),
        (GREENWICH, "Asia/Tokyo", True),
    ],
)
def test_periods_are_days_of_the_actor_s_zone_unless_the_call_names_another(
    crm: Crm, actor: Actor, zone: str | None, *, found: bool
) -> None:
    with crm.session(actor) as s:
        assert list(map(bool, periods(s, zone))) == [found] * 4


def test_a_zone_that_a_call_names_is_that_of_all_of_it(crm: Crm) -> None:
    with crm.session(GREENWICH) as s:
        report = s.analytics.win_rate(by=by_month(f.created_at), where=f.close_date < today(), zone="Asia/Tokyo")
        assert [(group.key, group.open) for group in report] == [(MARCH, 1)]
        funnel = Funnel(OPPORTUNITY, by=by_day(f.created_at), where=f.close_date < today(), zone="Asia/Tokyo")
        assert [group.key for group in s.analytics.funnel(funnel)] == [MARCH]
        by_name = s.opportunities.tally(by=by_month(f.created_at, "Asia/Tokyo"))
        assert [group.key for group in by_name] == [(MARCH,)]


def test_a_funnel_that_names_no_zone_keeps_its_days() -> None:
    funnel = Funnel(OPPORTUNITY, entered=("2026-03-01", None))
    assert funnel.entered == (MARCH, None)
    assert Funnel.from_json(funnel.to_json()) == funnel
    assert funnel.period("Asia/Tokyo").start == dt.datetime(2026, 2, 28, 15, tzinfo=UTC)
    mixed = Funnel(OPPORTUNITY, entered=(MARCH, NOW + dt.timedelta(days=9)))
    assert Funnel.from_json(mixed.to_json()) == mixed


def test_what_has_no_session_reads_days_as_the_asker_does() -> None:
    record = Customer(name="Acme", birthday=MARCH)
    born = Segment("born", "customer", f.birthday == today())
    assert born.contains(record, at=NOW, me=TOKYO)
    assert not born.contains(record, at=NOW, me=GREENWICH)
    assert not born.contains(record, at=NOW, me=TOKYO, zone=UTC)
    assert not born.contains(record, at=NOW)
