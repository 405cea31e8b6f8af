"""Manifests: what a capability needs is there when connecting, and what it brings is off where a tenant has it not."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any
from uuid import UUID

import attrs
import pytest

from crmkit import (
    CONTRACTS,
    Actor,
    BadDefinition,
    Capability,
    Customer,
    Move,
    Operation,
    Opportunity,
    Personal,
    Record,
    Refusal,
    Refused,
    SeedPack,
    Session,
    State,
    Task,
    Unsupported,
    advance,
    connect,
    entity,
    integer,
    link,
    system,
)
from crmkit.crm.capability import repository
from crmkit.crm.coroutine import run
from crmkit.repository import Doors, Performer

job = system("test")


@entity()
class BonusAccount(Record):
    """The points of one customer."""

    customer_id: UUID = link("customer", back="bonus_accounts")
    points: int = integer(default=0)


@attrs.frozen(kw_only=True)
class Gift(State):
    """Points on their way."""

    customer: Customer
    points: int

    @property
    def subject(self) -> Customer:
        """The customer."""
        return self.customer

    def error(self) -> Refused:
        """Return the error that lists its refusals."""
        return Refused(" ".join(each.message for each in self.refusals))


give = Operation("give", Gift, decides=("look",), writes=("credit", "remind"))


class AsyncBonus:
    """Points."""

    def __init__(self, doors: Doors) -> None:
        self._accounts = repository(doors, BonusAccount)
        self._tasks = repository(doors, Task)
        self._performer = Performer(doors, give, {"look": self._look, "credit": self._credit, "remind": self._remind})

    async def give(self, customer: Customer, points: int) -> None:
        """Give points to a customer."""
        await self._performer.perform([Gift(customer=customer, points=points)])

    async def _look(self, gifts: Sequence[Gift]) -> Sequence[Gift]:
        return gifts

    async def _credit(self, gifts: Sequence[Gift]) -> Sequence[Gift]:
        await self._accounts.add_many(BonusAccount(customer_id=each.customer.id, points=each.points) for each in gifts)
        return gifts

    async def _remind(self, gifts: Sequence[Gift]) -> Sequence[Gift]:
        await self._tasks.add_many(Task(subject="Thank them", customer_id=each.customer.id) for each in gifts)
        return gifts


class Bonus:
    """Points, blocking."""

    def __init__(self, inner: AsyncBonus) -> None:
        self._inner = inner

    def give(self, customer: Customer, points: int) -> None:
        """Give points to a customer."""
        run(self._inner.give(customer, points))


def strict(s: Session, move: Move) -> Refusal | None:
    return Refusal("The bonus is not settled.") if move.kind == "advance" else None


@pytest.fixture
def place() -> Iterator[str]:
    module = ModuleType("bonus_place")
    module.AsyncBonus, module.Bonus = AsyncBonus, Bonus  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    yield "bonus_place:AsyncBonus"
    del sys.modules[module.__name__]


def bonus(**manifest: Any) -> Capability:
    return Capability("bonus", "bonus_place:AsyncBonus", "bonus_place:Bonus", entities=[BonusAccount], **manifest)


def other(name: str = "billing", **manifest: Any) -> Capability:
    return Capability(name, "bonus_place:AsyncBonus", "bonus_place:Bonus", **manifest)


def test_what_is_needed_and_there_is_accepted() -> None:
    manifest = bonus(needs=["billing>=1.2"], contracts=CONTRACTS)
    with connect("memory://", capabilities=[manifest, other(version="1.10")]) as crm, crm.session(job) as s:
        assert s.customers.count() == 0


@pytest.mark.parametrize(
    ("manifest", "others", "message"),
    [
        ({"needs": "billing"}, [], "the capability 'bonus' needs the capability 'billing'. Name it in connect"),
        (
            {"needs": "billing>=1.10"},
            [other(version="1.9")],
            "needs billing>=1.10, and 'billing' is 1.9. Update billing",
        ),
        ({"contracts": {"capability": 99}}, [], "needs number 99 of the contract 'capability', and this crmkit has 1"),
        ({"contracts": {"operations": 1}}, [], "which this crmkit does not have. Did you mean 'operation'"),
    ],
)
def test_what_is_needed_and_not_there_is_refused(manifest: Any, others: Any, message: str) -> None:
    with pytest.raises(BadDefinition, match=message):
        connect("memory://", capabilities=[bonus(**manifest), *others])


def test_all_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(BadDefinition) as refused:
        connect("memory://", capabilities=[bonus(needs="billing", contracts={"event": 9}), other("mail", needs="post")])
    assert len(refused.value.problems) == 3


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({"version": "one"}, "has the version 'one'. Write \"1.2\""),
        ({"version": 1}, "has the version 1."),
        ({"needs": "billing > 1"}, "needs 'billing > 1'"),
        ({"events": "points_earned"}, "has the event 'points_earned'. Begin with its name"),
        ({"permissions": "billing.grant"}, "has the permission 'billing.grant'"),
        ({"steps": [strict]}, "of steps, an item is expected, not function"),
        ({"seeds": ["words"]}, "of seeds, an item is expected, not str"),
        ({"operations": ["earn"]}, "of operations, an item is expected, not str"),
    ],
)
def test_a_malformed_manifest_is_refused(manifest: Any, message: str) -> None:
    with pytest.raises(BadDefinition, match=message):
        bonus(**manifest)


def test_what_it_holds_about_people_names_fields_that_are_there() -> None:
    assert bonus(personal=[Personal(BonusAccount, exports={"points"})]).personal[0].exports == ("points",)
    with pytest.raises(BadDefinition, match="bonus_account has no field 'pionts'. Did you mean 'points'"):
        Personal(BonusAccount, erases={"pionts"})


def test_a_tenant_starts_with_its_seeds(store_url: str, place: str) -> None:
    pack = SeedPack("bonus", 1, records={"first": Customer(name="Acme")})
    with connect(store_url, capabilities=[bonus(seeds=[pack])]) as crm, crm.session(job) as s:
        for seed in s.capabilities.by_name["bonus"].seeds:
            assert list(s.seeds.apply(seed).created) == ["customer/first"]
        assert s.customers.count() == 1


def test_steps_may_be_put_at_the_operations_of_a_capability_that_is_there(place: str) -> None:
    earn = Operation("earn", State, decides=("check",), writes=("credit",))
    with connect("memory://", capabilities=[bonus(operations=[earn])], steps=[earn.before("check", strict)]):  # type: ignore[list-item]
        pass
    with pytest.raises(BadDefinition, match="no operation of this CRM is 'earn'"):
        connect("memory://", steps=[earn.before("check", strict)])  # type: ignore[list-item]


def test_an_operation_of_a_capability_takes_handlers_and_is_done_as_a_whole(store_url: str, place: str) -> None:
    def at_most_ten(_: Session, gift: Gift) -> Refusal | None:
        return Refusal("Ten points are the most.") if gift.points > 10 else None

    def breaks(_: Session, gift: Gift) -> None:
        if gift.points == 14:
            raise ZeroDivisionError

    def doubles(_: Session, gift: Gift) -> Gift:
        return attrs.evolve(gift, points=gift.points * 2)

    steps = [give.before("look", at_most_ten), give.before("credit", doubles), give.after("remind", breaks)]
    with connect(store_url, capabilities=[bonus(operations=[give])], steps=steps) as crm:
        with crm.session(job) as s:
            acme = s.customers.add(Customer(name="Acme"))
        with crm.session(job) as s:
            with pytest.raises(Refused, match="Ten points are the most"):
                s.use(Bonus).give(acme, 11)
            s.use(Bonus).give(acme, 3)
        with crm.session(job) as s:
            with pytest.raises(ZeroDivisionError):
                s.use(Bonus).give(acme, 7)
            assert [each.points for each in s.repository(BonusAccount).find()] == [6]
            assert s.tasks.count() == 1


def test_a_tenant_that_has_it_not_sees_nothing_of_it(store_url: str, place: str) -> None:
    capability = bonus(steps=[advance.before("check", strict)])
    rich, poor = Actor(id=job.id, tenant="rich"), Actor(id=job.id, tenant="poor")
    with connect(store_url, capabilities=[capability], enabled=lambda tenant, _: tenant == "rich") as crm:
        with crm.session(rich) as s:
            account = BonusAccount(customer_id=s.customers.add(Customer(name="Acme")).id)
            assert s.repository(BonusAccount).add(account).points == 0
            assert isinstance(s.use(Bonus), Bonus)
            deal = s.opportunities.add(Opportunity(name="Line 4"))
            assert s.opportunities.why_not(deal, "needs") == "The bonus is not settled."
        with crm.session(poor) as s:
            for attempt in (lambda: s.use(Bonus), lambda: s.bonus, lambda: s.repository(BonusAccount)):
                with pytest.raises(Unsupported, match="this tenant does not have the capability 'bonus'"):
                    attempt()
            deal = s.opportunities.add(Opportunity(name="Line 4"))
            assert s.opportunities.why_not(deal, "needs") == ""


def test_what_needs_a_capability_that_is_off_is_off_as_well(place: str) -> None:
    capabilities = [bonus(needs="billing"), other(needs="mail"), other("mail", needs="bonus")]
    crm = connect("memory://", capabilities=capabilities, enabled=lambda _, name: name != "mail")
    with crm, crm.session(job) as s, pytest.raises(Unsupported):
        s.use(Bonus)
    with connect("memory://", capabilities=capabilities, enabled=lambda *_: True) as crm, crm.session(job) as s:
        assert isinstance(s.use(Bonus), Bonus)


def test_a_capability_is_taken_away_and_the_rest_stays(sqlite_url: str, place: str) -> None:
    with connect(sqlite_url, capabilities=[bonus()]) as crm, crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        s.repository(BonusAccount).add(BonusAccount(customer_id=acme.id, points=5))
    with connect(sqlite_url) as crm, crm.session(job) as s:
        assert s.customers.update(s.customers.get(acme.id), name="Acme Ltd").version == 2
    with connect(sqlite_url, capabilities=[bonus()]) as crm, crm.session(job) as s:
        assert [each.points for each in s.repository(BonusAccount).find()] == [5]
