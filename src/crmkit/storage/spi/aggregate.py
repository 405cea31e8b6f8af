"""Aggregates: one row for each, from which every reader takes what it must know."""

from __future__ import annotations

from enum import Enum, unique
from typing import Self

from crmkit.model.kind import Kind

__all__ = ["Aggregate"]


@unique
class Aggregate(Enum):
    """The measures that stores take.

    A store adds one thing, how its database spells each of them.

    Attributes:
        nothing: its result when there is no value.
        counts: whether its result is a number of values, rather than of the column's kind.
        distinct: whether equal values are taken once.
    """

    nothing: int | None
    counts: bool
    distinct: bool

    COUNT = "count", 0, True
    COUNT_DISTINCT = "count_distinct", 0, True, True
    SUM = "sum", 0
    MIN = "min"
    MAX = "max"

    def __new__(cls, word: str, nothing: int | None = None, counts: bool = False, distinct: bool = False) -> Self:  # noqa: FBT001, FBT002 - the rows above are its only callers
        """Make a member of its row; its value is its name alone."""
        made = object.__new__(cls)
        made._value_ = word
        made.nothing, made.counts, made.distinct = nothing, counts, distinct
        return made

    def result(self, kind: Kind) -> Kind:
        """Return the kind of what it gives for a column of a kind.

        >>> Aggregate.COUNT_DISTINCT.result(Kind.TEXT), Aggregate.MAX.result(Kind.TEXT)
        (<Kind.INT: 'int'>, <Kind.TEXT: 'text'>)
        """
        return Kind.INT if self.counts else kind
