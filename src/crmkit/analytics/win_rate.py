"""Win rates: how much of what was decided was won, by count and by value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.analytics.amounts import Amounts, amount_field, closed, still_open, undated
from crmkit.analytics.grouping import order_of, text_of
from crmkit.analytics.ratio import Ratio
from crmkit.analytics.report import ALL, Report, label_of, row_of
from crmkit.expr.build import f
from crmkit.repository.aggregator import MoneyBag
from crmkit.values import Money

if TYPE_CHECKING:
    from crmkit.analytics.period import Period
    from crmkit.analytics.population import Population
    from crmkit.expr.node import Ref
    from crmkit.repository.grouping import By

__all__ = ["WinRate", "read_amounts", "win_rates"]

UNDATED = "undated"


@attrs.frozen(kw_only=True)
class WinRate:
    """How much of what was decided was won, in one group.

    Attributes:
        key, label: what the records share, and how that is shown.
        won, lost: how many records closed so, in the period.
        open: how many records are open.
        done: how many records closed without a winner; they take no part.
        undated: closed records without the instant at which they closed, so that the period cannot be asked.
        rate: won out of won or lost; `open` beside it, `excluded` those without a winner or without a date.
        won_value, lost_value, open_value: what they are worth, by currency.
        value: the same by what they are worth, one ratio for each currency; `excluded` are decided records without an
            amount, and those of `rate`.
    """

    key: Any
    label: str
    won: int
    lost: int
    open: int
    done: int
    undated: int
    rate: Ratio
    won_value: MoneyBag
    lost_value: MoneyBag
    open_value: MoneyBag
    value: Mapping[str, Ratio]

    def cells(self) -> list[dict[str, Any]]:
        """Return the group as a row."""
        values = ("won_value", "lost_value", "open_value", ("win_rate_by_value", "value"))
        return [row_of(self, "won", "lost", "open", ("win_rate", "rate"), *values)]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of these rows."""
        return tuple(self.cells()[0])


async def read_amounts(population: Population, by: By | None, amount: Ref | None, period: Period) -> Amounts:
    """Return the amounts by group and outcome."""
    amounts = Amounts(population, by, amount_field(population.schema, amount))
    await amounts.read(closed(period, population.as_of), f.outcome)
    await amounts.read(still_open(population.as_of), mark="open")
    unknown = undated(period)
    if unknown is not None:
        await amounts.read(unknown, mark=UNDATED)
    return amounts


async def win_rates(population: Population, by: By | None, amount: Ref | None, period: Period) -> Report[WinRate]:
    """Return the win rates; see `AsyncAnalytics.win_rate`."""
    amounts = await read_amounts(population, by, amount, period)
    total = _group(amounts.whole(), None, ALL)
    groups = tuple(_group(amounts, key, label_of(key)) for key in sorted(amounts, key=order_of))
    return Report(
        definition="sales.win_rate/1", groups=(total,) if by is None else groups, total=total,
        by=text_of(by), as_of=population.as_of, zone=population.zone, period=period,
    )  # fmt: skip


def _group(amounts: Amounts, key: Any, label: str) -> WinRate:
    won, lost, opened = (amounts.count(key, outcome) for outcome in ("won", "lost", "open"))
    done, unknown = amounts.count(key, "done"), amounts.count(key, UNDATED)
    won_value, lost_value, open_value = (amounts.worth(key, outcome) for outcome in ("won", "lost", "open"))
    no_amount = sum(amounts.missing(key, outcome) for outcome in ("won", "lost"))
    return WinRate(
        key=key, label=label, won=won, lost=lost, open=opened, done=done, undated=unknown,
        rate=Ratio(won, won + lost, open=opened, excluded=done + unknown, definition="sales.win_rate.count/1"),
        won_value=won_value, lost_value=lost_value, open_value=open_value,
        value={
            currency: _by_value(currency, won_value, lost_value, open_value, done + unknown + no_amount)
            for currency in sorted({*won_value, *lost_value})
        },
    )  # fmt: skip


def _by_value(currency: str, won: MoneyBag, lost: MoneyBag, opened: MoneyBag, excluded: int) -> Ratio:
    nothing = Money(0, currency)
    gained = won.get(currency, nothing)
    return Ratio(
        gained.amount,
        (gained + lost.get(currency, nothing)).amount,
        open=opened.get(currency, nothing).amount,
        excluded=excluded,
        definition="sales.win_rate.value/1",
        currency=currency,
    )
