"""Including: what is related comes beside what is read, one statement for each step, or is refused beforehand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import attrs
import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from crmkit import (
    Activity,
    Actor,
    BadExpression,
    Contact,
    Crm,
    Customer,
    Opportunity,
    Session,
    Unsupported,
    connect,
    f,
    system,
)
from crmkit.expr.build import Name
from crmkit.repository import include as including
from crmkit.storage.memory import MemoryStore
from crmkit.storage.spi import Feature
from crmkit.testing import asked, watched
from tests.crm.test_noninterference import ann
from tests.repository.asked import Hidden, models_read

job = system("test")
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    with connect(store_url, policy=Hidden(), clock=lambda: NOW) as opened:
        yield opened


def fill(s: Session, size: int) -> list[Opportunity]:
    """Add customers with two contacts and three activities each, and a deal with each of them."""
    customers = s.customers.add_many(Customer(name=f"c{n}") for n in range(size))
    s.contacts.add_many(Contact(name=f"p{n}", customer_id=id) for n in range(2) for id in customers)
    s.activities.add_many(
        Activity(kind="note", at=NOW + dt.timedelta(n), subject=f"a{n}", customer_id=id)
        for n in range(3)
        for id in customers
    )
    s.opportunities.add_many(Opportunity(name=f"d{n}", customer_id=id) for n, id in enumerate(customers))
    return [*s.opportunities.stream()]


EVERYTHING = [f.customer, f.customer.contacts.first(1, order=-f.name), f.customer.activities, f.owner]
READS: dict[str, Callable[[Session], object]] = {
    "find": lambda s: s.opportunities.find(limit=1_000, include=EVERYTHING),
    "find in order": lambda s: s.opportunities.find(order=f.customer.name, limit=1_000, include=EVERYTHING),
    "stream": lambda s: [*s.opportunities.stream(include=EVERYTHING)],
    "batches": lambda s: [*s.opportunities.batches(include=EVERYTHING)],
}


def test_a_step_is_one_command_of_mongodb(mongo_url: str) -> None:
    class Listener(CommandListener):
        def started(self, event: CommandStartedEvent) -> None:
            commands.append(event.command_name)

        def succeeded(self, event: CommandSucceededEvent) -> None: ...
        def failed(self, event: CommandFailedEvent) -> None: ...

    commands: list[str] = []
    client: MongoClient[dict[str, Any]] = MongoClient(mongo_url, event_listeners=[Listener()])
    with client, connect(client.get_default_database()) as crm:
        with crm.session(job) as s:
            fill(s, 100)
        commands.clear()
        with crm.session(job) as s:
            s.opportunities.find(limit=90, include=EVERYTHING)
        assert [each for each in commands if each in {"find", "aggregate", "getMore"}] == [
            "find", "find", "aggregate", "find",
        ]  # fmt: skip


@pytest.mark.parametrize("actor", [job, Actor(id=UUID(int=1), name="Ann")], ids=["all", "some"])
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_thousand_records_take_as_many_statements_as_ten(
    store_url: str, read: Callable[[Session], object], actor: Actor
) -> None:
    with connect(watched(store_url), policy=Hidden()) as crm:
        taken: list[list[str]] = []
        for size, tenant in ((10, "few"), (1_000, "many")):
            with crm.session(system("test", tenant=tenant)) as s:
                fill(s, size)
            with asked(crm) as said, crm.session(attrs.evolve(actor, tenant=tenant)) as s:
                read(s)
            taken.append(models_read(said))
        assert taken[0] == taken[1] == ["opportunity", "customer", "contact", "activity"]


def test_one_record_takes_as_many(store_url: str) -> None:
    with connect(watched(store_url)) as crm:
        with crm.session(job) as s:
            deal = fill(s, 2)[1]
        with asked(crm) as said, crm.session(job) as s:
            got = s.opportunities.get(deal.id, include=EVERYTHING)
            first = s.opportunities.first(f.id == deal.id, include=EVERYTHING)
        assert models_read(said) == ["opportunity", "customer", "contact", "activity"] * 2
        assert got.record == deal
        assert first is not None
        assert first.record == deal
        for found in (got, first):
            assert [each.name for each in found.related(f.customer.contacts, tuple[Contact, ...])] == ["p1"]


def test_a_stream_takes_as_many_for_each_batch() -> None:
    with connect(watched("memory://")) as crm:
        with crm.session(job) as s:
            s.customers.add(Customer(name="top"))
            top = s.customers.find()[0]
            s.customers.add_many(Customer(name=f"c{n}", parent_id=top.id) for n in range(10_000))
        with asked(crm) as said, crm.session(job) as s:
            found = [*s.customers.stream(include=f.parent)]
        assert [each.related(f.parent, Customer) for each in found] == [None, *[top] * 10_000]
        assert models_read(said) == ["customer"] * 6


# -- what is refused ---------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Any, str]] = {
    "unknown": (f.contcats, "f.contcats: customer has no relation 'contcats'. Did you mean 'contacts'?"),
    "a field": (f.name, "f.name: customer.name is a field and leads nowhere."),
    "beyond": (f.contacts.nobody, "f.contacts.nobody: contact has no relation 'nobody'."),
    "text": ("contacts", "str cannot be included. Name a relation, as in include=[f.customer]."),
    "nothing": ([None], "NoneType cannot be included. Name a relation, as in include=[f.customer]."),
    "f": (f, "f alone cannot be included. Name a relation, as in include=[f.customer]."),
    "an expression": ([f.name == "x"], "Compare cannot be included. Name a relation, as in include=[f.customer]."),
    "first of one": (f.parent.first(1), "f.parent.first(): f.parent leads to one record. Write f.parent alone."),
    "none": (f.contacts.first(0), "f.contacts.first() takes a whole number from 1 up, not 0."),
    "a flag": (f.contacts.first(True), "f.contacts.first() takes a whole number from 1 up, not True."),
    "a half": (f.contacts.first(1.5), "f.contacts.first() takes a whole number from 1 up, not 1.5."),  # type: ignore[arg-type]
    "too many": (f.contacts.first(2**63), f"f.contacts.first() takes a whole number from 1 up, not {2**63}."),
    "order": (f.contacts.first(1, order=f.nme), "f.nme: contact has no field 'nme'. Did you mean 'name'?"),
    "no order": (f.contacts.first(1, order="name"), "cannot order by str. Write f.name, or -f.name."),  # type: ignore[arg-type]
    "condition": (f.contacts.where(f.nme == "x"), "contact has no field 'nme'. Did you mean 'name'?"),
    "no condition": (f.contacts.where(True), "an expression is expected, not bool."),  # type: ignore[arg-type]
    "two ways": (
        [f.contacts, f.contacts.first(1)],
        "f.contacts is included twice, in different ways. Include it once.",
    ),
    "far": (Name(*["parent"] * 9), f"f{'.parent' * 9} follows more than 8 relations."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_before_anything_is_read(name: str) -> None:
    include, message = REFUSED[name]
    with connect(watched("memory://")) as crm, asked(crm) as said, crm.session(job) as s:
        for read in (
            lambda: s.customers.find(include=include),
            lambda: s.customers.get(UUID(int=1), include=include),
            lambda: s.customers.first(include=include),
            lambda: [*s.customers.stream(include=include)],
            lambda: [*s.customers.batches(include=include)],
        ):
            with pytest.raises(BadExpression) as caught:
                read()
            assert str(caught.value).startswith(message)
        assert models_read(said) == []


def test_the_same_may_be_included_again() -> None:
    with connect(watched("memory://")) as crm, asked(crm) as said, crm.session(job) as s:
        s.customers.add(Customer(name="Acme"))
        again = [f.contacts.first(2, order=f.name), f.contacts.activities, f.contacts.first(2, order=f.name)]
        page = s.customers.find(include=again)
        assert models_read(said) == ["customer", "contact"]
        assert page.related(page[0], f.contacts.activities) == ()


def test_a_step_leads_to_so_many_records_at_most(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(including, "MOST_RELATED", 4)
    with crm.session(job) as s:
        acme, other = s.customers.add(Customer(name="Acme")), s.customers.add(Customer(name="Other", country="FR"))
        s.contacts.add_many(Contact(name=f"p{n}", customer_id=id) for n in range(3) for id in (acme.id, other.id))
        with pytest.raises(BadExpression) as caught:
            s.customers.find(include=f.contacts)
        assert str(caught.value) == (
            "f.contacts leads to more than 4 records. Write f.contacts.first(20), or ask for fewer records at a time."
        )
        page = s.customers.find(include=f.contacts.first(2))
        assert [len(page.related(each, f.contacts)) for each in page] == [2, 2]
    with crm.session(ann) as s:  # what is hidden does not count
        page = s.customers.find(include=f.contacts)
        assert len(page.related(page[0], f.contacts)) == 3


class Plain(MemoryStore):
    """A store that cannot keep the first rows of each value."""

    features = MemoryStore.features - {Feature.TOP}


def test_a_store_that_cannot_give_the_first_says_so_and_gives_all() -> None:
    with connect(Plain()) as crm, crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        s.contacts.add(Contact(name="Bo", customer_id=acme.id))
        with pytest.raises(Unsupported, match=r"Include f\.contacts without first\(\)"):
            s.customers.find(include=f.contacts.first(1))
        assert [each.name for each in s.customers.get(acme.id, include=f.contacts).related(f.contacts)] == ["Bo"]
