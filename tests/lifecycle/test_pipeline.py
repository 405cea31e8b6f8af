"""What a pipeline allows, why it refuses, and what a step writes."""

import datetime as dt
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import BadDefinition, BadRecord, MoveRefused, Unsupported
from crmkit.expr.build import ago, days, f, me, today
from crmkit.lifecycle import Pipeline, Stage, Step, back, forward, into, move, reopen
from crmkit.values import UTC, Money
from tests.lifecycle.deal import STANDARD, START, Deal, after, deal, stages

HOUR = dt.timedelta(hours=1)
RICH = Money("1000", "EUR")
SIMPLE = [Stage("a"), Stage("b"), Stage("c"), Stage("won", outcome="won"), Stage("lost", outcome="lost")]


def simple(*moves, stages_=SIMPLE):
    return Pipeline(
        "simple",
        Deal,
        stages=stages_,
        moves=[*moves, move("a", "b"), move("b", "c"), move("c", "won"), move("a", "lost")],
    )


# -- which moves the rules allow --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "stage", "reached", "goals"),
    [
        (forward(), "a", 1, {"b", "c", "won"}),
        (forward(), "c", 3, {"won"}),
        (forward(), "won", 3, set()),
        (forward(steps=1), "a", 1, {"b"}),
        (forward(steps=1), "c", 3, {"won"}),
        (forward(steps=2), "b", 2, {"c", "won"}),
        (back(), "c", 3, {"b"}),
        (back(2), "c", 3, {"a", "b"}),
        (back(2), "a", 3, set()),
        (back(1), "won", 3, set()),
        (into("lost"), "b", 2, {"lost"}),
        (into("a"), "c", 3, {"a"}),
        (into("lost"), "won", 3, set()),
        (reopen(), "won", 2, {"a", "b"}),
        (reopen(), "lost", 0, {"a"}),
        (reopen(to="c"), "won", 1, {"c"}),
        (reopen(), "a", 3, set()),
        (move("won", "lost"), "won", 3, {"lost"}),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)  # fmt: skip
def test_each_rule_covers_the_moves_its_name_says(rule, stage, reached, goals):
    places = simple(rule).places
    assert {
        name for name, goal in places.items() if name != stage and rule.allows(places[stage], goal, reached)
    } == goals


def test_every_closing_stage_is_one_step_after_the_last_open_one():
    pipeline = Pipeline(
        "two ways to win",
        Deal,
        stages=[
            Stage("a"),
            Stage("b"),
            Stage("sold", outcome="won"),
            Stage("rented", outcome="won"),
            Stage("gone", outcome="done"),
        ],
        moves=[forward(steps=1)],
    )
    assert pipeline.allowed(deal("a", pipeline=pipeline), at=START) == ("b",)
    assert pipeline.allowed(deal("b", pipeline=pipeline), at=START) == ("sold", "rented", "gone")


# -- why not ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "target", "reasons"),
    [
        (deal("contact"), "needs", ()),
        (deal("contact"), "contact", ("It is in 'contact' already.",)),
        (deal("contact"), "proposel", ("There is no stage 'proposel'. Did you mean 'proposal'?",)),
        (deal("contact"), "proposal", ("'proposal' requires amount.",)),
        (deal("contact", amount=RICH), "proposal", ()),
        (
            deal("proposal", amount=Money("5", "EUR")),
            "negotiation",
            ("'negotiation' demands f.amount > Money(\"100.00\", \"EUR\").",),
        ),
        (deal("needs"), "lost", ("'lost' requires lost_reason.",)),
        (deal("needs", lost_reason=""), "lost", ("'lost' requires lost_reason.",)),
        (
            deal("proposal", amount=RICH),
            "contact",
            ("No rule leads from 'proposal' to 'contact'. From there it may go to: needs, negotiation, won, lost.",),
        ),
        (deal("won"), "contact", ("It takes the role 'manager'.",)),
        (
            deal("won"),
            "lost",
            (
                "No rule leads from 'won' to 'lost'. From there it may go to: contact.",
                "'lost' requires lost_reason.",
            ),
        ),
        (Deal(), "needs", ("The record has not entered a pipeline yet.",)),
        (
            attrs.evolve(deal(), pipeline="other"),
            "needs",
            ("The record is in the pipeline 'other', not in 'standard'; transfer it first.",),
        ),
        (
            attrs.evolve(deal(), stage="old"),
            "needs",
            ("The record is in 'old', which is not a stage of 'standard'; transfer it first.",),
        ),
        (
            deal(since=START + HOUR),
            "needs",
            ("It entered 'contact' at 2026-01-01T10:00:00+00:00, which is after 2026-01-01T09:00:00+00:00.",),
        ),
        (
            deal("won", since=START + HOUR),
            "needs",
            (
                "It entered 'won' at 2026-01-01T10:00:00+00:00, which is after 2026-01-01T09:00:00+00:00.",
                "No rule leads from 'won' to 'needs'. From there it may go to: contact.",
            ),
        ),
    ],
    ids=[
        "fine", "same", "typo", "requires", "filled", "guard", "missing", "blank", "no rule", "role", "two", "outside",
        "other pipeline", "old stage", "early", "early and no rule",
    ],
)  # fmt: skip
def test_every_reason_is_a_sentence(record, target, reasons):
    assert STANDARD.why_not(record, target, at=START) == reasons
    if reasons:
        with pytest.raises(MoveRefused) as caught:
            STANDARD.step(record, target, at=START)
        assert caught.value.reasons == reasons
        assert (caught.value.stage, caught.value.target) == (record.stage, target)


def test_a_role_opens_what_it_guards():
    won = deal("won", reached=2)
    assert STANDARD.allowed(won, at=START) == ()
    assert STANDARD.allowed(won, at=START, roles={"manager"}) == ("contact", "needs")


def test_one_satisfied_rule_is_enough_and_otherwise_all_are_explained():
    pipeline = simple(move("a", "won", role="boss"), move("a", "won", guard=f.amount > RICH))
    poor, rich = deal("a", pipeline=pipeline), deal("a", pipeline=pipeline, amount=Money("2000", "EUR"))
    assert pipeline.why_not(poor, "won", at=START) == (
        "It takes the role 'boss'.",
        'The move demands f.amount > Money("1000.00", "EUR").',
    )
    assert pipeline.why_not(poor, "won", at=START, roles={"boss"}) == ()
    assert pipeline.why_not(rich, "won", at=START) == ()


def test_guards_may_name_the_actor_and_the_time():
    class Ann:
        id = UUID(int=7)
        key = "ann"
        team_id = None
        team_ids = ()

    pipeline = simple(
        move("a", "c", guard=f.created_by == me.key), move("a", "won", guard=f.stage_since < ago(days(3)))
    )
    record = attrs.evolve(deal("a", pipeline=pipeline), created_by="ann")
    assert pipeline.why_not(record, "c", at=START, me=Ann()) == ()
    assert pipeline.why_not(record, "c", at=START) == (
        "The move demands f.created_by == me.key, which cannot be read: me.key has no meaning here, where nobody asks.",
    )
    assert pipeline.why_not(record, "won", at=START + 96 * HOUR) == ()
    assert pipeline.why_not(record, "won", at=START + HOUR) == ("The move demands f.stage_since < ago(days(3)).",)


@pytest.mark.parametrize("demand", [{"guard": f.customer.country == "DE"}, {"requires": {"customer.country"}}], ids=str)
def test_what_other_records_decide_only_a_repository_can_tell(demand):
    pipeline = simple(stages_=[SIMPLE[0], Stage("b", **demand), *SIMPLE[2:]])
    with pytest.raises(Unsupported) as caught:
        pipeline.why_not(deal("a", pipeline=pipeline), "b", at=START)
    assert str(caught.value) == (
        "f.customer leads to other records, which are not available here. Ask a repository, which has a store."
    )


def test_tags_that_are_required_must_not_be_empty():
    pipeline = simple(move("b", "a"), stages_=[SIMPLE[0], Stage("b", requires=["labels"]), *SIMPLE[2:]])
    assert pipeline.why_not(deal("a", pipeline=pipeline), "b", at=START) == ("'b' requires labels.",)
    assert pipeline.why_not(deal("a", pipeline=pipeline, labels=("x",)), "b", at=START) == ()


# -- steps ------------------------------------------------------------------------------------------------------------


def test_a_step_is_all_that_must_be_written():
    step = STANDARD.step(deal("contact", amount=RICH), "proposal", at=START + HOUR)
    assert step == Step(
        pipeline="standard", from_stage="contact", to_stage="proposal", kind="forward", position=3, outcome="open",
        at=START + HOUR, stage_reached=3, closed_at=None, spent=3_600_000,
    )  # fmt: skip
    assert step.changes == {
        "pipeline": "standard",
        "stage": "proposal",
        "stage_since": START + HOUR,
        "stage_reached": 3,
        "outcome": "open",
        "closed_at": None,
    }


def test_a_deal_goes_its_way():
    seen = []
    record = after(Deal(amount=RICH, lost_reason="price"), STANDARD.enter(Deal(), at=START))
    for number, stage in enumerate(["needs", "contact", "negotiation", "lost", "proposal", "won"], 1):
        step = STANDARD.step(record, stage, at=START + number * HOUR, roles={"manager"})
        record = after(record, step)
        seen.append((step.kind, step.position, step.outcome, step.stage_reached, step.closed_at))
    assert seen == [
        ("forward", 2, "open", 2, None),
        ("back", 1, "open", 2, None),
        ("forward", 4, "open", 4, None),
        ("close", 6, "lost", 4, START + 4 * HOUR),
        ("reopen", 3, "open", 4, None),
        ("close", 5, "won", 4, START + 6 * HOUR),
    ]


def test_a_new_record_enters_at_the_beginning_or_where_it_says():
    assert STANDARD.enter(Deal(), at=START) == Step(
        pipeline="standard", from_stage="", to_stage="contact", kind="enter", position=1, outcome="open",
        at=START, stage_reached=1, closed_at=None, spent=None,
    )  # fmt: skip
    assert STANDARD.enter(Deal(stage="needs"), at=START).stage_reached == 2
    lost = STANDARD.enter(Deal(stage="lost", lost_reason="price"), at=START)
    assert (lost.outcome, lost.stage_reached, lost.closed_at, lost.from_stage) == ("lost", 0, START, "")


def test_a_new_record_must_satisfy_its_stage():
    with pytest.raises(MoveRefused) as caught:
        STANDARD.enter(Deal(stage="lost"), at=START)
    assert str(caught.value) == "cannot enter 'lost': 'lost' requires lost_reason."
    with pytest.raises(MoveRefused, match=r"There is no stage 'los'\. Did you mean 'lost'\?"):
        STANDARD.enter(Deal(stage="los"), at=START)


def test_a_transfer_leads_into_another_pipeline():
    other = Pipeline("other", Deal, stages=SIMPLE, moves=[forward(), into("lost")])
    step = other.transfer(deal("negotiation"), "b", at=START + HOUR)
    assert (step.pipeline, step.kind, step.from_stage, step.to_stage) == ("other", "transfer", "negotiation", "b")
    assert (step.stage_reached, step.spent) == (2, 3_600_000)
    with pytest.raises(MoveRefused, match="There is no stage 'negotiation'"):
        other.transfer(deal("negotiation"), at=START)
    with pytest.raises(MoveRefused, match="which is after"):
        other.transfer(deal("negotiation"), "b", at=START - HOUR)


def test_a_closed_record_stays_closed_since_when_it_was():
    other = Pipeline("other", Deal, stages=SIMPLE, moves=[forward(), into("lost")])
    step = other.transfer(deal("won", reached=4), at=START + HOUR)
    assert (step.closed_at, step.stage_reached, step.outcome) == (START, 3, "won")
    assert other.transfer(deal("won"), "lost", at=START + HOUR).closed_at == START + HOUR


def test_what_happened_elsewhere_is_recorded_without_asking():
    record = deal("proposal")
    assert STANDARD.why_not(record, "contact", at=START)
    step = STANDARD.recorded(record, "contact", at=START + HOUR)
    assert (step.kind, step.spent) == ("back", 3_600_000)
    assert STANDARD.recorded(Deal(), "lost", at=START).kind == "enter"
    with pytest.raises(MoveRefused, match="There is no stage 'x'"):
        STANDARD.recorded(record, "x", at=START)
    with pytest.raises(MoveRefused, match="which is after"):
        STANDARD.recorded(record, "contact", at=START - HOUR)


def test_a_time_without_a_zone_is_refused():
    for ask in (STANDARD.why_not, STANDARD.step, STANDARD.recorded):
        with pytest.raises(BadRecord) as caught:
            ask(deal(), "needs", at=dt.datetime(2026, 1, 2))
        assert caught.value.problems[0].code == "naive_datetime"


@given(st.lists(st.tuples(st.sampled_from([stage.name for stage in stages()]), st.integers(0, 10**9)), max_size=12))
def test_laws_of_every_walk(walk):
    """After any moves in any order, the managed fields agree with the history."""
    record = after(Deal(amount=RICH, lost_reason="price"), STANDARD.enter(Deal(), at=START))
    steps, now = [], START
    for stage, wait in walk:
        now += dt.timedelta(milliseconds=wait)
        reasons = STANDARD.why_not(record, stage, at=now, roles={"manager"})
        assert (stage in STANDARD.allowed(record, at=now, roles={"manager"})) == (not reasons)
        if reasons:
            continue
        step = STANDARD.step(record, stage, at=now, roles={"manager"})
        assert step == STANDARD.recorded(record, stage, at=now)
        assert step.from_stage == record.stage
        steps.append(step)
        record = after(record, step)
    entered = [STANDARD.places["contact"], *(STANDARD.places[step.to_stage] for step in steps)]
    assert record.stage_reached == max(place.position for place in entered if place.stage.is_open)
    assert (record.closed_at is None) == (record.outcome == "open") == STANDARD.stage(record.stage).is_open
    assert sum(step.spent for step in steps) == (record.stage_since - START) // dt.timedelta(milliseconds=1)


# -- probability ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "own", "chance"),
    [("needs", None, 25), ("needs", 90, 90), ("needs", 0, 0), ("won", 10, 100), ("lost", 90, 0)],
)
def test_the_record_overrides_its_stage_until_it_is_settled(stage, own, chance):
    assert STANDARD.probability(deal(stage, probability=own)) == chance


def test_a_record_without_a_probability_of_its_own_has_that_of_its_stage():
    class Bare:
        pipeline, stage, stage_since, stage_reached, outcome, closed_at = "standard", "needs", START, 2, "open", None

    assert STANDARD.probability(Bare()) == 25
    Bare.stage = "x"
    with pytest.raises(BadDefinition, match="pipeline 'standard': There is no stage 'x'"):
        STANDARD.probability(Bare())


def test_today_in_a_guard_is_a_day_in_the_zone_given():
    berlin = dt.timezone(dt.timedelta(hours=2))
    pipeline = Pipeline(
        "dated", "opportunity", stages=[Stage("a"), Stage("b", guard=f.close_date <= today())], moves=[forward()]
    )
    record = attrs.make_class(
        "Dated", ["close_date", *["pipeline", "stage", "stage_since", "stage_reached"]], frozen=True
    )
    dated = record(dt.date(2026, 1, 2), "dated", "a", START, 1)
    late = dt.datetime(2026, 1, 1, 23, tzinfo=UTC)
    assert pipeline.why_not(dated, "b", at=late, zone=berlin) == ()
    assert pipeline.why_not(dated, "b", at=late) == ("'b' demands f.close_date <= today().",)
