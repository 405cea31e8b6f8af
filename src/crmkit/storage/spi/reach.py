"""Reach: how often a plan looks at one row, and so whether to ask about the rows behind it once, or for each row anew.

Rows that a relation to many leads to belong to one row each, so looking at all of them takes no more steps than there
are rows. A relation to one leads from many rows to the same. To go from there to many again, row by row, multiplies:
sixty contacts of one customer are 3,600 siblings of contacts, and three such turns are a minute's work. There a store
asks once, which keys have such rows behind them.
"""

from __future__ import annotations

from enum import Enum, unique

from crmkit.expr.core import And, Compare, Core, In
from crmkit.expr.node import Op
from crmkit.model.schema import Relation

__all__ = ["Reach"]

_FEW_ROWS = 100


@unique
class Reach(Enum):
    """How often the rows of a table are looked at where an expression stands."""

    FEW = "few"
    """A few of them, which are named by id."""
    ONCE = "once"
    """Any of them, once."""
    OFTEN = "often"
    """Any of them, as often as other rows lead there."""

    @classmethod
    def of(cls, where: Core) -> Reach:
        """Return how often a plan looks at the rows that it asks for."""
        for item in where.items if isinstance(where, And) else (where,):
            match item:
                case Compare("id", Op.EQ):
                    return cls.FEW
                case In("id", values, False) if len(values) <= _FEW_ROWS:
                    return cls.FEW
                case _:
                    continue
        return cls.ONCE

    def multiplies(self, relation: Relation) -> bool:
        """Return whether to follow a relation from each of the rows may take more steps than there are rows."""
        return self is Reach.OFTEN and relation.many

    def beyond(self, relation: Relation) -> Reach:
        """Return how often the rows behind a relation are looked at; they are asked for once where it multiplies."""
        if relation.many:
            return Reach.ONCE
        return Reach.FEW if self is Reach.FEW else Reach.OFTEN
