"""What a session leaves behind: nothing that waits for the garbage collector, on every store."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress

import pytest

from crmkit import (
    NEW,
    Action,
    Actor,
    AsyncCrm,
    Contact,
    Crm,
    CrmError,
    Customer,
    Expr,
    Funnel,
    NotFound,
    Opportunity,
    Segment,
    Session,
    Task,
    Unsupported,
    User,
    aconnect,
    connect,
    count,
    everything,
    f,
    me,
    system,
)
from crmkit.lifecycle.built_in import OPPORTUNITY
from crmkit.model.schema import Schema

job = system("test")


class Mine:
    """People read what is theirs, and what hangs on that; a rule here follows relations."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        if actor.id is None or action is not Action.READ:
            return everything
        if schema.name == "contact":
            return f.customer.owner_id == me.id
        return f.owner_id == me.id if schema.name == "customer" else everything


def get(s: Session) -> None:
    s.customers.get(s.customers.find()[0].id)


def write(s: Session) -> None:
    held = s.customers.add(Customer(name="Bolt"))
    held = s.customers.delete(s.customers.update(held, score=3))
    s.customers.restore(held)


def read_in_bulk(s: Session) -> None:
    owner = s.customers.find()[0].owner_id
    s.customers.add_many([Customer(name=f"No. {number}", owner_id=owner) for number in range(60)])
    assert len(list(s.customers.stream())) > 60


def page(s: Session) -> None:
    page = s.contacts.find(f.customer.name != "Bolt", order=f.customer.name, limit=1)
    s.contacts.find(f.customer.name != "Bolt", order=f.customer.name, limit=1, after=page.next)


def measure(s: Session) -> None:
    s.contacts.tally(by=f.customer.status, where=f.customer.contacts.any(f.name == "Kern"), n=count())


def move(s: Session) -> None:
    deal = s.opportunities.add(Opportunity(name="Bolts", customer_id=s.customers.find()[0].id))
    s.opportunities.advance(deal, s.opportunities.allowed_moves(deal)[0])
    s.opportunities.count(f.stage == "won")


def analyse(s: Session) -> None:
    s.segments.count(Segment("all", "customer", f.score >= 0))
    s.analytics.funnel(Funnel(OPPORTUNITY))


def commit_midway(s: Session) -> None:
    s.tasks.add(Task(subject="Call"))
    s.commit()
    s.users.count()


def undo_a_part(s: Session) -> None:
    with suppress(ZeroDivisionError, Unsupported), s.nested():
        s.users.add(User(name="Bo"))
        raise ZeroDivisionError


def be_refused(s: Session) -> None:
    with suppress(NotFound):
        s.customers.get(NEW)


def fail(s: Session) -> None:
    s.users.add(User(name="Bo"))
    raise NotFound("on purpose")


WORKS = [get, write, read_in_bulk, page, measure, move, analyse, commit_midway, undo_a_part, be_refused, fail]


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    with connect(store_url, policy=Mine()) as crm:
        yield crm


@pytest.fixture
def ann(crm: Crm) -> Actor:
    with crm.session(job) as s:
        user = s.users.add(User(name="Ann"))
        acme = s.customers.add(Customer(name="Acme", owner_id=user.id))
        s.contacts.add_many([Contact(name=name, customer_id=acme.id) for name in ("Kern", "Lang")])
    return Actor(id=user.id)


@contextmanager
def nothing_left() -> Generator[None]:
    """Check that no object of crmkit's is part of a cycle that nobody holds."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield
        gc.collect()
        left = sorted({type(each).__qualname__ for each in gc.garbage if type(each).__module__.startswith("crmkit")})
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == []


@pytest.mark.parametrize("work", WORKS)
def test_an_ended_session_leaves_nothing_to_the_collector(
    crm: Crm, ann: Actor, work: Callable[[Session], None]
) -> None:
    def ask() -> None:
        with suppress(NotFound), crm.session(ann) as s:
            work(s)

    ask()  # what is shared by all sessions is made by the first
    with nothing_left():
        ask()


def test_neither_does_an_awaited_one(store_url: str) -> None:
    async def ask(crm: AsyncCrm) -> None:
        async with crm.session(job) as s:
            customer = await s.customers.add(Customer(name="Acme"))
            await s.customers.update(customer, score=1)
            assert await s.customers.count(f.score == 1)

    async def twice() -> None:
        async with aconnect(store_url) as crm:
            await ask(crm)
            with nothing_left():
                await ask(crm)

    asyncio.run(twice())


def test_whoever_keeps_a_repository_is_told_that_its_session_has_ended(crm: Crm, ann: Actor) -> None:
    with crm.session(ann) as s:
        customers = s.customers
        acme = customers.find()[0]
    refused = pytest.raises(CrmError, match="the session has ended")
    with refused:
        customers.get(acme.id)
    with refused:
        s.customers.find(f.owner_id == me.id)
    with refused:
        s.opportunities.add(Opportunity(name="Bolts", customer_id=acme.id))
