"""Public exports of other systems come in through small mappings, and give the figures worked out without crmkit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crmkit import Funnel, Pipeline, Stage, Ticket, connect, f, forward, pipelines_in, system, total
from tests.importers.conftest import balanced

job = system("migration")


def stages(pipeline: str, entity: str, opened: list[str], **ends: str) -> dict[str, Any]:
    """A pipeline of a mapping; `ends` are closing stages by name."""
    closing = [{"name": name.replace("_", " "), "outcome": outcome} for name, outcome in ends.items()]
    return {"name": pipeline, "entity": entity, "stages": [*({"name": name} for name in opened), *closing]}


def usd(column: str) -> dict[str, Any]:
    return {"money": column, "currency": {"const": "USD"}}


def key(model: str, column: str) -> dict[str, str]:
    return {"link": model, "column": column}


def truth_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "truth.json").read_text("utf-8"))
    return found


def counted(groups: Any) -> dict[str, int]:
    return {group.key[0]: group["count"] for group in groups}


def summed(groups: Any) -> dict[str, float]:
    return {group.key[0]: float(group["value"]["USD"].amount) for group in groups}


SALESFORCE = {
    "source": "salesforce",
    "zone": "America/New_York",
    "pipeline": [
        stages(
            "sf",
            "opportunity",
            [
                "Prospecting",
                "Qualification",
                "Needs Analysis",
                "Value Proposition",
                "Id. Decision Makers",
                "Perception Analysis",
                "Proposal/Price Quote",
                "Negotiation/Review",
            ],
            Closed_Won="won",
            Closed_Lost="lost",
        )
    ],
    "file": [
        {
            "path": "Account.csv",
            "into": "customer",
            "id": "Id",
            "fields": {"name": "Name", "annual_revenue": usd("AnnualRevenue")},
        },
        {
            "path": "Opportunity.csv",
            "into": "opportunity",
            "id": "Id",
            "fields": {
                "name": "Name",
                "pipeline": {"const": "sf"},
                "stage": "StageName",
                "amount": usd("Amount"),
                "customer_id": key("customer", "AccountId"),
                "created_at": {"column": "CreatedDate", "format": "%m/%d/%y"},
            },
        },
        {
            "path": "OpportunityHistory.csv",
            "history_of": "opportunity",
            "record": "OpportunityId",
            "fields": {"stage": "StageName", "at": {"column": "CreatedDate", "format": "%m/%d/%y %I:%M %p"}},
        },
    ],
}
SELLING = [
    "Appointment Scheduled",
    "Qualified to Buy",
    "Presentation Scheduled",
    "Decision Maker Bought-In",
    "Contract Sent",
]
HUBSPOT = {
    "source": "hubspot",
    "zone": "America/Chicago",
    "pipeline": [
        stages(name, "opportunity", SELLING, Closed_Won="won", Closed_Lost="lost")
        for name in ("Sales Pipeline", "Renewals Pipeline")
    ],
    "file": [
        {"path": "hubspot_deals.csv", "into": "user", "id": "Deal Owner", "fields": {"name": "Deal Owner"}},
        {
            "path": "hubspot_companies.csv",
            "into": "customer",
            "id": "Company Domain Name",
            "fields": {"name": "Company Name"},
        },
        {
            "path": "hubspot_deals.csv",
            "into": "opportunity",
            "id": "Deal ID",
            "fields": {
                "name": "Deal Name",
                "pipeline": "Pipeline",
                "stage": "Deal Stage",
                "amount": usd("Amount"),
                "created_at": "Create Date",
                "owner_id": key("user", "Deal Owner"),
                "customer_id": key("customer", "Associated Company Domain"),
            },
            "entered": {"Closed Won": "Close Date", "Closed Lost": "Close Date"},
        },
    ],
}
HELPDESK = Pipeline(
    "helpdesk", "ticket", stages=[*(Stage(name) for name in "31892457"), Stage("6", outcome="done")], moves=[forward()]
)
EVENTS = {
    "source": "helpdesk",
    "zone": "UTC",
    "file": [
        {
            "path": "helpdesk.csv",
            "into": "ticket",
            "id": "CaseID",
            "fields": {"subject": "CaseID", "pipeline": {"const": "helpdesk"}},
        },
        {
            "path": "helpdesk.csv",
            "history_of": "ticket",
            "record": "CaseID",
            "fields": {"stage": "ActivityID", "at": "CompleteTimestamp"},
        },
    ],
}


def test_deals_of_salesforce(dataset: Callable[[str], Path]) -> None:
    folder = dataset("sf-export-demo-org")
    truth = truth_of(folder)
    with connect("memory://", pipelines=pipelines_in(SALESFORCE)) as crm:
        assert len(balanced(crm.imports(job).plan(SALESFORCE, folder=folder).apply()).rejects) == 0
        with crm.session(job) as s:
            assert counted(s.opportunities.tally(by=f.stage)) == truth["opp_by_stage"]
            assert summed(s.opportunities.tally(by=f.stage, value=total(f.amount))) == truth["opp_amount_by_stage"]
            # All moves of a deal bear the time of the load, so the order of the file has to tell.
            assert s.stage_moves.count() == truth["history"]["rows"]
            assert counted(s.stage_moves.tally(by=f.to_stage)) == truth["history"]["by_stage"]


def test_deals_of_hubspot(dataset: Callable[[str], Path]) -> None:
    folder = dataset("hubspot-export")
    truth = truth_of(folder)
    with connect("memory://", pipelines=pipelines_in(HUBSPOT)) as crm:
        assert len(balanced(crm.imports(job).plan(HUBSPOT, folder=folder).apply()).rejects) == 0
        with crm.session(job) as s:
            deals = s.opportunities
            assert counted(deals.tally(by=f.stage)) == truth["deal_stage"]
            assert counted(deals.tally(by=f.pipeline)) == truth["deal_pipeline"]
            assert counted(deals.tally(by=f.owner.name)) == truth["deal_owner"]
            assert summed(deals.tally(by=f.stage, value=total(f.amount))) == truth["deal_amount_by_stage"]
            assert s.analytics.win_rate().total.rate.value == pytest.approx(truth["win_rate"], abs=1e-6)


def test_events_of_a_help_desk(dataset: Callable[[str], Path]) -> None:
    folder = dataset("helpdesk-log")
    truth = truth_of(folder)
    with connect("memory://", pipelines=[HELPDESK]) as crm:
        assert len(balanced(crm.imports(job).plan(EVENTS, folder=folder).apply()).rejects) == 0
        with crm.session(job) as s:
            assert s.tickets.count() == truth["cases"]
            assert counted(s.tickets.tally(by=f.stage)) == truth["last_activity"]
            funnel = s.analytics.funnel(Funnel(HELPDESK, reading="observed")).total
            reached = {stage.name: stage.entered for stage in funnel.stages}
            assert reached == truth["cases_reaching_activity"]
            cycle = s.analytics.cycle(model=Ticket, outcome="all").total
            assert (cycle.days.count, cycle.excluded) == (truth["cases"], 0)
            closed = [(each.created_at, each.closed_at) for each in s.tickets.stream() if each.closed_at]
            spans = [(end - start).total_seconds() for start, end in closed]
            assert max(spans) == truth["duration_seconds"]["max"]


def test_cells_in_quotes_after_a_blank(dataset: Callable[[str], Path]) -> None:
    mapping = {
        "source": "restaurants",
        "file": [
            {
                "path": "restaurant-2.csv",
                "into": "customer",
                "id": "unique_id",
                "fields": {"name": "name", "street": "address"},
            }
        ],
    }
    folder = dataset("restaurants-fodors-zagat")
    with connect("memory://") as crm:
        assert (
            balanced(crm.imports(job).plan(mapping, folder=folder).apply()).total("create")
            == truth_of(folder)["r2_rows"]
        )
        with crm.session(job) as s:
            assert s.customers.count(f.street == "435 s. la cienega blv.") == 1
            assert not [each.street for each in s.customers.stream() if '"' in (each.street or "")]
