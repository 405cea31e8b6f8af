"""Amounts by group, outcome and currency: what the sales figures are made of, counted inside the store."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import BadExpression
from crmkit.expr.build import Name, f
from crmkit.repository.aggregator import MoneyBag
from crmkit.repository.measure import count, total
from crmkit.values import money_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping

    from crmkit.analytics.period import Period
    from crmkit.analytics.population import Population
    from crmkit.expr.node import Expr, Ref
    from crmkit.model.schema import Schema
    from crmkit.repository.grouping import By

__all__ = ["Amounts", "amount_field", "closed", "still_open", "undated"]


def amount_field(schema: Schema, amount: Ref | None) -> Name | None:
    """Return the field that holds what a record is worth: the one given, or `amount` if the model has it."""
    if amount is not None:
        return Name(*amount.path)
    return f.amount if "amount" in schema.fields else None


def closed(period: Period, as_of: dt.datetime) -> Expr:
    """Return the expression of the records that closed in a period, and by an instant."""
    return (f.outcome != "open") & period.holds(f.closed_at) & ~(f.closed_at > as_of)


def still_open(as_of: dt.datetime) -> Expr:
    """Return the expression of the records that were open at an instant."""
    return (f.created_at <= as_of) & ((f.outcome == "open") | (f.closed_at > as_of))


def undated(period: Period) -> Expr | None:
    """Return the expression of closed records that a period may or may not hold; `None` for all time."""
    if period.start is None and period.end is None:
        return None
    return (f.outcome != "open") & f.closed_at.missing()


@attrs.define
class Cell:
    """How many records, and what they are worth in units of 0.0001 of a currency."""

    count: int = 0
    units: int = 0


class Amounts:
    """Counts and sums by group key, further keys and currency.

    Args:
        population: which records count.
        by: what to group by; `None` puts all into one group.
        amount: the field that holds the worth; `None` if the model has none.
    """

    def __init__(self, population: Population, by: By | None, amount: Name | None) -> None:
        self._population = population
        self._by = () if by is None else (by,)
        self._amount = amount
        self._cells: dict[Any, dict[tuple[Any, ...], dict[str | None, Cell]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(Cell))
        )
        if amount is not None and len(amount.path) > 1:
            raise BadExpression(f"{amount.text}: an amount is a field of {population.schema.name} itself.")

    async def read(self, condition: Expr, *further: By, mark: str = "") -> None:
        """Count the records that satisfy a condition, by further keys.

        Args:
            condition: which records.
            further: what else they are grouped by.
            mark: the first of the further keys, if it is the same for all of them.
        """
        money = self._amount
        by = (*self._by, *further, *(() if money is None else (money.currency,)))
        measures = {"number": count()} | ({} if money is None else {"worth": total(money)})
        for group in await self._population.tally(by, condition, **measures):
            rest = group.key[len(self._by) :]
            currency = rest[-1] if money is not None else None
            keys = ((mark,) if mark else ()) + (rest[:-1] if money is not None else rest)
            cell = self._cells[group.key[0] if self._by else None][keys][currency]
            cell.count += group["number"]
            cell.units += group["worth"][currency].units if currency is not None else 0

    def __iter__(self) -> Iterator[Any]:
        """Yield the keys of the groups."""
        return iter(self._cells)

    def further(self, key: Any) -> Mapping[tuple[Any, ...], Mapping[str | None, Cell]]:
        """Return the cells of one group by further keys and currency; `None` is the currency of what has no amount."""
        return self._cells.get(key, {})

    def whole(self) -> Amounts:
        """Return the same with all groups put together, under the key `None`."""
        made = Amounts(self._population, None, self._amount)
        for cells in self._cells.values():
            for keys, by_currency in cells.items():
                for currency, cell in by_currency.items():
                    sum_ = made._cells[None][keys][currency]
                    sum_.count += cell.count
                    sum_.units += cell.units
        return made

    # -- one group and one first key ----------------------------------------------------------------------------------

    def count(self, key: Any, mark: str) -> int:
        """Return how many records have this first key."""
        return sum(cell.count for cells in self._of(key, mark) for cell in cells.values())

    def counted(self, key: Any, mark: str, currency: str) -> int:
        """Return how many records have this first key and an amount in this currency."""
        return sum(cells[currency].count for cells in self._of(key, mark) if currency in cells)

    def missing(self, key: Any, mark: str) -> int:
        """Return how many records have this first key and no amount; 0 where the model has no amounts."""
        return sum(map(self.missing_of, self._of(key, mark)))

    def worth(self, key: Any, mark: str) -> MoneyBag:
        """Return the sum of the amounts of the records that have this first key."""
        return MoneyBag([money for cells in self._of(key, mark) for money in self.worth_of(cells).values()])

    # -- one row of cells ----------------------------------------------------------------------------------------------

    def missing_of(self, cells: Mapping[str | None, Cell]) -> int:
        """Return how many records have no amount; 0 where the model has no amounts."""
        return cells[None].count if self._amount is not None and None in cells else 0

    def worth_of(self, cells: Mapping[str | None, Cell]) -> MoneyBag:
        """Return the sum of the amounts."""
        return MoneyBag([money_of(cell.units, code) for code, cell in cells.items() if code is not None])

    def _of(self, key: Any, mark: str) -> list[Mapping[str | None, Cell]]:
        return [cells for keys, cells in self.further(key).items() if keys[0] == mark]
