"""The guard: rows about a record are as visible as the record, and whoever may not read may not change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from random import Random
from typing import Any
from uuid import UUID

import attrs
import pytest

from crmkit import (
    NEW,
    Action,
    Activity,
    Actor,
    Crm,
    Customer,
    Expr,
    NotFound,
    Open,
    Opportunity,
    Record,
    Session,
    Task,
    User,
    connect,
    entity,
    everything,
    f,
    link,
    me,
    system,
    unrestricted,
)
from crmkit.entities import BUILT_IN
from crmkit.expr.resolve import Facts
from crmkit.model.catalog import Catalog, Naming
from crmkit.model.field import Field, TextField
from crmkit.model.schema import Schema
from crmkit.repository import Doors
from crmkit.repository.guard import Guard
from crmkit.testing.drive import step

job = system("test")
ann = Actor(id=UUID(int=1), name="Ann")
bo = Actor(id=UUID(int=2), name="Bo")
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


class Hiding:
    """People do not see some records; of rows about records the policy says nothing."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.hidden: list[UUID] = []

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        if actor.id is None or action is not Action.READ or self._catalog.namings(schema):
            return everything
        return ~f.id.one_of(*self.hidden)


@entity()
class Quote(Record):
    """A record that needs another is about it, unless it says otherwise."""

    opportunity_id: UUID = link("opportunity")


@entity()
class QuoteLine(Record):
    """What is about a record that is itself about one follows it all the way."""

    quote_id: UUID = link("quote")


@entity(about=("opportunity_id",))
class Visit(Record):
    """Of several links, the one declared counts."""

    opportunity_id: UUID | None = link("opportunity", default=None)
    customer_id: UUID | None = link("customer", default=None)


OWN = (Quote, QuoteLine, Visit)


class World:
    """Records with made-up values: of each model one that Ann sees and one that she does not, and rows about these."""

    def __init__(self, crm: Crm, policy: Hiding) -> None:
        self.catalog = crm.environment.catalog
        self._doors = Doors(crm.environment, job)
        self._policy = policy
        self._rng = Random(7)
        self._made: dict[tuple[str, bool], UUID] = {}
        self._written: dict[tuple[str, frozenset[Any]], UUID] = {}

    def record(self, name: str, *, hidden: bool = False) -> UUID:
        """Return the id of a record that is visible, or hidden: by itself, or by what it is about."""
        if (name, hidden) not in self._made:
            schema = self.catalog[name]
            namings = self.catalog.namings(schema)
            said = self.said(namings[0], namings[0].ways[0].target, hidden=hidden) if namings else {}
            self._made[name, hidden] = id = self.write(schema, **said)
            if hidden and not namings:
                self._policy.hidden.append(id)
        return self._made[name, hidden]

    def said(self, naming: Naming, target: str, *, hidden: bool) -> dict[str, Any]:
        """Return the values by which a row names a record."""
        named = {naming.field: self.record(target, hidden=hidden)}
        return {**named, naming.model: target} if naming.model else named

    def write(self, schema: Schema, **links: Any) -> UUID:
        """Write a record with these links the way crmkit itself does, once, and return its id."""
        needed = [schema.fields[each.name] for each in attrs.fields(schema.cls) if each.default is attrs.NOTHING]
        links |= {
            each.name: self.record(each.link_target) for each in needed if each.link_target and each.name not in links
        }
        key = (schema.name, frozenset(links.items()))
        if not links or key not in self._written:
            values = {each.name: self._value(each) for each in needed if each.name not in links}
            self._written[key] = id = self._doors.ids()
            door = self._doors.keeper(schema.name) if schema.kept else self._doors.of(schema)
            step(door.add([schema.cls(**values, **links)], [id], at=NOW))
        return self._written[key]

    def _value(self, field: Field) -> Any:
        return f"text {self._rng.random()}" if type(field) is TextField else field.example(self._rng)

    def commit(self) -> None:
        """Make everything visible to other sessions."""
        step(self._doors.unit.commit())


@pytest.fixture
def policy() -> Hiding:
    return Hiding(Catalog((*BUILT_IN, *OWN)))


@pytest.fixture
def crm(store_url: str, policy: Hiding) -> Iterator[Crm]:
    with connect(store_url, policy=policy, models=OWN) as crm:
        yield crm


def test_every_row_about_a_record_is_as_visible_as_that_record(crm: Crm, policy: Hiding) -> None:
    world = World(crm, policy)
    rows = {
        (schema.name, naming.field, way.target, hidden): world.write(
            schema, **world.said(naming, way.target, hidden=hidden)
        )
        for schema in world.catalog
        for naming in world.catalog.namings(schema)
        for way in naming.ways
        for hidden in (False, True)
    }
    world.commit()
    with crm.session(ann) as s:
        seen = {schema.name: set(s.repository(schema.cls).ids()) for schema in world.catalog}
    assert {row: id in seen[row[0]] for row, id in rows.items()} == {row: not row[-1] for row in rows}
    about = {row[0] for row in rows}
    assert about > {"stage_move", "outbox_message", "external_id", "activity", "task", "opportunity_line", "quote_line"}


class Own:
    """People see the customers and opportunities that they own, and what the rules given here say."""

    def __init__(self, **rules: Expr) -> None:
        self._rules = {"customer": f.owner_id == me.id, "opportunity": f.owner_id == me.id, **rules}

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        if actor.id is None or action is not Action.READ:
            return everything
        return self._rules.get(schema.name, everything)


@pytest.fixture
def owned(store_url: str) -> Iterator[Callable[..., Crm]]:
    """Connect with a policy: Ann and Bo own a customer and an opportunity each."""
    opened: list[Crm] = []

    def connected(**rules: Expr) -> Crm:
        crm = connect(store_url, policy=Own(**rules), models=OWN, outbox=True)
        opened.append(crm)
        with crm.session(job) as s:
            for actor in (ann, bo):
                s.users.add(User(id=actor.id or NEW, name=actor.name))
                customer = s.customers.add(Customer(name=actor.name, owner_id=actor.id))
                s.opportunities.add(Opportunity(name=actor.name, customer_id=customer.id, owner_id=actor.id))
        return crm

    yield connected
    for crm in opened:
        crm.close()


def of(s: Session, actor: Actor) -> tuple[Customer, Opportunity]:
    customer, deal = s.customers.first(f.name == actor.name), s.opportunities.first(f.name == actor.name)
    assert customer
    assert deal
    return customer, deal


def test_a_row_is_visible_when_all_that_it_names_is(owned: Callable[..., Crm]) -> None:
    crm = owned()
    with crm.session(job) as s:
        (mine, my_deal), (theirs, their_deal) = of(s, ann), of(s, bo)
        for customer in (None, mine, theirs):
            for deal in (None, my_deal, their_deal):
                subject = f"{customer and customer.name} {deal and deal.name}"
                links = {"customer_id": customer and customer.id, "opportunity_id": deal and deal.id}
                s.tasks.add(Task(subject=subject, **links))
    with crm.session(ann) as s:
        assert [each.subject for each in s.tasks.find()] == ["None None", "None Ann", "Ann None", "Ann Ann"]


def test_a_row_that_names_nothing_is_its_owner_s(owned: Callable[..., Crm]) -> None:
    crm = owned()
    with crm.session(job) as s:
        for owner in (ann.id, bo.id, None):
            s.activities.add(Activity(kind="note", at=NOW, owner_id=owner))
    with crm.session(ann) as s:
        assert [each.owner_id for each in s.activities.find()] == [ann.id, None]
        assert s.users.count(f.activities.any(f.kind == "note")) == 1


def test_a_model_may_declare_the_link_that_counts(owned: Callable[..., Crm]) -> None:
    crm = owned()
    with crm.session(job) as s:
        (mine, my_deal), (theirs, their_deal) = of(s, ann), of(s, bo)
        s.repository(Visit).add(Visit(opportunity_id=my_deal.id, customer_id=theirs.id))
        s.repository(Visit).add(Visit(opportunity_id=their_deal.id, customer_id=mine.id))
    with crm.session(ann) as s:
        assert [each.opportunity_id for each in s.repository(Visit).find()] == [my_deal.id]


def test_a_rule_of_the_policy_takes_the_place_of_what_the_model_declares(owned: Callable[..., Crm]) -> None:
    crm = owned(stage_move=unrestricted, activity=f.owner_id == me.id)
    with crm.session(job) as s:
        theirs, _ = of(s, bo)
        s.activities.add(Activity(kind="note", at=NOW, owner_id=ann.id, customer_id=theirs.id))
    with crm.session(ann) as s:
        assert s.stage_moves.count() == 2
        assert s.activities.count() == 1
        assert s.outbox.count(f.entity == "activity") == 1
        assert s.outbox.count(f.entity == "customer") == 1


def test_rows_about_a_deleted_record_are_as_visible_as_it_was(owned: Callable[..., Crm]) -> None:
    crm = owned()
    with crm.session(job) as s:
        for actor in (ann, bo):
            s.opportunities.delete(of(s, actor)[1])
    with crm.session(ann) as s:
        assert {each.to_stage for each in s.stage_moves.find()} == {"contact"}
        assert s.stage_moves.count() == 1
        assert s.opportunities.count(f.moves.any(), deleted=True) == 1


def test_who_may_see_everything_is_asked_nothing_more() -> None:
    catalog = Catalog(BUILT_IN)
    guard = Guard(catalog, Open(), ann, lambda: Facts(NOW, dt.UTC, ann), lambda _: ())
    for schema in catalog:
        assert {guard.scope(schema, action) for action in Action} == {guard.scope(schema, None)}


# -- whoever may not read may not change -------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[Session, Any], object]] = {
    "update": lambda s, deal: s.opportunities.update(deal, name="Taken"),
    "delete": lambda s, deal: s.opportunities.delete(deal),
    "restore": lambda s, deal: s.opportunities.restore(deal),
    "advance": lambda s, deal: s.opportunities.advance(deal, "proposal"),
    "transfer": lambda s, deal: s.opportunities.transfer(deal, stage="proposal"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whoever_may_not_read_may_not_change(owned: Callable[..., Crm], change: str) -> None:
    crm = owned()
    with crm.session(job) as s:
        (_, mine), (_, theirs) = of(s, ann), of(s, bo)
        if change == "restore":
            theirs = s.opportunities.delete(theirs)
    forged = attrs.evolve(mine, id=theirs.id, version=theirs.version, deleted_at=theirs.deleted_at)
    with crm.session(ann) as s:
        with pytest.raises(NotFound):
            CHANGES[change](s, forged)
        s.rollback()
    with crm.session(job) as s:
        assert s.opportunities.get(theirs.id, deleted=True) == theirs


def test_nor_what_is_about_such_a_record(owned: Callable[..., Crm]) -> None:
    crm = owned()
    with crm.session(job) as s:
        note = s.activities.add(Activity(kind="note", at=NOW, owner_id=ann.id, customer_id=of(s, bo)[0].id))
    with crm.session(ann) as s, pytest.raises(NotFound):
        s.activities.update(note, subject="Taken")


@pytest.mark.parametrize("update", [everything, f.name == "Ann", ~f.owner.name.missing()], ids=["none", "own", "path"])
def test_what_is_handed_over_need_not_be_seen_any_more(store_url: str, update: Expr) -> None:
    class Handover(Own):
        def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
            asked = action is Action.UPDATE and schema.name == "customer"
            return update if asked else super().rows(actor, action, schema)

    with connect(store_url, policy=Handover()) as crm:
        with crm.session(job) as s:
            for actor in (ann, bo):
                s.users.add(User(id=actor.id or NEW, name=actor.name))
            mine = s.customers.add(Customer(name="Ann", owner_id=ann.id))
        with crm.session(ann) as s:
            s.customers.update(mine, owner_id=bo.id)
            assert s.customers.count() == 0
