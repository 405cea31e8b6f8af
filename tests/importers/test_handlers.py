"""Imports do the same steps as any other call: handlers refuse rows, change records and write beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crmkit import Move, MoveRefused, Refusal, Session, Task, advance, connect, f, system

job = system("migration")
MAPPING: dict[str, Any] = {
    "source": "legacy",
    "zone": "UTC",
    "file": [
        {"path": "deals.csv", "into": "opportunity", "id": "No", "fields": {"name": "Name", "stage": "Stage"}},
    ],
}


def keeps_some_out(s: Session, move: Move) -> Refusal | None:
    if move.record.name.startswith("Forbidden"):
        return Refusal("is not to be sold.", code="embargo", fields=["name"])
    return None


def marks(s: Session, move: Move) -> Move:
    return move.having(next_step=f"{move.kind} {move.target}")


def lists(s: Session, move: Move) -> None:
    s.tasks.add(Task(subject=f"look at {move.record.name}", opportunity_id=move.record.id))


STEPS = [advance.before("check", keeps_some_out), advance.before("check", marks), advance.after("write", lists)]


def load(url: str, folder: Path, rows: str) -> dict[str, Any]:
    (folder / "deals.csv").write_text(f"No,Name,Stage\n{rows}", encoding="utf-8")
    with connect(url, steps=STEPS) as crm:
        plan = crm.imports(job).plan(MAPPING, folder=folder)
        looked, done = plan.to_dicts(), plan.apply().to_dicts()
    assert (looked["counts"], looked["problems"]) == (done["counts"], done["problems"])
    return done


@pytest.fixture(params=["sqlite_url", "mongo_url"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


def test_an_import_does_the_steps_of_moves(url: str, tmp_path: Path) -> None:
    done = load(url, tmp_path, "1,Line 4,won\n2,Forbidden fruit,contact\n3,Roof,\n")
    (problem,) = done["problems"]
    assert (problem["code"], problem["column"], problem["record"]) == ("embargo", "Name", 3)
    with connect(url) as crm, crm.session(job) as s:
        assert {deal.name: deal.next_step for deal in s.opportunities.stream()} == {
            "Line 4": "told won",
            "Roof": "told contact",
        }
        assert s.tasks.count(f.subject == "look at Roof") == 1
    load(url, tmp_path, "1,Line 4,contact\n3,Roof,won\n")
    with connect(url) as crm, crm.session(job) as s:
        assert {deal.name: deal.next_step for deal in s.opportunities.stream()} == {
            "Line 4": "told contact",
            "Roof": "told won",
        }
        assert s.tasks.count() == 4


def test_a_handler_that_refuses_while_writing_undoes_its_batch(url: str, tmp_path: Path) -> None:
    def too_late(s: Session, move: Move) -> Refusal | None:
        return Refusal("No more of this.") if move.record.name == "Roof" else None

    (tmp_path / "deals.csv").write_text("No,Name,Stage\n1,Line 4,\n2,Roof,\n", encoding="utf-8")
    with connect(url, steps=[advance.after("write", lists), advance.after("write", too_late)]) as crm:
        plan = crm.imports(job).plan(MAPPING, folder=tmp_path)
        with pytest.raises(MoveRefused, match="No more of this"):
            plan.apply()
        with crm.session(job) as s:
            assert (s.opportunities.count(), s.tasks.count(), s.external_ids.count()) == (0, 0, 0)
