"""The door: everything that goes through it stays within the tenant and the policy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from crmkit import Action, Actor, Contact, Crm, Customer, Expr, NotAllowed, User, connect, everything, f, me, system
from crmkit.expr.core import Compare
from crmkit.expr.evaluate import evaluate
from crmkit.expr.node import Op
from crmkit.model.schema import Relation, Schema
from crmkit.repository import Doors
from crmkit.repository.change import ChangeKind
from crmkit.repository.door import Door, SortKey
from crmkit.repository.scan import scan
from crmkit.storage.spi import Aggregate, GroupKey, Measure
from crmkit.testing.drive import step

job = system("test")


class Mine:
    """People see and touch the customers they own, and contacts of these; background work sees all."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        if actor.id is None:
            return everything
        return {"customer": f.owner_id == me.id, "contact": f.customer.owner_id == me.id}.get(schema.name, everything)


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    with connect(store_url, policy=Mine()) as crm:
        yield crm


@pytest.fixture
def doors(crm: Crm) -> Iterator[Doors]:
    """The doors of somebody who sees "Mine" alone: not what others own, not what is deleted, no other tenant."""
    with crm.session(job) as s:
        ann = s.users.add(User(name="Ann"))
        mine = s.customers.add(Customer(name="Mine", owner_id=ann.id))
        theirs = s.customers.add(Customer(name="Theirs"))
        s.customers.delete(s.customers.add(Customer(name="Deleted", owner_id=ann.id)))
        s.contacts.add(Contact(name="Near", customer_id=mine.id))
        s.contacts.add(Contact(name="Far", customer_id=theirs.id))
    with crm.session(system("test", tenant="other")) as s:
        s.customers.add(Customer(name="Elsewhere"))
    made = Doors(crm.environment, Actor(id=ann.id))
    yield made
    step(made.unit.rollback())


async def _scanned(door: Door[Any]) -> list[str]:
    return [name async for rows in scan(door, everything, ("name",)) for _, name in rows]


READS: dict[str, Callable[[Door[Any]], Awaitable[list[str]]]] = {
    "records": lambda door: _names(door.records(everything)),
    "columns": lambda door: _first(door.columns(everything, ("name",))),
    "scan": _scanned,
    "tally": lambda door: _first(door.tally(everything, (GroupKey("name"),), (Measure(Aggregate.COUNT),))),
    "conditions instead of an expression": lambda door: _names(door.records(())),
    "an expression that excludes nothing": lambda door: _names(door.records(~(f.name == "x") | (f.name == "x"))),
}


async def _names(found: Awaitable[list[Any]]) -> list[str]:
    return [record.name for record in await found]


async def _first(found: Awaitable[list[Any]]) -> list[str]:
    return [row[0] for row in await found]


@pytest.mark.parametrize("method", READS)
def test_every_way_to_read_is_guarded(doors: Doors, method: str) -> None:
    assert step(READS[method](doors.of(Customer))) == ["Mine"]
    assert step(READS[method](doors.of(Contact))) == ["Near"]


def test_deleted_rows_count_where_they_are_asked_for(doors: Doors) -> None:
    door = doors.of(Customer)
    order = (SortKey("name"),)
    assert [each.name for each in step(door.records(everything, deleted=True, order=order))] == ["Deleted", "Mine"]


def test_what_crmkit_itself_must_know_stays_within_the_tenant(doors: Doors) -> None:
    rows = step(doors.of(Customer).columns((), ("name",), (SortKey("name"),), action=None, deleted=True))
    assert rows == [("Deleted",), ("Mine",), ("Theirs",)]


def test_a_relation_reaches_only_what_may_be_seen(doors: Doors) -> None:
    contacts = Relation("contacts", "customer", "contact", many=True, local="id", remote="customer_id")
    door = doors.of(Customer)
    for name, found in (("Near", 1), ("Far", 0)):
        reaching = door.reaching(contacts, (Compare("name", Op.EQ, name),))
        assert len(step(door.records((reaching,)))) == found


def test_bound_conditions_take_the_place_of_the_expression(doors: Doors) -> None:
    door = doors.of(Customer)
    for where in (f.name == "Mine", f.name == "Theirs", (f.name == "Mine") & ~everything, f.owner.name == "Ann"):
        bound = step(door.bind(where))
        assert step(door.records(bound)) == step(door.records(where))


def test_every_way_to_write_is_judged(doors: Doors) -> None:
    door = doors.of(Customer)
    now = doors.clock()
    with pytest.raises(NotAllowed):
        step(door.add([Customer(name="Nobody's")], [doors.ids()], at=now))
    rule = door.rule(Action.CREATE)
    assert rule is not None
    assert not evaluate(rule, Customer(name="Nobody's"))
    mine = step(door.records(everything))[0]
    for kind in (ChangeKind.UPDATED, ChangeKind.MOVED, ChangeKind.IMPORTED, ChangeKind.DELETED):
        with pytest.raises(NotAllowed):
            step(door.change(mine, {"owner_id": None}, kind, at=now))
    assert step(door.records(everything)) == [mine]
