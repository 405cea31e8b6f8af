"""Marketing: campaigns, whom they addressed, and what customers and visitors do by themselves."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from crmkit.entities.staged import Staged
from crmkit.model.declare import Record, choice, document, entity, instant, integer, link, money, tags, text
from crmkit.values import Money

MEMBER_STATUSES = (
    "invited", "sent", "opened", "clicked", "registered", "attended", "responded", "converted", "opted_out", "bounced",
)  # fmt: skip
"""How far a member came; each word up to `converted` says more than the one before, the last two end it."""


@entity(indexes=(("created_at",), ("outcome", "closed_at"), ("owner_id", "outcome")))
class Campaign(Staged):
    """Something done to win or keep customers, such as a mailing, a trade show or a webinar; campaigns form a tree."""

    name: str = text(min=1, max=200, search=True, doc="What the campaign is called.")
    kind: str | None = text(default=None, max=60, doc="What is done, such as mailing, webinar or trade_show.")
    channel: str | None = text(
        default=None, max=60, doc="How people are reached, such as email, sms, social or on_site."
    )
    goal: str | None = text(default=None, max=2_000, doc="What it is to achieve.")
    audience: str | None = text(default=None, max=2_000, doc="Whom it addresses, in words.")
    segment_id: UUID | None = link(
        "segment_definition", back="campaigns", default=None, doc="The segment that it addresses."
    )
    starts_at: datetime | None = instant(default=None, index=True, doc="When it begins.")
    ends_at: datetime | None = instant(default=None, doc="When it ends.")
    place: str | None = text(default=None, max=300, doc="Where it takes place, or the link of an online event.")
    budget: Money | None = money(default=None, min=0, doc="What it may cost.")
    actual_cost: Money | None = money(default=None, min=0, doc="What it did cost.")
    expected_revenue: Money | None = money(default=None, min=0, doc="What it is hoped to bring in.")
    expected_responses: int | None = integer(default=None, min=0, doc="How many people are hoped to respond.")
    parent_id: UUID | None = link(
        "campaign", back="subcampaigns", default=None, doc="The campaign this one is part of."
    )
    owner_id: UUID | None = link("user", back="campaigns", default=None, doc="The user who is in charge.")
    team_id: UUID | None = link("team", back="campaigns", default=None, doc="The team that is in charge.")
    tags: tuple[str, ...] = tags(default=(), doc="Free marks.")
    description: str | None = text(default=None, max=32_000, doc="Anything else worth knowing.")


@entity(
    uniques=(("campaign_id", "contact_id"), ("campaign_id", "lead_id")),
    indexes=(("campaign_id", "status"),),
    about=("campaign_id", "contact_id", "lead_id", "customer_id"),
)
class CampaignMember(Record):
    """One person or customer that a campaign addressed, and how far that came."""

    campaign_id: UUID = link("campaign", back="members", doc="The campaign.")
    contact_id: UUID | None = link("contact", back="campaign_members", default=None, doc="The contact addressed.")
    lead_id: UUID | None = link("lead", back="campaign_members", default=None, doc="The lead addressed.")
    customer_id: UUID | None = link("customer", back="campaign_members", default=None, doc="The customer addressed.")
    status: str = choice(*MEMBER_STATUSES, default="invited", doc="How far it came.")
    status_since: datetime | None = instant(default=None, doc="When the present status was reached.")
    responded_at: datetime | None = instant(default=None, doc="When the member first responded.")
    feedback: str | None = text(default=None, max=10_000, doc="What the member said.")


@entity(
    append_only=True,
    indexes=(
        ("kind", "at"),
        ("customer_id", "at"),
        ("contact_id", "at"),
        ("lead_id", "at"),
        ("product_id", "at"),
        ("campaign_id", "at"),
        ("visitor", "at"),
    ),
    about=("customer_id", "contact_id", "lead_id", "product_id", "campaign_id"),
)
class BehaviourEvent(Record):
    """One thing that a customer or visitor did, such as viewing a page, leaving a cart or buying; never changed."""

    kind: str = text(min=1, max=60, doc="What was done, such as page_view, cart_left or purchase.")
    at: datetime = instant(index=True, doc="When it was done.")
    visitor: str | None = text(default=None, max=120, doc="The key under which a tracker knows the visitor.")
    customer_id: UUID | None = link("customer", back="events", default=None, doc="The customer who did it.")
    contact_id: UUID | None = link("contact", back="events", default=None, doc="The contact who did it.")
    lead_id: UUID | None = link("lead", back="events", default=None, doc="The lead who did it.")
    product_id: UUID | None = link("product", back="events", default=None, doc="The product concerned.")
    campaign_id: UUID | None = link("campaign", back="events", default=None, doc="The campaign that led to it.")
    channel: str | None = text(default=None, max=60, doc="Where it was done, such as web, app or shop.")
    url: str | None = text(default=None, max=2_000, doc="The address of the page.")
    reference: str | None = text(default=None, max=200, doc="What another system calls it, such as an order number.")
    amount: Money | None = money(default=None, doc="What it was worth, such as the total of a purchase or a cart.")
    quantity: int | None = integer(default=None, min=0, doc="How many units it was about.")
    properties: str | None = document(default=None, max=100_000, doc="Anything else the tracker reported.")
