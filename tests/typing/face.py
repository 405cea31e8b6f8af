"""What type checkers make of the public face; checked by `nox -s types`, never run."""

from __future__ import annotations

from typing import Any, assert_type
from uuid import UUID

from crmkit import (
    AsyncCrm,
    AsyncSession,
    Contact,
    Crm,
    Customer,
    Found,
    Group,
    Money,
    Opportunity,
    Page,
    Record,
    Repository,
    Session,
    aconnect,
    connect,
    count,
    entity,
    f,
    integer,
    system,
    text,
)
from crmkit.expr.build import Name


@entity(extends=Customer)
class Clinic(Customer):
    """A model of the product's own."""

    beds: int = integer(default=0)


@entity()
class Ward(Record):
    """Another one."""

    name: str = text()


def blocking(crm: Crm) -> None:
    with crm.session(system("types")) as s:
        assert_type(s, Session)
        assert_type(s.customers, Repository[Customer])
        assert_type(s.customers.find(f.name == "x"), Page[Customer])
        assert_type(s.customers.find()[0], Customer)
        assert_type(s.repository(Clinic).get(UUID(int=1)).beds, int)
        assert_type(s.opportunities.first(), Opportunity | None)
        assert_type(s.customers.add_many([Customer(name="x")]), list[UUID])
        assert_type(s.opportunities.tally(n=count()), list[Group])
        assert_type(s.opportunities.get(UUID(int=1)).amount, Money | None)
        assert_type(s.customers.add(Customer(id=UUID(int=1), name="x")).tags, tuple[str, ...])
        for customer in s.customers.stream():
            assert_type(customer, Customer)


def included(s: Session, page: Page[Opportunity], maybe: list[Name] | None) -> None:
    deal = page[0]
    assert_type(s.opportunities.find(include=[f.customer, f.lines.first(3, order=-f.position)]), Page[Opportunity])
    assert_type(page.related(deal, f.customer, Customer), Customer | None)
    assert_type(page.related(deal, f.customer.contacts, tuple[Contact, ...]), tuple[Contact, ...])
    assert_type(page.related(deal, f.customer), Any)
    assert_type(page.found[0].record, Opportunity)
    assert_type(page.found[0].related(f.customer, Customer), Customer | None)
    assert_type(page.found[0].each(f.customer.contacts, Contact)[0].record, Contact)
    assert_type(s.opportunities.get(UUID(int=1), include=f.customer), Found[Opportunity])
    assert_type(s.opportunities.get(UUID(int=1), include=maybe), Opportunity | Found[Opportunity])
    assert_type(s.opportunities.first(include=[f.customer]), Found[Opportunity] | None)
    for found in s.opportunities.stream(include=[f.customer]):
        assert_type(found, Found[Opportunity])
    for batch in s.opportunities.batches(include=[f.customer]):
        assert_type(batch, Page[Opportunity])


async def awaited(s: AsyncSession) -> None:
    assert_type(await s.customers.find(), Page[Customer])
    assert_type(await s.repository(Clinic).get(UUID(int=1)), Clinic)
    async for customer in s.customers.stream():
        assert_type(customer, Customer)
    assert_type(await s.customers.get(UUID(int=1), include=f.contacts), Found[Customer])
    async for found in s.customers.stream(include=[f.contacts]):
        assert_type(found.related(f.contacts, tuple[Contact, ...]), tuple[Contact, ...])


async def connecting() -> None:
    assert_type(await aconnect("memory://"), AsyncCrm)
    async with aconnect("memory://", outbox=True) as crm:
        assert_type(crm, AsyncCrm)
    async with await aconnect("memory://") as crm:
        assert_type(crm.session(system("types")), AsyncSession)


def refused() -> None:
    Ward()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # the name is required
    Customer(name=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # not text
    Clinic(name="x", beds=7).beds = 8  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]  # frozen
    connect("memory://", create="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # a flag
