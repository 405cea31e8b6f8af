import pytest

from crmkit.storage.mongo.store import open_mongo
from crmkit.testing.drive import step
from tests.storage.mongo.model import CATALOG


@pytest.fixture
def store(mongo_url):
    opened = open_mongo(mongo_url)
    step(opened.prepare(CATALOG, create=True))
    yield opened
    step(opened.close())


@pytest.fixture
def database(mongo_url, mongod):
    """The store's database, as the raw driver sees it."""
    return mongod.client[mongo_url.rpartition("/")[2].partition("?")[0]]
