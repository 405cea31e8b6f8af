"""The unit of work: one actor, one transaction, and the only door to the store."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from crmkit.errors import BadDefinition, BadExpression, BadRecord, CrmError, Problem
from crmkit.expr.core import And, Compare
from crmkit.expr.node import Op
from crmkit.expr.resolve import Facts
from crmkit.repository.guard import Guard
from crmkit.storage.spi import Query, SortKey

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Mapping, Sequence

    from crmkit.expr.core import Core
    from crmkit.model.codec import Row
    from crmkit.model.schema import Schema
    from crmkit.repository.setup import Setup
    from crmkit.security.access import Actor
    from crmkit.storage.spi import Unit

__all__ = ["Work", "zone_of"]


class Work:
    """What happens between the start of a session and its commit.

    Attributes:
        setup: what the whole CRM shares.
        actor: whoever acts.
        guard: what they may touch.
        zone: in which they mean days.

    Args:
        setup: what the whole CRM shares.
        actor: whoever acts.
        entered: whether it may be used at once; a session may only once it is entered, as nothing else would commit.

    Raises:
        BadDefinition: the actor's zone is none.
    """

    def __init__(self, setup: Setup, actor: Actor, *, entered: bool = True) -> None:
        self.setup = setup
        self.actor = actor
        self.zone = zone_of(actor.zone)
        self.guard = Guard(
            setup.catalog, setup.policy, actor, self.facts(), partial(setup.pipelines.stages, actor.tenant)
        )
        self._unit: Unit | None = None
        self._entered = entered
        self._ended = False

    def facts(self) -> Facts:
        """Return what placeholders in expressions stand for now."""
        return Facts(self.setup.clock(), self.zone, self.actor)

    async def unit(self) -> Unit:
        """Return the store's transaction, begun when first needed."""
        if self._ended:
            raise CrmError("the session has ended.", hint="Open a new one with crm.session(actor).")
        if not self._entered:
            raise CrmError("the session was not entered.", hint="Write: with crm.session(actor) as s.")
        if self._unit is None:
            self._unit = await self.setup.store.begin()
        return self._unit

    async def commit(self) -> None:
        """Make everything permanent."""
        unit, self._unit = self._unit, None
        if unit is not None:
            await unit.commit()

    async def rollback(self) -> None:
        """Undo everything since the last commit."""
        unit, self._unit = self._unit, None
        if unit is not None:
            await unit.rollback()

    def enter(self) -> None:
        """Allow use from now on."""
        self._entered = True

    def end(self) -> None:
        """Refuse all further use."""
        self._ended = True

    # -- what several parts of the repository need ---------------------------------------------------------------------

    async def rows(
        self, schema: Schema, where: Sequence[Core], columns: tuple[str, ...] = ("id",), limit: int | None = None
    ) -> list[Row]:
        """Return some columns of the rows that satisfy conditions, which must hold the actor's scope already."""
        unit = await self.unit()
        return await unit.fetch(Query(schema, And(tuple(where)), columns, limit=limit))

    async def values(
        self,
        schema: Schema,
        where: Sequence[Core],
        columns: Sequence[str],
        order: tuple[SortKey, ...] = (),
        limit: int | None = None,
    ) -> list[Row]:
        """Return what `rows` returns, in canonical values and in an order."""
        unit = await self.unit()
        rows = await unit.fetch(Query(schema, And(tuple(where)), tuple(columns), order, limit))
        codec = self.setup.codec(schema)
        kinds = [schema.by_column[name] for name in columns]
        return [tuple(map(codec.decode, kinds, row)) for row in rows]

    async def scan(
        self, schema: Schema, where: Sequence[Core], columns: Sequence[str], batch: int = 5_000
    ) -> AsyncIterator[list[Row]]:
        """Yield the id and some columns of all rows that satisfy conditions, in lists by rising id."""
        after: tuple[Core, ...] = ()
        while True:
            rows = await self.values(schema, (*where, *after), ("id", *columns), (SortKey("id"),), batch)
            if rows:
                yield rows
            if len(rows) < batch:
                return
            after = (Compare("id", Op.GT, rows[-1][0]),)

    def same_id(self, id: UUID) -> Compare:
        """Return the condition that a row has this id.

        Raises:
            BadExpression: it is no id.
        """
        if not isinstance(id, UUID):
            raise BadExpression(f"an id is a UUID, not {type(id).__name__}.", hint="Write UUID(text).")
        return Compare("id", Op.EQ, id)

    async def announce(
        self, schema: Schema, topic: str, at: dt.datetime, changes: Sequence[tuple[UUID, int, Mapping[str, Any]]]
    ) -> None:
        """Write an outbox message per changed record, in this same transaction, if the CRM keeps an outbox."""
        if not self.setup.outbox or schema.name in _SILENT:
            return
        outbox = self.setup.catalog["outbox_message"]
        codec = self.setup.codec(outbox)
        rows = [
            codec.dump_new(
                outbox.cls(
                    topic=f"{schema.name}.{topic}",
                    entity=schema.name,
                    record_id=record_id,
                    record_version=version,
                    at=at,
                    actor=self.actor.key,
                    payload=json.dumps(facts, ensure_ascii=False, sort_keys=True, default=str),
                ),
                self.actor.tenant,
                self.setup.ids(),
                at,
                self.actor.key,
            )
            for record_id, version, facts in changes
        ]
        unit = await self.unit()
        await unit.insert(outbox, rows)

    def model_of(self, record: Any, schema: Schema) -> None:
        """Refuse a record that is not of the model which serves here.

        Raises:
            BadRecord: it is of another class.
        """
        if type(record) is not schema.cls:
            raise BadRecord(
                schema.name,
                [Problem("wrong_model", f"expects a {schema.cls.__name__}, not {type(record).__name__}.")],
            )


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises:
        BadDefinition: there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise BadDefinition(f"{name!r} is no time zone.", hint='Write an IANA name such as "Europe/Berlin".') from None


_SILENT = frozenset({"outbox_message", "stage_move", "external_id", "pipeline_definition"})
