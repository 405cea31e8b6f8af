"""Aggregates as SQL expressions: this store's own part of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import attrs
from sqlalchemy import ColumnElement, func

from crmkit.storage.spi.aggregate import Aggregate

if TYPE_CHECKING:
    from crmkit.storage.sql.dialect import Dialect

__all__ = ["Spelling", "spellings"]


@attrs.frozen
class Spelling:
    """How an aggregate is asked for and read.

    Attributes:
        parts: the expressions to select for a column.
        width: how many they are.
        whole: makes one value of theirs.
    """

    parts: Callable[[ColumnElement[Any]], Sequence[ColumnElement[Any]]]
    width: int = 1
    whole: Callable[[Sequence[Any]], Any] = itemgetter(0)


def spellings(dialect: Dialect) -> Mapping[Aggregate, Spelling]:
    """Return the spelling of each aggregate; equal values are taken out before where it is over distinct ones."""
    return {
        Aggregate.COUNT: Spelling(lambda column: (func.count(column),)),
        Aggregate.COUNT_DISTINCT: Spelling(lambda column: (func.count(column),)),
        Aggregate.SUM: Spelling(dialect.sum_parts, dialect.sum_width, dialect.whole_sum),
        Aggregate.MIN: Spelling(lambda column: (func.min(column),)),
        Aggregate.MAX: Spelling(lambda column: (func.max(column),)),
    }
