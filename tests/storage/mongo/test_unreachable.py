"""A server that is not there: told in seconds, and never blamed on another writer."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import Iterator

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from crmkit import Customer, StoreError, Unreachable, aconnect, connect, system
from crmkit.storage.mongo.store import open_async_mongo, open_mongo
from tests import server

job = system("test")
# Sockets on which PyMongo's monitors were just connecting it leaves to the collector when its client is closed.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()  # here, where it is expected


@pytest.fixture
def absent() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"mongodb://127.0.0.1:{probe.getsockname()[1]}/crm?replicaSet=rs0&serverSelectionTimeoutMS=100"


@pytest.fixture
def short_lived() -> Iterator[server.Server]:
    with server.running() as started:
        yield started


def stop(running: server.Server) -> None:
    with contextlib.suppress(PyMongoError):  # it does not say goodbye
        running.client.admin.command("shutdown", force=True)


def test_a_server_that_is_not_there_is_told_at_connecting(absent: str) -> None:
    with pytest.raises(Unreachable, match=r"the database cannot be reached\. Check its address") as caught:
        connect(absent)
    assert caught.value.code == "unreachable"
    with pytest.raises(Unreachable):
        asyncio.run(aconnect(absent))


@pytest.mark.parametrize("opened", [open_mongo, open_async_mongo])
def test_it_is_given_up_after_five_seconds_unless_the_host_says_otherwise(opened) -> None:
    for url, options, seconds in (
        ("mongodb://localhost/crm", {}, 5),
        ("mongodb://localhost/crm?serverselectiontimeoutms=700", {}, 0.7),
        ("mongodb://localhost/crm", {"serverSelectionTimeoutMS": 900}, 0.9),
    ):
        store = opened(url, **options)
        assert store._driver.client.options.server_selection_timeout == seconds
    with MongoClient("mongodb://localhost/crm", connect=False) as client:
        assert open_mongo(client)._driver.client is client


def test_a_server_that_goes_down_within_a_session_is_told_and_nobody_else_is_blamed(short_lived: server.Server) -> None:
    address = f"mongodb://127.0.0.1:{short_lived.port}/crm?replicaSet=rs0&directConnection=true"
    with connect(f"{address}&serverSelectionTimeoutMS=100") as crm:
        told: list[StoreError] = []
        committing = crm.session(job)
        committing.__enter__().customers.add(Customer(name="Acme"))
        with pytest.raises(StoreError), crm.session(job) as s:
            s.customers.add(Customer(name="Acme"))
            stop(short_lived)
            for call in (s.customers.count, lambda: s.customers.add(Customer(name="Beta"))):
                with pytest.raises(StoreError) as caught:
                    call()
                told.append(caught.value)
        with pytest.raises(StoreError) as caught:
            committing.__exit__(None, None, None)
        told.append(caught.value)
        for call in (lambda s: s.customers.count(), lambda s: s.customers.add(Customer(name="Beta"))):
            with pytest.raises(Unreachable) as caught, crm.session(job) as s:
                call(s)
            told.append(caught.value)
        assert not [error for error in told if "writing" in str(error)]
        assert isinstance(told[0], Unreachable)
