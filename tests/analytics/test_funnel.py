"""Funnels on every store: small worlds whose figures can be counted by hand."""

import datetime as dt
import json

import attrs
import pytest

from crmkit import (
    BadDefinition,
    BadExpression,
    Customer,
    NotFound,
    Opportunity,
    Pipeline,
    Segment,
    Team,
    User,
    back,
    by_month,
    by_week,
    connect,
    entity,
    f,
    forward,
    integer,
    system,
    text,
)
from crmkit.analytics import Funnel
from crmkit.lifecycle import move as move_to
from crmkit.lifecycle.built_in import OPPORTUNITY
from crmkit.storage.opening import open_store
from tests.analytics.loading import SALES, START, day, deal, move, pipeline, told, write


def put(session, *deals):
    """Load deals, each told as its visits, and return the source of fields to tell them apart."""
    for each in deals:
        visits, fields = (each[:-1], each[-1]) if isinstance(each[-1], dict) else (each, {})
        session.opportunities.add(Opportunity(name="deal", **fields), history=told(*visits))


def counted(group):
    """What a group shows of each open stage: entered, advanced, lost, open."""
    return {
        stage.name: (stage.entered, stage.advanced, stage.lost, stage.open)
        for stage in group.stages
        if stage.outcome == "open"
    }


class TestReached:
    def test_each_record_gets_as_far_as_its_furthest_open_stage(self, session):
        put(
            session,
            (("contact", 0), ("needs", 1), ("proposal", 2)),
            (("contact", 0), ("needs", 1), ("lost", 2)),
            (("contact", 0),),
        )
        report = session.analytics.funnel(Funnel(SALES))
        assert counted(report.total) == {
            "contact": (3, 2, 0, 1),
            "needs": (2, 1, 1, 0),
            "proposal": (1, 0, 0, 1),
            "negotiation": (0, 0, 0, 0),
        }

    def test_a_skipped_stage_counts_as_reached_and_is_told_apart(self, session):
        put(session, (("contact", 0), ("negotiation", 1)))
        group = session.analytics.funnel(Funnel(SALES)).total
        assert [group[name].entered for name in ("contact", "needs", "proposal", "negotiation")] == [1, 1, 1, 1]
        assert [group[name].skipped for name in ("contact", "needs", "proposal", "negotiation")] == [0, 1, 1, 0]

    def test_a_won_record_got_through_all_open_stages(self, session):
        put(session, (("contact", 0), ("won", 1)))
        assert session.analytics.funnel(Funnel(SALES)).conversion("negotiation", "won").value == 1

    def test_a_lost_record_got_no_further_than_it_was_seen(self, session):
        put(session, (("contact", 0), ("needs", 1), ("lost", 2)))
        group = session.analytics.funnel(Funnel(SALES)).total
        assert (group["needs"].lost, group["proposal"].entered) == (1, 0)

    def test_a_record_that_only_shows_its_end_was_where_every_way_there_leads_through(self, session):
        put(session, (("lost", 0),), (("lost", 0),), (("won", 0),))
        group = session.analytics.funnel(Funnel(SALES)).total
        assert [stage.entered for stage in group.stages] == [3, 1, 1, 1, 1, 2]
        assert str(group.conversion("contact", "won")) == "1 of 3 (33.3%)"

    def test_how_far_it_came_beyond_is_unknown_and_not_taken_for_no_further(self, session):
        put(session, (("lost", 0),), (("lost", 0),), (("won", 0),))
        group = session.analytics.funnel(Funnel(SALES)).total
        contact = group["contact"]
        assert (contact.advanced, contact.lost, contact.open, contact.aside) == (1, 0, 0, 2)
        for ratio in (contact.conversion, contact.resolved, group["needs"].conversion, group["needs"].from_previous):
            assert str(ratio) == "1 of 1 (100.0%), 2 excluded"
        assert [stage.skipped for stage in group.stages] == [0] * 6

    def test_moves_of_the_pipeline_say_what_every_way_leads_through(self):
        late = Pipeline(
            "late",
            Opportunity,
            stages=SALES.stages,
            moves=[forward(), back(3), move_to("proposal", "lost"), move_to("negotiation", "lost")],
        )
        last = attrs.evolve(late, name="last", moves=[forward(steps=1), back(3), move_to("negotiation", "lost")])
        entered = {}
        for made in (late, last):
            with connect("memory://", pipelines=[made]) as crm, crm.session(system("test")) as s:
                write(s, deal(("lost", 0), within=made))
                entered[made.name] = [stage.entered for stage in s.analytics.funnel(Funnel(made)).total.stages]
        assert entered == {"late": [1, 0, 0, 0, 0, 1], "last": [1, 1, 1, 1, 0, 1]}


class TestObserved:
    def test_only_what_history_shows_counts(self, session):
        put(session, (("contact", 0), ("negotiation", 1), ("won", 2)))
        group = session.analytics.funnel(Funnel(SALES, reading="observed")).total
        assert [stage.entered for stage in group.stages] == [1, 0, 0, 1, 1, 0]
        assert group.conversion("contact", "negotiation").value == 1
        assert group.conversion("needs", "won").value is None

    def test_the_order_of_the_visits_does_not_matter(self, session):
        put(session, (("proposal", 0), ("contact", 1)))
        group = session.analytics.funnel(Funnel(SALES, reading="observed")).total
        assert group.conversion("contact", "proposal").value == 1

    def test_a_record_that_only_shows_its_end_is_excluded(self, session):
        put(session, (("won", 0),), (("contact", 0), ("won", 1)))
        for reading in ("observed", "strict"):
            group = session.analytics.funnel(Funnel(SALES, reading=reading)).total
            ratio = group.conversion("contact", "negotiation")
            assert (group.entered, ratio.denominator, ratio.excluded) == (2, 1, 1)


class TestStrict:
    def test_a_record_counts_until_it_skips(self, session):
        put(
            session,
            (("contact", 0), ("needs", 1), ("negotiation", 2), ("won", 3)),
            (("contact", 0), ("needs", 1), ("proposal", 2), ("negotiation", 3), ("won", 4)),
        )
        group = session.analytics.funnel(Funnel(SALES, reading="strict")).total
        assert [stage.entered for stage in group.stages] == [2, 2, 1, 1, 1, 0]
        assert (group["needs"].advanced, group["needs"].aside) == (1, 1)
        assert (group["needs"].resolved.denominator, group["needs"].resolved.excluded) == (1, 1)
        assert group.won == 2

    def test_going_back_to_what_was_skipped_does_not_mend_it(self, session):
        put(session, (("contact", 0), ("proposal", 1), ("needs", 2), ("proposal", 3)))
        group = session.analytics.funnel(Funnel(SALES, reading="strict")).total
        assert [stage.entered for stage in group.stages][:3] == [1, 0, 0]

    def test_going_back_is_no_skip(self, session):
        put(session, (("contact", 0), ("needs", 1), ("contact", 2), ("needs", 3), ("proposal", 4)))
        group = session.analytics.funnel(Funnel(SALES, reading="strict")).total
        assert [stage.entered for stage in group.stages][:3] == [1, 1, 1]


class TestCensoring:
    def test_open_records_are_open_and_never_lost(self, session):
        put(session, (("contact", 0),), (("contact", 0), ("lost", 1)), (("contact", 0), ("needs", 1)))
        group = session.analytics.funnel(Funnel(SALES)).total
        stage = group["contact"]
        assert (stage.conversion.numerator, stage.conversion.denominator, stage.conversion.open) == (1, 3, 1)
        assert (stage.resolved.numerator, stage.resolved.denominator, stage.resolved.open) == (1, 2, 1)
        assert (stage.drop.numerator, stage.drop.denominator, stage.drop.open) == (1, 3, 1)
        won = group.conversion("contact", "won")
        assert (won.numerator, won.denominator, won.open, won.definition) == (0, 3, 2, "funnel.reached.conversion/1")

    def test_what_happens_after_as_of_has_not_happened(self, session):
        put(session, (("contact", 0), ("needs", 5), ("won", 20)), (("contact", 15),))
        group = session.analytics.funnel(Funnel(SALES, as_of=day(10))).total
        assert (group.entered, group.open, group.won) == (1, 1, 0)
        assert group["needs"].open == 1

    def test_the_visit_that_goes_on_is_not_timed(self, session):
        put(session, (("contact", 0), ("needs", 4)))
        group = session.analytics.funnel(Funnel(SALES)).total
        assert group["contact"].spent.median_days == 4
        assert group["needs"].spent.count == 0


class TestReopening:
    def test_the_earlier_end_no_longer_counts(self, session):
        put(
            session,
            (("contact", 0), ("won", 1), ("needs", 2), ("lost", 3)),
            (("contact", 0), ("lost", 1), ("needs", 2)),
        )
        group = session.analytics.funnel(Funnel(SALES)).total
        assert (group.won, group.lost, group.open, group.reopened) == (0, 1, 1, 2)
        assert group["won"].entered == 0
        assert group["negotiation"].entered == 0

    def test_an_end_is_corrected_by_another_one(self, session):
        put(session, (("contact", 0), ("won", 1), ("lost", 2)))
        group = session.analytics.funnel(Funnel(SALES)).total
        assert (group.won, group.lost, group["won"].entered, group.reopened) == (0, 1, 0, 0)


class TestLog:
    def test_moves_into_the_same_stage_are_one_visit(self, session):
        put(session, (("contact", 0), ("contact", 1), ("contact", 2), ("needs", 6)))
        stage = session.analytics.funnel(Funnel(SALES)).total["contact"]
        assert (stage.again, stage.spent.median_days) == (0, 6)

    def test_rows_out_of_order_are_sorted_by_time(self, session):
        record, first = deal(("contact", 0))
        later = [move(record, 2, "won", day(12)), move(record, 3, "proposal", day(9)), move(record, 4, "needs", day(3))]
        write(session, [record, *later, first])
        group = session.analytics.funnel(Funnel(SALES)).total
        assert [group[name].spent.median_days for name in ("contact", "needs", "proposal")] == [3, 6, 3]
        assert sum(stage.back for stage in group.stages) == 0

    def test_of_moves_at_one_instant_the_number_decides(self, session):
        put(session, (("contact", 0), ("needs", 0), ("proposal", 0)))
        group = session.analytics.funnel(Funnel(SALES)).total
        assert (group["proposal"].open, group["contact"].back + group["needs"].back) == (1, 0)

    def test_coming_back_is_counted_and_the_visits_add_up(self, session):
        put(session, (("contact", 0), ("needs", 1), ("contact", 4), ("needs", 10), ("won", 12)))
        group = session.analytics.funnel(Funnel(SALES)).total
        assert (group["contact"].entered, group["contact"].again, group["needs"].again) == (1, 1, 1)
        assert (group["contact"].back, group["needs"].back) == (0, 1)
        assert group["needs"].spent.median_days == 5
        assert group["needs"].last.median_days == 2

    def test_a_record_that_moved_to_another_pipeline_takes_no_part(self, session):
        other = pipeline("first", name="other")
        gone, *moves = deal(("contact", 0), pipeline="other", stage="first")
        write(session, [gone, *moves, move(gone, 2, "first", day(3), other, kind="transfer")])
        put(session, (("contact", 0),))
        for period in (None, (START.date(), None)):
            group = session.analytics.funnel(Funnel(SALES, entered=period)).total
            assert (group.entered, group.left, group.excluded) == (1, 1, 1)
            assert group.conversion("contact", "needs").excluded == 1

    def test_time_in_another_pipeline_is_no_time_in_a_stage(self, session):
        record, *moves = deal(("contact", 0))
        other = pipeline("first", name="other")
        away = move(record, 2, "first", day(2), other, kind="transfer")
        back = [move(record, 3, "contact", day(10), kind="transfer"), move(record, 4, "needs", day(13))]
        write(session, [record, *moves, away, *back])
        assert session.analytics.funnel(Funnel(SALES)).total["contact"].spent.median_days == 5

    def test_a_record_without_history_in_this_pipeline_is_reported(self, session):
        other = pipeline("first", name="other")
        record, *moves = deal(("first", 0), within=other, pipeline="sales", stage="contact")
        write(session, [record, *moves])
        for period in (None, (START.date(), None)):
            assert session.analytics.funnel(Funnel(SALES, entered=period)).total.no_history == 1

    def test_a_record_without_history_is_reported(self, session):
        write(session, deal(("contact", 0), source="web")[:1])
        for period in (None, (START.date(), None)):
            report = session.analytics.funnel(Funnel(SALES, by=f.source, entered=period))
            assert (report["web"].entered, report["web"].no_history, report.total.excluded) == (0, 1, 1)


class TestPeriod:
    def test_entry_decides_and_later_moves_count(self, session):
        put(session, (("contact", 0), ("won", 95)), (("contact", 31), ("won", 40)))
        report = session.analytics.funnel(Funnel(SALES, entered=("2026-01-01", "2026-02-01")))
        assert (report.total.entered, report.total.won) == (1, 1)

    def test_the_end_is_no_part_of_it(self, session):
        put(session, (("contact", 30),), (("contact", 31),), (("contact", 58),), (("contact", 59),))
        report = session.analytics.funnel(Funnel(SALES, entered=("2026-02-01", "2026-03-01")))
        assert report.total.entered == 2

    def test_days_are_those_of_the_zone(self, session):
        put(session, (("contact", 30.97),))
        there = Funnel(SALES, entered=("2026-02-01", None), zone="Europe/Berlin")
        assert session.analytics.funnel(there).total.entered == 1
        assert session.analytics.funnel(Funnel(SALES, entered=("2026-02-01", None))).total.entered == 0

    def test_a_move_within_the_period_is_no_entry(self, session):
        put(session, (("contact", 0), ("needs", 40)))
        assert session.analytics.funnel(Funnel(SALES, entered=("2026-02-01", None))).total.entered == 0


class TestVersions:
    def counted(self, store_url, before, after, *visits):
        store = open_store(store_url, awaited=False)
        with connect(store, pipelines=[before]) as crm:
            with crm.session(system("test")) as s:
                write(s, deal(*visits, within=before))
            with connect(store, pipelines=[after]).session(system("test")) as s:
                return [s.analytics.funnel(Funnel(after, reading=reading)).total for reading in ("reached", "observed")]

    def test_a_renamed_stage_is_the_one_in_its_place(self, store_url):
        after = pipeline("contact", "analysis", "proposal")
        reached, seen = self.counted(
            store_url, pipeline("contact", "needs", "proposal"), after, ("contact", 0), ("needs", 1), ("lost", 3)
        )
        assert [stage.entered for stage in seen.stages] == [1, 1, 0, 0, 1]
        assert reached["analysis"].lost == 1
        assert reached["analysis"].spent.median_days == 2

    def test_a_removed_stage_is_none_of_those_left(self, store_url):
        after = pipeline("contact", "proposal")
        reached, seen = self.counted(
            store_url, pipeline("contact", "needs", "proposal"), after, ("contact", 0), ("needs", 1), ("lost", 3)
        )
        assert [stage.entered for stage in seen.stages] == [1, 0, 0, 1]
        assert (reached["contact"].lost, reached["proposal"].entered) == (1, 0)

    def test_stages_come_in_the_order_of_the_move(self, store_url):
        before, after = pipeline("contact", "proposal", "needs"), pipeline("contact", "needs", "proposal")
        reached, _ = self.counted(store_url, before, after, ("contact", 0), ("proposal", 1), ("lost", 2))
        assert [stage.entered for stage in reached.stages] == [1, 0, 1, 0, 1]

    def test_a_stage_that_no_version_knows_is_read_by_its_position(self, session):
        record, *moves = deal(("contact", 0))
        lost = move(record, 2, "gone", day(1), position=3, pipeline_version=77)
        write(session, [record, *moves, lost])
        group = session.analytics.funnel(Funnel(SALES)).total
        assert [stage.entered for stage in group.stages] == [1, 1, 1, 0, 0, 0]


class TestGroups:
    def test_a_group_without_a_value_is_shown_as_blank(self, session):
        put(session, (("contact", 0), {"source": "web"}), (("contact", 0), ("won", 2)))
        report = session.analytics.funnel(Funnel(SALES, by=f.source))
        assert [group.label for group in report] == ["web", "(blank)"]
        assert report["(blank)"] is report[None]
        assert report[None].key is None
        assert report[None].won == 1

    def test_a_path_leads_over_several_records(self, session):
        north = session.teams.add(Team(name="North", region="north"))
        people = [session.users.add(User(name=name, team_id=north.id)) for name in ("Ann", "Bea")]
        alone = session.users.add(User(name="Cy"))
        put(session, *((("contact", 0), {"owner_id": owner.id}) for owner in (*people, alone)), (("contact", 0),))
        report = session.analytics.funnel(Funnel(SALES, by=f.owner.team.region))
        assert {group.key: group.entered for group in report} == {"north": 2, None: 2}

    def test_a_record_that_was_deleted_leads_nowhere(self, session):
        acme = session.customers.add(Customer(name="Acme", country="DE"))
        put(session, (("contact", 0), {"customer_id": acme.id}))
        session.customers.delete(acme)
        report = session.analytics.funnel(Funnel(SALES, by=f.customer.country))
        assert [group.key for group in report] == [None]

    def test_spans_of_time(self, session):
        put(session, (("contact", 0),), (("contact", 30),), (("contact", 31),))
        months = session.analytics.funnel(Funnel(SALES, by=by_month(f.created_at)))
        assert {group.key: group.entered for group in months} == {dt.date(2026, 1, 1): 2, dt.date(2026, 2, 1): 1}
        weeks = session.analytics.funnel(Funnel(SALES, by=by_week(f.created_at)))
        assert [group.key for group in weeks] == [dt.date(2025, 12, 29), dt.date(2026, 1, 26)]

    def test_the_keys_are_those_that_the_store_gives(self, session):
        put(session, (("contact", 0.99), {"source": "web"}), (("contact", 30),))
        for by in (f.source, f.created_at, by_month(f.created_at, "Asia/Tokyo"), f.probability, f.amount.currency):
            asked = session.opportunities.tally(by=by)
            told = session.analytics.funnel(Funnel(SALES, by=by))
            assert [group.key for group in told] == [group.key[0] for group in asked]

    def test_where_takes_expressions_and_segments(self, session):
        put(session, (("contact", 0), {"source": "web"}), (("contact", 0),))
        web = Segment("web", Opportunity, f.source == "web")
        for where in (f.source == "web", web):
            assert session.analytics.funnel(Funnel(SALES, where=where)).total.entered == 1

    def test_other_tenants_and_deleted_records_do_not_count(self, crm, session):
        put(session, (("contact", 0),), (("contact", 0), {"source": "web"}))
        session.opportunities.delete(session.opportunities.first(f.source == "web"))
        assert session.analytics.funnel(Funnel(SALES)).total.entered == 1
        session.commit()
        with crm.session(system("test", tenant="another")) as other:
            assert other.analytics.funnel(Funnel(SALES)).total.entered == 0
            assert other.analytics.time_in_stage(SALES).total.visits == 0


class TestReport:
    def test_it_is_told_in_rows_in_a_table_and_as_json(self, session):
        put(session, (("contact", 0), ("won", 2), {"source": "web"}))
        report = session.analytics.funnel(Funnel(SALES, by=f.source))
        header, rows = report.as_table()
        assert header[:3] == ("source", "stage", "outcome")
        assert [row[:2] for row in rows] == [
            (group, stage.name) for group in ("web", "(all)") for stage in report.total.stages
        ]
        told = json.loads(report.to_json())
        assert told["definition"] == "funnel.reached/1"
        assert told["rows"] == report.to_dicts()
        assert told["rows"][4]["from_first"]["numerator"] == 1
        assert report.to_json() == session.analytics.funnel(Funnel(SALES, by=f.source)).to_json()

    def test_a_stage_or_a_group_that_is_not_there(self, session):
        put(session, (("contact", 0), {"source": "web"}))
        report = session.analytics.funnel(Funnel(SALES, by=f.source))
        with pytest.raises(NotFound, match="Did you mean 'web'"):
            report["wev"]
        with pytest.raises(BadDefinition, match="Did you mean 'contact'"):
            report["web"].conversion("contakt", "won")
        with pytest.raises(BadDefinition, match="does not come after"):
            report["web"].conversion("needs", "contact")

    def test_an_empty_pipeline(self, session):
        total = session.analytics.funnel(Funnel(SALES, by=f.source)).total
        assert (total.entered, total.conversion("contact", "won").value, total.win_rate.value) == (0, None, None)


class TestDefinition:
    @pytest.mark.parametrize(
        ("given", "error", "message"),
        [
            ({"by": "source"}, BadDefinition, "cannot be grouped by"),
            ({"where": True}, BadDefinition, "expects an expression"),
            ({"reading": "strickt"}, BadDefinition, "Did you mean 'strict'"),
            ({"entered": ("2026-02-01", "2026-01-01")}, BadDefinition, "does not come after"),
            ({"entered": ("2026-01-01", "2026-01-01")}, BadDefinition, "does not come after"),
            ({"entered": ("2026-13-01", None)}, BadDefinition, "not a day"),
            ({"entered": "2026-01-01"}, BadDefinition, "pair"),
            ({"entered": (dt.datetime(2026, 1, 1), None)}, BadDefinition, "has no time zone"),
            ({"zone": "Europe/Berlyn"}, BadDefinition, "is not a time zone"),
            ({"as_of": dt.datetime(2026, 1, 1)}, BadDefinition, "has no time zone"),
        ],
    )
    def test_a_mistake_is_found_before_anything_is_read(self, given, error, message):
        with pytest.raises(error, match=message):
            Funnel(SALES, **given)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"by": f.sourse}, "funnel over opportunity: .* Did you mean 'source'"),
            ({"by": f.owner.tem.region}, "Did you mean 'team'"),
            ({"by": f.lines.name}, "several records"),
            ({"where": f.sourse == "web"}, "Did you mean 'source'"),
            ({"where": f.extra["shoe"] == 1}, "Declare it in connect"),
        ],
    )
    def test_names_are_looked_up_among_the_models_of_the_crm_that_counts(self, session, given, message):
        funnel = Funnel(SALES, **given)
        with pytest.raises(BadExpression, match=message):
            session.analytics.funnel(funnel)

    def test_fields_of_the_products_own_models_need_no_more_than_naming(self):
        @entity(extends=Opportunity)
        class Deal(Opportunity):
            site: str | None = text(default=None)

        @entity(extends=Customer)
        class Clinic(Customer):
            beds: int = integer(default=0)

        with connect("memory://", models=[Deal, Clinic]) as crm, crm.session(system("test")) as s:
            clinic = s.repository(Clinic).add(Clinic(name="Harbour", beds=120))
            s.repository(Deal).add(Deal(name="Line 4", site="north", customer_id=clinic.id))
            by_site = s.analytics.funnel(Funnel(OPPORTUNITY, by=f.site, where=f.customer.beds > 100))
            by_beds = s.analytics.funnel(Funnel(OPPORTUNITY, by=f.customer.beds))
        assert [group.label for group in by_site] == ["north"]
        assert [group.key for group in by_beds] == [120]

    def test_what_is_no_funnel_is_refused(self, session):
        with pytest.raises(BadDefinition, match="a Funnel is expected, not str"):
            session.analytics.funnel("sales")
        with pytest.raises(BadDefinition, match="a Pipeline is expected, not str"):
            session.analytics.time_in_stage("sales")

    def test_a_pipeline_is_needed(self):
        with pytest.raises(BadDefinition, match="not over str"):
            Funnel("sales")
