import pytest

from crmkit.storage.sql.sqlite.store import open_sqlite
from crmkit.testing.drive import step
from tests.storage.sql.shop import CATALOG


@pytest.fixture
def store(sqlite_url):
    """A prepared store on a file, whose writers wait only a moment for each other."""
    opened = open_sqlite(sqlite_url, busy_timeout=0.05)
    step(opened.prepare(CATALOG, create=True))
    yield opened
    step(opened.close())
