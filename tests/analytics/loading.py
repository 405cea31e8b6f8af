"""Small ways to put pipelines and their history into a store, as messy as a test needs them."""

import csv
import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import attrs

from crmkit import (
    Lead,
    Money,
    Opportunity,
    Pipeline,
    Session,
    Stage,
    StageMove,
    Team,
    User,
    back,
    forward,
    into,
    moved,
    reopen,
)
from crmkit.crm.coroutine import run
from crmkit.lifecycle import Entry
from crmkit.values import UTC
from crmkit.values.identifier import uuid7_source

START = dt.datetime(2026, 1, 1, tzinfo=UTC)
new_id = uuid7_source(lambda: START, Random(1))


def day(number: float) -> dt.datetime:
    """The instant so many days after the start."""
    return START + dt.timedelta(days=number)


def pipeline(*stages: str, name: str = "sales") -> Pipeline:
    """A pipeline of these open stages, then won and lost, in which everything is allowed."""
    chances = range(10, 100, 10)
    return Pipeline(
        name,
        Opportunity,
        stages=[
            *(Stage(stage, chance) for stage, chance in zip(stages, chances, strict=False)),
            Stage("won", 100, outcome="won"),
            Stage("lost", 0, outcome="lost"),
        ],
        moves=[forward(), *([back(len(stages) - 1)] if len(stages) > 1 else []), into("lost"), reopen()],
    )


SALES = pipeline("contact", "needs", "proposal", "negotiation")


def write(session: Session, records: Iterable[Any]) -> None:
    """Write records exactly as they are, managed fields and all: history as another program may have left it.

    No repository would: what `add(..., history=[...])` accepts is loaded by it.
    """
    doors = session._inner.doors
    batches: dict[type[Any], list[Any]] = {}
    for record in records:
        batches.setdefault(type(record), []).append(record)
    for model, found in batches.items():
        keeper = doors.keeper(model.__schema__.name)
        if keeper.schema.staged:
            names = run(doors.definitions.read()).names(keeper.schema)
            for name in {record.pipeline for record in found}.intersection(names):
                run(doors.definitions.entered(keeper.schema, name))
        run(keeper.add(found, [record.id if record.id.int else new_id() for record in found], at=doors.clock()))


def told(*visits: tuple[str, float]) -> list[Entry]:
    """A history, told as stages and the days on which a record entered them."""
    return [moved(stage, at=day(at)) for stage, at in visits]


def move(record: Any, number: int, stage: str, at: dt.datetime, within: Pipeline = SALES, **more: Any) -> StageMove:
    """A row of history."""
    known = within.places.get(stage)
    given = {
        "entity": type(record).__schema__.name,
        "record_id": record.id,
        "number": number,
        "pipeline": within.name,
        "pipeline_version": 1,
        "to_stage": stage,
        "kind": "enter" if number == 1 else "forward",
        "position": known.position if known else 1,
        "outcome": known.stage.outcome if known else "open",
        "at": at,
    }
    return StageMove(**(given | more))


def deal(*visits: tuple[str, float], within: Pipeline = SALES, **fields: Any) -> list[Any]:
    """A deal and its history, told as stages and the days on which it entered them."""
    last, since = visits[-1]
    outcome = within.stage(last).outcome
    record = Opportunity(
        **(
            {
                "id": new_id(),
                "name": "deal",
                "pipeline": within.name,
                "pipeline_version": 1,
                "stage": last,
                "stage_since": day(since),
                "outcome": outcome,
                "closed_at": None if outcome == "open" else day(since),
                "created_at": day(visits[0][1]),
            }
            | fields
        )
    )
    moves = []
    for number, (stage, at) in enumerate(visits, 1):
        before = visits[number - 2] if number > 1 else None
        spent = None if before is None else round((at - before[1]) * 86_400_000)
        moves.append(move(record, number, stage, day(at), within, from_stage=before[0] if before else "", spent=spent))
    return [record, *moves]


# -- the public data sets ----------------------------------------------------------------------------------------------


def rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def american(text: str) -> dt.datetime:
    """An instant that is told as month, day and year, perhaps with a time."""
    return dt.datetime.strptime(text, "%m/%d/%Y %H:%M" if " " in text else "%m/%d/%Y").replace(tzinfo=UTC)


MAVEN = pipeline("Prospecting", "Engaging", name="maven")
OLIST = Pipeline(
    "olist",
    Lead,
    stages=[Stage("qualified", 5), Stage("closed", 100, outcome="won")],
    moves=[forward()],
)


def load_maven(session: Session, folder: Path) -> None:
    """Load the opportunities of the Maven set, with agents, their managers, and a team for each manager and region."""
    people = {row["manager"] for row in rows(folder / "sales_teams.csv")}
    managers = {name: session.users.add(User(name=name)) for name in sorted(people)}
    teams: dict[str, Team] = {}
    agents: dict[str, User] = {}
    for row in rows(folder / "sales_teams.csv"):
        region = row["regional_office"]
        if region not in teams:
            teams[region] = session.teams.add(Team(name=region, region=region))
        agent = User(name=row["sales_agent"], team_id=teams[region].id, manager_id=managers[row["manager"]].id)
        agents[agent.name] = session.users.add(agent)
    deals: list[tuple[Opportunity, list[Entry]]] = []
    for row in rows(folder / "sales_pipeline.csv"):
        begun = row["engage_date"] and american(row["engage_date"])
        history = [moved("Engaging" if begun else "Prospecting", at=begun or dt.datetime(2017, 12, 31, tzinfo=UTC))]
        if row["close_date"]:
            history.append(moved(row["deal_stage"].lower(), at=american(row["close_date"])))
        record = Opportunity(
            name=row["opportunity_id"],
            source=row["product"].replace("GTXPro", "GTX Pro"),
            owner_id=agents[row["sales_agent"]].id,
            amount=Money(row["close_value"], "USD") if row["close_value"] else None,
        )
        deals.append((record, history))
    session.opportunities.add_many(deals)


def load_olist(session: Session, folder: Path) -> None:
    """Load the leads of the Olist set."""
    won = {row["mql_id"]: american(row["won_date"]) for row in rows(folder / "olist_closed_deals_dataset.csv")}
    leads: list[tuple[Lead, list[Entry]]] = []
    for row in rows(folder / "olist_marketing_qualified_leads_dataset.csv"):
        begun, ended = american(row["first_contact_date"]), won.get(row["mql_id"])
        lead = Lead(name=row["mql_id"], source=row["origin"] or None)
        if ended and ended < begun:
            write(session, won_before_it_began(lead, begun, ended))
        else:
            leads.append((lead, [moved("qualified", at=begun), *([moved("closed", at=ended)] if ended else [])]))
    session.leads.add_many(leads)


def won_before_it_began(lead: Lead, begun: dt.datetime, ended: dt.datetime) -> list[Any]:
    """A lead and a history that nobody could load, since it cannot be true."""
    made = attrs.evolve(
        lead, id=new_id(), pipeline="olist", pipeline_version=1, stage="closed", outcome="won",
        stage_since=ended, closed_at=ended, created_at=begun,
    )  # fmt: skip
    return [made, move(made, 1, "qualified", begun, OLIST), move(made, 2, "closed", begun, OLIST, kind="close")]
