"""Related records: guarded, whole, in order, and nested in plain data."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import (
    Activity,
    Actor,
    BadExpression,
    Contact,
    Crm,
    CrmError,
    Customer,
    Found,
    Opportunity,
    Page,
    User,
    aconnect,
    connect,
    f,
    from_dict,
    system,
    to_dict,
    to_json,
)
from crmkit.expr.build import Include, Name
from tests.crm.test_noninterference import CATALOG, Secret, World, ann
from tests.repository.asked import Hidden

job = system("test")
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    with connect(store_url, policy=Hidden(), clock=lambda: NOW) as opened:
        yield opened


def test_what_is_related_is_beside_the_record_and_the_record_is_what_it_was(crm: Crm) -> None:
    with crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        people = [s.contacts.add(Contact(name=name, customer_id=acme.id)) for name in ("Bo", "Ann", "Cy")]
        deals = [s.opportunities.add(Opportunity(name=n, customer_id=acme.id)) for n in ("one", "two")]
        alone = s.opportunities.add(Opportunity(name="alone"))
        page = s.opportunities.find(include=[f.customer, f.customer.contacts])
        assert list(page) == list(s.opportunities.find()) == [*deals, alone]
        assert page.related(page[0], f.customer, Customer) == acme
        assert page.related(page[0], f.customer.contacts, tuple[Contact, ...]) == tuple(people)
        assert page.related(alone, f.customer, Customer) is None
        assert page.related(alone, f.customer.contacts, tuple[Contact, ...]) == ()
        assert [each.related(f.customer) for each in page.found] == [acme, acme, None]


def test_a_record_that_is_met_again_is_one_object(crm: Crm) -> None:
    with crm.session(job) as s:
        top = s.customers.add(Customer(name="top"))
        s.customers.add(Customer(name="below", parent_id=top.id))
        s.contacts.add(Contact(name="Bo", customer_id=top.id))
        bo = s.contacts.find()[0]
        s.opportunities.add(Opportunity(name="d", customer_id=top.id, contact_id=bo.id))
        deals = s.opportunities.find(include=[f.customer, f.contact.customer, f.contact])
        deal = deals[0]
        assert deals.related(deal, f.customer) is deals.related(deal, f.contact.customer)
        customers = s.customers.find(include=[f.parent, f.subsidiaries.contacts, f.contacts.customer])
        assert customers.related(customers[1], f.parent) is customers[0]
        assert customers.related(customers[0], f.subsidiaries) == (customers[1],)
        assert customers.related(customers[0], f.contacts.customer) == (customers[0],)
        assert customers.related(customers[0], f.subsidiaries.contacts) == ()


def test_first_gives_the_first_of_those_that_are_visible(crm: Crm) -> None:
    with crm.session(job) as s:
        acme, other = s.customers.add(Customer(name="Acme")), s.customers.add(Customer(name="Other"))
        for number in range(8):
            s.activities.add(
                Activity(
                    kind=("call", "note")[number // 2 % 2],
                    at=NOW + dt.timedelta(number),
                    subject=("secret", f"a{number}")[number % 2],
                    customer_id=acme.id,
                )
            )
        s.activities.delete(s.activities.add(Activity(kind="call", at=NOW, subject="a9", customer_id=acme.id)))

    def subjects(include: Name | Include, actor: Actor = ann) -> list[Any]:
        with crm.session(actor) as s:
            page = s.customers.find(include=[include])
            assert page.related(other, f.activities) == ()
            return [each.subject for each in page.related(page[0], f.activities, tuple[Activity, ...])]

    assert subjects(f.activities.first(3, order=-f.at)) == ["a7", "a5", "a3"]
    assert subjects(f.activities.first(3, order=[f.kind, -f.at])) == ["a5", "a1", "a7"]
    assert subjects(f.activities.first(3, order=-f.at), job) == ["a7", "secret", "a5"]
    assert subjects(f.activities.where(f.kind == "call").first(1, order=-f.at)) == ["a5"]
    assert subjects(f.activities.where(f.kind == "call")) == ["a1", "a5"]
    assert subjects(f.activities.first(2)) == ["a1", "a3"]
    assert subjects(f.activities) == ["a1", "a3", "a5", "a7"]


def test_what_is_hidden_is_absent_with_all_that_lies_behind_it(crm: Crm) -> None:
    with crm.session(job) as s:
        hidden = s.customers.add(Customer(name="Hidden", country="FR"))
        s.contacts.add(Contact(name="Bo", customer_id=hidden.id))
        s.opportunities.add(Opportunity(name="d", customer_id=hidden.id))
        page = s.opportunities.find(include=f.customer.contacts)
        assert page.related(page[0], f.customer) == hidden
        assert len(page.related(page[0], f.customer.contacts)) == 1
    with crm.session(ann) as s:
        page = s.opportunities.find(include=f.customer.contacts)
        assert page.related(page[0], f.customer) is None
        assert page.related(page[0], f.customer.contacts) == ()
        assert to_dict(page, include=True)["records"][0]["customer"] is None


def test_what_is_deleted_is_absent_also_where_deleted_records_are_read(crm: Crm) -> None:
    with crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        gone = s.contacts.add(Contact(name="Gone", customer_id=acme.id))
        below = s.customers.add(Customer(name="Below", parent_id=acme.id))
        s.contacts.delete(gone)
        s.customers.delete(acme)
        page = s.customers.find(include=[f.parent, f.contacts], deleted=True)
        assert [each.name for each in page] == ["Acme", "Below"]
        assert page.related(below, f.parent) is None
        assert page.related(page[0], f.contacts) == ()
        found = s.customers.get(acme.id, include=f.subsidiaries, deleted=True)
        assert found.related(f.subsidiaries) == (below,)


def test_tenants_with_the_same_ids_are_apart(store_url: str) -> None:
    with connect(store_url) as crm:
        for tenant in ("one", "other"):
            with crm.session(system("test", tenant=tenant)) as s:
                s.customers.add(Customer(id=UUID(int=1), name=tenant))
                s.contacts.add(Contact(id=UUID(int=2), name=tenant, customer_id=UUID(int=1)))
        for tenant in ("one", "other"):
            with crm.session(system("test", tenant=tenant)) as s:
                page = s.contacts.find(include=f.customer.contacts.first(5))
                assert page.related(page[0], f.customer).name == tenant
                assert [each.name for each in page.related(page[0], f.customer.contacts)] == [tenant]


def test_every_relation_of_every_model_leads_to_what_can_be_read(store_url: str, tmp_path: Any) -> None:
    """What is included is what a caller would find who read the other model, record by record."""
    with World(store_url, tmp_path, Secret(number=2, deleted=True)).crm as crm, crm.session(ann) as s:
        held = {schema.name: [*s.repository(schema.cls).stream()] for schema in CATALOG}
        met = 0
        for schema in CATALOG:
            ways = CATALOG.relations(schema)
            page = s.repository(schema.cls).find(limit=1_000, include=[Name(name) for name in ways])
            last = s.repository(schema.cls).find(
                limit=1_000, include=[Name(name).first(1, order=-f.id) for name, way in ways.items() if way.many]
            )
            for record in page:
                for name, way in ways.items():
                    wanted = [
                        each
                        for each in held[way.target]
                        if getattr(each, way.remote) == getattr(record, way.local) is not None
                        and (way.fixed is None or getattr(each, way.fixed[0]) == way.fixed[1])
                    ]
                    reached = page.related(record, Name(name))
                    assert ([*reached] if way.many else [each for each in [reached] if each]) == wanted, way
                    if way.many:
                        assert [*last.related(record, Name(name))] == wanted[-1:], way
                    met += len(wanted)
        assert met > 50


few = st.integers(0, 2)


@given(
    customers=st.lists(st.sampled_from(["DE", "FR", None]), max_size=4),
    activities=st.lists(
        st.tuples(st.integers(0, 3), few, st.sampled_from(["call", "note"]), st.booleans()), max_size=12
    ),
    number=st.integers(1, 3),
    down=st.booleans(),
)
def test_drawn_records_are_included_as_python_would(
    customers: list[str | None], activities: list[tuple[int, int, str, bool]], number: int, *, down: bool
) -> None:
    with connect("memory://", policy=Hidden()) as crm:
        with crm.session(job) as s:
            ids = s.customers.add_many(Customer(name="c", country=each) for each in customers)
            for home, at, kind, secret in activities:
                if home < len(ids):
                    subject = "secret" if secret else "plain"
                    note = Activity(kind=kind, at=NOW + dt.timedelta(at), subject=subject, customer_id=ids[home])
                    s.activities.add(note)
            every = [*s.activities.stream()]
        with crm.session(ann) as s:
            order = -f.at if down else f.at
            page = s.customers.find(include=f.activities.where(f.kind == "call").first(number, order=order))
            for record in page:
                mine = [a for a in every if a.customer_id == record.id and a.kind == "call" and a.subject != "secret"]
                mine.sort(key=lambda a: (a.at, a.id), reverse=down)
                assert page.related(record, f.activities) == tuple(mine[:number])
            back = s.activities.find(limit=1_000, include=f.customer)
            seen = {record.id: record for record in page}
            assert [back.related(a, f.customer) for a in back] == [seen.get(a.customer_id or UUID(int=0)) for a in back]


def test_the_awaited_face_gives_the_same() -> None:
    async def main() -> None:
        async with aconnect("sqlite://") as crm, crm.session(job) as s:
            acme = await s.customers.add(Customer(name="Acme"))
            bo = await s.contacts.add(Contact(name="Bo", customer_id=acme.id))
            page = await s.customers.find(include=f.contacts.first(1))
            got = await s.customers.get(acme.id, include=f.contacts)
            first = await s.customers.first(include=f.contacts)
            assert first is not None
            streamed = [each async for each in s.customers.stream(include=f.contacts)]
            for found in (*page.found, got, first, *streamed):
                assert found.related(f.contacts) == (bo,)

    asyncio.run(main())


def test_what_lies_beyond_several_is_theirs_together_and_each_one_s(crm: Crm) -> None:
    with crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        owner = s.users.add(User(name="Zoe"))
        bo, cy = (s.contacts.add(Contact(name=n, customer_id=acme.id, owner_id=owner.id)) for n in ("Bo", "Cy"))
        calls = [s.activities.add(Activity(kind="call", at=NOW, contact_id=each)) for each in (bo.id, cy.id, bo.id)]
        found = s.customers.get(acme.id, include=[f.contacts.activities, f.contacts.owner])
        assert found.related(f.contacts.activities, tuple[Activity, ...]) == (calls[0], calls[2], calls[1])
        assert found.related(f.contacts.owner, tuple[User, ...]) == (owner,)
        each = found.each(f.contacts, Contact)
        assert [(one.record.name, one.related(f.activities), one.related(f.owner, User)) for one in each] == [
            ("Bo", (calls[0], calls[2]), owner),
            ("Cy", (calls[1],), owner),
        ]


# -- as plain data -----------------------------------------------------------------------------------------------------


def test_as_plain_data_what_is_included_is_nested(crm: Crm) -> None:
    with crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        bo = s.contacts.add(Contact(name="Bo", customer_id=acme.id))
        deal, _ = (s.opportunities.add(Opportunity(name=name, customer_id=acme.id)) for name in ("one", "two"))
        page = s.opportunities.find(limit=1, include=[f.customer.contacts, f.owner])
        whole = {**to_dict(deal), "customer": {**to_dict(acme), "contacts": [to_dict(bo)]}, "owner": None}
        assert to_dict(page, include=True) == {"records": [whole], "next": page.next}
        assert json.loads(to_json(page, include=True)) == to_dict(page, include=True)
        assert to_dict(page) == {"records": [to_dict(deal)], "next": page.next}
        assert page.next
        found = s.opportunities.get(deal.id, include=[f.customer.contacts, f.owner])
        assert to_dict(found, include=True) == whole
        assert from_dict(Opportunity, to_dict(found)) == deal == found.record
        exported = [to_dict(each, include=True) for each in s.opportunities.stream(include=f.customer)]
        assert [each["customer"]["name"] for each in exported] == ["Acme", "Acme"]
        assert to_dict(deal, include=True) == to_dict(deal)


# -- what is refused ---------------------------------------------------------------------------------------------------

ASKED: dict[str, tuple[Callable[[Page[Opportunity], Customer], object], str]] = {
    "not included": (lambda page, _: page.related(page[0], f.owner), "f.owner was not included. There is: customer."),
    "not so far": (
        lambda page, _: page.related(page[0], f.customer.contacts),
        "f.customer.contacts was not included. Ask for it: include=[f.customer.contacts].",
    ),
    "another record": (
        lambda page, other: page.related(other, f.customer),  # type: ignore[arg-type]
        "this customer is none of the records with which f.customer was included.",
    ),
    "another page's": (
        lambda page, _: page.related(Opportunity(name="x"), f.customer),
        "this opportunity is none of the records with which f.customer was included.",
    ),
    "another model": (
        lambda page, _: page.related(page[0], f.customer, Contact),
        "f.customer leads to Customer, not to Contact.",
    ),
    "one as several": (
        lambda page, _: page.related(page[0], f.customer, tuple[Customer, ...]),
        "f.customer leads to one record. Write Customer.",
    ),
    "no relation": (
        lambda page, _: page.found[0].related("customer"),  # type: ignore[call-overload]
        "a relation is expected here. Name it as it was included, as in f.customer.",
    ),
    "each of another model": (
        lambda page, _: page.found[0].each(f.customer, Contact),
        "f.customer leads to Customer, not to Contact.",
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_was_not_included_is_an_error_that_says_so(name: str) -> None:
    ask, message = ASKED[name]
    with connect("memory://") as crm, crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        s.opportunities.add(Opportunity(name="d", customer_id=acme.id))
        page = s.opportunities.find(include=f.customer)
        with pytest.raises(BadExpression) as caught:
            ask(page, acme)
        assert str(caught.value) == message


def test_a_page_read_without_including_anything_says_how() -> None:
    with connect("memory://") as crm, crm.session(job) as s:
        s.customers.add(Customer(name="Acme"))
        page = s.customers.find()
        with pytest.raises(BadExpression, match=r"f\.contacts was not included\. Ask for it: include=\[f\.contacts\]"):
            page.related(page[0], f.contacts)


def test_a_found_record_shows_itself_alone() -> None:
    with connect("memory://") as crm, crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        found: Found[Customer] = s.customers.get(acme.id, include=f.contacts)
        assert repr(found) == f"Found(record={acme!r})"
        with pytest.raises(CrmError):
            s.customers.get(UUID(int=9), include=f.contacts)
