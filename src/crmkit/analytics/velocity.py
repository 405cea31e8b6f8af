"""Velocity: how much deals earn a day."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.analytics.amounts import amount_field
from crmkit.analytics.cycle import Lengths, lengths
from crmkit.analytics.durations import Durations
from crmkit.analytics.grouping import order_of, text_of
from crmkit.analytics.ratio import Ratio
from crmkit.analytics.report import ALL, Column, Report, label_of, names_of, row_of
from crmkit.analytics.win_rate import read_amounts
from crmkit.errors import BadExpression
from crmkit.values import Money, money_of

if TYPE_CHECKING:
    from crmkit.analytics.amounts import Amounts
    from crmkit.analytics.period import Period
    from crmkit.analytics.population import Population
    from crmkit.expr.node import Ref
    from crmkit.repository.grouping import By

__all__ = ["Velocity", "VelocityGroup", "velocities"]

_TICK = dt.timedelta(microseconds=1)


_DAYS: Final[Column] = ("median_days", "cycle.median")
_COLUMNS: Final[tuple[Column, ...]] = ("currency", "open", "win_rate", "mean_won", _DAYS, "per_day", "excluded")


@attrs.frozen(kw_only=True)
class Velocity:
    """How much a group of deals earns a day, in one currency.

    Velocity is the number of open deals, times the win rate, times the mean worth of a won deal, divided by the median
    cycle in days. All four are those of the same group, period and currency.

    Attributes:
        key, label: what the records share, and how that is shown.
        currency: the currency; all figures are those of deals in it.
        open: how many deals are open.
        win_rate: won out of won or lost, by count.
        mean_won: what a won deal is worth on average, rounded to four places; `None` if none is won.
        cycle: how many days won deals took.
        per_day: the velocity, rounded to four places; `None` where one of its parts is not known, or the cycle is 0.
        excluded: deals without an amount; they take no part.
    """

    key: Any
    label: str
    currency: str
    open: int
    win_rate: Ratio
    mean_won: Money | None
    cycle: Durations
    per_day: Money | None
    excluded: int

    def row(self) -> dict[str, Any]:
        """Return the currency as a row."""
        return row_of(self, *_COLUMNS)


@attrs.frozen(kw_only=True)
class VelocityGroup:
    """The velocities of one group, by currency.

    Attributes:
        key, label: what the records share, and how that is shown.
        currencies: the velocity in each currency; `group["EUR"]` reads one.
    """

    key: Any
    label: str
    currencies: Mapping[str, Velocity]

    def __getitem__(self, currency: str) -> Velocity:
        """Return the velocity in a currency."""
        return self.currencies[currency]

    def cells(self) -> list[dict[str, Any]]:
        """Return a row for each currency."""
        return [velocity.row() for velocity in self.currencies.values()]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of these rows."""
        return names_of(_COLUMNS)


async def velocities(
    population: Population, by: By | None, amount: Ref | None, start: Ref, period: Period
) -> Report[VelocityGroup]:
    """Return the velocities; see `AsyncAnalytics.velocity`."""
    money = amount_field(population.schema, amount)
    if money is None:
        raise BadExpression(f"{population.schema.name} has no amount.", hint="Name the field with amount=.")
    amounts = await read_amounts(population, by, money, period)
    spans = await lengths(population, by, start, "won", period, currency=money.currency)
    whole: dict[Any, Lengths] = defaultdict(Lengths)
    for parts in spans.values():
        for code, part in parts.items():
            whole[code].merge(part)
    total = _velocities(amounts.whole(), whole, None, ALL)
    groups = (_velocities(amounts, spans.get(key, {}), key, label_of(key)) for key in sorted(amounts, key=order_of))
    return Report(
        definition="sales.velocity/1", groups=(total,) if by is None else tuple(groups), total=total,
        by=text_of(by), as_of=population.as_of, zone=population.zone, period=period,
    )  # fmt: skip


def _velocities(amounts: Amounts, spans: Mapping[Any, Lengths], key: Any, label: str) -> VelocityGroup:
    codes = {code for cells in amounts.further(key).values() for code in cells if code is not None}
    return VelocityGroup(
        key=key,
        label=label,
        currencies={code: _velocity(amounts, spans.get(code, Lengths()), key, label, code) for code in sorted(codes)},
    )


def _velocity(amounts: Amounts, spans: Lengths, key: Any, label: str, currency: str) -> Velocity:
    won, lost, opened = (amounts.counted(key, outcome, currency) for outcome in ("won", "lost", "open"))
    excluded = sum(amounts.missing(key, outcome) for outcome in ("won", "lost", "open"))
    gained = amounts.worth(key, "won").get(currency)
    days = spans.spread.durations()
    rate = Ratio(won, won + lost, open=opened, excluded=excluded, definition="sales.win_rate.count/1")
    mean = None if gained is None or not won else Fraction(gained.units, won)
    per_day = None
    if mean is not None and rate.exact is not None and days.median:
        per_day = opened * rate.exact * mean * Fraction(dt.timedelta(days=1) // _TICK, days.median // _TICK)
    return Velocity(
        key=key, label=label, currency=currency, open=opened, win_rate=rate, cycle=days, excluded=excluded,
        mean_won=None if mean is None else money_of(round(mean), currency),
        per_day=None if per_day is None else money_of(round(per_day), currency),
    )  # fmt: skip
