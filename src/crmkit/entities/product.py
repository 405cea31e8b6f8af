"""What a business sells."""

from __future__ import annotations

from decimal import Decimal

from crmkit.model.declare import Record, decimal, entity, flag, money, tags, text
from crmkit.values import Money

__all__ = ["Product"]


@entity(indexes=(("active", "name"),))
class Product(Record):
    """Something that is sold, goods or a service; one no longer sold stays, inactive, for the deals it was part of."""

    name: str = text(min=1, max=200, search=True, index=True, doc="What the product is called.")
    sku: str | None = text(default=None, max=80, unique=True, doc="The stock keeping unit; no two products share one.")
    family: str | None = text(default=None, max=100, index=True, doc="The series or group it belongs to.")
    price: Money | None = money(default=None, min=0, doc="The list price of one unit, without tax.")
    cost: Money | None = money(default=None, min=0, doc="What one unit costs the seller.")
    unit: str | None = text(default=None, max=40, doc="What one of it is, such as piece, hour or licence.")
    tax_rate: Decimal | None = decimal(scale=4, default=None, min=0, max=100, doc="The tax on the price, in per cent.")
    active: bool = flag(default=True, doc="Whether it is still sold.")
    tags: tuple[str, ...] = tags(default=(), doc="Free marks.")
    description: str | None = text(default=None, max=32_000, doc="What the product is and does.")
