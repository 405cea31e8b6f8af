"""How often a session asks the server: what a plain call costs is counted, not timed."""

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener

from crmkit import Customer, connect, system


class Commands(CommandListener):
    """Keeps the names of the commands that were sent."""

    def __init__(self):
        self.names = []

    def started(self, event):
        self.names.append(event.command_name)

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


@pytest.fixture
def sent(mongo_url):
    """A CRM with one customer, and what is sent to its server from now on."""
    listener = Commands()
    with MongoClient(mongo_url, event_listeners=[listener]) as client, connect(client) as crm:
        with crm.session(system("test")) as s:
            customer = s.customers.add(Customer(name="Acme"))
        listener.names.clear()
        yield crm, customer, listener.names


def test_reading_takes_one_command_each_and_no_transaction(sent):
    crm, customer, names = sent
    with crm.session(system("test")) as s:
        s.customers.get(customer.id)
        s.customers.find()
    assert names == ["find", "find"]


def test_an_update_is_one_command_and_its_commit(sent):
    crm, customer, names = sent
    with crm.session(system("test")) as s:
        s.customers.update(customer, name="Acme Ltd")
    assert names == ["update", "commitTransaction"]


def test_a_batch_is_one_command_and_its_commit(sent):
    crm, _, names = sent
    with crm.session(system("test")) as s:
        s.customers.add_many(Customer(name=f"Customer {number}") for number in range(1_000))
    assert names == ["insert", "commitTransaction"]


def test_a_session_that_does_nothing_sends_nothing(sent):
    crm, _, names = sent
    with crm.session(system("test")):
        pass
    assert names == []
