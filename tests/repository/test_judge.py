"""Rules of a host: what they may say, what they are told, and how they refuse."""

from __future__ import annotations

import asyncio
import datetime as dt
import pickle
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from crmkit import (
    Action,
    Actor,
    AsyncSession,
    BadRecord,
    Contact,
    Crm,
    CrmError,
    Customer,
    Expr,
    Money,
    NotAllowed,
    Opportunity,
    Refusal,
    RuleBroken,
    Session,
    Stale,
    Task,
    User,
    aconnect,
    connect,
    everything,
    f,
    me,
    rule,
    system,
    today,
)
from crmkit.model.schema import Schema
from crmkit.storage.spi import Feature

job = system("test")
EUR = Money(0, "EUR")
SPONSOR = rule(
    "Big deals need a sponsor.",
    refuse=(f.amount > Money(100_000, "EUR")) & f.contact_id.missing(),
    on=["contact_id"],
    hint="Name the contact.",
)
NAMED = rule("A deal is not called Deal.", refuse=f.name == "Deal", on=["name"], code="unnamed")
KNOWN = rule("The customer has no contact.", refuse=f.customer.contacts.none(), on=["customer_id"], code="unknown")


def big(name: str = "Deal", **values: Any) -> Opportunity:
    return Opportunity(name=name, amount=Money(200_000, "EUR"), **values)


# -- all at once -------------------------------------------------------------------------------------------------------


def test_one_refusal_names_every_rule_that_is_broken(store_url: str) -> None:
    with connect(store_url, rules={Opportunity: [KNOWN, SPONSOR, NAMED]}) as crm, crm.session(job) as s:
        with pytest.raises(RuleBroken) as caught:
            s.opportunities.add(big())
        error = caught.value
        assert str(error) == (
            "opportunity refused: contact_id: Big deals need a sponsor.; name: A deal is not called Deal.; "
            "customer_id: The customer has no contact. Name the contact."
        )
        assert [each.code for each in error.breaches] == ["big_deals_need_a_sponsor", "unnamed", "unknown"]
        assert [(each.field, each.code) for each in error.problems] == [
            ("contact_id", "big_deals_need_a_sponsor"),
            ("name", "unnamed"),
            ("customer_id", "unknown"),
        ]
        assert (error.hint, error.total, error.many) == ("Name the contact.", 3, False)
        assert not s.opportunities.count()
        copied = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        assert vars(copied) == vars(error)


def test_a_bulk_call_tells_of_every_record_in_every_batch(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crmkit.repository.repository.BATCH", 3)
    with connect(store_url, rules={Opportunity: [NAMED, KNOWN]}) as crm, crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        s.contacts.add(Contact(name="Ann", customer_id=acme.id))
        s.commit()
        names = ["a", "Deal", "b", "c", "Deal", "d", "e"]
        with pytest.raises(RuleBroken) as caught:
            s.opportunities.add_many([Opportunity(name=each, customer_id=acme.id) for each in names])
        s.rollback()
        assert [each.position for each in caught.value.breaches][:1] == [1]
        if Feature.SAVEPOINT in crm.environment.store.features:
            assert [each.position for each in caught.value.breaches] == [1, 4]
            assert str(caught.value) == (
                "opportunity refused: [1].name: A deal is not called Deal.; [4].name: A deal is not called Deal."
            )
        assert not s.opportunities.count()


def test_a_refusal_lists_the_first_hundred_and_counts_all(store_url: str) -> None:
    with connect(store_url, rules={Task: [rule("No.", refuse=everything)]}) as crm, crm.session(job) as s:
        with pytest.raises(RuleBroken) as caught:
            s.tasks.add_many(Task(subject="x") for _ in range(6_000))
        assert (len(caught.value.breaches), caught.value.total) == (100, 6_000)
        assert str(caught.value).endswith("; [9]: No.; and 5,990 more")
        assert caught.value.breaches[-1].position == 99


def test_a_refusal_costs_nothing_of_what_the_session_did_where_a_record_alone_decides(store_url: str) -> None:
    with connect(store_url, rules={Opportunity: [NAMED]}) as crm:
        with crm.session(job) as s:
            s.customers.add(Customer(name="Acme"))
            with pytest.raises(RuleBroken):
                s.opportunities.add(Opportunity(name="Deal"))
        with crm.session(job) as s:
            assert s.customers.count() == 1


def test_a_write_that_is_refused_afterwards_is_undone_alone_where_the_store_can(store_url: str) -> None:
    with connect(store_url, rules={Opportunity: [KNOWN]}) as crm:
        with crm.session(job) as s:
            acme = s.customers.add(Customer(name="Acme"))
            with pytest.raises(RuleBroken) as caught:
                s.opportunities.add(Opportunity(name="A", customer_id=acme.id))
            if Feature.SAVEPOINT not in crm.environment.store.features:
                assert str(caught.value) == (
                    "opportunity refused: customer_id: The customer has no contact. A write was refused that this "
                    "database cannot undo alone, so the whole session was undone. Call rollback() to go on, or open a "
                    "new session, and write again what should stay."
                )
                s.rollback()
                s.customers.add(Customer(name="Acme"))
        with crm.session(job) as s:
            assert (s.customers.count(), s.opportunities.count(), s.stage_moves.count()) == (1, 0, 0)


# -- what a rule may say -----------------------------------------------------------------------------------------------


def test_a_rule_about_a_change_looks_at_the_record_before(store_url: str) -> None:
    won = rule("What is won stays won.", was=f.outcome == "won", refuse=f.outcome != "won", on=["stage"])
    late = rule("The customer is gone.", was=f.customer.name == "Gone", refuse=f.next_step == "call")
    with connect(store_url, rules={Opportunity: [won, late]}) as crm, crm.session(job) as s:
        gone = s.customers.add(Customer(name="Gone"))
        deal = s.opportunities.add(Opportunity(name="A", customer_id=gone.id, next_step="call"))
        deal = s.opportunities.advance(deal, "won", next_step="wait")
        with pytest.raises(RuleBroken, match="stage: What is won stays won"):
            s.opportunities.transfer(deal, stage="proposal")
        with pytest.raises(RuleBroken, match="refused: The customer is gone"):
            s.opportunities.update(deal, next_step="call")
        assert s.opportunities.update(deal, customer_id=None).version == 3


def test_placeholders_mean_the_actor_and_the_moment(store_url: str) -> None:
    now = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    mine = rule("You cannot give it away.", was=f.owner_id == me.id, refuse=f.owner_id != me.id)
    past = rule("It cannot close in the past.", refuse=f.close_date < today())
    with connect(store_url, rules={Opportunity: [mine, past]}, clock=lambda: now) as crm:
        with crm.session(job) as s:
            ann, bo = s.users.add(User(name="Ann")), s.users.add(User(name="Bo"))
            deal = s.opportunities.add(Opportunity(name="A", owner_id=ann.id))
        with crm.session(Actor(id=ann.id)) as s, pytest.raises(RuleBroken, match="give it away"):
            s.opportunities.update(deal, owner_id=bo.id)
        with crm.session(Actor(id=bo.id)) as s:
            deal = s.opportunities.update(deal, owner_id=bo.id, close_date=dt.date(2026, 3, 1))
            with pytest.raises(RuleBroken, match="in the past"):
                s.opportunities.update(deal, close_date=dt.date(2026, 2, 28))


def test_a_rule_over_related_records_counts_the_record_itself(store_url: str) -> None:
    few = rule("Two open deals are enough.", refuse=f.customer.opportunities.count(f.outcome == "open") > 2)
    with connect(store_url, rules={Opportunity: [few]}) as crm, crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        s.commit()
        with pytest.raises(RuleBroken) as caught:
            s.opportunities.add_many([Opportunity(name=str(each), customer_id=acme.id) for each in range(3)])
        assert caught.value.total == 3
        s.opportunities.add_many([Opportunity(name=str(each), customer_id=acme.id) for each in range(2)])


def test_a_rule_holds_for_everybody_whatever_they_may_see(store_url: str) -> None:
    class Own:
        def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
            hidden = schema.name == "contact" and actor.id is not None
            return f.owner_id == me.id if hidden else everything

    with connect(store_url, rules={Opportunity: [KNOWN]}, policy=Own()) as crm:
        with crm.session(job) as s:
            ann = s.users.add(User(name="Ann"))
            acme, bare = s.customers.add(Customer(name="Acme")), s.customers.add(Customer(name="Bare"))
            s.contacts.add(Contact(name="Hidden", customer_id=acme.id))
        with crm.session(Actor(id=ann.id)) as s:
            assert not s.contacts.count()
            deal = s.opportunities.add(Opportunity(name="A", customer_id=acme.id))
            s.commit()
            assert s.opportunities.why_not(deal, "proposal") == ""
            with pytest.raises(RuleBroken):
                s.opportunities.update(deal, customer_id=bare.id)


def test_what_is_stale_or_not_allowed_is_told_before_a_rule(store_url: str) -> None:
    class Fixed:
        def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
            return f.next_step.missing() if schema.name == "opportunity" and action is Action.UPDATE else everything

    with connect(store_url, rules={Opportunity: [NAMED]}, policy=Fixed()) as crm, crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="A"))
        s.commit()
        s.opportunities.update(deal, name="B")
        with pytest.raises(Stale):
            s.opportunities.update(deal, name="Deal")
        with pytest.raises(NotAllowed):
            s.opportunities.update(s.opportunities.get(deal.id), name="Deal", next_step="x")
    with connect(store_url, rules={Customer: [NAMED]}) as crm, crm.session(job) as s:
        acme = s.customers.add(Customer(name="A"))
        s.customers.update(acme, name="B")
        with pytest.raises(Stale):
            s.customers.update(acme, name="Deal")


# -- functions ---------------------------------------------------------------------------------------------------------


def test_a_function_is_told_what_was_what_will_be_and_who_acts(store_url: str) -> None:
    told: list[Any] = []

    def look(before: Customer | None, after: Customer, actor: Actor, s: Session) -> Refusal | None:
        told.append((before, after, actor, s.customers.count()))
        return Refusal("Not that.", code="that", fields=["name"], hint="Choose.") if after.name == "No" else None

    with connect(store_url, rules={Customer: [rule("look", check=look, on=["size"])]}) as crm, crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        large = s.customers.update(acme, size="large")
        assert told == [(None, acme, job, 0), (acme, large, job, 1)]
        with pytest.raises(RuleBroken) as caught:
            s.customers.update(large, name="No")
        (breach,) = caught.value.breaches
        assert (breach.code, breach.message, breach.fields, breach.hint) == ("that", "Not that.", ("name",), "Choose.")


ENDINGS: dict[str, Callable[[Session], object]] = {
    "commit": lambda s: s.commit(),
    "rollback": lambda s: s.rollback(),
    "enter": lambda s: s.__enter__(),
    "write": lambda s: s.tasks.add(Task(subject="x")),
    "delete": lambda s: s.customers.delete(s.customers.find()[0]),
}


@pytest.mark.parametrize("what", ENDINGS)
def test_a_function_looks_and_does_nothing_else(store_url: str, what: str) -> None:
    def meddle(before: object, after: Customer, actor: Actor, s: Session) -> None:
        if after.size == "large":
            ENDINGS[what](s)

    with connect(store_url, rules={Customer: [rule("meddle", check=meddle)]}) as crm:
        with crm.session(job) as s:
            acme = s.customers.add(Customer(name="Acme"))
            with pytest.raises(CrmError, match=r"cannot (write|end the transaction)"):
                s.customers.update(acme, size="large")
            s.customers.update(acme, size="small")
        with crm.session(job) as s:
            assert ([each.size for each in s.customers.find()], s.tasks.count()) == (["small"], 0)


def test_what_a_function_raises_leaves_nothing_written(store_url: str) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with connect(store_url, rules={Customer: [rule("fail", check=fail)]}) as crm, crm.session(job) as s:
        with pytest.raises(ZeroDivisionError):
            s.customers.add(Customer(name="Acme"))
        assert not s.customers.count()


def test_a_function_returns_a_refusal_or_nothing(store_url: str) -> None:
    wrong: Any = lambda *_: True  # noqa: E731 - nothing else is to be said of it
    with connect(store_url, rules={Customer: [rule("credit", check=wrong)]}) as crm, crm.session(job) as s:
        acme = Customer(name="Acme")
        with pytest.raises(CrmError, match="the rule 'credit' of customer returned bool"):
            s.customers.add(acme)


@pytest.mark.parametrize("store_url", ["sqlite", "mongo"], indirect=True)
def test_an_awaited_crm_awaits_its_functions(store_url: str) -> None:
    async def unique(before: Customer | None, after: Customer, actor: Actor, s: AsyncSession) -> Refusal | None:
        return Refusal("There is one.") if await s.customers.count(f.name == after.name) else None

    async def main() -> int:
        rules = {Customer: [rule("unique", check=unique)]}
        async with aconnect(store_url, rules=rules) as crm, crm.session(job) as s:
            await s.customers.add(Customer(name="Acme"))
            with pytest.raises(RuleBroken, match="There is one"):
                await s.customers.add(Customer(name="Acme"))
            return await s.customers.count()

    assert asyncio.run(main()) == 1


# -- before deletion ---------------------------------------------------------------------------------------------------


def test_what_is_protected_is_not_deleted(store_url: str) -> None:
    def no_tasks(before: Customer, after: Customer, actor: Actor, s: Session) -> Refusal | None:
        busy = s.tasks.exists(f.customer_id == before.id)
        return Refusal("Somebody works for it.", fields=["tags"]) if busy else None

    protect = {
        Customer: [
            rule("A reference stays.", refuse=f.tags.has("reference"), on=["tags"]),
            rule("Open deals hang on it.", refuse=f.opportunities.any(f.outcome == "open")),
            rule("tasks", check=no_tasks),
        ]
    }
    with connect(store_url, protect=protect) as crm, crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme", tags=("reference",)))
        deal = s.opportunities.add(Opportunity(name="A", customer_id=acme.id))
        task = s.tasks.add(Task(subject="x", customer_id=acme.id))
        with pytest.raises(RuleBroken) as caught:
            s.customers.delete(acme)
        assert str(caught.value) == (
            "customer refused: tags: A reference stays.; Open deals hang on it.; tags: Somebody works for it."
        )
        acme = s.customers.update(acme, tags=())
        s.opportunities.delete(deal)
        s.tasks.delete(task)
        assert s.customers.restore(s.customers.delete(acme)).deleted_at is None


def test_what_breaks_a_rule_can_be_deleted(store_url: str) -> None:
    stop = rule("Stop.", refuse=f.updated_by != job.key)
    with connect(store_url, rules={Customer: [stop]}) as crm:
        with crm.session(job) as s:
            acme = s.customers.add(Customer(name="Acme"))
        with crm.session(system("other")) as s:
            s.customers.delete(acme)


# -- what it costs -----------------------------------------------------------------------------------------------------


class Counting:
    """A transaction that notes what it is asked."""

    def __init__(self, unit: Any, asked: list[str]) -> None:
        self.unit = unit
        self.asked = asked

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self.unit, name)


def counted(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    store: Any = type(crm.environment.store)
    begin = store.begin

    async def counting(self: Any) -> Any:
        return Counting(await begin(self), asked)

    monkeypatch.setattr(store, "begin", counting)
    return asked


def test_rules_that_a_record_decides_ask_nothing_of_the_store(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = {
        Customer: [NAMED, rule("x", check=lambda *_: None), rule("y", was=f.size == "small", refuse=f.size == "micro")]
    }
    with connect(store_url, rules=rules, protect={Customer: [NAMED]}) as crm, crm.session(job) as s:
        asked = counted(crm, monkeypatch)
        s.rollback()
        acme = s.customers.add(Customer(name="Acme"))
        acme = s.customers.update(acme, size="large")
        s.customers.delete(acme)
        assert asked == ["insert", "patch", "patch"]


@pytest.mark.parametrize("number", [10, 1_000])
def test_rules_that_follow_relations_take_one_statement_for_any_number_of_records(
    store_url: str, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    rules = {Task: [rule("x", refuse=f.customer.name == "x"), rule("y", refuse=f.customer.name == "y")]}
    with connect(store_url, rules=rules) as crm, crm.session(job) as s:
        asked = counted(crm, monkeypatch)
        s.rollback()
        s.tasks.add_many(Task(subject="x") for _ in range(number))
        assert [each for each in asked if each != "savepoint"] == ["insert", "fetch", "fetch"]


# -- order of answers --------------------------------------------------------------------------------------------------


def test_values_and_links_are_judged_before_rules(store_url: str) -> None:
    lost = Customer(name="Acme", parent_id=UUID(int=7))
    with connect(store_url, rules={Customer: [rule("No.", refuse=everything)]}) as crm, crm.session(job) as s:
        s.commit()
        with pytest.raises(BadRecord, match="parent_id"):
            s.customers.add(lost)
