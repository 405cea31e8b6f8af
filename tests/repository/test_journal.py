"""The journal: observers get each change inside the transaction that makes it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from crmkit import (
    UTC,
    AsyncCrm,
    Crm,
    CrmError,
    Customer,
    Opportunity,
    OutboxMessage,
    Session,
    StageMove,
    connect,
    f,
    system,
)
from crmkit.crm.capability import Capabilities
from crmkit.repository.change import Change, ChangeKind
from crmkit.repository.door import DoorOf

job = system("test")
NOW = dt.datetime(2026, 3, 1, tzinfo=UTC)


class Notebook:
    """Keeps the changes it gets, and refuses those of records with a certain name."""

    def __init__(self) -> None:
        self.changes: list[Change[Any]] = []

    async def observe(self, change: Change[Any], door_of: DoorOf) -> None:
        self.changes.append(change)
        if any(getattr(record, "name", "") == "Refused" for record in change.after):
            raise ZeroDivisionError


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
def crm(store_url: str, notebook: Notebook) -> Iterator[Crm]:
    with connect(store_url, clock=lambda: NOW, outbox=True) as crm:
        told = attrs.evolve(crm.environment, observers=(*crm.environment.observers, notebook))
        yield Crm(AsyncCrm(told, Capabilities()))


def _import(crm: Crm, folder: Path, name: str) -> None:
    (folder / "customers.csv").write_text(f"Id,Name\n1,{name}\n")
    mapping = {
        "source": "old",
        "file": [{"path": "customers.csv", "into": "customer", "id": "Id", "fields": {"name": "Name"}}],
    }
    crm.imports(job).plan(mapping, folder=folder).apply()


def test_each_kind_of_change_is_observed(crm: Crm, notebook: Notebook) -> None:
    with crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        renamed = s.customers.update(acme, name="Acme Ltd", score=7)
        deleted = s.customers.delete(renamed)
        restored = s.customers.restore(deleted)
        deal = s.opportunities.add(Opportunity(name="Deal"))
        won = s.opportunities.advance(deal, "won", note="signed")
    told = [(each.kind, each.schema.name, each.fields, each.before, tuple(each.after)) for each in notebook.changes]
    assert told == [
        (ChangeKind.ADDED, "customer", (), (), (acme,)),
        (ChangeKind.UPDATED, "customer", ("name", "score"), (acme,), (renamed,)),
        (ChangeKind.DELETED, "customer", ("deleted_at",), (renamed,), (deleted,)),
        (ChangeKind.RESTORED, "customer", ("deleted_at",), (deleted,), (restored,)),
        (ChangeKind.ADDED, "opportunity", (), (), (deal,)),
        (ChangeKind.MOVED, "opportunity", told[-1][2], (deal,), (won,)),
    ]
    assert {(each.at, each.actor) for each in notebook.changes} == {(NOW, "system:test")}
    entered, moved = notebook.changes[-2].moves[0], notebook.changes[-1].moves[0]
    assert (entered.kind, moved.from_stage, moved.to_stage, moved.note) == ("enter", deal.stage, "won", "signed")


def test_a_bulk_write_is_one_change(crm: Crm, notebook: Notebook) -> None:
    with crm.session(job) as s:
        ids = s.customers.add_many(Customer(name=str(number)) for number in range(20))
    (change,) = notebook.changes
    assert (list(change.ids), [record.id for record in change.after]) == (ids, ids)


def test_imports_are_observed(crm: Crm, notebook: Notebook, tmp_path: Path) -> None:
    _import(crm, tmp_path, "Acme")
    _import(crm, tmp_path, "Acme Ltd")
    told = [each for each in notebook.changes if each.schema.name == "customer"]
    assert [(each.kind, [r.name for r in each.before], [r.name for r in each.after]) for each in told] == [
        (ChangeKind.IMPORTED, [], ["Acme"]),
        (ChangeKind.IMPORTED, ["Acme"], ["Acme Ltd"]),
    ]


def test_what_crmkit_itself_keeps_is_not_observed(crm: Crm, notebook: Notebook) -> None:
    with crm.session(job) as s:
        s.opportunities.add(Opportunity(name="Deal"))
        assert (s.stage_moves.count(), s.repository(OutboxMessage).count()) == (1, 1)
    assert [each.schema.name for each in notebook.changes] == ["opportunity"]


def test_the_outbox_says_what_happened(crm: Crm) -> None:
    with crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal"))
        deal = s.opportunities.update(deal, name="Big deal", amount=None)
        s.opportunities.advance(deal, "won")
        told = s.repository(OutboxMessage).find(order=f.record_version)
    assert [(each.topic, each.record_version, json.loads(each.payload)) for each in told] == [
        ("opportunity.added", 1, {}),
        ("opportunity.updated", 2, {"fields": ["amount", "name"]}),
        ("opportunity.moved", 3, {"from": deal.stage, "to": "won"}),
    ]


def _deal(s: Session) -> Opportunity:
    return s.opportunities.first(f.name == "Deal") or s.opportunities.add(Opportunity(name="Deal"))


REFUSED: dict[str, Callable[[Session], object]] = {
    "add": lambda s: s.customers.add(Customer(name="Refused")),
    "add_many": lambda s: s.customers.add_many([Customer(name="Fine"), Customer(name="Refused")]),
    "update": lambda s: s.opportunities.update(_deal(s), name="Refused"),
    "advance": lambda s: s.opportunities.advance(_deal(s), "won", name="Refused"),
}


@pytest.mark.parametrize("write", REFUSED)
def test_an_observer_that_raises_undoes_the_write(crm: Crm, write: str) -> None:
    with crm.session(job) as s:
        deal = _deal(s)
    undone = pytest.raises(CrmError, match="broke off halfway, so the whole session was undone")
    with undone, crm.session(job) as s:
        s.customers.add(Customer(name="Before"))
        with pytest.raises(ZeroDivisionError):
            REFUSED[write](s)
        with pytest.raises(CrmError, match="broke off halfway, so the whole session was undone"):
            s.customers.count()
    with crm.session(job) as s:
        assert s.opportunities.find()[:] == [deal]
        assert s.customers.count() == 0
        assert s.repository(StageMove).count() == 1
        assert s.repository(OutboxMessage).count() == 1


def test_a_rollback_undoes_what_observers_wrote(crm: Crm) -> None:
    with crm.session(job) as s:
        s.opportunities.add(Opportunity(name="Deal"))
        s.rollback()
        assert (s.stage_moves.count(), s.repository(OutboxMessage).count()) == (0, 0)


def test_a_bulk_write_builds_no_records_for_nobody(store_url: str) -> None:
    with connect(store_url) as crm, crm.session(job) as s:
        door = s._inner.doors.of(Customer)
        door._loaded = None  # type: ignore[assignment] # what would build them
        assert len(s.customers.add_many(Customer(name=str(number)) for number in range(20))) == 20
