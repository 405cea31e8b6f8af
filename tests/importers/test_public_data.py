"""Two public data sets come in through mappings and give the figures that were worked out without crmkit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from statistics import mean, median
from typing import Any

import pytest

from crmkit import (
    Crm,
    Lead,
    Opportunity,
    Pipeline,
    Stage,
    by_month,
    by_quarter,
    connect,
    f,
    forward,
    greatest,
    into,
    least,
    system,
    text,
    total,
)
from tests.importers.conftest import balanced

MAPPINGS = Path(__file__).parent / "mapping"
job = system("migration")
MAVEN = Pipeline(
    "maven",
    Opportunity,
    stages=[
        Stage("prospecting", 10),
        Stage("engaging", 30),
        Stage("won", outcome="won"),
        Stage("lost", outcome="lost"),
    ],
    moves=[forward(), into("lost")],
)


EXTRA = {Lead: {"lead_type": text(default=None), "behaviour": text(default=None)}}


@pytest.fixture(scope="module", params=["memory", "sqlite", "mongo"])
def crm(request, tmp_path_factory, dataset) -> Iterator[Crm]:
    """Each store in turn, with both data sets in it; reading alone follows."""
    if request.param == "mongo":
        with request.getfixturevalue("mongod").database() as url, connect(url, pipelines=[MAVEN], extra=EXTRA) as crm:
            yield loaded(crm, dataset)
        return
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path_factory.mktemp('public') / 'crm.db'}"
    with connect(url, pipelines=[MAVEN], extra=EXTRA) as crm:
        yield loaded(crm, dataset)


def loaded(crm: Crm, dataset: Callable[[str], Path]) -> Crm:
    for name, folder in (("maven", "maven-crm-sales"), ("olist", "olist-funnel")):
        plan = crm.imports(job).plan(MAPPINGS / f"{name}.toml", folder=dataset(folder))
        run = balanced(plan.apply())
        assert plan.counts == run.counts
        assert len(run.rejects) == 0
    return crm


def usd(group: Any) -> Decimal:
    return group["value"]["USD"].amount if "USD" in group["value"] else Decimal(0)


def told_by(s: Any, ref: Any) -> dict[Any, dict[str, Any]]:
    """Won, lost, open and the won value of each group, as the truth has them."""
    figures: dict[Any, dict[str, Any]] = {}
    counts = s.opportunities.tally(by=[ref, f.outcome])
    values = {group.key: group for group in s.opportunities.tally(by=[ref, f.outcome], value=total(f.amount))}
    for group in counts:
        name, outcome = group.key
        own = figures.setdefault(name, {"won": 0, "lost": 0, "open": 0, "won_value": 0.0})
        own[outcome] = group["count"]
        if outcome == "won":
            own["won_value"] = float(usd(values[group.key]))
    for own in figures.values():
        own["win_rate"] = round(own["won"] / (own["won"] + own["lost"]), 6)
    return figures


def test_maven_gives_every_figure_of_its_truth(crm: Crm, dataset: Callable[[str], Path]) -> None:
    folder = dataset("maven-crm-sales")
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    with crm.session(job) as s:
        deals = s.opportunities
        assert deals.count() == truth["rows"] == truth["unique_opportunity_ids"]
        assert s.customers.count() == truth["accounts"]
        assert s.customers.count(~f.parent_id.missing()) == truth["accounts_with_parent"]
        sectors = {
            ("technolgy" if g.key[0] == "technology" else g.key[0]): g["count"]
            for g in s.customers.tally(by=f.industry)
        }
        assert sectors == truth["sector"]
        assert {g.key[0].capitalize(): g["count"] for g in deals.tally(by=f.stage)} == truth["by_stage"]
        assert s.analytics.win_rate().total.rate.value == pytest.approx(truth["win_rate_closed"], abs=1e-6)
        (won,) = deals.tally(where=f.outcome == "won", value=total(f.amount))
        assert float(usd(won)) == truth["won_value_total"]
        (lost,) = deals.tally(where=f.outcome == "lost", value=total(f.amount))
        assert float(usd(lost)) == truth["lost_close_value_total"]
        amounts = [deal.amount.amount for deal in deals.stream(f.outcome == "won") if deal.amount]
        assert float(median(amounts)) == truth["won_value_median"]
        assert float(mean(amounts)) == pytest.approx(truth["won_value_mean"], abs=1e-6)
        assert told_by(s, f.owner.name) == truth["by_agent"]
        assert told_by(s, f.owner.region) == truth["by_region"]
        assert told_by(s, f.owner.manager.name) == truth["by_manager"]
        assert told_by(s, f.product.name) == truth["by_product_after_GTXPro_fix"]
        assert deals.count(f.customer_id.missing()) == truth["blank_account"]
        blank = deals.tally(by=f.stage, where=f.customer_id.missing())
        assert {g.key[0].capitalize(): g["count"] for g in blank} == truth["blank_account_by_stage"]
        idle = {user.name for user in s.users.stream(~f.manager_id.missing() & f.opportunities.none())}
        assert idle == set(truth["agents_in_team_without_deals"])
        top = deals.tally(by=f.customer.name, where=f.outcome == "won", value=total(f.amount))
        best = sorted(((float(usd(g)), g.key[0]) for g in top), reverse=True)[:10]
        assert {name: value for value, name in best} == truth["top10_accounts_won_value"]


def test_maven_gives_the_true_days_and_dates(crm: Crm, dataset: Callable[[str], Path]) -> None:
    folder = dataset("maven-crm-sales")
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    with crm.session(job) as s:
        cycle = {outcome: s.analytics.cycle(outcome=outcome).total.days for outcome in ("won", "lost", "all")}
        days = truth["median_days_engage_to_close"]
        assert {name: each.median.days for name, each in cycle.items()} == {
            "won": days["won"], "lost": days["lost"], "all": days["all_closed"],
        }  # fmt: skip
        assert (cycle["all"].least.days, cycle["all"].greatest.days) == (truth["min_days"], truth["max_days"])
        for outcome in ("won", "lost"):
            assert cycle[outcome].mean.total_seconds() / 86_400 == pytest.approx(truth["mean_days"][outcome], abs=1e-6)
        won = f.outcome == "won"
        values = {
            g.key[0]: g for g in s.opportunities.tally(by=by_month(f.closed_at), where=won, value=total(f.amount))
        }
        months = {
            g.key[0].strftime("%Y-%m"): {"deals": g["count"], "value": float(usd(values[g.key[0]]))}
            for g in s.opportunities.tally(by=by_month(f.closed_at), where=won)
        }
        assert months == truth["won_by_close_month"]
        values = {
            g.key[0]: g for g in s.opportunities.tally(by=by_quarter(f.close_date), where=won, value=total(f.amount))
        }
        quarters = {
            f"{g.key[0].year}Q{(g.key[0].month + 2) // 3}": {"deals": g["count"], "value": float(usd(values[g.key[0]]))}
            for g in s.opportunities.tally(by=by_quarter(f.close_date), where=won)
        }
        assert quarters == truth["won_by_close_quarter"]
        (closed,) = s.opportunities.tally(first=least(f.close_date), last=greatest(f.close_date))
        assert [str(closed["first"]), str(closed["last"])] == truth["close_range"]
        (engaged,) = s.opportunities.tally(
            where=f.stage != "prospecting", first=least(f.created_at), last=greatest(f.created_at)
        )
        assert [str(engaged["first"].date()), str(engaged["last"].date())] == truth["engage_range"]
        engagements = {move.record_id for move in s.stage_moves.stream(f.to_stage == "engaging")}
        assert truth["rows"] - len(engagements) == truth["blank_engage_date"]


def test_olist_gives_every_figure_of_its_truth(crm: Crm, dataset: Callable[[str], Path]) -> None:
    folder = dataset("olist-funnel")
    truth = json.loads((folder / "truth.json").read_text("utf-8"))

    def counted(groups: Any) -> dict[str, int]:
        return {"(blank)" if group.key[0] is None else group.key[0]: group["count"] for group in groups}

    with crm.session(job) as s:
        leads, won = s.leads, f.outcome == "won"
        assert (leads.count(), leads.count(won)) == (truth["leads"], truth["closed"])
        by_origin, closed = counted(leads.tally(by=f.source)), counted(leads.tally(by=f.source, where=won))
        assert by_origin == truth["leads_by_origin"]
        assert closed == truth["closed_by_origin"]
        rates = {origin: round(closed.get(origin, 0) / number, 6) for origin, number in by_origin.items()}
        assert rates == truth["conversion_by_origin"]
        assert counted(leads.tally(by=f.industry, where=won)) == truth["by_segment"]
        winners = list(leads.stream(won))
        for name, key in (("lead_type", "by_lead_type"), ("behaviour", "by_behaviour")):
            assert Counter(lead.extra.get(name, "(blank)") for lead in winners) == truth[key]
        days = [(lead.closed_at.date() - lead.created_at.date()).days for lead in winners if lead.closed_at]
        told = truth["days_to_close"]
        assert (median(days), min(days), max(days)) == (told["median"], told["min"], told["max"])
        assert mean(days) == pytest.approx(told["mean"], abs=1e-6)
        assert sum(day < 0 for day in days) == told["negative"]
        for where, ref, key in ((~f.id.missing(), f.created_at, "leads_by_month"), (won, f.closed_at, "won_by_month")):
            groups = leads.tally(by=by_month(ref), where=where)
            assert {g.key[0].strftime("%Y-%m"): g["count"] for g in groups} == truth[key]
        cohorts: dict[str, dict[str, int]] = {}
        for group in leads.tally(by=[by_month(f.created_at), f.outcome]):
            cohort = cohorts.setdefault(group.key[0].strftime("%Y-%m"), {"leads": 0, "won": 0})
            cohort["leads"] += group["count"]
            cohort["won"] += group["count"] if group.key[1] == "won" else 0
        assert cohorts == truth["cohort_month_conversion"]


def test_a_deal_won_before_the_first_contact_keeps_its_dates(crm: Crm) -> None:
    with crm.session(job) as s:
        (early,) = [lead for lead in s.leads.stream(f.outcome == "won") if lead.closed_at < lead.created_at]
        moves = sorted(s.stage_moves.stream(f.record_id == early.id), key=lambda move: move.number)
        assert [(move.from_stage, move.to_stage) for move in moves] == [("", "new"), ("new", "converted")]
        assert moves[1].at < moves[0].at
        assert moves[1].spent == 0
