"""Tallies: grouping and measuring inside the store. Sums of money never cross currencies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from crmkit.errors import BadExpression, Problem, near
from crmkit.expr.node import Ref
from crmkit.model.field import Field
from crmkit.repository.zone import zone_of
from crmkit.storage.spi import Aggregate, Bucket, GroupKey, Hop, Measure
from crmkit.values import Money

if TYPE_CHECKING:
    from crmkit.repository.door import Door, Where

__all__ = [
    "By", "Group", "Measured", "MoneyBag", "Span", "average", "by_day", "by_month", "by_quarter", "by_week", "by_year",
    "count", "count_distinct", "greatest", "group_key", "keyed", "least", "tally", "total",
]  # fmt: skip

_PRECISION: Final = Context(prec=34)


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
class Span:
    """A field of time, grouped by spans of it; the key is the first day of the span.

    Attributes:
        ref: the field or path.
        bucket: the span.
        zone: for an instant: whose days are meant, as an IANA name.
    """

    ref: Ref
    bucket: Bucket
    zone: str = "UTC"


By: TypeAlias = Ref | Span
"""What records can be grouped by."""


def by_day(ref: Ref, zone: str = "UTC") -> Span:
    """Return the grouping of a date or an instant by day."""
    return Span(ref, Bucket.DAY, zone)


def by_week(ref: Ref, zone: str = "UTC") -> Span:
    """Return the grouping of a date or an instant by week; weeks begin on Monday."""
    return Span(ref, Bucket.WEEK, zone)


def by_month(ref: Ref, zone: str = "UTC") -> Span:
    """Return the grouping of a date or an instant by month."""
    return Span(ref, Bucket.MONTH, zone)


def by_quarter(ref: Ref, zone: str = "UTC") -> Span:
    """Return the grouping of a date or an instant by quarter of the calendar year."""
    return Span(ref, Bucket.QUARTER, zone)


def by_year(ref: Ref, zone: str = "UTC") -> Span:
    """Return the grouping of a date or an instant by calendar year."""
    return Span(ref, Bucket.YEAR, zone)


@attrs.frozen
class Measured:
    """What to compute of each group; made by `count()`, `total(f.amount)` and their like.

    Attributes:
        word: which measure.
        ref: the field; `None` for a count of records.
    """

    word: str
    ref: Ref | None = None


def count() -> Measured:
    """Return the measure that counts records."""
    return Measured("count")


def count_distinct(ref: Ref) -> Measured:
    """Return the measure that counts the different values of a field; missing ones do not count."""
    return Measured("count_distinct", ref)


def total(ref: Ref) -> Measured:
    """Return the measure that adds up a number, exactly; of money it is a `MoneyBag`."""
    return Measured("sum", ref)


def least(ref: Ref) -> Measured:
    """Return the measure that takes the least value, `None` where there is none; of money, a `MoneyBag` of them."""
    return Measured("min", ref)


def greatest(ref: Ref) -> Measured:
    """Return the measure that takes the greatest value, `None` where there is none; of money, a `MoneyBag` of them."""
    return Measured("max", ref)


def average(ref: Ref) -> Measured:
    """Return the measure that averages a number: the exact sum over the count of present values, to 34 digits.

    It is `None` where there is no value, and not offered for money, which may be in several currencies.
    """
    return Measured("avg", ref)


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
    door: Door[Any], where: Where, by: By | Sequence[By], measures: Mapping[str, Measured], *, deleted: bool = False
) -> list[Group]:
    """Group and measure the rows that satisfy an expression."""
    parts = await door.bind(where)
    keys = [group_key(door, each) for each in (by if isinstance(by, Sequence) else [by])]
    wanted = {name: _Plan.of(door, name, measured) for name, measured in (measures or {"count": count()}).items()}
    # One tally per money field that is measured, as each needs its currency among the keys, and one for all the rest.
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
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
            code = row[len(keys)] if currency else ""
            for name, plan in plans.items():
                plan.gather(group, name, code, [next(values) for _ in plan.measures])
    for group in groups.values():
        for name, plan in wanted.items():
            group[name] = plan.finish(group.get(name))
    made = [Group(key, {name: group[name] for name in wanted}) for key, group in groups.items()]
    return sorted(made, key=lambda group: [_rank(value) for value in group.key])


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is None, 0 if value is None else value)


def keyed(value: Any, field: Field) -> Any:
    """Return a key, as the store gives it, as the caller gets it."""
    return field.from_columns(value)


def _field(door: Door[Any], ref: Ref) -> tuple[tuple[Hop, ...], Field]:
    if not isinstance(ref, Ref):
        raise BadExpression(
            f"a {type(ref).__name__} is nothing to measure.", hint="Write total(f.amount), for example."
        )
    hops, end, rest = door.hops(ref)
    field = end.fields.get(rest[0])
    if field is None:
        names = [*end.fields, *door.catalog.relations(end)]
        raise BadExpression(f"{ref.text}: {end.name} has no field {rest[0]!r}.", hint=near(rest[0], names))
    if len(rest) > 1 and not field.opaque:
        field = field.part(rest[1])
    return hops, field


def _refused(ref: Ref, problem: Problem) -> BadExpression:
    return BadExpression(f"{ref.text} {problem.message}", hint=problem.hint)


def group_key(door: Door[Any], by: By) -> tuple[GroupKey, Field]:
    """Return what to group by, each step of the way guarded, and the field that it ends at.

    Raises:
        BadDefinition: the zone is none.
        BadExpression: it does not fit the model, or cannot be grouped by.
    """
    ref, span = (by.ref, by) if isinstance(by, Span) else (by, None)
    if not isinstance(ref, Ref):
        raise BadExpression(f"a {type(ref).__name__} is nothing to group by.", hint="Write f.name, or by_month(f.at).")
    hops, field = _field(door, ref)
    try:
        field.check_group()
    except Problem as problem:
        raise _refused(ref, problem) from None
    if span is None:
        return GroupKey(field.name, hops), field
    if not field.temporal:
        raise BadExpression(f"{ref.text} is no date and no instant, so it has no {span.bucket.value}.")
    zone_of(span.zone)
    return GroupKey(field.name, hops, span.bucket, span.zone), field


@attrs.frozen
class _Plan:
    """How one measure is asked of the store and put together again."""

    word: str
    field: Field | None
    measures: tuple[Measure, ...]
    currency: str

    @classmethod
    def of(cls, door: Door[Any], name: str, measured: Measured) -> _Plan:
        if not isinstance(measured, Measured):
            raise BadExpression(f"{name} is no measure.", hint="Write count(), total(f.amount) or another of them.")
        if measured.ref is None:
            return cls(measured.word, None, (Measure(Aggregate.COUNT),), "")
        hops, field = _field(door, measured.ref)
        if hops:
            raise BadExpression(
                f"{measured.ref.text}: a measure reads a field of {door.schema.name} itself.",
                hint="Start from the other model.",
            )
        try:
            field.check_measure(measured.word)
        except Problem as problem:
            raise _refused(measured.ref, problem) from None
        (column, _), *more = field.places
        if measured.word == "avg":
            return cls("avg", field, (Measure(Aggregate.SUM, column), Measure(Aggregate.COUNT, column)), "")
        return cls(measured.word, field, (Measure(Aggregate(measured.word), column),), more[0][0] if more else "")

    def gather(self, group: dict[str, Any], name: str, currency: str | None, values: list[Any]) -> None:
        """Take one row of the store's answer."""
        if not self.currency:
            group[name] = values
        elif currency is not None and values[0] is not None and self.field is not None:
            group.setdefault(name, []).append(self.field.join(values[0], currency))

    def finish(self, gathered: Any) -> Any:
        """Return the measure as the caller gets it."""
        if self.currency:
            return MoneyBag(gathered or ())
        if gathered is None:
            return 0 if self.word in {"count", "count_distinct", "sum"} else None
        if self.field is None or self.word == "count_distinct":
            return gathered[0]
        value = self.field.from_columns(gathered[0])
        if self.word == "avg":
            return _PRECISION.divide(Decimal(value), Decimal(gathered[1])) if gathered[1] else None
        return value
