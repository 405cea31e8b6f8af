"""Neighbours: the records around one that moves, as far as guards and requirements ask about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

if TYPE_CHECKING:
    from uuid import UUID

    from crmkit.expr.node import Expr, Ref
    from crmkit.expr.resolve import Facts

__all__ = ["Neighbour", "Neighbours"]


@attrs.frozen
class Neighbour:
    """A record that a condition leads to from one that moves.

    Attributes:
        way: the relations that lead there, one record each.
        model: the name of its model.
        id: its id; `None` if the way leads to no record.
    """

    way: tuple[str, ...]
    model: str
    id: UUID | None


class Neighbours(Protocol):
    """What is known of the records around those that move; whoever reads the store hands it over."""

    def satisfy(self, guard: Expr, record: Any, facts: Facts) -> bool:
        """Return whether a guard holds of a record, together with what it leads to.

        Raises:
            BadExpression: the guard does not fit the models.
        """
        ...

    def value(self, ref: Ref, record: Any) -> Any:
        """Return the value of a field to which a way leads from a record; `None` if it, or the way, is missing.

        Raises:
            BadExpression: it does not fit the models.
        """
        ...

    def reached(self, condition: Expr, record: Any) -> tuple[Neighbour, ...]:
        """Return the records, besides this one, that a condition is about."""
        ...
