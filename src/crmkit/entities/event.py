"""What customers and visitors do by themselves: page views, carts, purchases."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from crmkit.model.declare import Record, document, entity, instant, integer, link, money, text
from crmkit.values import Money

__all__ = ["BehaviourEvent"]


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
    properties: str | None = document(default=None, max=100_000, doc="Whatever else the tracker reported.")
