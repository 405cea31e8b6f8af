"""Populations: the records of a model that a report reads, only those that the actor may see among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.analytics.grouping import too_many
from crmkit.errors import StoreError
from crmkit.expr.resolve import Facts
from crmkit.repository.aggregator import tally
from crmkit.values.zone import zone_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from crmkit.expr.core import Core
    from crmkit.expr.node import Expr
    from crmkit.lifecycle import Pipeline
    from crmkit.model.schema import Schema
    from crmkit.repository import Doors, Group
    from crmkit.repository.grouping import By
    from crmkit.repository.measure import Measured
    from crmkit.segment import Segment

__all__ = ["Population", "definition_of"]


class Population:
    """The rows of one model that a report reads, as of an instant.

    Args:
        doors: the doors of the session.
        schema: the model.
        where: which records count.
        as_of: what relative moments in expressions are relative to.
        zone: whose days are meant; the actor's, if it is `None`.
    """

    def __init__(
        self, doors: Doors, schema: Schema, where: Expr | Segment, as_of: dt.datetime, zone: str | None
    ) -> None:
        self.doors = doors
        self.door = doors.of(schema)
        self.schema = schema
        self.as_of = as_of
        self.zone = doors.actor.zone if zone is None else zone
        self._facts = Facts(as_of, zone_of(self.zone), doors.actor)
        self._where = where
        self._own: tuple[Core, ...] | None = None

    async def core(self, *further: Expr) -> tuple[Core, ...]:
        """Return the conditions of the records that also satisfy further expressions.

        Raises:
            BadExpression: an expression does not fit the model.
        """
        if self._own is None:
            self._own = await self.door.bind(self._where, self._facts)
        items: dict[Core, None] = dict.fromkeys(self._own)
        for expr in further:
            items |= dict.fromkeys(await self.door.bind(expr, self._facts))
        return tuple(items)

    async def tally(self, by: Sequence[By], *further: Expr, **measures: Measured) -> list[Group]:
        """Group and measure, inside the store, the records that also satisfy further expressions."""
        groups = await tally(self.door, await self.core(*further), by, measures, zone=self.zone)
        too_many(len({group.key[:1] for group in groups}))
        return groups


async def definition_of(population: Population, name: str, version: int) -> Pipeline | None:
    """Return a version of a pipeline; `None` if it is not stored any more."""
    try:
        return await population.doors.definitions.followed(population.schema, name, version)
    except StoreError:
        return None
