"""Measures: one function for each, which is all that is said of it. Whoever measures derives the rest from these."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.storage.spi import Aggregate

if TYPE_CHECKING:
    from crmkit.expr.node import Ref

_PRECISION: Final = Context(prec=34)


def _same(value: Any) -> Any:
    return value


@attrs.frozen
class Measured:
    """What to compute of each group; made by `count()`, `total(f.amount)` and their like.

    Attributes:
        name: what callers write.
        ref: the field; `None` for a measure of the records themselves.
        parts: what the store computes of the field.
        whole: makes one value of these; where one of them is `None`, so is the measure.
        numeric: whether the field must hold numbers.
        unmixed: whether all values must be in one currency.
    """

    name: str
    ref: Ref | None
    parts: tuple[Aggregate, ...]
    whole: Callable[..., Any] = _same
    numeric: bool = attrs.field(default=False, kw_only=True)
    unmixed: bool = attrs.field(default=False, kw_only=True)


def count() -> Measured:
    """Return the measure that counts records."""
    return Measured("count", None, (Aggregate.COUNT,))


def count_distinct(ref: Ref) -> Measured:
    """Return the measure that counts the different values of a field; missing ones do not count."""
    return Measured("count_distinct", ref, (Aggregate.COUNT_DISTINCT,), unmixed=True)


def total(ref: Ref) -> Measured:
    """Return the measure that adds up a number, exactly; of money it is a `MoneyBag`."""
    return Measured("total", ref, (Aggregate.SUM,), numeric=True)


def least(ref: Ref) -> Measured:
    """Return the measure that takes the least value, `None` where there is none; of money, a `MoneyBag` of them."""
    return Measured("least", ref, (Aggregate.MIN,))


def greatest(ref: Ref) -> Measured:
    """Return the measure that takes the greatest value, `None` where there is none; of money, a `MoneyBag` of them."""
    return Measured("greatest", ref, (Aggregate.MAX,))


def average(ref: Ref) -> Measured:
    """Return the measure that averages a number: the exact sum over the count of present values, to 34 digits.

    It is `None` where there is no value, and not offered for money, which may be in several currencies.
    """
    return Measured("average", ref, (Aggregate.SUM, Aggregate.COUNT), _mean, numeric=True, unmixed=True)


def _mean(total: Decimal | int, count: int) -> Decimal | None:
    return _PRECISION.divide(Decimal(total), Decimal(count)) if count else None
