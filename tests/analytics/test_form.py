"""Funnels and reports as documents: nothing is lost, and whatever a document holds, it is refused or read."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import suppress

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import BadDefinition, Money, Segment, ago, by_month, by_quarter, connect, days, f, me, system
from crmkit.analytics import Funnel, Report
from crmkit.analytics.funnel_report import FunnelReport
from crmkit.entities import Opportunity
from crmkit.lifecycle.built_in import OPPORTUNITY
from crmkit.values import UTC
from tests.analytics.loading import SALES, deal, write

PLACES = [f.source, f.owner_id, f.amount.currency, f.probability, f.close_date, f.created_at, f.customer.country]
BYS = [None, *PLACES, by_month(f.created_at, "Europe/Berlin"), by_quarter(f.close_date)]
WHERES = [
    f.source == "web",
    (f.amount > Money(3, "EUR")) & ~f.tags.has("x") | (f.created_at < ago(days(3))),
    f.customer.contacts.any(f.city == "Bonn") & (f.owner_id == me.id),
    Segment("vip", Opportunity, f.source == "web", description="bigger"),
]

amounts = st.none() | st.builds(Money, st.integers(0, 10**9), st.sampled_from(["EUR", "USD", "JPY"]))
deals = st.tuples(
    st.sampled_from(["contact", "needs", "proposal"]),
    st.sampled_from(["won", "lost", "", "needs"]),
    st.integers(0, 40),
    st.integers(0, 40),
    st.fixed_dictionaries(
        {
            "source": st.sampled_from(["web", "phone", None]),
            "amount": amounts,
            "close_date": st.none() | st.dates(dt.date(2025, 12, 1), dt.date(2026, 6, 1)),
        }
    ),
)
bounds = st.none() | st.dates(dt.date(2025, 12, 1), dt.date(2026, 6, 1))
periods = st.tuples(bounds, bounds).filter(lambda ends: None in ends or ends[0] < ends[1])
funnels = st.builds(
    Funnel,
    st.sampled_from([SALES, OPPORTUNITY]),
    by=st.sampled_from(BYS),
    entered=periods,
    where=st.sampled_from(WHERES),
    reading=st.sampled_from(["reached", "observed", "strict"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo"]),
    as_of=st.none() | st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2027, 1, 1), timezones=st.just(UTC)),
)


def put(session, drawn):
    for stage, end, begun, took, fields in drawn:
        visits = [(stage, begun)] + ([(end, begun + took)] if end and end != stage else [])
        write(session, deal(*visits, **fields))


def reports(session, by):
    """Yield a report of every kind."""
    ask = session.analytics
    for reading in ("reached", "observed", "strict"):
        yield ask.funnel(Funnel(SALES, by=by, reading=reading))
    yield ask.win_rate(by=by, closed=("2026-01-01", None))
    for ending in ("won", "lost", "all"):
        yield ask.cycle(by=by, outcome=ending)
    yield ask.velocity(by=by)
    yield ask.forecast(by=by, zone="Europe/Berlin")
    yield ask.pipeline_value(by=by, ended=True)
    yield ask.time_in_stage(SALES)


class TestReports:
    @given(drawn=st.lists(deals, max_size=6), by=st.sampled_from(BYS))
    def test_a_report_of_any_kind_comes_back_equal(self, drawn, by):
        with connect("memory://", pipelines=[SALES]).session(system("test")) as session:
            put(session, drawn)
            for report in reports(session, by):
                text = report.to_json()
                again = type(report).from_json(text)
                assert again == report
                assert type(again) is type(report)
                assert again.to_json() == text
                assert again.rows() == report.rows()
                assert Report.from_dict(report.to_dict()) == report

    def test_it_can_be_kept_on_every_store(self, session):
        put(session, [("contact", "won", 0, 3, {"amount": Money("12.5", "EUR"), "source": "web"})])
        report = session.analytics.win_rate(by=f.id)
        assert Report.from_json(report.to_json()) == report
        assert report.groups[0].key == Report.from_json(report.to_json()).groups[0].key

    def test_it_is_refused_with_every_mistake(self, session):
        report = session.analytics.win_rate()
        data = report.to_dict()
        data["zon"] = data["total"]["won"] = "x"
        data["total"]["rate"]["numerator"] = 1.5
        data["groups"] = {}
        del data["zone"]
        with pytest.raises(BadDefinition) as caught:
            Report.from_dict(data)
        assert [problem.field for problem in caught.value.problems] == [
            "$", "$", "$.groups", "$.total.won", "$.total.rate.numerator",
        ]  # fmt: skip

    def test_another_kind_of_report_is_refused(self, session):
        text = session.analytics.win_rate().to_json()
        with pytest.raises(BadDefinition, match=r"\$ holds Report, not FunnelReport"):
            FunnelReport.from_json(text)
        with pytest.raises(BadDefinition, match=r"\$\.definition is the text 'sales\.win_rat/1'.* Did you mean"):
            Report.from_json(text.replace("sales.win_rate/1", "sales.win_rat/1"))
        with pytest.raises(BadDefinition, match=r"\$\.version is 2, and this crmkit reads version 1"):
            Report.from_json(text.replace('"version": 1', '"version": 2'))
        for wrong in ("", "[]", "null", '{"version": 1}', '{"version": 1, "version": 1}'):
            with pytest.raises(BadDefinition):
                Report.from_json(wrong)

    @given(st.data())
    def test_whatever_a_part_holds_it_is_refused_or_read(self, data):
        values = (
            st.none() | st.integers() | st.floats() | st.text(max_size=4) | st.just([]) | st.just({}) | st.booleans()
        )
        with connect("memory://", pipelines=[SALES]).session(system("test")) as session:
            put(session, [("contact", "won", 0, 3, {"amount": Money(1, "EUR"), "source": "web"})])
            document = data.draw(st.sampled_from([*reports(session, f.source)])).to_dict()
        document = json.loads(json.dumps(document))
        part = document
        while isinstance(part, dict | list) and part:
            step = data.draw(st.sampled_from([*part] if isinstance(part, dict) else [*range(len(part))]))
            if not isinstance(part[step], dict | list) or data.draw(st.booleans()):
                part[step] = data.draw(values)
                break
            part = part[step]
        with suppress(BadDefinition):
            Report.from_dict(document)


class TestFunnels:
    @given(funnels)
    def test_a_funnel_comes_back_equal(self, funnel):
        assert Funnel.from_json(funnel.to_json()) == funnel
        assert Funnel.from_dict(funnel.to_dict()) == funnel
        assert Funnel.from_json(funnel.to_json()).to_json() == funnel.to_json()

    def test_a_funnel_that_was_read_counts_the_same(self, session):
        put(session, [("contact", "won", 0, 3, {"source": "web"}), ("needs", "", 1, 0, {"source": None})])
        funnel = Funnel(SALES, by=by_month(f.created_at), where=Segment("web", Opportunity, f.source == "web"))
        counted = session.analytics.funnel(funnel)
        assert counted.total.entered == 1
        assert session.analytics.funnel(Funnel.from_json(funnel.to_json())) == counted

    def test_it_is_refused_with_every_mistake(self):
        data = Funnel(SALES, by=by_month(f.created_at)).to_dict()
        data |= {"zon": 1, "reading": "strickt", "where": None}
        data["by"] |= {"span": "monht", "field": []}
        data["entered"] = {"start": "yesterday"}
        with pytest.raises(BadDefinition) as caught:
            Funnel.from_dict(data)
        assert [problem.field for problem in caught.value.problems] == [
            "$", "$.by.field", "$.by.span", "$.entered", "$.entered.start", "$.where", "$.reading",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"zone": "Mars"}, "'Mars' is no"),
            ({"entered": {"start": "2026-02-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}}, "does not come after"),
            ({"entered": {"start": "2026-02-01T00:00:00", "end": None}}, "Write it like"),
            ({"by": {"field": ["created_at"], "span": "month", "zone": "Mars"}}, "'Mars' is no"),
            ({"version": 2}, r"\$\.version is 2"),
        ],
    )
    def test_what_the_funnel_itself_refuses_is_refused_in_a_document(self, changed, message):
        with pytest.raises(BadDefinition, match=message):
            Funnel.from_dict(Funnel(SALES).to_dict() | changed)

    def test_evolve_makes_a_changed_funnel_and_checks_it(self):
        funnel = Funnel(SALES, by=f.source, entered=("2026-01-01", None), zone="Europe/Berlin")
        changed = attrs.evolve(funnel, reading="strict", entered=("2026-02-01", "2026-03-01"))
        assert (changed.by, changed.reading) == (funnel.by, "strict")
        assert changed.entered.start == dt.datetime(2026, 1, 31, 23, tzinfo=UTC)
        assert attrs.evolve(funnel, by=None).entered == funnel.entered
        for wrong in ({"reading": "x"}, {"zone": "Mars"}, {"by": "source"}, {"as_of": dt.datetime(2026, 1, 1)}):
            with pytest.raises(BadDefinition):
                attrs.evolve(funnel, **wrong)
