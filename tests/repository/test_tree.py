"""Trees stay trees: no record stands above itself, whoever writes and however."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import (
    Action,
    Actor,
    BadRecord,
    Busy,
    Campaign,
    Contact,
    Crm,
    Customer,
    Expr,
    Record,
    Team,
    User,
    connect,
    entity,
    everything,
    f,
    link,
    system,
    text,
)
from crmkit.entities import BUILT_IN
from crmkit.model.schema import Schema, schema_of
from crmkit.repository.tree import circular

job = system("test")


@entity()
class Shelf(Record):
    """A model of the product's own."""

    name: str = text()
    above_id: UUID | None = link("shelf", default=None)
    beside_id: UUID | None = link("shelf", tree=False, default=None)


TREES = [
    (Customer, "parent_id"),
    (Team, "parent_id"),
    (User, "manager_id"),
    (Campaign, "parent_id"),
    (Contact, "reports_to_id"),
    (Shelf, "above_id"),
]


def test_every_link_of_a_model_to_itself_is_known_here() -> None:
    found = [(model, each.name) for model in (*BUILT_IN, Shelf) for each in schema_of(model).trees]
    assert sorted(found, key=str) == sorted(TREES, key=str)


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    address = store_url + ("?timeout=0" if store_url.startswith("sqlite") else "")
    with connect(address, models=[Shelf]) as crm:
        yield crm


@pytest.mark.parametrize(("model", "name"), TREES)
def test_a_record_is_never_put_under_itself(crm: Crm, model: Any, name: str) -> None:
    with crm.session(job) as s:
        records = s.repository(model)
        top = records.add(model(name="top"))
        middle = records.add(model(name="middle", **{name: top.id}))
        low = records.add(model(name="low", **{name: middle.id}))
        for below, through in ((top, ""), (middle, f", through {middle.id}"), (low, f", through {low.id}")):
            with pytest.raises(BadRecord, match=rf"{name}: leads back to the record itself{through}\. Link") as caught:
                records.update(top, **{name: below.id})
            assert [problem.code for problem in caught.value.problems] == ["circle"]
        one, two = UUID(int=1), UUID(int=2)
        for new in ([(one, one)], [(one, two), (two, one)], [(one, two), (two, two)]):
            with pytest.raises(BadRecord, match=f"{name}: leads back to the record itself"):
                records.add_many(model(id=id_, name="new", **{name: above}) for id_, above in new)
        records.add_many([model(id=two, name="new", **{name: one}), model(id=one, name="new", **{name: low.id})])
        moved = records.update(low, **{name: top.id})
        assert getattr(records.update(middle, **{name: moved.id}), name) == low.id


def test_what_is_deleted_or_invisible_counts_and_is_not_named(store_url: str) -> None:
    class Own:
        def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
            return f.name != "Hidden" if actor.name == "ann" and action is Action.READ else everything

    with connect(store_url, policy=Own()) as crm:
        with crm.session(job) as s:
            top = s.customers.add(Customer(name="Top"))
            hidden = s.customers.add(Customer(name="Hidden", parent_id=top.id))
            gone = s.customers.add(Customer(name="Gone", parent_id=hidden.id))
            low = s.customers.add(Customer(name="Low", parent_id=gone.id))
            gone = s.customers.delete(gone)
        with crm.session(Actor(name="ann")) as s:
            with pytest.raises(BadRecord, match="leads back to the record itself") as caught:
                s.customers.update(top, parent_id=low.id)
            assert not {str(hidden.id), str(gone.id)} & set(str(caught.value).replace(".", " ").split())
        with crm.session(job) as s:
            s.customers.restore(gone)


@pytest.mark.parametrize(("model", "name"), TREES)
def test_of_two_writers_that_put_two_records_under_each_other_one_is_refused(crm: Crm, model: Any, name: str) -> None:
    with crm.session(job) as s:
        a, b = s.repository(model).add(model(name="a")), s.repository(model).add(model(name="b"))
        low = s.repository(model).add(model(name="low", **{name: b.id}))
    with crm.session(job) as first, crm.session(job) as second:
        first.repository(model).update(a, **{name: low.id})
        with pytest.raises(Busy):
            second.repository(model).update(b, **{name: a.id})
        second.rollback()
    with crm.session(job) as second, pytest.raises(BadRecord, match="leads back"):
        second.repository(model).update(b, **{name: a.id})


def test_other_tenants_and_other_trees_are_not_held_up(store_url: str) -> None:
    if store_url.startswith("sqlite"):
        pytest.skip("SQLite has one writer at a time, whatever it writes")
    with connect(store_url) as crm:
        made = []
        for tenant in ("a", "b"):
            with crm.session(system("test", tenant=tenant)) as s:
                top = s.customers.add(Customer(name="top"))
                made.append((s.customers.add(Customer(name="low")), top, s.teams.add(Team(name="x"))))
                sub = s.teams.add(Team(name="y"))
        with (
            crm.session(system("test", tenant="a")) as a,
            crm.session(system("test", tenant="b")) as b,
            crm.session(system("test", tenant="b")) as teams,
        ):
            a.customers.update(made[0][0], parent_id=made[0][1].id)
            b.customers.update(made[1][0], parent_id=made[1][1].id)
            teams.teams.update(sub, parent_id=made[1][2].id)


def test_a_link_that_makes_no_tree_may_lead_back(crm: Crm) -> None:
    with crm.session(job) as s:
        shelves = s.repository(Shelf)
        left = shelves.add(Shelf(name="left"))
        right = shelves.add(Shelf(name="right", beside_id=left.id))
        assert shelves.update(left, beside_id=right.id).beside_id == right.id


@given(st.dictionaries(st.integers(0, 9), st.none() | st.integers(0, 9)))
def test_circular_is_what_leads_back(above: dict[int, int | None]) -> None:
    def leads_back(start: int) -> bool:
        at: int | None = start
        for _ in range(11):
            at = above.get(at) if at is not None else None
            if at == start:
                return True
        return False

    ids = {UUID(int=id_): None if up is None else UUID(int=up) for id_, up in above.items()}
    assert sorted(id_.int for id_ in circular(ids)) == [id_ for id_ in sorted(above) if leads_back(id_)]
