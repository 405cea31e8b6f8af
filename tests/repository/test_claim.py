"""A record in a caller's hands is a claim of an id and a version: every call that takes one judges the stored one."""

from __future__ import annotations

import inspect
import pickle
import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import pytest

from crmkit import (
    Action,
    Actor,
    BadRecord,
    Crm,
    CrmError,
    Customer,
    Expr,
    Money,
    MoveRefused,
    NotFound,
    Opportunity,
    Pipeline,
    Refused,
    Session,
    Stage,
    Stale,
    Unsupported,
    User,
    back,
    connect,
    everything,
    f,
    forward,
    from_json,
    into,
    me,
    system,
    to_json,
)
from crmkit.crm.blocking.analytics import Analytics
from crmkit.crm.blocking.imports import Imports, Plan
from crmkit.crm.blocking.repository import Repository
from crmkit.crm.blocking.seeds import Seeds
from crmkit.crm.blocking.segments import Segments
from crmkit.model.schema import Schema, schema_of
from crmkit.testing import Asked, asked
from crmkit.values import NOT_YET

job = system("test")
Deals: TypeAlias = "Repository[Opportunity]"

WRITES: dict[str, Callable[[Deals, Opportunity], Opportunity]] = {
    "update": lambda deals, deal: deals.update(deal),
    "update with a change": lambda deals, deal: deals.update(deal, name="Given"),
    "advance": lambda deals, deal: deals.advance(deal, "proposal"),
    "advance with a change": lambda deals, deal: deals.advance(deal, "proposal", name="Given"),
    "transfer": lambda deals, deal: deals.transfer(deal, stage="proposal"),
    "delete": lambda deals, deal: deals.delete(deal),
    "restore": lambda deals, deal: deals.restore(deal),
}
LOOKS: dict[str, Callable[[Deals, Opportunity], object]] = {
    "why_not": lambda deals, deal: [deals.why_not(deal, stage) for stage in ("proposal", "won", "lost")],
    "allowed_moves": lambda deals, deal: deals.allowed_moves(deal),
}


def pipeline() -> Pipeline:
    return Pipeline(
        "standard",
        Opportunity,
        stages=[
            Stage("contact", 10),
            Stage("proposal", 50, guard=f.amount > Money(100, "EUR")),
            Stage("won", outcome="won"),
            Stage("lost", outcome="lost", requires={"lost_reason"}),
        ],
        moves=[forward(), back(1), into("lost")],
    )


@pytest.fixture
def crm_options() -> dict[str, Any]:
    return {"pipelines": [pipeline()]}


def added(crm: Crm, *, deleted: bool = False) -> Opportunity:
    with crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Stored", amount=Money(500, "EUR")))
        return s.opportunities.delete(deal) if deleted else deal


def read(crm: Crm, deal: Opportunity) -> Opportunity:
    with crm.session(job) as s:
        return s.opportunities.get(deal.id, deleted=True)


def read_and_rolled_back(crm: Crm, deal: Opportunity) -> Opportunity:
    with crm.session(job) as s:
        held = s.opportunities.get(deal.id, deleted=True)
        s.rollback()
    return held


def written(s: Session, deal: Opportunity, **changes: Any) -> Opportunity:
    """The next version; a deleted record has it when it is restored."""
    return s.opportunities.restore(deal) if deal.deleted_at else s.opportunities.update(deal, **changes)


def rolled_back(crm: Crm, deal: Opportunity) -> Opportunity:
    """A record of the present version, of which the database never kept a word."""
    with crm.session(job) as s:
        never = written(s, deal, name="Never", amount=Money(1, "EUR"))
        s.rollback()
        kept = written(s, deal, next_step="call")
        if deal.deleted_at:
            s.opportunities.delete(kept)
    return never


def undone(crm: Crm, deal: Opportunity) -> Opportunity:
    """The same, of a session that undid a part of itself and went on."""
    made: list[Opportunity] = []

    def write_and_fail() -> None:
        made.append(written(s, deal, name="Never"))
        raise ZeroDivisionError

    with crm.session(job) as s:
        try:
            with s.nested():
                write_and_fail()
        except ZeroDivisionError:
            written(s, deal, name="Kept")
        except Unsupported:
            made.append(written(s, deal, name="Never"))
            s.rollback()
    return made[0]


CLAIMS: dict[str, Callable[[Crm, Opportunity], Opportunity]] = {
    "as it was returned": lambda _, deal: deal,
    "as it was read": read,
    "as it was read and rolled back": read_and_rolled_back,
    "a pickled copy": lambda _, deal: pickle.loads(pickle.dumps(deal)),  # noqa: S301 - our own
    "a copy from JSON": lambda _, deal: from_json(Opportunity, to_json(deal)),
    "a changed copy": lambda _, deal: attrs.evolve(deal, name="Changed", amount=Money(7_000, "EUR")),
    "a copy without a value": lambda _, deal: attrs.evolve(deal, amount=None),
    "a copy that the pipeline refuses": lambda _, deal: attrs.evolve(deal, amount=Money(1, "EUR")),
    "a copy changed twice": lambda _, deal: attrs.evolve(attrs.evolve(deal, name="Once"), lost_reason="price"),
    "a copy in another stage": lambda _, deal: attrs.evolve(deal, stage="won"),
    "a copy in another pipeline": lambda _, deal: attrs.evolve(deal, pipeline="other"),
    "a copy with another outcome": lambda _, deal: attrs.evolve(deal, outcome="won"),
    "a copy with another past": lambda _, deal: attrs.evolve(deal, stage_since=NOT_YET, stage_reached=3),
    "a copy of another age": lambda _, deal: attrs.evolve(deal, created_at=NOT_YET),
    "a copy written by another": lambda _, deal: attrs.evolve(deal, updated_by="somebody"),
    "a copy that is deleted": lambda _, deal: attrs.evolve(deal, deleted_at=deal.updated_at),
    "a copy that is not deleted": lambda _, deal: attrs.evolve(deal, deleted_at=None),
    "a copy of a version to come": lambda _, deal: attrs.evolve(deal, version=9),
    "a copy with another id": lambda crm, deal: attrs.evolve(deal, id=added(crm).id, name="Changed"),
    "what was rolled back": rolled_back,
    "what a part undid": undone,
}


def kept(s: Session) -> list[list[Any]]:
    return [list(s.opportunities.find(deleted=True)), list(s.stage_moves.find(deleted=True))]


def own_words(record: Opportunity) -> dict[str, Any]:
    """What of a record its caller may set."""
    fields, fixed = schema_of(Opportunity).fields, {"id", "created_at", "pipeline", "stage"}
    return {name: getattr(record, name) for name in fields if not (fields[name].managed or name in fixed)}


@pytest.mark.parametrize("call", WRITES)
def test_a_call_returns_what_the_store_holds_or_writes_nothing(crm: Crm, subtests: pytest.Subtests, call: str) -> None:
    for claim, make in CLAIMS.items():
        held = make(crm, added(crm, deleted=call == "restore"))
        with subtests.test(claim), crm.session(job) as s:
            before = kept(s)
            stored = s.opportunities.get(held.id, deleted=True)
            try:
                got = WRITES[call](s.opportunities, held)
            except (BadRecord, MoveRefused, NotFound, Refused, Stale):
                assert kept(s) == before
            else:
                check_written(s, call, held, stored, got)
                s.commit()
                assert read(crm, got) == got


def check_written(s: Session, call: str, held: Opportunity, stored: Opportunity, got: Opportunity) -> None:
    assert got == s.opportunities.get(held.id, deleted=True)
    assert own_words(got) == own_words(held) | ({"name": "Given"} if "change" in call else {})
    assert got.version == stored.version + 1
    assert (got.id, got.created_at, got.created_by) == (stored.id, stored.created_at, stored.created_by)
    if got.stage == stored.stage:
        unmoved = (stored.outcome, stored.closed_at, stored.stage_since)
        assert (got.outcome, got.closed_at, got.stage_since) == unmoved
    else:
        assert call.startswith(("advance", "transfer"))
        last = s.stage_moves.find(f.record_id == got.id, order=-f.number, limit=1)[0]
        assert (last.from_stage, last.to_stage, last.at) == (stored.stage, got.stage, got.stage_since)


@pytest.mark.parametrize("call", LOOKS)
def test_a_look_ahead_judges_what_would_be_stored(crm: Crm, subtests: pytest.Subtests, call: str) -> None:
    look = LOOKS[call]
    for claim, make in CLAIMS.items():
        held = make(crm, added(crm))
        with subtests.test(claim), crm.session(job) as s:
            told = outcome(look, s.opportunities, held)
            assert told == outcome(lambda deals, deal: look(deals, deals.update(deal)), s.opportunities, held)


def outcome(look: Callable[[Deals, Opportunity], object], deals: Deals, deal: Opportunity) -> object:
    try:
        return look(deals, deal)
    except CrmError as error:
        return str(error)


class Own:
    """People see and touch the deals they own; background work sees all."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        return f.owner_id == me.id if actor.id is not None and schema.name == "opportunity" else everything


def test_what_is_not_visible_is_not_there_whatever_a_copy_says(store_url: str, subtests: pytest.Subtests) -> None:
    with connect(store_url, pipelines=[pipeline()], policy=Own()) as crm:
        with crm.session(job) as s:
            ann = s.users.add(User(name="Ann"))
        for name, call in (WRITES | LOOKS).items():
            deal = added(crm, deleted=name == "restore")
            for held in (deal, attrs.evolve(deal, owner_id=ann.id), rolled_back(crm, deal)):
                with subtests.test(name), crm.session(Actor(id=ann.id)) as s, pytest.raises(NotFound):
                    call(s.opportunities, held)


def takes_records(face: type) -> set[str]:
    calls = inspect.getmembers(face, inspect.isfunction)
    signatures = {name: inspect.signature(call).parameters.values() for name, call in calls if name[0] != "_"}
    return {
        name
        for name, parameters in signatures.items()
        if any(each.name in {"record", "records"} or str(each.annotation).strip("'") == "T" for each in parameters)
    }


def test_no_call_that_takes_a_record_is_left_out() -> None:
    faces = (Repository, Session, Segments, Seeds, Analytics, Imports, Plan, Crm)
    taking = {name for face in faces for name in takes_records(face)}
    # What is new has no version yet, and an external id belongs to whatever has the record's id.
    apart = {"add", "add_many", "add_external_id", "remove_external_id"}
    assert taking - apart == {name.partition(" ")[0] for name in WRITES | LOOKS}


# -- what is said above, as a user would write it ----------------------------------------------------------------------


def test_a_changed_copy_is_saved_with_the_changes_that_are_named(crm: Crm) -> None:
    with crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme", size="small", tags=("old",)))
        large = s.customers.update(attrs.evolve(acme, size="large"), tags=("vip",))
        assert (large.size, large.tags, large.version) == ("large", ("vip",), 2)
        renamed = s.customers.update(attrs.evolve(large, name="Acme AG", size="medium"), size=None)
        assert (renamed.name, renamed.size, renamed.version) == ("Acme AG", None, 3)
        assert s.customers.get(acme.id) == renamed


def test_a_changed_copy_is_checked_like_named_changes(crm: Crm) -> None:
    with crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        with pytest.raises(BadRecord) as caught:
            s.customers.update(attrs.evolve(acme, parent_id=uuid.uuid4()))
        assert [problem.code for problem in caught.value.problems] == ["no_such_link"]
        with pytest.raises(BadRecord, match=r"extra.shoe_size: is not declared"):
            s.customers.update(attrs.evolve(acme, extra={"shoe_size": 7}))
        with pytest.raises(BadRecord) as caught:
            s.customers.update(attrs.evolve(acme, updated_by="boss", name="Ours"))
        assert str(caught.value) == (
            "customer refused: updated_by: is set by crmkit only, and is not what is stored. "
            "Start from the record that get() returns, and change other fields."
        )
        with pytest.raises(BadRecord) as caught:
            s.customers.delete(attrs.evolve(acme, name="Ours"))
        assert str(caught.value) == (
            "customer refused: name: is not what is stored. "
            "Call update() first, and go on with the record that it returns."
        )
        assert s.customers.get(acme.id) == acme


def test_a_change_and_its_move_are_one_step(crm: Crm) -> None:
    with crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal"))
        with pytest.raises(MoveRefused):
            s.opportunities.advance(deal, "lost")
        told = attrs.evolve(deal, lost_reason="price")
        lost = s.opportunities.advance(told, "lost", amount=Money(5, "EUR"), note="x")
        assert (lost.version, lost.lost_reason, lost.amount, lost.outcome) == (2, "price", Money(5, "EUR"), "lost")
        assert s.opportunities.get(deal.id) == lost
        assert [move.note for move in s.stage_moves.find(f.record_id == deal.id, order=f.number)] == [None, "x"]


def test_a_copy_of_a_database_is_another_database(tmp_path: Path) -> None:
    first, second = (f"sqlite:///{tmp_path / name}" for name in ("first.db", "second.db"))
    with connect(first) as crm, crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
    shutil.copy(tmp_path / "first.db", tmp_path / "second.db")
    with connect(first) as here, connect(second) as there:
        with there.session(job) as s:
            foreign = s.customers.update(acme, name="Elsewhere")
        with here.session(job) as s:
            s.customers.update(acme, size="large")
        with here.session(job) as s, suppress(BadRecord):
            got = s.customers.update(foreign, country="DE")
            assert got == s.customers.get(acme.id)
            assert got.name == "Elsewhere"


# -- what it costs -----------------------------------------------------------------------------------------------------


ONE_BY_ONE: list[Callable[[Repository[Customer], Customer], Customer]] = [
    lambda customers, acme: customers.update(acme, name="Acme AG"),
    lambda customers, acme: customers.update(acme),
    lambda customers, acme: customers.delete(acme),
    lambda customers, acme: customers.restore(acme),
]


def test_a_record_just_as_it_was_given_is_written_without_being_read(crm: Crm) -> None:
    with crm.session(job) as s:
        s.customers.add(Customer(name="Acme"))
    with crm.session(job) as s:
        held = s.customers.find()[0]
    patched = Asked("patch", "customer")
    for step in ONE_BY_ONE:
        with asked(crm) as found, crm.session(job) as s:
            held = step(s.customers, held)
        assert found == [patched, Asked("commit")]
    with crm.session(job) as s:
        for step in ONE_BY_ONE:
            with asked(crm) as found:
                held = step(s.customers, held)
            assert found == [patched]
        with asked(crm) as found:
            s.customers.update(attrs.evolve(held, name="Changed"))
        assert found == [Asked("fetch", "customer"), patched]
