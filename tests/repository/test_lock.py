"""A won amount stays won: what a stage locks, no write changes while a record is in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from crmkit import (
    BadDefinition,
    BadRecord,
    Crm,
    Money,
    MoveRefused,
    NotFound,
    Opportunity,
    Session,
    Stage,
    Stale,
    connect,
    f,
    move,
    moved,
    system,
)
from crmkit.lifecycle.built_in import OPPORTUNITY
from crmkit.repository import Doors
from crmkit.repository.door import Door
from crmkit.testing.drive import step

job = system("test")
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
LESS = Money(1, "EUR")
SALES = (
    OPPORTUNITY.with_lock("won", "amount", "close_date")
    .with_stage(Stage("delivered", outcome="won", locks={"amount"}), after="won")
    .with_move(move("won", "delivered"))
)
HINT = "Change it with a move to a stage that does not lock it, or after such a move."


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    with connect(store_url, pipelines=[SALES], clock=lambda: NOW) as crm:
        yield crm


def won(s: Session) -> Opportunity:
    deal = s.opportunities.add(Opportunity(name="Deal"))
    return s.opportunities.advance(deal, "won", amount=Money(5, "EUR"))


Write = Callable[[Session, Opportunity], object]
WRITES: dict[str, Write] = {
    "update": lambda s, deal: s.opportunities.update(deal, amount=LESS),
    "update without": lambda s, deal: s.opportunities.update(deal, amount=None),
    "update a copy": lambda s, deal: s.opportunities.update(attrs.evolve(deal, amount=LESS)),
    "update with others": lambda s, deal: s.opportunities.update(deal, amount=LESS, next_step="call"),
}
MOVES: dict[str, Write] = {
    "advance": lambda s, deal: s.opportunities.advance(deal, "delivered", amount=LESS),
    "advance a copy": lambda s, deal: s.opportunities.advance(attrs.evolve(deal, amount=LESS), "delivered"),
    "transfer a copy": lambda s, deal: s.opportunities.transfer(attrs.evolve(deal, amount=LESS), stage="won"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_no_write_changes_what_is_locked(crm: Crm, write: Write) -> None:
    with crm.session(job) as s:
        deal = won(s)
        with pytest.raises(BadRecord) as caught:
            write(s, deal)
        (problem,) = caught.value.problems
        assert (caught.value.entity, problem.code, problem.field) == ("opportunity", "locked", "amount")
        assert str(caught.value) == (
            f"opportunity refused: amount: is locked while the opportunity is in 'won'. {HINT}"
        )
        assert s.opportunities.get(deal.id) == deal


@pytest.mark.parametrize("write", MOVES.values(), ids=MOVES)
def test_a_move_that_would_is_refused_for_that_reason(crm: Crm, write: Write) -> None:
    with crm.session(job) as s:
        deal = won(s)
        with pytest.raises(MoveRefused) as caught:
            write(s, deal)
        assert caught.value.reasons == ("amount is locked while the opportunity is in 'won'.",)
        assert caught.value.hint == HINT
        assert s.opportunities.why_not(deal, "delivered", amount=LESS) == caught.value.reasons[0]
        assert s.opportunities.get(deal.id) == deal


def test_every_locked_field_is_named(crm: Crm) -> None:
    with crm.session(job) as s:
        with pytest.raises(BadRecord) as caught:
            s.opportunities.update(won(s), amount=LESS, close_date=NOW.date(), next_step="call")
        assert [problem.field for problem in caught.value.problems] == ["amount", "close_date"]


def test_all_else_goes_on(crm: Crm) -> None:
    with crm.session(job) as s:
        deal = won(s)
        deal = s.opportunities.update(deal, next_step="call", amount=deal.amount)
        deal = s.opportunities.advance(deal, "delivered", close_date=NOW.date())
        deal = s.opportunities.restore(s.opportunities.delete(deal))
        assert (deal.amount, deal.close_date, deal.next_step) == (Money(5, "EUR"), NOW.date(), "call")
        assert "contact" in s.opportunities.allowed_moves(attrs.evolve(deal, amount=LESS))
        assert "delivered" not in s.opportunities.allowed_moves(attrs.evolve(won(s), amount=LESS))


def test_a_move_out_of_the_stage_may_change_it_and_so_may_any_write_after_that(crm: Crm) -> None:
    with crm.session(job) as s:
        assert s.opportunities.advance(won(s), "contact", amount=LESS).amount == LESS
        back = s.opportunities.advance(won(s), "contact")
        assert s.opportunities.update(back, amount=LESS).amount == LESS
        assert s.opportunities.transfer(attrs.evolve(won(s), amount=LESS), stage="contact").amount == LESS


def test_a_record_that_came_with_its_history_is_locked_too(crm: Crm) -> None:
    with crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal", amount=Money(5, "EUR")), history=[moved("won", at=NOW)])
        with pytest.raises(BadRecord, match="amount: is locked"):
            s.opportunities.update(deal, amount=LESS)


def test_whoever_holds_an_old_version_is_told_so(crm: Crm) -> None:
    with crm.session(job) as s:
        deal = won(s)
        s.opportunities.advance(deal, "contact")
        with pytest.raises(Stale):
            s.opportunities.update(deal, amount=LESS)
        gone = won(s)
        s.opportunities.delete(gone)
        with pytest.raises(NotFound, match="is deleted"):
            s.opportunities.update(attrs.evolve(gone, version=gone.version + 1), amount=LESS)


class TestImport:
    """An import changes no locked field either, and a plan says so."""

    @staticmethod
    def mapping(stage: str) -> dict[str, Any]:
        fields = {
            "name": "Name",
            "amount": {"money": "Amount", "currency": {"const": "EUR"}},
            "stage": {"const": stage},
        }
        file = {"path": "a.csv", "into": "opportunity", "id": "No", "fields": fields}
        return {"source": "legacy", "zone": "UTC", "file": [file]}

    def test_a_row_that_would_is_rejected(self, crm: Crm, tmp_path: Path) -> None:
        imports = crm.imports(job)
        (tmp_path / "a.csv").write_text("No,Name,Amount\n1,One,5\n2,Two,5\n")
        imports.plan(self.mapping("won"), folder=tmp_path).apply()
        (tmp_path / "a.csv").write_text("No,Name,Amount\n1,One,1\n2,Zwei,5\n")
        plan = imports.plan(self.mapping("won"), folder=tmp_path)
        applied = plan.apply()
        for report in (plan, applied):
            (problem,) = report.problems
            assert (problem.column, problem.code) == ("Amount", "locked")
            assert problem.message == f"amount is locked while the opportunity is in 'won'. {HINT}"
            assert (report.counts[0].update, report.counts[0].reject) == (1, 1)
        with crm.session(job) as s:
            assert [(deal.name, deal.amount) for deal in s.opportunities.find(order=f.name)] == [
                ("One", Money(5, "EUR")),
                ("Zwei", Money(5, "EUR")),
            ]

    def test_one_that_moves_the_record_out_as_well_is_not(self, crm: Crm, tmp_path: Path) -> None:
        imports = crm.imports(job)
        (tmp_path / "a.csv").write_text("No,Name,Amount\n1,One,5\n")
        imports.plan(self.mapping("won"), folder=tmp_path).apply()
        (tmp_path / "a.csv").write_text("No,Name,Amount\n1,One,1\n")
        assert imports.plan(self.mapping("contact"), folder=tmp_path).apply().counts[0].update == 1
        with crm.session(job) as s:
            assert [(deal.stage, deal.amount) for deal in s.opportunities.find()] == [("contact", LESS)]


class TestCost:
    """Locks are looked up in what a program knows already."""

    @pytest.fixture
    def read(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        models: list[str] = []
        fetch = Door._fetch

        async def counted(self: Any, *args: Any, **named: Any) -> Any:
            models.append(self.schema.name)
            return await fetch(self, *args, **named)

        monkeypatch.setattr(Door, "_fetch", counted)
        return models

    @pytest.mark.parametrize("pipelines", [[SALES], []], ids=["locks", "built in"])
    def test_a_write_takes_no_statement_more(self, store_url: str, pipelines: list[Any], read: list[str]) -> None:
        with connect(store_url, pipelines=pipelines) as crm:
            with crm.session(job) as s:
                deal = won(s)
            with crm.session(job) as s:
                read.clear()
                s.opportunities.update(deal, next_step="call")
                assert read == []
            crm.environment.pipelines.committed.clear()
            for expected in (["pipeline_definition"], []):
                with crm.session(job) as s:
                    deal = s.opportunities.get(deal.id)
                    read.clear()
                    s.opportunities.update(deal, next_step=f"call {deal.version}")
                    assert read == expected

    def test_what_another_program_locked_is_locked_here(self, store_url: str, tmp_path: Path) -> None:
        if store_url == "memory://":
            pytest.skip("a memory store belongs to one program")
        with connect(store_url) as old, connect(store_url, pipelines=[SALES]) as new:
            with old.session(job) as s:
                s.opportunities.add(Opportunity(name="Old"))
            with new.session(job) as s:
                deal = won(s)
            with old.session(job) as s, pytest.raises(BadRecord, match="is locked"):
                s.opportunities.update(s.opportunities.get(deal.id), amount=LESS)


def test_a_damaged_definition_that_may_lock_keeps_its_records_as_they_are(crm: Crm) -> None:
    with crm.session(job) as s:
        deal = won(s)
    doors = Doors(crm.environment, job)
    keeper = doors.keeper("pipeline_definition")
    (row,) = step(keeper.records(f.entity == "opportunity"))
    step(keeper.amend(row, {"definition": row.definition.replace('"version":1', '"version":9')}, NOW))
    step(doors.unit.commit())
    crm.environment.pipelines.committed.clear()
    with crm.session(job) as s, pytest.raises(BadDefinition, match="the stored definition 1 of the pipeline"):
        s.opportunities.update(s.opportunities.get(deal.id), amount=LESS)
