"""Forecasts: what open deals are likely to bring, month by month, beside what was won."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.analytics.amounts import Amounts, amount_field
from crmkit.analytics.grouping import order_of, text_of
from crmkit.analytics.population import definition_of
from crmkit.analytics.report import ALL, Column, Report, label_of, names_of, row_of
from crmkit.errors import BadDefinition, BadExpression
from crmkit.expr.build import f
from crmkit.repository.aggregator import MoneyBag
from crmkit.repository.grouping import by_month
from crmkit.values import Money, money_of
from crmkit.values.zone import zone_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit.analytics.period import Period
    from crmkit.analytics.population import Population
    from crmkit.expr.node import Expr, Ref
    from crmkit.repository.grouping import By

__all__ = ["NO_DATE", "OVERDUE", "Forecast", "ForecastBucket", "forecasts"]

OVERDUE = "overdue"
"""The bucket of open deals that should have closed already."""
NO_DATE = "no date"
"""The bucket of open deals of which nobody says when they should close."""


_SUMS: Final = ("amount", "weighted", "won", "won_count", "no_amount", "no_chance")
_COLUMNS: Final[tuple[Column, ...]] = (("due", "name"), "open", *_SUMS)


@attrs.frozen(kw_only=True)
class ForecastBucket:
    """What one month, or another bucket, is expected to bring.

    Attributes:
        name: the month as `2026-04`, or `overdue`, or `no date`.
        month: the first day of the month; `None` for the other buckets.
        open: how many open deals are due.
        amount: what they are worth, by currency.
        weighted: what they are worth times their chance to be won; rounded to four places once for each bucket.
        won: what was won in the month, counted in full; without open deals.
        won_count: how many deals that was.
        no_amount: deals of the bucket, open or won, without an amount; they add nothing.
        no_chance: open deals in a stage that no definition knows, without a chance of their own; they are part of
            `amount` and not of `weighted`.
    """

    name: str
    month: dt.date | None = None
    open: int = 0
    amount: MoneyBag
    weighted: MoneyBag
    won: MoneyBag
    won_count: int = 0
    no_amount: int = 0
    no_chance: int = 0

    def row(self) -> dict[str, Any]:
        """Return the bucket as a row."""
        return row_of(self, *_COLUMNS)


@attrs.frozen(kw_only=True)
class Forecast:
    """The forecast of one group.

    Attributes:
        key, label: what the records share, and how that is shown.
        buckets: the months in order, then what is overdue, then what has no date; only those that hold something.
    """

    key: Any
    label: str
    buckets: tuple[ForecastBucket, ...]

    def __getitem__(self, name: str) -> ForecastBucket:
        """Return a bucket such as `2026-04`, `overdue` or `no date`; an empty one where there is nothing in it."""
        for bucket in self.buckets:
            if bucket.name == name:
                return bucket
        return ForecastBucket(name=name, amount=MoneyBag(), weighted=MoneyBag(), won=MoneyBag())

    def cells(self) -> list[dict[str, Any]]:
        """Return a row for each bucket."""
        return [bucket.row() for bucket in self.buckets]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of these rows."""
        return names_of(_COLUMNS)


class _Sum:
    """What one bucket adds up to; sums stay exact until they are reported."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._units: dict[tuple[str, str], Fraction] = defaultdict(Fraction)

    def add_open(self, currency: str | None, count: int, units: int, chance: int | None) -> None:
        self._add("open", "amount", currency, count, units)
        if chance is None:
            self._counts["no_chance"] += count
        elif currency is not None:
            self._units["weighted", currency] += Fraction(units * chance, 100)

    def add_won(self, currency: str | None, count: int, units: int) -> None:
        self._add("won_count", "won", currency, count, units)

    def _add(self, counted: str, kind: str, currency: str | None, count: int, units: int) -> None:
        self._counts[counted] += count
        if currency is None:
            self._counts["no_amount"] += count
        else:
            self._units[kind, currency] += units

    def merge(self, other: _Sum) -> None:
        self._counts.update(other._counts)
        for key, units in other._units.items():
            self._units[key] += units

    def bucket(self, name: Any) -> ForecastBucket:
        bags: dict[str, list[Money]] = defaultdict(list)
        for (kind, currency), units in self._units.items():
            bags[kind].append(money_of(round(units), currency))
        amount, weighted, won = (MoneyBag(bags[kind]) for kind in ("amount", "weighted", "won"))
        month = None if isinstance(name, str) else name
        shown = name if month is None else f"{month:%Y-%m}"
        return ForecastBucket(name=shown, month=month, amount=amount, weighted=weighted, won=won, **self._counts)


class _Reading:
    """Reads the open and the won deals of a forecast.

    Args:
        population: which records count.
        by: what to group by.
        amount: the field that holds the worth.
    """

    def __init__(self, population: Population, by: By | None, amount: Ref | None) -> None:
        self._population = population
        self._by = by
        self._money = amount_field(population.schema, amount)
        lacking = (
            "an amount"
            if self._money is None
            else "a close_date"
            if "close_date" not in population.schema.fields
            else ""
        )
        if lacking:
            raise BadExpression(f"{population.schema.name} lacks {lacking}, which a forecast needs.")
        self._chances: dict[tuple[Any, ...], int | None] = {}
        self.found: dict[Any, dict[Any, _Sum]] = defaultdict(lambda: defaultdict(_Sum))

    async def open(self, condition: Expr, bucket: str = "") -> None:
        """Add up the open deals that satisfy a condition, into one bucket or by the month in which they are due."""
        own = (f.probability,) if "probability" in self._population.schema.fields else ()
        due = () if bucket else (by_month(f.close_date),)
        amounts = Amounts(self._population, self._by, self._money)
        await amounts.read((f.outcome == "open") & condition, f.pipeline, f.pipeline_version, f.stage, *own, *due)
        for key in amounts:
            for keys, cells in amounts.further(key).items():
                chance = keys[3] if own and keys[3] is not None else await self._chance(*keys[:3])
                for currency, cell in cells.items():
                    self.found[key][bucket or keys[-1]].add_open(currency, cell.count, cell.units, chance)

    async def won(self, condition: Expr) -> None:
        """Add up the won deals that satisfy a condition by the month in which they closed."""
        amounts = Amounts(self._population, self._by, self._money)
        await amounts.read((f.outcome == "won") & condition, by_month(f.closed_at))
        for key in amounts:
            for (month,), cells in amounts.further(key).items():
                for currency, cell in cells.items():
                    self.found[key][NO_DATE if month is None else month].add_won(currency, cell.count, cell.units)

    async def _chance(self, pipeline: str, version: int, stage: str) -> int | None:
        """Return the chance of a stage in the version that a deal follows; `None` if no definition knows it."""
        key = (pipeline, version, stage)
        if key not in self._chances:
            definition = await definition_of(self._population, pipeline, version)
            try:
                self._chances[key] = None if definition is None else definition.stage(stage).probability
            except BadDefinition:
                self._chances[key] = None
        return self._chances[key]


async def forecasts(population: Population, by: By | None, amount: Ref | None, due: Period) -> Report[Forecast]:
    """Return the forecasts; see `AsyncAnalytics.forecast`."""
    reading = _Reading(population, by, amount)
    today = population.as_of.astimezone(zone_of(population.zone)).date()
    await reading.open((f.close_date >= today) & due.holds_day(f.close_date, population.zone))
    await reading.open(f.close_date < today, OVERDUE)
    await reading.open(f.close_date.missing(), NO_DATE)
    await reading.won(due.holds(f.closed_at) & ~(f.closed_at > population.as_of))
    whole: dict[Any, _Sum] = defaultdict(_Sum)
    for sums in reading.found.values():
        for name, sum_ in sums.items():
            whole[name].merge(sum_)
    total = Forecast(key=None, label=ALL, buckets=_ordered(whole.items()))
    groups = (
        Forecast(key=key, label=label_of(key), buckets=_ordered(reading.found[key].items()))
        for key in sorted(reading.found, key=order_of)
    )
    return Report(
        definition="sales.forecast.weighted/1", groups=(total,) if by is None else tuple(groups), total=total,
        by=text_of(by), as_of=population.as_of, zone=population.zone, period=due,
    )  # fmt: skip


def _ordered(sums: Iterable[tuple[Any, _Sum]]) -> tuple[ForecastBucket, ...]:
    rank = {OVERDUE: 1, NO_DATE: 2}
    return tuple(
        sum_.bucket(name) for name, sum_ in sorted(sums, key=lambda each: (rank.get(each[0], 0), str(each[0])))
    )
