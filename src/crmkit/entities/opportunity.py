"""Opportunities: deals that may be won, and what is in them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from crmkit.entities.staged import Staged
from crmkit.model.declare import Record, choice, day, decimal, entity, integer, link, money, tags, text
from crmkit.values import Money

__all__ = ["Opportunity", "OpportunityLine"]


@entity(
    plural="opportunities",
    indexes=(("outcome", "closed_at"), ("outcome", "close_date"), ("owner_id", "outcome"), ("customer_id", "outcome")),
)
class Opportunity(Staged):
    """A deal that may be won: who might buy, for how much, and when."""

    name: str = text(min=1, max=200, search=True, doc="What the deal is called.")
    customer_id: UUID | None = link("customer", back="opportunities", default=None, doc="The customer who might buy.")
    contact_id: UUID | None = link("contact", back="opportunities", default=None, doc="The person to talk to.")
    amount: Money | None = money(default=None, index=True, doc="What the deal is worth; missing while nobody knows.")
    close_date: date | None = day(default=None, doc="The day on which it is expected to close, or did.")
    probability: int | None = integer(
        default=None, min=0, max=100, doc="The chance to win in per cent, where it is not the one of the stage."
    )
    forecast_category: str | None = choice(
        "omitted", "pipeline", "best_case", "commit", default=None, doc="How firmly the deal counts in the forecast."
    )
    kind: str | None = choice(
        "new", "renewal", "expansion", default=None, doc="Whether it is new business or more of the old."
    )
    source: str | None = text(default=None, max=100, doc="Where the deal came from, such as web or referral.")
    campaign_id: UUID | None = link("campaign", back="opportunities", default=None, doc="The campaign that brought it.")
    product_id: UUID | None = link(
        "product", back="opportunities", default=None, doc="The main product; lines hold the details."
    )
    needs: str | None = text(default=None, max=10_000, doc="What the customer needs, as found out.")
    competitor: str | None = text(default=None, max=200, doc="Who else is in the running, or won.")
    next_step: str | None = text(default=None, max=500, doc="What is to be done next.")
    lost_reason: str | None = text(default=None, max=100, doc="Why the deal was lost, as one of a few words.")
    lost_notes: str | None = text(default=None, max=4_000, doc="Why the deal was lost, in detail.")
    win_back_on: date | None = day(default=None, doc="When to try again after a loss.")
    owner_id: UUID | None = link("user", back="opportunities", default=None, doc="The user who sells.")
    team_id: UUID | None = link("team", back="opportunities", default=None, doc="The team that sells.")
    tags: tuple[str, ...] = tags(default=(), doc="Free marks.")
    description: str | None = text(default=None, max=32_000, doc="Whatever else is worth knowing.")


@entity(indexes=(("opportunity_id", "position"),))
class OpportunityLine(Record):
    """One product or service in an opportunity, at the price agreed there."""

    opportunity_id: UUID = link("opportunity", back="lines", doc="The opportunity it is part of.")
    position: int = integer(default=1, min=1, doc="Its place among the lines, from 1.")
    product_id: UUID | None = link(
        "product", back="lines", default=None, doc="The product; missing for something special."
    )
    name: str | None = text(default=None, max=200, doc="What is sold, as this offer words it.")
    quantity: Decimal = decimal(scale=4, default=Decimal(1), min=0, doc="How many units.")
    unit_price: Money | None = money(default=None, doc="The price of one unit in this deal, before the discount.")
    discount: Decimal | None = decimal(
        scale=4, default=None, min=0, max=100, doc="The discount on the price, in per cent."
    )
    amount: Money | None = money(default=None, doc="The line's total as agreed: after the discount, and rounded.")
