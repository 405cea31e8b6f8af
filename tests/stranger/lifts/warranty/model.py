"""Warranties and claims."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from crmkit import Money, Record, choice, day, entity, integer, link, money, text


@entity(plural="warranties", indexes=(("ends",),))
class Warranty(Record):
    """What a customer was promised for one deal."""

    customer_id: UUID = link("customer", back="warranties")
    opportunity_id: UUID | None = link("opportunity", back="warranties", default=None)
    begins: dt.date = day()
    ends: dt.date = day()
    claims_left: int = integer(default=3, min=0)

    def __attrs_post_init__(self) -> None:
        if self.ends < self.begins:
            raise ValueError("a warranty ends after it begins.")


@entity()
class WarrantyClaim(Record):
    """One claim."""

    warranty_id: UUID = link("warranty", back="claims")
    words: str | None = text(default=None, max=2000, search=True)
    cost: Money = money(default=Money(0, "EUR"), min=0)
    state: str = choice("open", "settled", default="open")
