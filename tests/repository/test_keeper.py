"""What is kept: anybody may read it, and only its keeper writes it, whatever a caller tries."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest

from crmkit import (
    Action,
    Actor,
    AsyncCrm,
    BadMapping,
    BadRecord,
    BehaviourEvent,
    Crm,
    Customer,
    Duplicate,
    Expr,
    ExternalId,
    NotAllowed,
    NotFound,
    Opportunity,
    OutboxMessage,
    PipelineDefinition,
    Record,
    Role,
    SeedItem,
    SeedPack,
    Segment,
    SegmentDefinition,
    StageMove,
    User,
    connect,
    entity,
    everything,
    f,
    me,
    system,
    text,
)
from crmkit.crm.capability import Capabilities
from crmkit.entities import BUILT_IN
from crmkit.model.schema import Schema, schema_of
from crmkit.repository import AsyncRepository
from crmkit.repository.change import Change
from crmkit.repository.keeper import KeeperOf

job = system("test")


@entity(kept="Each change of a customer leaves one.")
class Trace(Record):
    """What a product keeps of its own accord."""

    said: str = text()


class Tracer:
    """Keeps a trace of each customer that is written."""

    async def observe(self, change: Change[Any], door_of: KeeperOf) -> None:
        if change.schema.name == "customer":
            await door_of("trace").append([Trace(said=change.kind.value)], change.at)


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    """A CRM in which a row of each kept model stands."""
    with connect(store_url, models=[Trace], outbox=True) as plain:
        told = attrs.evolve(plain.environment, observers=(*plain.environment.observers, Tracer()))
        crm = Crm(AsyncCrm(told, Capabilities(())))
        with crm.session(job) as s:
            acme = s.customers.add(Customer(name="Acme"))
            s.customers.add_external_id(acme, "erp", "4711")
            s.opportunities.add(Opportunity(name="Deal", customer_id=acme.id))
            s.segments.save(Segment("all", Customer, everything))
            s.seeds.apply(SeedPack("pack", 1, records={"rep": Role(name="rep")}))
        yield crm


KEPT = [schema_of(model).cls for model in (*BUILT_IN, Trace) if schema_of(model).kept]
LOOKING = {"why_not", "allowed_moves"}
GIVEN = {"stage": "won", "pipeline": "other", "source": "erp", "external_id": "1"}


def calls(shelf: Any, record: Any) -> Iterator[Callable[[], object]]:
    """Every public call of a repository that may write, ready to be made: a new one is among them by itself."""
    given = {"record": record, "records": [record], **GIVEN}
    for name, call in vars(AsyncRepository).items():
        if name.startswith("_") or name in LOOKING:
            continue
        needed = [each for each in inspect.signature(call).parameters.values() if each.default is each.empty][1:]
        plain = [given[each.name] for each in needed if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}]
        named = {each.name: given[each.name] for each in needed if each.kind is each.KEYWORD_ONLY}
        yield partial(getattr(shelf, name), *plain, **named)


def test_what_crmkit_keeps() -> None:
    assert set(KEPT) == {PipelineDefinition, SegmentDefinition, ExternalId, SeedItem, StageMove, OutboxMessage, Trace}


@pytest.mark.parametrize("model", KEPT)
def test_no_call_writes_what_is_kept(crm: Crm, model: type[Record]) -> None:
    with crm.session(job) as s:
        shelf = s.repository(model)
        held = list(shelf.stream())
        assert held
        forged = attrs.evolve(held[0], id=attrs.fields(model).id.default)
        for record in (held[0], forged, attrs.evolve(held[0], version=0), attrs.evolve(held[0], version=9)):
            for call in calls(shelf, record):
                with pytest.raises(NotAllowed) as caught:
                    call()
                assert caught.value.hint == schema_of(model).kept
    with crm.session(job) as s:
        assert list(s.repository(model).stream(deleted=True)) == held


@pytest.mark.parametrize("model", KEPT)
def test_no_mapping_leads_into_what_is_kept(crm: Crm, model: type[Record], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Id,Name\n1,x\n")
    rule = {"path": "a.csv", "into": schema_of(model).name, "id": "Id", "fields": {"name": "Name"}}
    with pytest.raises(BadMapping, match="records are not written directly"):
        crm.imports(job).plan({"source": "old", "file": [rule]}, folder=tmp_path)


def test_a_model_in_the_place_of_a_kept_one_is_kept_too(store_url: str) -> None:
    @entity(extends=StageMove)
    class Told(StageMove):
        teller: str | None = text(default=None)

    with connect(store_url, models=[Told]) as crm, crm.session(job) as s:
        s.opportunities.add(Opportunity(name="Deal"))
        move = s.repository(Told).find()[0]
        assert move.to_stage == "contact"
        with pytest.raises(NotAllowed):
            s.repository(Told).add(attrs.evolve(move, number=2))


class TestExternalIds:
    def test_they_are_given_and_taken(self, crm: Crm) -> None:
        with crm.session(job) as s:
            acme = s.customers.find(f.name == "Acme")[0]
            s.customers.add_external_id(acme, "salesforce", "001")
            s.customers.add_external_id(acme, "salesforce", "001")
            held = f.external_ids.any((f.source == "salesforce") & (f.external_id == "001"))
            assert s.customers.first(held) == acme
            assert s.external_ids.count(f.source == "salesforce") == 1
            s.customers.remove_external_id(acme, "salesforce", "001")
            assert s.customers.first(held) is None
            with pytest.raises(NotFound, match="this customer has no external id '001' in 'salesforce'"):
                s.customers.remove_external_id(acme, "salesforce", "001")
            s.customers.add_external_id(acme, "salesforce", "001")
            assert s.customers.first(held) == acme

    def test_one_names_one_record_of_a_model(self, crm: Crm) -> None:
        with crm.session(job) as s:
            beta = s.customers.add(Customer(name="Beta"))
            with pytest.raises(Duplicate):
                s.customers.add_external_id(beta, "erp", "4711")
            with pytest.raises(NotFound):
                s.customers.remove_external_id(beta, "erp", "4711")
            with pytest.raises(BadRecord, match="external_id"):
                s.customers.add_external_id(beta, "erp", "")
            assert s.external_ids.count() == 1

    def test_records_that_are_never_changed_have_them_too(self, crm: Crm) -> None:
        with crm.session(job) as s:
            acme = s.customers.find(f.name == "Acme")[0]
            seen = s.behaviour_events.add(BehaviourEvent(kind="visit", at=acme.created_at, customer_id=acme.id))
            s.behaviour_events.add_external_id(seen, "web", "1")
            assert s.behaviour_events.count(f.external_ids.any(f.source == "web")) == 1

    def test_an_import_finds_the_record_by_it(self, crm: Crm, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("Id,Name\n4711,Acme Ltd\n")
        rule = {"path": "a.csv", "into": "customer", "id": "Id", "fields": {"name": "Name"}}
        run = crm.imports(job).plan({"source": "erp", "file": [rule]}, folder=tmp_path).apply()
        assert (run.total("create"), run.total("update")) == (0, 1)
        with crm.session(job) as s:
            assert [each.name for each in s.customers.stream()] == ["Acme Ltd"]

    def test_the_policy_is_asked_about_the_record(self, store_url: str) -> None:
        class Own:
            def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
                mine = f.owner_id == me.id
                return (
                    {"customer": mine, "external_id": f.source == "nowhere"}.get(schema.name, everything)
                    if (actor.id and action is not Action.READ)
                    else everything
                )

        with connect(store_url, policy=Own()) as crm:
            with crm.session(job) as s:
                ann = s.users.add(User(name="Ann"))
                mine = s.customers.add(Customer(name="Mine", owner_id=ann.id))
                other = s.customers.add(Customer(name="Other"))
            with crm.session(Actor(id=ann.id)) as s:
                s.customers.add_external_id(mine, "erp", "1")
                with pytest.raises(NotAllowed):
                    s.customers.add_external_id(attrs.evolve(other, owner_id=ann.id), "erp", "2")
                assert s.external_ids.count() == 1


class TestSegments:
    def test_a_deleted_one_leaves_its_name_free(self, crm: Crm) -> None:
        with crm.session(job) as s:
            s.segments.delete("all")
            assert s.segments.names() == []
            with pytest.raises(NotFound, match="there is no segment 'all'"):
                s.segments.delete("all")
            s.segments.save(Segment("all", Opportunity, f.name == "Deal"))
            assert (s.segments.names(), s.segments.get("all").entity) == (["all"], "opportunity")
