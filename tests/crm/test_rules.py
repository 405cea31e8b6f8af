"""Rules of a host hold on every public call that writes; each of them is tried, those to come as well."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from crmkit import (
    Actor,
    Crm,
    Customer,
    Money,
    Opportunity,
    Refusal,
    RuleBroken,
    Session,
    ValidationRule,
    connect,
    f,
    rule,
    system,
)
from crmkit.crm.blocking.repository import Repository
from tests.crm.test_noninterference import ATTEMPTS, CATALOG, Secret, World

job, seed = system("test"), system("seed")


# -- whatever writes, asks ---------------------------------------------------------------------------------------------


class Watching:
    """A transaction that notes which models are written."""

    def __init__(self, unit: Any, written: set[str]) -> None:
        self._unit = unit
        self._written = written

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._unit, name)
        if name not in {"insert", "patch", "remove"}:
            return call

        def noted(of: Any, *given: Any) -> Any:
            schema = getattr(of, "schema", of)
            if not schema.kept:
                self._written.add(schema.name)
            return call(of, *given)

        return noted


def watch(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    written: set[str] = set()
    store: Any = type(crm.environment.store)
    begin = store.begin

    async def watched(self: Any) -> Any:
        return Watching(await begin(self), written)

    monkeypatch.setattr(store, "begin", watched)
    return written


def test_no_public_call_writes_a_record_that_the_rules_refuse(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut = False

    def closed(before: Any, after: Any, actor: Actor, s: Session) -> Refusal | None:
        return Refusal("Closed today.") if shut else None

    rules = {schema.cls: [rule("closed", check=closed)] for schema in CATALOG if not schema.kept}
    world = World(store_url, tmp_path, Secret(), rules=rules, protect=rules)
    written = watch(world.crm, monkeypatch)

    def writing() -> set[str]:
        found: set[str] = set()
        for name in ATTEMPTS:
            written.clear()
            world.told(name)
            if written:
                found.add(name)
        return found

    shut = True
    assert writing() == set()
    shut = False
    calls = ("add", "add_many", "update", "delete", "restore", "advance", "transfer")
    assert writing() == {*(f"Repository.{name}" for name in calls), "Plan.apply"}


# -- each kind of rule, on each call -----------------------------------------------------------------------------------

BIG = f.amount > Money(100, "EUR")
ASKED = f.updated_by != seed.key
"""So that what breaks the rules can be there already."""


def no_credit(before: Opportunity | None, after: Opportunity, actor: Actor, s: Session) -> Refusal | None:
    if after.updated_by == seed.key or after.amount is None or after.amount <= Money(100, "EUR"):
        return None
    customer = s.customers.first(f.id == after.customer_id)
    return Refusal("Poor.") if customer is not None and customer.name == "Poor" else None


KINDS: dict[str, ValidationRule] = {
    "of one record": rule("Poor.", refuse=ASKED & BIG & f.next_step.missing(), on=["amount"], code="poor"),
    "of a related record": rule("Poor.", refuse=ASKED & BIG & (f.customer.name == "Poor"), on="amount", code="poor"),
    "of related records": rule(
        "Poor.", refuse=ASKED & BIG & f.customer.contacts.none(f.role == "user"), on="amount", code="poor"
    ),
    "a function": rule("poor", check=no_credit, on=["amount"]),
}
RICH = Money(500, "EUR")


def poor(s: Session) -> Customer:
    return s.customers.first(f.name == "Poor") or s.customers.add(Customer(name="Poor"))


def made(s: Session, amount: Money | None = RICH) -> Opportunity:
    return Opportunity(name="Deal", amount=amount, customer_id=poor(s).id)


def held(s: Session, crm: Crm, amount: Money | None = None, *, deleted: bool = False) -> Opportunity:
    with crm.session(seed) as other:
        deal = other.opportunities.add(made(other, amount))
        return other.opportunities.delete(deal) if deleted else deal


WRITES: dict[str, Callable[[Session, Crm], object]] = {
    "add": lambda s, _: s.opportunities.add(made(s)),
    "add at a stage": lambda s, _: s.opportunities.add(attrs.evolve(made(s), stage="proposal")),
    "add_many": lambda s, _: s.opportunities.add_many([made(s, None), made(s)]),
    "update": lambda s, crm: s.opportunities.update(held(s, crm), amount=RICH),
    "update of a changed copy": lambda s, crm: s.opportunities.update(attrs.evolve(held(s, crm), amount=RICH)),
    "update of what broke it before": lambda s, crm: s.opportunities.update(held(s, crm, RICH), name="New"),
    "advance": lambda s, crm: s.opportunities.advance(held(s, crm), "proposal", amount=RICH),
    "advance of what broke it before": lambda s, crm: s.opportunities.advance(held(s, crm, RICH), "proposal"),
    "transfer": lambda s, crm: s.opportunities.transfer(held(s, crm, RICH), stage="proposal"),
    "restore": lambda s, crm: s.opportunities.restore(held(s, crm, RICH, deleted=True)),
}
OTHERS = {
    "get", "find", "first", "stream", "batches", "count", "ids", "exists", "tally", "why_not", "allowed_moves",
    "delete", "add_external_id", "remove_external_id",
}  # fmt: skip
"""Calls that make no record what it was not."""


def test_every_call_of_a_repository_is_known_here() -> None:
    public = {name for name, _ in inspect.getmembers(Repository, inspect.isfunction) if name[0] != "_"}
    assert {name.partition(" ")[0] for name in WRITES} | OTHERS == public


@pytest.fixture(params=KINDS)
def crm(store_url: str, request: pytest.FixtureRequest) -> Iterator[Crm]:
    with connect(store_url, rules={Opportunity: [KINDS[request.param]]}) as crm:
        with crm.session(seed) as s:
            poor(s)
        yield crm


def test_each_kind_of_rule_holds_on_each_call(crm: Crm, subtests: pytest.Subtests) -> None:
    for how, write in WRITES.items():
        with subtests.test(how), crm.session(job) as s:
            with pytest.raises(RuleBroken) as caught:
                write(s, crm)
            place = 1 if how == "add_many" else 0
            assert [(each.code, each.message, each.fields, each.position) for each in caught.value.breaches] == [
                ("poor", "Poor.", ("amount",), place)
            ]
            assert caught.value.code == "rule_broken"
            assert caught.value.entity == "opportunity"
            assert not s.opportunities.count(f.updated_by == job.key, deleted=True)
            assert not s.stage_moves.count(f.created_by == job.key)


def test_what_no_rule_is_about_is_written(crm: Crm) -> None:
    with crm.session(job) as s:
        deal = s.opportunities.add(made(s, Money(99, "EUR")))
        deal = s.opportunities.advance(deal, "proposal", amount=Money(100, "EUR"))
        assert s.opportunities.restore(s.opportunities.delete(deal)).stage == "proposal"


IMPORT = {
    "source": "legacy",
    "zone": "UTC",
    "file": [
        {
            "path": "a.csv", "into": "opportunity", "id": "No",
            "fields": {
                "name": "Name",
                "amount": {"money": "Worth", "currency": {"const": "EUR"}},
                "customer_id": {"column": "At", "link": "customer", "by": "name"},
            },
        }
    ],
}  # fmt: skip


def test_rows_that_break_a_rule_are_rejected_alone_and_a_plan_says_the_same(crm: Crm, tmp_path: Path) -> None:
    for worth in ((50, 60), (500, 70)), ((800, 80), (90, 900)):  # new rows, then changed ones
        lines = [f"{number},Deal,{amount},Poor" for number, amount in enumerate(worth[0] + worth[1], 1)]
        (tmp_path / "a.csv").write_text("\n".join(["No,Name,Worth,At", *lines]))
        plan = crm.imports(job).plan(IMPORT, folder=tmp_path)
        done = plan.apply()
        wrong = [number for number, amount in enumerate(worth[0] + worth[1], 2) if amount > 100]
        for report in (plan, done):
            assert [(each.record, each.column, each.code, each.message) for each in report.problems] == [
                (number, "Worth", "poor", "Poor.") for number in wrong
            ]
    with crm.session(job) as s:
        amounts = sorted(each.amount.amount for each in s.opportunities.find() if each.amount)
        assert amounts == [50, 70, 80, 90]


def test_the_rules_of_its_outcome_speak_against_a_move(crm: Crm) -> None:
    with crm.session(job) as s:
        deal = held(s, crm)
        assert s.opportunities.why_not(deal, "proposal") == ""
        assert s.opportunities.why_not(deal, "proposal", amount=RICH) == "Poor."
        assert s.opportunities.why_not(deal, "lost", amount=RICH) == "'lost' requires lost_reason. Poor."
        assert s.opportunities.allowed_moves(deal)
        assert s.opportunities.allowed_moves(attrs.evolve(deal, amount=RICH)) == ()
