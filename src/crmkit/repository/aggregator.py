"""Tallies: grouping and measuring inside the store. Sums of money never cross currencies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import BadExpression, Problem
from crmkit.expr.node import Ref
from crmkit.repository.grouping import group_key, keyed
from crmkit.repository.measure import Measured, count
from crmkit.repository.path import field_at
from crmkit.storage.spi import GroupKey, Measure
from crmkit.values import Money

if TYPE_CHECKING:
    from crmkit.model.field import Field
    from crmkit.repository.door import Door, Where
    from crmkit.repository.grouping import By

__all__ = ["Group", "MoneyBag", "tally"]


class MoneyBag(Mapping[str, Money]):
    """Amounts in several currencies, kept apart: a mapping from currency code to `Money`.

    >>> bag = MoneyBag([Money(5, "EUR"), Money(7, "USD")])
    >>> bag["EUR"], bag.get("GBP")
    (Money('5.00', 'EUR'), None)
    """

    __slots__ = ("_amounts",)

    def __init__(self, amounts: Sequence[Money] = ()) -> None:
        self._amounts: dict[str, Money] = {}
        for money in sorted(amounts, key=lambda each: each.currency):
            held = self._amounts.get(money.currency)
            self._amounts[money.currency] = money if held is None else held + money

    def __getitem__(self, currency: str) -> Money:
        return self._amounts[currency]

    def __iter__(self) -> Iterator[str]:
        return iter(self._amounts)

    def __len__(self) -> int:
        return len(self._amounts)

    def __repr__(self) -> str:
        return f"MoneyBag({list(self._amounts.values())!r})"

    def __str__(self) -> str:
        return ", ".join(map(str, self._amounts.values())) or "0"


@attrs.frozen
class Group:
    """One group and what was measured of it.

    Attributes:
        key: the keys' values, in the order asked for.
        measures: the measures' values, by name; `group["won"]` reads one.
    """

    key: tuple[Any, ...]
    measures: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """Return a measure's value."""
        return self.measures[name]


async def tally(
    door: Door[Any],
    where: Where,
    by: By | Sequence[By],
    measures: Mapping[str, Measured],
    *,
    deleted: bool = False,
    zone: str | None = None,
) -> list[Group]:
    """Group and measure the rows that satisfy an expression; days are those of the zone, or of the actor's."""
    parts = await door.bind(where)
    keys = [group_key(door, each, zone or door.zone) for each in (by if isinstance(by, Sequence) else [by])]
    wanted = {name: _Plan.of(door, name, measured) for name, measured in (measures or {"count": count()}).items()}
    # One tally per money field that is measured, as each needs its currency among the keys, and one for all the rest.
    # Without keys there is always one group, even where no record matches and a tally by currency returns no row.
    groups: dict[tuple[Any, ...], dict[str, Any]] = {} if keys else {(): {}}
    for currency in dict.fromkeys(plan.currency for plan in wanted.values()):
        plans = {name: plan for name, plan in wanted.items() if plan.currency == currency}
        extra = (GroupKey(currency),) if currency else ()
        asked = tuple(measure for plan in plans.values() for measure in plan.measures)
        rows = await door.tally(parts, (*(key for key, _ in keys), *extra), asked, deleted=deleted)
        for row in rows:
            group = groups.setdefault(
                tuple(keyed(value, field) for value, (_, field) in zip(row, keys, strict=False)), {}
            )
            values = iter(row[len(keys) + len(extra) :])
            code = row[len(keys)] if currency else None
            for name, plan in plans.items():
                plan.gather(group.setdefault(name, []), code, [next(values) for _ in plan.measures])
    made = [
        Group(key, {name: plan.finish(group.get(name, ())) for name, plan in wanted.items()})
        for key, group in groups.items()
    ]
    return sorted(made, key=lambda group: [_rank(value) for value in group.key])


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is None, 0 if value is None else value)


@attrs.frozen
class _Plan:
    """How one measure is asked of the store and put together again.

    Attributes:
        measured: the measure.
        field: what it reads; `None` for the records themselves.
        measures: what the store computes.
        currency: the column that keeps apart what is not to be mixed; blank if there is none.
    """

    measured: Measured
    field: Field | None
    measures: tuple[Measure, ...]
    currency: str

    @classmethod
    def of(cls, door: Door[Any], name: str, measured: Measured) -> _Plan:
        if not isinstance(measured, Measured):
            raise BadExpression(f"{name} is not a measure.", hint="Write count(), total(f.amount) or another of them.")
        if measured.ref is None:
            return cls(measured, None, tuple(map(Measure, measured.parts)), "")
        field = _measurable(door, measured, measured.ref)
        (column, _), *more = field.places
        return cls(measured, field, tuple(Measure(part, column) for part in measured.parts), more[0][0] if more else "")

    def gather(self, gathered: list[Any], currency: str | None, values: list[Any]) -> None:
        """Take one row of the store's answer; records without an amount have no currency, and do not count."""
        if not self.currency:
            gathered.append(self._whole(values))
        elif currency is not None:
            gathered.append(self._whole(values, currency))

    def finish(self, gathered: Sequence[Any]) -> Any:
        """Return the measure as the caller gets it; a group may have been empty yet when it was computed."""
        if self.currency:
            return MoneyBag(gathered)
        return gathered[0] if gathered else self._whole([measure.aggregate.nothing for measure in self.measures])

    def _whole(self, values: Sequence[Any], *currency: str) -> Any:
        parts = [
            value if self.field is None or measure.aggregate.counts else self.field.from_columns(value, *currency)
            for measure, value in zip(self.measures, values, strict=True)
        ]
        return None if None in parts else self.measured.whole(*parts)


def _measurable(door: Door[Any], measured: Measured, ref: Ref) -> Field:
    """Return the field that a measure reads.

    Raises:
        BadExpression: it cannot be measured so.
    """
    if not isinstance(ref, Ref):
        raise BadExpression(f"cannot measure {type(ref).__name__}.", hint="Write total(f.amount), for example.")
    hops, field = field_at(door, ref)
    if hops:
        raise BadExpression(
            f"{ref.text}: a measure reads a field of {door.schema.name} itself.", hint="Start from the other model."
        )
    try:
        field.check_measure(measured.name, numeric=measured.numeric, unmixed=measured.unmixed)
    except Problem as problem:
        raise BadExpression(f"{ref.text} {problem.message}", hint=problem.hint) from None
    return field
