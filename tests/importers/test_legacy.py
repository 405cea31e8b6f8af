"""The shipped legacy export lands exactly as its generator says it must, on every store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crmkit import Crm, Funnel, MoneyBag, connect, f, pipelines_in, system, total
from crmkit.importers.import_report import EFFECTS

LEGACY = Path(__file__).parents[2] / "examples" / "legacy"
MAPPING = LEGACY / "mapping.toml"
EXPECTED = json.loads((LEGACY / "expected.json").read_text("utf-8"))
OPEN = ("qualification", "needs_analysis", "proposal", "negotiation")
job = system("migration")


def label(key: Any) -> str:
    return "(blank)" if key is None else key


@pytest.fixture(params=["memory", "sqlite", "mongo"], scope="module")
def imported(request, tmp_path_factory) -> Iterator[tuple[Crm, Any, Any]]:
    if request.param == "mongo":
        with request.getfixturevalue("mongod").database() as url, connect(url, pipelines=pipelines_in(MAPPING)) as crm:
            plan = crm.imports(job).plan(MAPPING)
            yield crm, plan, plan.apply()
        return
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path_factory.mktemp('legacy') / 'crm.db'}"
    with connect(url, pipelines=pipelines_in(MAPPING)) as crm:
        plan = crm.imports(job).plan(MAPPING)
        yield crm, plan, plan.apply()


def test_exactly_the_rows_that_must_be_rejected_are_with_their_column_and_code(imported):
    _, plan, run = imported
    wanted = [(each["file"], each["line"], each["column"] or "", each["code"]) for each in EXPECTED["rejected"]]
    assert sorted((each.file, each.record, each.column, each.code) for each in run.problems) == sorted(wanted)
    assert list(plan.problems) == list(run.problems)
    assert len(run.rejects) == len(wanted)


def test_every_row_is_accepted_rejected_or_skipped(imported):
    _, plan, run = imported
    assert plan.counts == run.counts
    for counts in run.counts:
        told = EXPECTED["files"][counts.file]
        assert counts.rows == told["rows"]
        assert counts.reject == told["rejected"]
        assert counts.rows == sum(getattr(counts, effect) for effect in EFFECTS)
        if counts.entity == "stage_move":
            # A row that keeps the stage is accepted and makes no move, so it is merged, as are repeated ones.
            assert counts.create + counts.merged == told["accepted"] + told["skipped"]["repeat"]
        elif counts.entity != "team":
            assert counts.create == EXPECTED["accepted"][counts.entity] == told["accepted"]
            assert counts.skip == sum(told["skipped"].values())
            assert counts.merged == told["skipped"]["repeat"]


def test_records_are_there_in_the_numbers_told(imported):
    crm, _, _ = imported
    told = EXPECTED["opportunities"]
    with crm.session(job) as s:
        assert (s.teams.count(), s.users.count(), s.customers.count(), s.contacts.count()) == (6, 38, 394, 880)
        for field, key in (("stage", "by_stage"), ("outcome", "by_outcome"), ("source", "by_source")):
            groups = s.opportunities.tally(by=getattr(f, field))
            assert {label(group.key[0]): group["count"] for group in groups} == told[key]
        lost = s.opportunities.tally(by=f.lost_reason, where=f.stage == "lost")
        assert {group.key[0]: group["count"] for group in lost} == told["by_loss"]
        assert s.opportunities.count(f.amount.missing()) == told["without_amount"]


def test_values_are_exact_in_each_currency(imported):
    crm, _, _ = imported
    with crm.session(job) as s:
        values = {group.key[0]: group["value"] for group in s.opportunities.tally(by=f.outcome, value=total(f.amount))}
    for outcome, bag in values.items():
        assert isinstance(bag, MoneyBag)
        assert {code: str(money.amount) for code, money in bag.items()} == EXPECTED[f"{outcome}_value"]


def test_the_history_was_put_in_order(imported):
    crm, _, run = imported
    with crm.session(job) as s:
        moves = s.stage_moves.count()
        loners = EXPECTED["history"]["opportunities_without"]
        assert moves == run.counts[-1].create + loners
        assert s.stage_moves.count(f.kind == "stay") == EXPECTED["history"]["keeping_the_stage"]
        last: dict[Any, Any] = {}
        entered: dict[Any, Any] = {}
        for move in sorted(s.stage_moves.stream(), key=lambda each: (each.record_id, each.number)):
            before = last.get(move.record_id)
            assert move.number == (before.number + 1 if before else 1)
            assert move.from_stage == (before.to_stage if before else "")
            assert before is None or before.at <= move.at
            assert (move.from_stage == move.to_stage) == (move.kind == "stay")
            last[move.record_id] = move
            if move.kind != "stay":
                entered[move.record_id] = move
        for deal in s.opportunities.stream():
            move = entered[deal.id]
            assert (move.to_stage, move.at, move.outcome) == (deal.stage, deal.stage_since, deal.outcome)
            assert deal.closed_at == (None if deal.outcome == "open" else move.at)


def test_the_funnel_the_win_rate_and_the_cycle_are_the_true_ones(imported):
    crm, _, _ = imported
    with crm.session(job) as s:
        report = s.analytics.funnel(Funnel(pipelines_in(MAPPING)[0], by=f.source))
        rates = s.analytics.win_rate(by=f.source)
        cycle = s.analytics.cycle(zone="Europe/Berlin").total
    reached = {group.label: {name: group[name].entered for name in (*OPEN, "won")} for group in report}
    assert reached == EXPECTED["reached_by_source"]
    assert {name: report.total[name].entered for name in (*OPEN, "won")} == EXPECTED["reached"]
    for group in rates:
        told = EXPECTED["win_rate"]["by_source"][group.label]
        assert (group.won, group.lost, group.open) == (told["won"], told["lost"], told["open"])
    assert cycle.days.count == EXPECTED["days_created_to_won"]["deals"]
    assert cycle.days.median.days == EXPECTED["days_created_to_won"]["median_calendar"]


def test_text_survives_with_accents_zeros_and_formulas(imported):
    crm, _, _ = imported
    with crm.session(job) as s:
        twins = s.customers.find(f.name == "Müller GmbH")
        assert len(twins) == 2
        assert any(each.phone and each.phone.startswith("+49 ") for each in s.customers.stream())
        names = {each.name for each in s.customers.stream()}
        assert any(name.startswith(("=", "@")) for name in names)
        assert any(each.postcode and each.postcode.startswith("0") for each in s.customers.stream())
        created = s.opportunities.first(f.name == "Palletiser Delta").created_at.astimezone(ZoneInfo("Europe/Berlin"))
        assert created.strftime("%Y-%m-%d %H:%M") == "2025-01-01 14:50"


def test_a_rerun_writes_nothing(imported):
    crm, _, run = imported

    def state() -> Any:
        with crm.session(job) as s:
            models = (s.users, s.customers, s.contacts, s.opportunities, s.stage_moves, s.external_ids)
            return [sorted((each.id, each.version) for each in records.stream()) for records in models]

    before = state()
    again = crm.imports(job).plan(MAPPING).apply()
    assert state() == before
    assert (again.total("create"), again.total("update")) == (0, 0)
    assert list(again.problems) == list(run.problems)
