"""Orders beyond relations: what a path does not reach is missing, and pages joined are the whole, on every store."""

from __future__ import annotations

from functools import cmp_to_key
from typing import Any
from uuid import uuid4

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crmkit import (
    Action,
    Actor,
    Customer,
    Expr,
    Opportunity,
    Session,
    Team,
    User,
    connect,
    count,
    everything,
    f,
    nothing,
    system,
)
from crmkit.expr.build import Name, Sort
from crmkit.model.schema import Schema


class NoneFromAfar:
    """People do not see customers in France; background work sees all."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        return everything if actor.name == "job" or schema.name != "customer" else ~(f.country == "FR")


class Nobody:
    """People see no customers at all."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        return nothing if actor.name != "job" and schema.name == "customer" else everything


@attrs.frozen
class World:
    """What is added: customers as (name, employees, whether it is seen), regions of teams, and deals.

    A deal is (customer, owner, probability), the first two by number; owners have the team of the same number.
    """

    customers: list[tuple[str, int | None, str]]
    regions: list[str | None]
    deals: list[tuple[int, int, int | None]]


few = st.none() | st.integers(0, 2)
worlds = st.builds(
    World,
    st.lists(st.tuples(st.sampled_from("ab"), few, st.sampled_from(["seen", "hidden", "deleted"])), max_size=4),
    st.lists(st.none() | st.sampled_from(["north", "south"]), max_size=3),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), few), max_size=12),
)
EACH = World(
    [("b", 1, "seen"), ("c", 2, "hidden"), ("a", 0, "deleted"), ("a", None, "seen")],
    ["south", None, "north"],
    [(customer, owner, None if customer % 2 else owner) for customer in range(5) for owner in (0, 1, 2, 4)],
)
"""Deals with each customer that there may be, and with none."""
paths = [
    f.customer.name,
    f.customer.employees,
    f.customer_id,
    f.owner.team.region,
    f.probability,
    f.customer.owner.name,
]
orders = st.lists(
    st.builds(Sort, st.sampled_from(paths), st.booleans(), st.sampled_from(["first", "last"])), min_size=1, max_size=3
)


def plant(s: Session, world: World) -> None:
    customers = [
        s.customers.add(Customer(name=name, employees=employees, country="FR" if state == "hidden" else "DE"))
        for name, employees, state in world.customers
    ]
    owners = [
        s.users.add(User(name="u", team_id=s.teams.add(Team(name=f"{number}", region=region)).id))
        for number, region in enumerate(world.regions)
    ]
    s.opportunities.add_many(
        Opportunity(
            name="deal",
            customer_id=customers[customer].id if customer < len(customers) else None,
            owner_id=owners[owner].id if owner < len(owners) else None,
            probability=probability,
        )
        for customer, owner, probability in world.deals
    )
    for customer, (_, _, state) in zip(customers, world.customers, strict=True):
        if state == "deleted":
            s.customers.delete(customer)


def value(s: Session, deal: Any, path: tuple[str, ...]) -> Any:
    """Return what stands at a path, following links by what the session itself can see."""
    for name in path[:-1]:
        shelf = {"customer": s.customers, "owner": s.users, "team": s.teams}[name]
        id = getattr(deal, f"{name}_id")
        deal = None if id is None else shelf.first(f.id == id)
        if deal is None:
            return None
    return getattr(deal, path[-1])


def in_order(s: Session, order: list[Sort]) -> list[Opportunity]:
    def compared(one: Opportunity, other: Opportunity) -> int:
        for sort in order:
            left, right = values[one.id, sort.ref.path], values[other.id, sort.ref.path]
            if left == right:
                continue
            if left is None or right is None:
                return 1 if (left is None) is (sort.missing == "last") else -1
            return (1 if left > right else -1) * (-1 if sort.descending else 1)
        return 0

    deals = sorted(s.opportunities.stream(), key=lambda deal: deal.id, reverse=order[-1].descending)
    values = {(deal.id, sort.ref.path): value(s, deal, sort.ref.path) for deal in deals for sort in order}
    return sorted(deals, key=cmp_to_key(compared))


def joined(s: Session, order: Any, size: int) -> list[Opportunity]:
    found: list[Opportunity] = []
    after: str | None = None
    while True:
        page = s.opportunities.find(order=order, limit=size, after=after)
        assert len(page) <= size
        found += page
        assert len(set(found)) == len(found)
        if page.next is None:
            return found
        assert len(page) == size
        after = page.next


def test_pages_joined_are_one_long_fetch_and_are_python_s_order(store_url: str) -> None:
    with connect(store_url, policy=NoneFromAfar()) as crm:

        @settings(max_examples=settings().max_examples // (1 if store_url.startswith("memory") else 5))
        @example(world=EACH, order=[Sort(f.customer.name)], size=1)
        @example(world=EACH, order=[Sort(f.customer.name, descending=True, missing="first")], size=1)
        @example(world=EACH, order=[Sort(f.owner.team.region, missing="first"), Sort(f.customer.employees)], size=2)
        @example(world=EACH, order=[Sort(f.probability), Sort(f.customer.name, descending=True)], size=1)
        @given(world=worlds, order=orders, size=st.integers(1, 5))
        def check(world: World, order: list[Sort], size: int) -> None:
            tenant = uuid4().hex
            with crm.session(Actor(tenant=tenant, name="job")) as s:
                plant(s, world)
            with crm.session(Actor(tenant=tenant, name="ann")) as s:
                whole = in_order(s, order)
                assert list(s.opportunities.find(order=order)) == whole
                assert joined(s, order, size) == whole

        check()


@pytest.mark.parametrize("order", [f.customer.name, -f.customer.name, f.customer.name.asc(missing="first")])
def test_where_nothing_can_be_seen_all_is_missing(store_url: str, order: Name | Sort) -> None:
    with connect(store_url, policy=Nobody()) as crm:
        with crm.session(system("job")) as s:
            plant(s, World([("a", 1, "seen"), ("b", 1, "seen")], [], [(1, 9, 1), (0, 9, 2), (9, 9, 3)]))
        with crm.session(Actor(name="ann")) as s:
            found = joined(s, [order, f.probability], 2)
            assert [deal.probability for deal in found] == [1, 2, 3]


def test_pages_of_deleted_records_too(store_url: str) -> None:
    with connect(store_url) as crm, crm.session(system("job")) as s:
        plant(s, World([("a", 1, "seen"), ("b", 1, "deleted")], [], [(1, 9, 1), (0, 9, 2), (0, 9, 3)]))
        for deal in s.opportunities.stream():
            s.opportunities.delete(deal)
        page = s.opportunities.find(order=[f.customer.name, -f.probability], limit=1, deleted=True)
        rest = s.opportunities.find(order=[f.customer.name, -f.probability], limit=9, after=page.next, deleted=True)
        assert [deal.probability for deal in (*page, *rest)] == [3, 2, 1]


def test_the_first_by_a_path(store_url: str) -> None:
    with connect(store_url) as crm, crm.session(system("job")) as s:
        plant(s, World([("a", 1, "seen"), ("b", 2, "seen")], ["north"], [(0, 0, 1), (1, 9, 2)]))
        best = s.opportunities.first(order=-f.customer.employees)
        assert best is not None
        assert best.probability == 2


def test_groups_by_a_path_hold_those_that_it_does_not_reach(store_url: str) -> None:
    with connect(store_url, policy=NoneFromAfar()) as crm:
        with crm.session(system("job")) as s:
            customers = [("a", 1, "seen"), ("b", None, "hidden"), ("c", 3, "deleted")]
            plant(s, World(customers, ["north", None], [(0, 0, 1), (1, 1, 2), (2, 9, 3), (9, 9, 4)]))
        with crm.session(Actor(name="ann")) as s:
            names = s.opportunities.tally(by=f.customer.name, n=count())
            regions = s.opportunities.tally(by=[f.owner.team.region, f.customer.employees], n=count())
            won = s.analytics.win_rate(by=f.customer.name)
            spread = s.analytics.pipeline_value(by=f.customer.name)
        assert [(group.key, group["n"]) for group in names] == [(("a",), 1), ((None,), 3)]
        assert [(group.key, group["n"]) for group in regions] == [(("north", 1), 1), ((None, None), 3)]
        assert [(group.label, group.open) for group in won] == [("a", 1), ("(blank)", 3)]
        assert [(group.label, group["contact"].count) for group in spread] == [("a", 1), ("(blank)", 3)]
