"""The pipelines that come along fit their models and let records through."""

import pytest

from crmkit.entities import BUILT_IN as MODELS
from crmkit.entities import Campaign, Lead, Opportunity, Ticket
from crmkit.lifecycle.built_in import BUILT_IN, CAMPAIGN, LEAD, OPPORTUNITY, TICKET
from crmkit.model.schema import schema_of
from tests.lifecycle.deal import START, after

NEW = {
    "opportunity": Opportunity(name="Line 4"),
    "lead": Lead(name="Bo Li"),
    "ticket": Ticket(subject="It hums"),
    "campaign": Campaign(name="Fair"),
}


def walk(pipeline, *targets, **values):
    record = NEW[pipeline.entity]
    record = after(type(record)(**{**named(record), **values}), pipeline.enter(record, at=START))
    for target in targets:
        record = after(record, pipeline.step(record, target, at=START))
    return record


def named(record):
    return {name: getattr(record, name) for name in ("name", "subject") if hasattr(record, name)}


def test_every_staged_model_has_one_named_after_it():
    staged = {schema_of(model).name for model in MODELS if schema_of(model).staged}
    assert {pipeline.entity for pipeline in BUILT_IN} == staged
    assert all(pipeline.name == pipeline.entity for pipeline in BUILT_IN)


@pytest.mark.parametrize("pipeline", BUILT_IN, ids=lambda pipeline: pipeline.name)
def test_they_fit_their_models(pipeline):
    pipeline.check(schema_of(type(NEW[pipeline.entity])))


def test_a_deal_is_won_from_anywhere_and_lost_for_a_reason():
    assert walk(OPPORTUNITY, "proposal", "needs", "won").outcome == "won"
    assert OPPORTUNITY.why_not(walk(OPPORTUNITY), "lost", at=START) == ("'lost' requires lost_reason.",)
    assert walk(OPPORTUNITY, "lost", "contact", lost_reason="price").outcome == "open"


def test_a_lead_is_converted_or_given_up():
    assert walk(LEAD, "contacted", "qualified", "converted").outcome == "won"
    assert walk(LEAD, "disqualified", lost_reason="no budget").outcome == "lost"


def test_a_ticket_waits_in_turns_and_is_reopened():
    ticket = walk(TICKET, "open", "waiting", "open", "solved")
    assert ticket.outcome == "done"
    assert TICKET.allowed(ticket, at=START) == ("open", "closed")
    assert TICKET.allowed(walk(TICKET, "solved", "closed"), at=START) == ("open",)
    assert TICKET.allowed(walk(TICKET, "open"), at=START) == ("waiting", "solved", "closed")


def test_a_campaign_is_completed_once_active_and_cancelled_any_time():
    assert CAMPAIGN.allowed(walk(CAMPAIGN), at=START) == ("active", "cancelled")
    assert walk(CAMPAIGN, "active", "completed").outcome == "done"
    assert CAMPAIGN.allowed(walk(CAMPAIGN, "cancelled"), at=START) == ("planned",)
