"""The models that crmkit takes part with, one for each table of results."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from crmkit import Customer, Money, choice, entity, integer, link, money, tags, text
from crmkit.model.declare import Record

__all__ = ["MODELS", "SHIPPED", "BenchCustomer"]


@entity(indexes=(("status", "tier", "score"),))
class BenchCustomer(Record):
    """The 21 fields that every participant stores, with the two indexes that every participant has."""

    name: str = text(max=200)
    kind: str = choice("organisation", "person")
    status: str = text(max=20)
    tier: str = choice("standard", "bronze", "silver", "gold", "platinum")
    industry: str = text(max=40)
    size: str = choice("micro", "small", "medium", "large", "enterprise")
    region: str = text(max=40)
    email: str = text(max=254, index=True)
    phone: str = text(max=40)
    website: str | None = text(default=None)
    street: str = text(max=200)
    city: str = text(max=100)
    postcode: str = text(max=20)
    country: str = text(max=2)
    source: str = text(max=40)
    score: int = integer()
    credit_limit: Money = money()
    owner_id: UUID = link("user")
    tags: tuple[str, ...] = tags()
    notes: str | None = text(default=None, max=32_000)


SHIPPED: Final = "as shipped"
MODELS: Final[dict[str, type[Any]]] = {"same work": BenchCustomer, SHIPPED: Customer}
"""By table: `Customer` with all that crmkit ships it with, or a model with just what the peers store."""
