"""Scopes: which rows of a model a report reads, the actor's scope always in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from crmkit.analytics.key import too_many
from crmkit.errors import StoreError
from crmkit.expr.core import And, Constant
from crmkit.expr.resolve import Facts
from crmkit.repository.tally import tally
from crmkit.repository.work import zone_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from crmkit.expr.core import Core
    from crmkit.expr.node import Expr
    from crmkit.lifecycle import Pipeline
    from crmkit.model.schema import Schema
    from crmkit.repository import Group, Work
    from crmkit.repository.tally import By, Measured
    from crmkit.segment import Segment

__all__ = ["Scope", "definition_of"]


class Scope:
    """The rows of one model that a report reads, as of an instant.

    Args:
        work: the unit of work.
        schema: the model.
        where: which records count.
        as_of: what relative moments in expressions are relative to.
        zone: whose days they mean.
    """

    def __init__(self, work: Work, schema: Schema, where: Expr | Segment, as_of: dt.datetime, zone: str) -> None:
        self.work = work
        self.schema = schema
        self.as_of = as_of
        self.zone = zone
        self._facts = Facts(as_of, zone_of(zone), work.actor)
        self._own = self._items(where)

    def core(self, *further: Expr) -> tuple[Core, ...]:
        """Return the conditions of the records that also satisfy further expressions.

        Raises:
            BadExpression: an expression does not fit the model.
        """
        items: dict[Core, None] = dict.fromkeys(self._own)
        for expr in further:
            items |= dict.fromkeys(self._items(expr))
        return (Constant(False),) if Constant(False) in items else tuple(items)

    async def tally(self, by: Sequence[By], *further: Expr, **measures: Measured) -> list[Group]:
        """Group and measure, inside the store, the records that also satisfy further expressions."""
        conditions = self.core(*further)
        where = conditions[0] if len(conditions) == 1 else And(conditions)
        groups = await tally(self.work, self.schema, where, by, measures)
        too_many(len({group.key[:1] for group in groups}))
        return groups

    def _items(self, expr: Expr | Segment) -> tuple[Core, ...]:
        core = self.work.guard.where(self.schema, expr, self._facts)
        return core.items if isinstance(core, And) else (core,)


@attrs.frozen
class _Follower:
    """A record, as far as finding its definition goes."""

    pipeline: str
    pipeline_version: int


async def definition_of(work: Work, schema: Schema, name: str, version: int) -> Pipeline | None:
    """Return a version of a pipeline; `None` if it is not stored any more."""
    try:
        return await work.setup.pipelines.followed(work, schema, _Follower(name, version))
    except StoreError:
        return None
