"""Plans: what a store is asked to do. They name columns, and are complete: tenant and permissions are in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import Enum, unique
from typing import Any

import attrs

from crmkit.expr.core import Core
from crmkit.model.schema import Relation, Schema
from crmkit.storage.spi.aggregate import Aggregate

__all__ = ["Aggregate", "Bucket", "GroupKey", "Hop", "Measure", "Patch", "Query", "Removal", "SortKey", "Tally", "Top"]


@attrs.frozen
class Hop:
    """A step along a relation to one record; where no such row satisfies `where`, everything it leads to is missing."""

    relation: Relation
    where: Core


@attrs.frozen
class SortKey:
    """A column to order by.

    Attributes:
        column: its name; with hops, that of a column of the last hop's target.
        descending: whether the greatest comes first.
        missing_first: whether rows without a value come before all others, in either direction.
        hops: the way there, each step to one record; where a step leads nowhere, the value is missing.
    """

    column: str
    descending: bool = False
    missing_first: bool = False
    hops: tuple[Hop, ...] = ()


@attrs.frozen
class Top:
    """Of all rows with one value in a column, the first few; rows without a value there count as one more value."""

    column: str
    number: int


@attrs.frozen
class Query:
    """Fetch the rows that satisfy `where`.

    Attributes:
        schema: the model.
        where: in normal form.
        columns: which columns to return, in this order.
        order: what to sort by; the last key makes the order total.
        limit: how many rows at most, 0 included; `None` for all.
        top: which rows of each value of a column to keep, by the order. The answer then is ordered within each value;
            how rows of different values follow each other is free, and so is which of them a limit leaves.
    """

    schema: Schema
    where: Core
    columns: tuple[str, ...]
    order: tuple[SortKey, ...] = ()
    limit: int | None = None
    top: Top | None = None


@unique
class Bucket(Enum):
    """Spans of time into which instants and dates are grouped. Weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"

    def first_day(self, day: dt.date) -> dt.date:
        """Return the first day of the span that a day lies in.

        >>> Bucket.QUARTER.first_day(dt.date(2026, 5, 17))
        datetime.date(2026, 4, 1)
        """
        match self:
            case Bucket.DAY:
                return day
            case Bucket.WEEK:
                return day - dt.timedelta(days=day.weekday())
            case Bucket.MONTH:
                return day.replace(day=1)
            case Bucket.QUARTER:
                return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
            case Bucket.YEAR:
                return day.replace(month=1, day=1)


@attrs.frozen
class GroupKey:
    """What to group by.

    Attributes:
        column: the column, of the last hop's target.
        hops: the way there, each step to one record.
        bucket: for a `DATE` or an `INSTANT`: the span, whose first day (a date) is the key's value.
        zone: for an `INSTANT` with a bucket: the IANA name of the zone whose days are meant.
    """

    column: str
    hops: tuple[Hop, ...] = ()
    bucket: Bucket | None = None
    zone: str = "UTC"


@attrs.frozen
class Measure:
    """What to compute per group.

    `COUNT` counts rows; with a column, the rows in which it has a value. The others read a column and pass over missing
    values. A sum is exact, also past 64 bits.
    """

    aggregate: Aggregate
    column: str = ""


@attrs.frozen
class Tally:
    """Group the rows that satisfy `where` and measure each group.

    A row of the answer holds the canonical values of the keys, then the measures. Without keys there is exactly one,
    also where no row satisfies `where`. The order of the answer is free.
    """

    schema: Schema
    where: Core
    by: tuple[GroupKey, ...]
    measures: tuple[Measure, ...]


@attrs.frozen
class Patch:
    """Set columns of the rows that satisfy `where`. The values in `changes` are spelled as the store's wires say."""

    schema: Schema
    where: Core
    changes: Mapping[str, Any]


@attrs.frozen
class Removal:
    """Remove the rows that satisfy `where`, for good."""

    schema: Schema
    where: Core
