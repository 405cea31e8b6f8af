"""Pipelines through the repository, on every store: moves, history, versions, transfer."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from crmkit import (
    UTC,
    Actor,
    BadExpression,
    BadRecord,
    Campaign,
    Crm,
    Lead,
    Money,
    MoveRefused,
    Opportunity,
    Pipeline,
    Stage,
    Stale,
    Ticket,
    back,
    connect,
    days,
    f,
    forward,
    into,
    reopen,
    system,
)
from crmkit.testing import FrozenClock

job = system("test")
START = dt.datetime(2026, 3, 1, tzinfo=UTC)


def pipeline(*, requires: tuple[str, ...] = ()) -> Pipeline:
    return Pipeline(
        "standard",
        Opportunity,
        stages=[
            Stage("contact", 10),
            Stage("proposal", 50, requires=requires, guard=f.amount > Money(100, "EUR")),
            Stage("won", 100, outcome="won"),
            Stage("lost", 0, outcome="lost", requires={"lost_reason"}),
        ],
        moves=[forward(), back(1), into("lost"), reopen(role="manager")],
    )


@pytest.fixture
def crm_clock() -> FrozenClock:
    return FrozenClock(START)


@pytest.fixture
def crm_options() -> dict[str, Any]:
    return {"pipelines": [pipeline()]}


def test_every_move_leaves_its_row_of_history(crm: Crm, crm_clock: FrozenClock) -> None:
    with crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal", amount=Money(500, "EUR")))
        assert (deal.pipeline, deal.pipeline_version, deal.stage, deal.outcome) == ("standard", 1, "contact", "open")
        crm_clock.now += days(2)
        deal = s.opportunities.advance(deal, "proposal", note="sent v2")
        crm_clock.now += days(3)
        deal = s.opportunities.advance(deal, "lost", lost_reason="price")
        assert (deal.outcome, deal.closed_at, deal.stage_reached, deal.lost_reason) == (
            "lost",
            crm_clock.now,
            2,
            "price",
        )
        assert s.opportunities.get(deal.id) == deal
        moves = s.stage_moves.find(f.record_id == deal.id, order=f.number)
        assert [(m.number, m.from_stage, m.to_stage, m.kind, m.spent, m.note, m.actor) for m in moves] == [
            (1, "", "contact", "enter", None, None, "system:test"),
            (2, "contact", "proposal", "forward", 2 * 86_400_000, "sent v2", "system:test"),
            (3, "proposal", "lost", "close", 3 * 86_400_000, None, "system:test"),
        ]
        assert s.opportunities.count(f.moves.any((f.to_stage == "proposal") & (f.note == "sent v2"))) == 1


def test_reasons_against_a_move_are_given_without_raising(crm: Crm) -> None:
    with crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal", amount=Money(50, "EUR")))
        assert s.opportunities.why_not(deal, "proposal")
        assert s.opportunities.why_not(deal, "lost")
        assert not s.opportunities.why_not(deal, "lost", lost_reason="price")
        assert s.opportunities.allowed_moves(deal) == ("won",)
        with pytest.raises(MoveRefused) as caught:
            s.opportunities.advance(deal, "proposal")
        assert (caught.value.stage, caught.value.target) == ("contact", "proposal")
        assert 'f.amount > Money("100.00", "EUR")' in str(caught.value)
        assert s.stage_moves.count() == 1


def test_a_role_may_reopen(crm: Crm) -> None:
    with crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal"))
        deal = s.opportunities.advance(deal, "won")
        with pytest.raises(MoveRefused, match="manager"):
            s.opportunities.advance(deal, "contact")
    with crm.session(Actor(name="mo", roles=frozenset({"manager"}))) as s:
        deal = s.opportunities.advance(deal, "contact")
        assert (deal.outcome, deal.closed_at) == ("open", None)


def test_a_stale_move_leaves_no_history(crm: Crm) -> None:
    with crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal"))
        s.opportunities.update(deal, name="Renamed")
        with pytest.raises(Stale):
            s.opportunities.advance(deal, "won")
        assert s.stage_moves.count() == 1


@pytest.mark.parametrize("lasting", ["sqlite_url", "mongo_url"])
def test_records_follow_the_definition_they_entered_under(
    request: pytest.FixtureRequest, lasting: str, crm_clock: FrozenClock
) -> None:
    store_url: str = request.getfixturevalue(lasting)
    with connect(store_url, clock=crm_clock, pipelines=[pipeline()]) as crm, crm.session(job) as s:
        old = s.opportunities.add(Opportunity(name="Old", amount=Money(500, "EUR")))
    with (
        connect(store_url, clock=crm_clock, pipelines=[pipeline(requires=("close_date",))]) as crm,
        crm.session(job) as s,
    ):
        new = s.opportunities.add(Opportunity(name="New", amount=Money(500, "EUR")))
        assert (old.pipeline_version, new.pipeline_version) == (1, 2)
        assert not s.opportunities.why_not(old, "proposal")
        assert "close_date" in s.opportunities.why_not(new, "proposal")
        moved = s.opportunities.transfer(old, stage="contact", note="new rules")
        assert moved.pipeline_version == 2
        assert "close_date" in s.opportunities.why_not(moved, "proposal")
        last = s.stage_moves.find(f.record_id == old.id, order=-f.number)[0]
        assert (last.kind, last.note, last.pipeline_version) == ("transfer", "new rules", 2)
    with (
        connect(store_url, clock=crm_clock, pipelines=[pipeline(requires=("close_date",))]) as crm,
        crm.session(job) as s,
    ):
        assert s.opportunities.add(Opportunity(name="Newer")).pipeline_version == 2


def test_the_built_in_pipelines_run_to_their_ends(crm: Crm) -> None:
    with crm.session(job) as s:
        lead = s.leads.add(Lead(name="Lea"))
        ticket = s.tickets.add(Ticket(subject="Help"))
        campaign = s.campaigns.add(Campaign(name="Fair"))
        assert (lead.stage, ticket.stage, campaign.stage) == ("new", "new", "planned")
        assert s.leads.allowed_moves(lead)
        assert s.tickets.allowed_moves(ticket)
        assert s.campaigns.allowed_moves(campaign)


def test_pipelines_of_two_models_may_share_a_name(store_url: str) -> None:
    stages, moves = [Stage("new"), Stage("won", outcome="won")], [forward()]
    both = [Pipeline("standard", model, stages=stages, moves=moves) for model in (Opportunity, Lead)]
    with connect(store_url, pipelines=both) as crm, crm.session(job) as s:
        assert s.opportunities.add(Opportunity(name="Deal")).stage == "new"
        assert s.leads.add(Lead(name="Lea")).pipeline == "standard"


def test_a_move_takes_declared_added_fields_only(store_url: str) -> None:
    with connect(store_url) as crm, crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal"))
        with pytest.raises(BadRecord, match="extra.shoe_size: is not declared"):
            s.opportunities.advance(deal, "needs", extra={"shoe_size": 7})
        assert s.opportunities.get(deal.id) == deal


def test_bulk_adds_enter_the_pipeline_too(crm: Crm) -> None:
    with crm.session(job) as s:
        s.opportunities.add_many(Opportunity(name=f"d{n}", created_at=START - days(n)) for n in range(30))
        assert s.stage_moves.count(f.kind == "enter") == 30
        assert s.opportunities.count(f.stage == "contact") == 30
        oldest = s.opportunities.first(order=f.created_at)
        assert oldest is not None
        assert oldest.stage_since == oldest.created_at == START - days(29)


@pytest.mark.parametrize("lasting", ["sqlite_url", "mongo_url"])
def test_a_program_without_pipelines_uses_the_stored_ones(request: pytest.FixtureRequest, lasting: str) -> None:
    url: str = request.getfixturevalue(lasting)
    with connect(url, pipelines=[pipeline()]) as crm, crm.session(job) as s:
        s.opportunities.add(Opportunity(name="Told"))
    with connect(url) as crm, crm.session(job) as s:
        untold = s.opportunities.add(Opportunity(name="Untold"))
        assert (untold.pipeline, untold.pipeline_version, untold.stage) == ("standard", 1, "contact")
        assert s.leads.add(Lead(name="Lea")).pipeline == "lead"
    with connect(url, pipelines=[pipeline()]) as crm, crm.session(job) as s:
        assert s.opportunities.add(Opportunity(name="Told again")).pipeline_version == 1


def test_each_tenant_keeps_its_own_definitions(crm: Crm) -> None:
    for tenant in ("one", "two"):
        with crm.session(system("test", tenant=tenant)) as s:
            assert s.opportunities.add(Opportunity(name="Deal")).pipeline_version == 1


def test_a_stage_that_no_definition_knows_is_named_with_the_nearest_one(crm: Crm) -> None:
    with crm.session(job) as s:
        s.opportunities.add(Opportunity(name="Deal"))
        for where in (f.stage == "wonn", f.stage != "wonn", f.stage.one_of("lost", "wonn"), ~(f.stage == "wonn")):
            with pytest.raises(BadExpression) as caught:
                s.opportunities.count(where)
            assert str(caught.value) == (
                "f.stage: 'wonn' is not a stage of any pipeline of opportunity. Did you mean 'won'?"
            )
        with pytest.raises(BadExpression, match="'wonn'"):
            s.customers.count(f.opportunities.any(f.stage == "wonn"))
        assert s.opportunities.count(f.stage == "won") == 0


def test_a_move_cannot_lie_in_the_future(crm: Crm, crm_clock: FrozenClock) -> None:
    with crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal"))
        with pytest.raises(MoveRefused, match="yet to come"):
            s.opportunities.advance(deal, "won", at=crm_clock.now + days(1))
        crm_clock.now += days(3)
        assert s.opportunities.advance(deal, "won", at=crm_clock.now - days(1)).closed_at == crm_clock.now - days(1)
