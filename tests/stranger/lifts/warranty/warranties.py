"""What a session offers as `s.warranties`."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

from crmkit import Customer, Money, Refused, f, total
from crmkit.crm.capability import repository
from crmkit.repository import Doors
from tests.stranger.lifts.warranty.model import Warranty, WarrantyClaim

__all__ = ["AsyncWarranties"]


class AsyncWarranties:
    """Warranties: issued, running, claimed."""

    def __init__(self, doors: Doors) -> None:
        self._warranties = repository(doors, Warranty)
        self._claims = repository(doors, WarrantyClaim)

    async def issue(self, customer: Customer, begins: dt.date, *, years: int = 2) -> Warranty:
        """Promise a customer some years, and return the warranty."""
        ends = begins.replace(year=begins.year + years)
        return await self._warranties.add(Warranty(customer_id=customer.id, begins=begins, ends=ends))

    async def running(self, on: dt.date) -> AsyncIterator[Warranty]:
        """Yield the warranties that run on a day, the first to end first."""
        async for warranty in self._warranties.stream((f.begins <= on) & (f.ends >= on)):
            yield warranty

    async def claim(self, warranty: Warranty, words: str, cost: Money) -> WarrantyClaim:
        """Claim something, and return the claim.

        Raises:
            Refused: there are no claims left.
        """
        if warranty.claims_left == 0:
            raise Refused("There are no claims left.")
        await self._warranties.update(warranty, claims_left=warranty.claims_left - 1)
        return await self._claims.add(WarrantyClaim(warranty_id=warranty.id, words=words, cost=cost))

    async def settle(self, claim: WarrantyClaim) -> WarrantyClaim:
        """Settle a claim, and return it."""
        return await self._claims.update(claim, state="settled")

    async def cost(self, customer: Customer) -> Money:
        """Return what a customer has claimed, in euros."""
        (group,) = await self._claims.tally(where=f.warranty.customer_id == customer.id, cost=total(f.cost))
        return group["cost"]["EUR"] if group["cost"] else Money(0, "EUR")
