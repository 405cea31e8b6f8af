"""What type checkers make of the public face; checked by `nox -s types`, never run."""

from __future__ import annotations

from typing import assert_type
from uuid import UUID

from crmkit import (
    AsyncCrm,
    AsyncSession,
    Crm,
    Customer,
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


async def awaited(s: AsyncSession) -> None:
    assert_type(await s.customers.find(), Page[Customer])
    assert_type(await s.repository(Clinic).get(UUID(int=1)), Clinic)
    async for customer in s.customers.stream():
        assert_type(customer, Customer)


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
