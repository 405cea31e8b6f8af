"""Where the keys of related rows are too many to carry, the server looks them up, and the answers are the same."""

import pytest
from pymongo import MongoClient

from crmkit.storage.mongo.driver import make_driver
from crmkit.storage.mongo.store import MongoStore
from crmkit.storage.spi import Store
from crmkit.testing.differential import Differential
from crmkit.testing.golden import Golden
from crmkit.testing.hop import Hops
from crmkit.testing.summary import Summary
from crmkit.testing.transaction import Visibility


class _FewKeys(Golden, Hops, Summary, Visibility, Differential):
    most_keys: int

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _database(cls, mongod):
        with mongod.database() as url:
            cls.url = url
            yield

    async def make_store(self) -> Store:
        client = MongoClient(self.url)
        return MongoStore(make_driver(client, client.get_default_database().name, own=True), self.most_keys)


class TestNoKeys(_FewKeys):
    most_keys = 0


class TestThreeKeys(_FewKeys):
    most_keys = 3
