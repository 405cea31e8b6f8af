"""The SQL stores on SQLite pass the suite."""

import pytest

from crmkit.storage.spi import Store
from crmkit.storage.sql.sqlite.store import open_async_sqlite, open_sqlite
from crmkit.testing import StoreSuite


class TestSqliteStore(StoreSuite):
    @pytest.fixture(autouse=True)
    def _file(self, sqlite_url):
        self.url = sqlite_url

    async def make_store(self) -> Store:
        return open_sqlite(self.url, busy_timeout=1)


class TestAsyncSqliteStore(StoreSuite):
    @pytest.fixture(autouse=True)
    def _file(self, sqlite_url):
        self.url = sqlite_url

    async def make_store(self) -> Store:
        return open_async_sqlite(self.url, busy_timeout=1)
