"""The store in memory passes the suite that databases pass."""

from crmkit.storage.memory import MemoryStore
from crmkit.storage.spi import Store
from crmkit.testing import StoreSuite


class TestMemoryStore(StoreSuite):
    async def make_store(self) -> Store:
        return MemoryStore()
