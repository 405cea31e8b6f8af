"""The MongoDB stores pass the suite."""

import pytest

from crmkit.storage.mongo.store import open_async_mongo, open_mongo
from crmkit.storage.spi import Store
from crmkit.testing import StoreSuite


@pytest.fixture(scope="module")
def database(mongod):
    """One database for all the tests: the suite keeps them apart by tenant, and making a database takes a second."""
    with mongod.database() as url:
        yield url


class TestMongoStore(StoreSuite):
    @pytest.fixture(autouse=True)
    def _database(self, database):
        self.url = database

    async def make_store(self) -> Store:
        return open_mongo(self.url)


class TestAsyncMongoStore(StoreSuite):
    @pytest.fixture(autouse=True)
    def _database(self, database):
        self.url = database

    async def make_store(self) -> Store:
        return open_async_mongo(self.url)
