"""Sales figures on every store: small worlds whose figures can be counted by hand."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import pytest

from crmkit import BadDefinition, BadExpression, Lead, Money, Opportunity, Ticket, User, f
from crmkit.analytics import Ratio
from tests.analytics.loading import SALES, day, deal, write

EUR, USD = "EUR", "USD"


def put(session, *deals):
    """Write deals, each told as its visits and its fields."""
    for *visits, fields in deals:
        write(session, deal(*visits, **fields))


def won(begun, ended, amount=None, **fields):
    return ("contact", begun), ("won", ended), {"amount": amount, **fields}


def lost(begun, ended, amount=None, **fields):
    return ("contact", begun), ("lost", ended), {"amount": amount, **fields}


def running(begun, amount=None, stage="contact", **fields):
    return (stage, begun), {"amount": amount, **fields}


class TestWinRate:
    def test_by_count_and_by_value_each_currency_apart(self, session):
        put(
            session,
            won(0, 5, Money(300, EUR)),
            won(0, 5, Money(50, USD)),
            won(0, 5),
            lost(0, 5, Money(100, EUR)),
            running(0, Money(70, EUR)),
        )
        total = session.analytics.win_rate().total
        assert total.rate == Ratio(3, 4, open=1, excluded=0, definition="sales.win_rate.count/1")
        assert total.rate.exact == Fraction(3, 4)
        assert dict(total.value) == {
            EUR: Ratio(
                Decimal("300.00"),
                Decimal("400.00"),
                open=Decimal("70.00"),
                excluded=1,
                definition="sales.win_rate.value/1",
                currency=EUR,
            ),
            USD: Ratio(
                Decimal("50.00"),
                Decimal("50.00"),
                open=Decimal("0.00"),
                excluded=1,
                definition="sales.win_rate.value/1",
                currency=USD,
            ),
        }

    def test_nothing_of_nothing_is_no_rate(self, session):
        put(session, running(0, Money(1, EUR)))
        total = session.analytics.win_rate().total
        assert (total.rate.value, total.rate.open) == (None, 1)

    def test_the_period_is_that_of_closing(self, session):
        put(session, won(0, 30), won(0, 31), lost(40, 58), lost(0, 59), running(0))
        total = session.analytics.win_rate(closed=("2026-02-01", "2026-03-01")).total
        assert (total.won, total.lost, total.open) == (1, 1, 1)

    def test_a_closed_record_without_a_date_is_excluded_from_a_period(self, session):
        put(session, won(0, 5), lost(0, 5, closed_at=None))
        assert session.analytics.win_rate().total.rate.denominator == 2
        total = session.analytics.win_rate(closed=("2026-01-01", None)).total
        assert (total.rate.denominator, total.rate.excluded, total.undated) == (1, 1, 1)

    def test_what_closed_after_as_of_was_open(self, session):
        put(session, won(0, 5), won(0, 20), running(15))
        total = session.analytics.win_rate(as_of=day(10)).total
        assert (total.won, total.open) == (1, 1)

    def test_groups_and_blanks(self, session):
        ann = session.users.add(User(name="Ann"))
        put(session, won(0, 1, owner_id=ann.id), lost(0, 1), running(0))
        report = session.analytics.win_rate(by=f.owner.name)
        assert [(group.label, group.won, group.lost, group.open) for group in report] == [
            ("Ann", 1, 0, 0),
            ("(blank)", 0, 1, 1),
        ]

    def test_a_model_without_an_amount_has_a_rate_by_count(self, session):
        session.leads.add(Lead(name="Bo"))
        total = session.analytics.win_rate(model=Lead).total
        assert (total.open, dict(total.value)) == (1, {})

    def test_an_end_without_a_winner_is_excluded(self, session):
        session.tickets.add(Ticket(subject="Help", stage="solved"))
        assert session.analytics.win_rate(model=Ticket).total.rate.excluded == 1


class TestCycle:
    def test_days_of_the_calendar_from_creation_to_the_end(self, session):
        put(session, won(0.9, 3.1), won(0, 10), lost(0, 99), running(0))
        cycle = session.analytics.cycle().total.days
        assert (cycle.count, cycle.median_days, cycle.mean_days) == (2, 6.5, 6.5)
        assert session.analytics.cycle(outcome="lost").total.days.median_days == 99
        assert session.analytics.cycle(outcome="all").total.days.median_days == 10

    def test_days_are_those_of_the_zone(self, session):
        put(session, won(0.97, 1.5))
        assert session.analytics.cycle().total.days.median_days == 1
        assert session.analytics.cycle(zone="Europe/Berlin").total.days.median_days == 0

    def test_what_ran_backwards_is_told_apart(self, session):
        put(session, won(0, 4), won(0, 4, created_at=day(6)))
        cycle = session.analytics.cycle().total
        assert (cycle.days.median_days, cycle.negative, cycle.excluded) == (4, 1, 1)

    def test_it_may_begin_at_another_field(self, session):
        put(session, won(0, 9, close_date=dt.date(2026, 1, 8)), won(0, 9))
        cycle = session.analytics.cycle(start=f.close_date).total
        assert (cycle.days.median_days, cycle.undated) == (2, 1)

    def test_by_a_path(self, session):
        ann = session.users.add(User(name="Ann", region="north"))
        put(session, won(0, 4, owner_id=ann.id), won(0, 8))
        report = session.analytics.cycle(by=f.owner.region)
        assert {group.label: group.days.median_days for group in report} == {"north": 4, "(blank)": 8}

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"start": f.name}, "neither a day"),
            ({"start": f.created}, "created_at"),
            ({"outcome": "wun"}, "Did you mean 'won'"),
        ],
    )
    def test_a_mistake_is_named(self, session, given, message):
        with pytest.raises(BadExpression, match=message):
            session.analytics.cycle(**given)


class TestVelocity:
    def test_open_times_rate_times_worth_over_days(self, session):
        put(
            session,
            won(0, 10, Money(100, EUR)),
            won(0, 20, Money(200, EUR)),
            lost(0, 5, Money(1, EUR)),
            running(0, Money(9, EUR)),
            running(0, Money(9, EUR)),
            running(0),
            won(0, 1, Money(1000, USD)),
        )
        total = session.analytics.velocity().total
        euros = total[EUR]
        assert (euros.open, euros.win_rate.exact, euros.mean_won) == (2, Fraction(2, 3), Money(150, EUR))
        assert euros.cycle.median_days == 15
        assert euros.per_day == Money("13.3333", EUR)
        assert euros.excluded == 1
        assert total[USD].per_day == Money(0, USD)

    def test_a_part_that_is_not_known_leaves_no_velocity(self, session):
        put(session, running(0, Money(9, EUR)), won(3, 3, Money(5, USD)))
        total = session.analytics.velocity().total
        assert (total[EUR].per_day, total[USD].per_day) == (None, None)


class TestForecast:
    def test_amount_times_chance_by_month(self, session, crm_clock):
        crm_clock.now = day(31)
        put(
            session,
            running(0, Money(100, EUR), close_date=dt.date(2026, 2, 1)),
            running(0, Money(100, EUR), "proposal", close_date=dt.date(2026, 2, 28), probability=90),
            running(0, Money(7, USD), "needs", close_date=dt.date(2026, 3, 1)),
            running(0, Money(40, EUR), close_date=dt.date(2026, 1, 31)),
            running(0, Money(20, EUR)),
            running(0, None, close_date=dt.date(2026, 2, 3)),
            won(0, 20, Money(500, EUR), close_date=dt.date(2026, 2, 1)),
            lost(0, 20, Money(900, EUR), close_date=dt.date(2026, 2, 1)),
        )
        total = session.analytics.forecast().total
        assert [bucket.name for bucket in total.buckets] == ["2026-01", "2026-02", "2026-03", "overdue", "no date"]
        february = total["2026-02"]
        assert (february.open, february.no_amount) == (3, 1)
        assert february.amount[EUR] == Money(200, EUR)
        assert february.weighted[EUR] == Money(100, EUR)
        assert february.won_count == 0
        assert total["2026-01"].won[EUR] == Money(500, EUR)
        assert total["2026-01"].open == 0
        assert total["2026-03"].weighted[USD] == Money("1.4", USD)
        assert total["overdue"].weighted[EUR] == Money(4, EUR)
        assert total["no date"].amount[EUR] == Money(20, EUR)

    def test_the_period_leaves_out_what_is_due_or_was_won_outside(self, session, crm_clock):
        crm_clock.now = day(1)
        put(
            session,
            running(0, Money(1, EUR), close_date=dt.date(2026, 2, 28)),
            running(0, Money(2, EUR), close_date=dt.date(2026, 3, 1)),
            running(0, Money(4, EUR), close_date=dt.date(2025, 3, 1)),
            won(0, 0.5, Money(8, EUR)),
        )
        total = session.analytics.forecast(due=("2026-02-01", "2026-03-01")).total
        assert [(bucket.name, bucket.open) for bucket in total.buckets] == [("2026-02", 1), ("overdue", 1)]

    def test_weighted_amounts_are_rounded_once(self, session, crm_clock):
        crm_clock.now = day(1)
        due = dt.date(2026, 2, 1)
        put(
            session,
            *(running(0, Money("0.0001", EUR), close_date=due, source=str(n), probability=40) for n in range(5)),
        )
        report = session.analytics.forecast(by=f.source)
        assert report.total["2026-02"].weighted[EUR] == Money("0.0002", EUR)
        assert report["0"]["2026-02"].weighted[EUR] == Money(0, EUR)

    def test_a_stage_that_no_definition_knows_has_no_chance(self, session):
        put(session, running(0, Money(10, EUR), pipeline_version=9))
        bucket = session.analytics.forecast().total["no date"]
        assert (bucket.amount[EUR], dict(bucket.weighted), bucket.no_chance) == (Money(10, EUR), {}, 1)

    def test_a_model_without_a_close_date_has_no_forecast(self, session):
        with pytest.raises(BadExpression, match="close_date"):
            session.analytics.forecast(model=Lead, amount=f.budget)


class TestPipelineValue:
    def test_count_and_worth_of_each_stage_in_order(self, session):
        put(
            session,
            running(0, Money(5, EUR), "proposal"),
            running(0, Money(7, EUR), "contact"),
            running(0, Money(9, USD), "contact"),
            running(0, None, "contact"),
            won(0, 1, Money(100, EUR)),
        )
        total = session.analytics.pipeline_value().total
        assert [(stage.name, stage.count, stage.no_amount) for stage in total.stages] == [
            ("contact", 3, 1),
            ("proposal", 1, 0),
        ]
        assert dict(total["contact"].value) == {EUR: Money(7, EUR), USD: Money(9, USD)}
        assert (total.count, total.value[EUR]) == (4, Money(12, EUR))
        assert session.analytics.pipeline_value(ended=True).total["won"].count == 1

    def test_by_group(self, session):
        put(session, running(0, Money(5, EUR), source="web"), running(0, Money(7, EUR)))
        report = session.analytics.pipeline_value(by=f.source)
        assert {group.label: group.value[EUR] for group in report} == {"web": Money(5, EUR), "(blank)": Money(7, EUR)}


class TestTimeInStage:
    def test_visits_that_ended(self, session):
        put(
            session,
            (("contact", 0), ("needs", 4), ("contact", 5), ("needs", 7), {}),
            (("contact", 0), ("needs", 30), {"source": "web"}),
        )
        report = session.analytics.time_in_stage(SALES)
        contact = report["contact"]
        assert (contact.visits, contact.mean, contact.least) == (3, dt.timedelta(days=12), dt.timedelta(days=2))
        assert report["needs"].visits == 1
        assert [group.label for group in report] == ["contact", "needs"]
        assert report.total.visits == 4
        web = session.analytics.time_in_stage(SALES, where=f.source == "web")
        assert web["contact"].mean == dt.timedelta(days=30)
        early = session.analytics.time_in_stage(SALES, left=("2026-01-01", "2026-01-10"))
        assert early["contact"].visits == 2

    def test_the_history_of_a_deleted_record_does_not_count(self, session):
        put(session, (("contact", 0), ("needs", 4), {}))
        session.opportunities.delete(session.opportunities.first())
        assert session.analytics.time_in_stage(SALES).total.visits == 0


class TestMistakes:
    def test_a_model_without_stages(self, session):
        with pytest.raises(BadDefinition, match="no stages"):
            session.analytics.win_rate(model=User)

    def test_an_unknown_field(self, session):
        for ask in (session.analytics.win_rate, session.analytics.cycle, session.analytics.pipeline_value):
            with pytest.raises(BadExpression, match="source"):
                ask(by=f.sourse)
            with pytest.raises(BadExpression, match="source"):
                ask(where=f.sourse == "web")
        with pytest.raises(BadExpression, match="amount"):
            session.analytics.win_rate(amount=f.amont)

    def test_reports_are_told_in_rows(self, session):
        put(session, won(0, 5, Money(3, EUR)), running(0, Money(1, EUR), close_date=dt.date(2026, 9, 1)))
        for ask in (
            session.analytics.win_rate,
            session.analytics.cycle,
            session.analytics.velocity,
            session.analytics.forecast,
            session.analytics.pipeline_value,
        ):
            report = ask(model=Opportunity)
            header, rows = report.as_table()
            assert header[0] == "group"
            assert rows
            assert all(len(row) == len(header) for row in rows)
            assert report.to_json() == ask(model=Opportunity).to_json()
