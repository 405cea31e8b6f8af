"""Opening and closing: addresses, clients, servers that will not do."""

import asyncio
import shutil
import socket
import subprocess
import tempfile

import pytest
from pymongo import AsyncMongoClient, MongoClient

from crmkit.errors import StoreError
from crmkit.storage.mongo.store import open_async_mongo, open_mongo
from crmkit.testing.drive import step
from tests import server
from tests.storage.mongo.model import BOAT, CATALOG, Boat, fetch, make, plant


@pytest.fixture(scope="module")
def standalone():
    """A MongoDB that is not a replica set."""
    folder = tempfile.mkdtemp(prefix="crmkit-standalone-")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [server.executable(), "--dbpath", folder, "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"mongodb://127.0.0.1:{port}/crm"
    process.terminate()
    process.wait()
    shutil.rmtree(folder)


def test_a_standalone_server_is_refused(standalone):
    store = open_mongo(standalone)
    with pytest.raises(StoreError, match="not part of a replica set") as caught:
        step(store.prepare(CATALOG, create=True))
    assert "--replSet" in caught.value.hint
    step(store.close())


def test_a_server_that_does_not_answer_is_named_without_its_address():
    store = open_mongo("mongodb://user:hunter2@127.0.0.1:9/crm", serverSelectionTimeoutMS=50)
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        step(store.prepare(CATALOG, create=True))
    assert "hunter2" not in str(caught.value)
    step(store.close())


@pytest.mark.parametrize("address", ["mongodb://user:hunter2@:::/crm", "mongodb://localhost/crm?maxPoolSize=hunter2"])
@pytest.mark.filterwarnings("ignore::UserWarning")  # the driver only warns of an option it cannot read
def test_a_bad_address_is_refused_without_its_password(address):
    try:
        store = open_mongo(address)
    except StoreError as error:
        assert "hunter2" not in str(error)  # noqa: PT017 - the driver refuses one of the two addresses and mends the other
    else:
        step(store.close())


def test_an_address_without_a_database_is_refused():
    with pytest.raises(StoreError, match="no database is named") as caught:
        open_mongo("mongodb://localhost/?replicaSet=rs0")
    assert "mongodb://localhost/crm" in caught.value.hint


def test_a_unit_needs_a_prepared_and_open_store(mongo_url):
    store = open_mongo(mongo_url)
    with pytest.raises(StoreError, match="not prepared"):
        step(store.begin())
    step(store.close())
    step(store.close())
    with pytest.raises(StoreError, match="closed"):
        step(store.begin())


def test_the_client_of_a_host_keeps_its_options_and_stays_open(mongo_url):
    with MongoClient(mongo_url, tz_aware=True, uuidRepresentation="pythonLegacy", w=1) as client:
        store = open_mongo(client)
        step(store.prepare(CATALOG, create=True))
        boat = make(Boat, name="x")
        plant(store, boat)
        assert fetch(store, BOAT) == [boat]
        step(store.close())
        assert client.admin.command("ping")["ok"]


def test_the_asyncio_driver_gives_the_same(mongo_url):
    boat = make(Boat, name="x", labels=("a",))

    async def use(store):
        await store.prepare(CATALOG, create=True)
        return await store.begin()

    async def main():
        async with AsyncMongoClient(mongo_url) as client:
            for opened in (open_async_mongo(client), open_async_mongo(mongo_url)):
                unit = await use(opened)
                await unit.rollback()
                assert opened.io == "asyncio"
                await opened.close()
            assert (await client.admin.command("ping"))["ok"]

    asyncio.run(main())
    store = open_mongo(mongo_url)
    step(store.prepare(CATALOG, create=False))
    plant(store, boat)
    assert fetch(store, BOAT) == [boat]
    assert store.io == "blocking"
    step(store.close())
