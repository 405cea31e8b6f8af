"""What a correct import of the files gives: worked out from the clean model, never from the files or from crmkit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

from examples.legacy.company import CUT_OFF, Company, Deal
from examples.legacy.export import Files, skipped_stages
from examples.legacy.vocabulary import OPEN_STAGES, PROBABILITY, SOURCES, TEAMS

ZONE = "Europe/Berlin"
BLANK = "(blank)"
ENTITIES = {
    "people.csv": "user",
    "accounts.csv": "customer",
    "contacts.csv": "contact",
    "opportunities.csv": "opportunity",
    "stage_history.csv": "stage_history",
}

Json = dict[str, object]


def expected(files: Files, company: Company, dirt: Counter[str]) -> Json:
    """Everything worth checking after the import, ready for JSON: amounts as text, ratios with both their parts."""
    loaded = {row.cells["Opp No"] for row in files["opportunities.csv"] if row.loads}
    deals = [deal for deal in company.deals if deal.number in loaded]
    accepted = {entity: sum(row.loads for row in files[name]) for name, entity in ENTITIES.items()}
    return {
        "zone": ZONE,
        "as_of": _utc(CUT_OFF).isoformat(),
        "pipeline": PROBABILITY,
        "files": {name: _file(files, name) for name in ENTITIES},
        "accepted": {"team": len(TEAMS), **accepted},
        "history": {
            "keeping_the_stage": dirt["history row that keeps the stage"],
            "opportunities_without": len(loaded - {r.cells["Opp No"] for r in files["stage_history.csv"] if r.loads}),
        },
        "opportunities": {
            "by_stage": {stage: sum(deal.stage == stage for deal in deals) for stage in PROBABILITY},
            "by_outcome": {outcome: sum(_outcome(d) == outcome for d in deals) for outcome in ("won", "lost", "open")},
            "by_currency": dict(sorted(Counter(deal.currency for deal in deals).items())),
            "by_loss": dict(sorted(Counter(deal.loss for deal in deals if deal.stage == "lost").items())),
            "by_source": {source or BLANK: len(own) for source, own in _by_source(deals)},
            "without_amount": sum(deal.amount is None for deal in deals),
            "reopened": sum(any(m.stage in {"won", "lost"} for m in deal.moves[:-1]) for deal in deals),
            "skipped_a_stage": sum(skipped_stages(deal.moves) for deal in deals),
            "stepped_back": sum(_stepped_back(deal) for deal in deals),
        },
        "won_value": _value(deal for deal in deals if deal.stage == "won"),
        "lost_value": _value(deal for deal in deals if deal.stage == "lost"),
        "open_value": _value(deal for deal in deals if deal.stage in OPEN_STAGES),
        "weighted_open_value": _value((d for d in deals if d.stage in OPEN_STAGES), weighted=True),
        "win_rate": {
            "overall": _win_rate(deals),
            "by_source": {source or BLANK: _win_rate(own) for source, own in _by_source(deals)},
        },
        "reached": _reached(deals),
        "reached_by_source": {source or BLANK: _reached(own) for source, own in _by_source(deals)},
        "days_created_to_won": _cycle([deal for deal in deals if deal.stage == "won"]),
        "dirt": dict(sorted(dirt.items())),
        "rejected": [
            {"file": name, "line": line, "column": row.reject[0] or None, "code": row.reject[1]}
            for name in ENTITIES
            for line, row in enumerate(files[name], start=2)
            if row.reject
        ],
    }


def _file(files: Files, name: str) -> Json:
    rows = files[name]
    return {
        "rows": len(rows),
        "accepted": sum(row.loads for row in rows),
        "rejected": sum(row.reject is not None for row in rows),
        "skipped": {reason: sum(row.skip == reason for row in rows) for reason in ("repeat", "empty", "total")},
    }


def _by_source(deals: list[Deal]) -> list[tuple[str, list[Deal]]]:
    return [(source, [deal for deal in deals if deal.source == source]) for source in SOURCES]


def _outcome(deal: Deal) -> str:
    return "open" if deal.stage in OPEN_STAGES else deal.stage


def _stepped_back(deal: Deal) -> bool:
    """Whether the deal ever moved from an open stage to an earlier open stage."""
    ranks = [OPEN_STAGES.index(move.stage) if move.stage in OPEN_STAGES else None for move in deal.moves]
    return any(a is not None and b is not None and b < a for a, b in pairwise(ranks))


def _value(deals: Iterable[Deal], *, weighted: bool = False) -> dict[str, str]:
    """Sums by currency as decimal text; weighted ones by the probability of the deal's stage, not rounded."""
    sums = {"EUR": Decimal("0.00"), "USD": Decimal("0.00")}
    for deal in deals:
        share = Decimal(PROBABILITY[deal.stage]).scaleb(-2) if weighted else 1
        sums[deal.currency] += (deal.amount or Decimal(0)) * share
    return {currency: str(total) for currency, total in sums.items()}


def _win_rate(deals: list[Deal]) -> Json:
    won, lost = (sum(deal.stage == stage for deal in deals) for stage in ("won", "lost"))
    return {"won": won, "lost": lost, "open": len(deals) - won - lost, "rate": round(won / (won + lost), 6)}


def _reached(deals: list[Deal]) -> dict[str, int]:
    """Deals that ever came as far as each open stage, skipped ones included; `won` counts those won now."""
    counts = {stage: sum(deal.reached > rank for deal in deals) for rank, stage in enumerate(OPEN_STAGES)}
    return {**counts, "won": sum(deal.stage == "won" for deal in deals)}


def _cycle(won: list[Deal]) -> Json:
    """Median time from creation to the last entry into `won`: elapsed (86,400 s a day) and by calendar days."""
    elapsed = [(_utc(deal.moves[-1].at) - _utc(deal.moves[0].at)) / timedelta(days=1) for deal in won]
    calendar = [(deal.moves[-1].at.date() - deal.moves[0].at.date()).days for deal in won]
    return {
        "deals": len(won),
        "median_elapsed": round(median(elapsed), 6),
        "median_calendar": median(calendar),
    }


def _utc(wall: datetime) -> datetime:
    return wall.replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
