"""The conformance kit: the tests that every store must pass.

    class TestMyStore(StoreSuite):
        async def make_store(self) -> Store:
            return MyStore("mydb://localhost/test")

pytest finds the tests by inheritance. The kit never clears a store: each test works as a tenant of its own, so stores
on one database may serve every test.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from crmkit.testing.boundary import Bulk, Features, Life, Limits, Tenants
from crmkit.testing.differential import Differential
from crmkit.testing.fidelity import Fidelity
from crmkit.testing.golden import Golden
from crmkit.testing.hop import Hops
from crmkit.testing.order import Order, Sets
from crmkit.testing.savepoint import Joined, Savepoints
from crmkit.testing.summary import Summary
from crmkit.testing.top import Tops
from crmkit.testing.transaction import Contention, Unique, Visibility

if TYPE_CHECKING:
    from crmkit.storage.spi.store import Store
    from crmkit.testing.ground import Host

__all__ = ["StoreSuite"]


class StoreSuite(
    Golden,
    Sets,
    Order,
    Hops,
    Tops,
    Summary,
    Fidelity,
    Visibility,
    Unique,
    Contention,
    Savepoints,
    Joined,
    Tenants,
    Features,
    Life,
    Limits,
    Bulk,
    Differential,
    ABC,
):
    """Every test that a store must pass; a backend's author inherits it and says how to make a store."""

    @abstractmethod
    async def make_store(self) -> Store:
        """Return a store, not prepared, on a database that holds nothing or what an earlier test left."""

    async def begin_host(self, store: Store) -> Host:
        """Begin a transaction on the store's database as a host would; to be written for a store that joins.

        Raises:
            NotImplementedError: the suite does not say how.
        """
        raise NotImplementedError(f"the suite does not say how a host begins a transaction on {type(store).__name__}")
