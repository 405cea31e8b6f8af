"""Somebody else's capability, as the files of a package."""

FILES = {
    "__init__.py": '''\
"""Points that customers earn."""

from crmkit import Capability
from loyalty.account import LoyaltyAccount

loyalty = Capability("loyalty", "loyalty.points:AsyncLoyalty", entities=(LoyaltyAccount,))
''',
    "account.py": '''\
"""The account."""

from uuid import UUID

from crmkit import Record, entity, integer, link


@entity()
class LoyaltyAccount(Record):
    """The points of one customer."""

    customer_id: UUID = link("customer", back="loyalty_accounts")
    points: int = integer(default=0, min=0)
''',
    "points.py": '''\
"""Points."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crmkit import Customer, f
from crmkit.crm.capability import repository
from crmkit.repository import AsyncRepository, Doors
from loyalty.account import LoyaltyAccount

__all__ = ["AsyncLedger", "AsyncLoyalty"]


class AsyncLedger:
    """The account of one customer."""

    def __init__(self, accounts: AsyncRepository[LoyaltyAccount], customer: Customer) -> None:
        self._accounts = accounts
        self._customer = customer

    async def balance(self) -> int:
        """Return the points."""
        account = await self._accounts.first(f.customer_id == self._customer.id)
        return account.points if account else 0


class AsyncLoyalty:
    """Points that customers earn: `await s.use(AsyncLoyalty).earn(customer, 5)`."""

    def __init__(self, doors: Doors) -> None:
        self._accounts = repository(doors, LoyaltyAccount)

    @property
    def accounts(self) -> AsyncRepository[LoyaltyAccount]:
        """The accounts."""
        return self._accounts

    def ledger(self, customer: Customer) -> AsyncLedger:
        """Return the account of a customer."""
        return AsyncLedger(self._accounts, customer)

    async def earn(self, customer: Customer, /, points: int, *, twice: bool = False) -> LoyaltyAccount:
        """Add points, and return the account."""
        points *= 2 if twice else 1
        held = await self._accounts.first(f.customer_id == customer.id)
        if held is None:
            return await self._accounts.add(LoyaltyAccount(customer_id=customer.id, points=points))
        return await self._accounts.update(held, points=held.points + points)

    async def rich(self, least: int = 100) -> AsyncIterator[LoyaltyAccount]:
        """Yield the accounts with many points."""
        async for account in self._accounts.stream(f.points >= least):
            yield account

    async def settle(self) -> None:
        """Wait for something else than the store."""
        await asyncio.sleep(0.01)

    @asynccontextmanager
    async def held(self, customer: Customer) -> AsyncIterator[int]:
        """Hold the balance for a while."""
        yield await self.ledger(customer).balance()
''',
}
