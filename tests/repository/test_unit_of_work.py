"""The unit of work: parts of a session that can be undone, and refusals that only the store can tell."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from crmkit import (
    Action,
    Actor,
    Busy,
    Contact,
    Crm,
    CrmError,
    Customer,
    Expr,
    NotAllowed,
    Opportunity,
    PipelineDefinition,
    Unsupported,
    aconnect,
    connect,
    everything,
    f,
    system,
)
from crmkit.model.schema import Schema
from crmkit.storage.spi import Feature

job = system("test")


class Reachable:
    """Contacts belong to a customer that has a name of its own: a rule that follows a relation."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        if schema.name == "contact" and action is not Action.READ:
            return f.customer.name != "Closed"
        return everything


def undoes_parts(crm: Crm) -> bool:
    return Feature.SAVEPOINT in crm.environment.store.features


def test_a_nested_part_is_undone_alone(store_url: str) -> None:
    with connect(store_url) as crm, crm.session(job) as s:
        s.customers.add(Customer(name="Before"))
        if not undoes_parts(crm):
            with pytest.raises(Unsupported), s.nested():
                pytest.fail("this store has no savepoints")
            return
        with pytest.raises(ZeroDivisionError), s.nested():
            s.customers.add(Customer(name="Within"))
            s.opportunities.add(Opportunity(name="Deal"))
            with s.nested():
                s.customers.add(Customer(name="Deeper"))
            raise ZeroDivisionError
        with s.nested():
            s.customers.add(Customer(name="Kept"))
        s.customers.add(Customer(name="After"))
        # The definition that the undone deal entered is written by the next one.
        deal = s.opportunities.add(Opportunity(name="Deal"))
        s.commit()
        assert s.opportunities.allowed_moves(s.opportunities.get(deal.id))
        assert [each.name for each in s.customers.find(order=f.name)] == ["After", "Before", "Kept"]
        assert s.repository(PipelineDefinition).count() == 1


@pytest.mark.parametrize("store_url", ["memory", "sqlite"], indirect=True)
def test_a_nested_part_is_neither_committed_nor_rolled_back_from_within(store_url: str) -> None:
    with connect(store_url) as crm, crm.session(job) as s:
        with s.nested():
            for attempt in (s.commit, s.rollback):
                with pytest.raises(CrmError, match="nested part"):
                    attempt()
            s.customers.add(Customer(name="Kept"))
        s.commit()
        assert s.customers.count() == 1


@pytest.mark.parametrize("store_url", ["memory", "sqlite"], indirect=True)
def test_the_awaited_face_nests_as_well(store_url: str) -> None:
    async def ask() -> int:
        async with await aconnect(store_url) as crm, crm.session(job) as s:
            with pytest.raises(ZeroDivisionError):
                async with s.nested():
                    await s.customers.add(Customer(name="Undone"))
                    raise ZeroDivisionError
            return await s.customers.count()

    assert asyncio.run(ask()) == 0


def test_a_nested_part_takes_the_write_lock_with_its_first_write(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    with connect(f"sqlite:///{path}?timeout=0") as crm, closing(sqlite3.connect(path, isolation_level=None)) as other:
        with crm.session(job) as s:
            other.execute("BEGIN IMMEDIATE")
            with s.nested():
                assert s.customers.count() == 0
                with pytest.raises(Busy), s.nested():
                    s.customers.add(Customer(name="Too early"))
                other.execute("COMMIT")
                with pytest.raises(ZeroDivisionError), s.nested():
                    s.customers.add(Customer(name="Undone"))
                    with s.nested():
                        s.customers.add(Customer(name="Undone"))
                    raise ZeroDivisionError
                # Nothing is written any more, so others may.
                other.execute("BEGIN IMMEDIATE")
                other.execute("COMMIT")
                with s.nested(), s.nested():
                    s.customers.add(Customer(name="Kept"))
                with pytest.raises(sqlite3.OperationalError, match="locked"):
                    other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT name FROM customers").fetchall() == [("Kept",)]


def test_a_refused_write_is_undone_alone_or_with_all_of_the_session(store_url: str) -> None:
    with connect(store_url, policy=Reachable()) as crm:
        with crm.session(job) as s:
            closed = s.customers.add(Customer(name="Closed"))
            opened = s.customers.add(Customer(name="Open"))
            ann = s.contacts.add(Contact(name="Ann", customer_id=opened.id))
        for refused in (
            lambda s: s.contacts.add(Contact(name="Bo", customer_id=closed.id)),
            lambda s: s.contacts.add_many([Contact(name=name, customer_id=closed.id) for name in "ab"]),
            lambda s: s.contacts.update(ann, customer_id=closed.id),
            lambda s: s.contacts.update(ann, name="Anna", customer_id=closed.id),
        ):
            # Who catches the refusal still learns, on leaving, that the rest is gone too.
            lost = nullcontext() if undoes_parts(crm) else pytest.raises(CrmError, match="whole session was undone")
            with lost, crm.session(job) as s:
                before = s.customers.count()
                s.customers.add(Customer(name="Beside"))
                with pytest.raises(NotAllowed, match="does not let this actor") as caught:
                    refused(s)
                if undoes_parts(crm):
                    assert s.customers.count() == before + 1
                else:
                    assert "whole session was undone" in str(caught.value)
                    for attempt in (s.customers.count, s.commit):
                        with pytest.raises(CrmError, match="whole session was undone"):
                            attempt()
            with crm.session(job) as s:
                assert s.contacts.find()[:] == [ann]
                assert s.customers.count() == before + undoes_parts(crm)


def test_a_session_goes_on_after_a_refused_write_that_was_its_only_one(store_url: str) -> None:
    with connect(store_url, policy=Reachable()) as crm, crm.session(job) as s:
        with pytest.raises(NotAllowed, match="does not let this actor") as caught:
            s.contacts.add(Contact(name="Bo"))
        assert "undone" not in str(caught.value)
        s.customers.add(Customer(name="Acme"))
        assert s.customers.count() == 1
        assert s.contacts.count() == 0


def test_a_session_that_was_undone_goes_on_after_a_rollback(mongo_url: str) -> None:
    with connect(mongo_url, policy=Reachable()) as crm, crm.session(job) as s:
        s.customers.add(Customer(name="Lost"))
        with pytest.raises(NotAllowed, match="whole session was undone"):
            s.contacts.add(Contact(name="Bo"))
        s.rollback()
        s.customers.add(Customer(name="Acme"))
        s.commit()
        assert s.customers.count() == 1
