"""Prospects: records as an import leaves them, and what the policy says of them.

A dry run writes nothing, and a batch is judged before it is written. So the store alone cannot tell what a rule such as
`f.customer.owner_id == me.id` will find: what the import would have written by then stands over what is stored.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from crmkit.expr.core import In
from crmkit.expr.evaluate import evaluate
from crmkit.expr.node import closed
from crmkit.expr.table import ROW_OF
from crmkit.importers.section import defaults_of
from crmkit.model.schema import Relation
from crmkit.security.access import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from uuid import UUID

    from crmkit.expr.node import Expr, Node
    from crmkit.importers.spool import Spool
    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Schema
    from crmkit.repository import Doors

__all__ = ["Prospects"]

_Way: TypeAlias = tuple[Relation, ...]
_JUDGED: Final = (Action.READ, Action.CREATE, Action.UPDATE)
_MOST: Final = 5_000
"""How many values a query names at most."""


@attrs.frozen
class _Rule:
    """What the policy asks of records, and the ways to other records that it follows."""

    asks: Expr
    ways: frozenset[_Way]


@attrs.frozen
class _World:
    """The records to which ways lead, by the relation and the value from which it starts."""

    catalog: Catalog
    led_to: dict[tuple[Relation, Any], list[Any]]

    def related(self, record: Any, relation: str) -> Iterable[Any]:
        """Return the records to which a relation leads from this one."""
        step = self.catalog.relations(self.catalog.of(record.__class__))[relation]
        return self.led_to.get((step, getattr(record, step.local)), ())


class Prospects:
    """The records of one import as they will be.

    Args:
        doors: the doors of whoever imports.
        spool: holds what would have been written.
        schemas: the models of the files.
        write: whether batches are written; if not, what would have been written counts to the end.
    """

    def __init__(self, doors: Doors, spool: Spool, schemas: Iterable[Schema], *, write: bool) -> None:
        self._doors = doors
        self._spool = spool
        self._write = write
        self._rules: dict[tuple[str, Action], _Rule | None] = {}
        self._reached: dict[str, set[str]] = {}
        for schema in schemas:
            if self.asks(schema, Action.READ):
                self._reached.setdefault(schema.name, {"id"})
            for rule in filter(None, (self._rule(schema, action) for action in _JUDGED)):
                for relation in (each for way in rule.ways for each in way):
                    self._reached.setdefault(relation.target, {"id"}).add(relation.remote)

    def _rule(self, schema: Schema, action: Action) -> _Rule | None:
        key = (schema.name, action)
        if key not in self._rules:
            asks = self._doors.of(schema).rule(action)
            ways = () if asks is None else _ways(self._doors.catalog, schema, closed(asks))
            self._rules[key] = None if asks is None else _Rule(asks, frozenset(way for way in ways if way))
        return self._rules[key]

    # -- what will have been written -----------------------------------------------------------------------------------

    def put(self, model: str, records: Iterable[Any]) -> None:
        """Let records stand over what is stored, as far as some rule may lead to them."""
        for record in records if model in self._reached else ():
            names = self._doors.catalog[model].fields
            links = {name: str(getattr(record, name)) for name in self._reached[model]}
            values = pickle.dumps([getattr(record, name) for name in names])
            self._spool.plan(model, str(record.id), links, values)

    def drop(self, model: str, ids: Iterable[UUID]) -> None:
        """Let records no longer stand over what is stored."""
        self._spool.unplan(model, map(str, ids))

    def end_batch(self) -> None:
        """Take note that the store holds by now what it is to hold."""
        if self._write and self._reached:
            self._spool.unplan_all()

    # -- what the policy says ------------------------------------------------------------------------------------------

    def asks(self, schema: Schema, action: Action) -> bool:
        """Return whether the policy asks anything of records."""
        return self._rule(schema, action) is not None

    def follows(self, schema: Schema, action: Action) -> bool:
        """Return whether what the policy asks of records is decided by others as well."""
        rule = self._rule(schema, action)
        return rule is not None and bool(rule.ways)

    async def allowed(self, schema: Schema, action: Action, records: Sequence[Any]) -> list[bool]:
        """Return of each record whether the policy allows it."""
        rule = self._rule(schema, action)
        if rule is None:
            return [True] * len(records)
        world = _World(self._doors.catalog, {})
        await self._follow(world, records, rule.ways)
        return [evaluate(rule.asks, record, world=world) for record in records]

    async def visible(self, schema: Schema, ids: Iterable[UUID], *, deleted: bool = False) -> list[Any]:
        """Return the records, of these, that the actor will see."""
        where = (In("id", tuple(ids)),)
        if not where[0].values:
            return []
        if not self.asks(schema, Action.READ):
            return await self._doors.of(schema).records(where, deleted=deleted)
        found = await self._found(schema, "id", where[0].values, deleted=deleted)
        seen = await self.allowed(schema, Action.READ, found)
        return [record for record, sees in zip(found, seen, strict=True) if sees]

    async def visible_ids(self, schema: Schema, ids: Iterable[UUID], *, deleted: bool = False) -> set[UUID]:
        """Return the ids, of these, whose records the actor will see."""
        where = (In("id", tuple(ids)),)
        if self.asks(schema, Action.READ) or not where[0].values:
            return {record.id for record in await self.visible(schema, where[0].values, deleted=deleted)}
        return {id for (id,) in await self._doors.of(schema).columns(where, ("id",), deleted=deleted)}

    # -- where rules lead ----------------------------------------------------------------------------------------------

    async def _follow(self, world: _World, records: Sequence[Any], ways: Iterable[_Way]) -> None:
        """Find the records to which ways lead, step by step."""
        further: dict[Relation, set[_Way]] = {}
        for first, *rest in ways:
            further.setdefault(first, set()).add(tuple(rest))
        for step, rests in further.items():
            starts = {getattr(record, step.local) for record in records} - {None}
            await self._step(world, step, [start for start in starts if (step, start) not in world.led_to])
            reached = [other for start in starts for other in world.led_to[step, start]]
            await self._follow(world, reached, rests - {()})

    async def _step(self, world: _World, step: Relation, starts: Sequence[Any]) -> None:
        world.led_to.update({(step, start): [] for start in starts})
        for record in await self._found(self._doors.catalog[step.target], step.remote, starts):
            if step.fixed is None or getattr(record, step.fixed[0]) == step.fixed[1]:
                world.led_to[step, getattr(record, step.remote)].append(record)

    async def _found(self, schema: Schema, field: str, values: Sequence[Any], *, deleted: bool = False) -> list[Any]:
        """Return the records with one of these values in a field as they will be, no matter who may see them."""
        door = self._doors.of(schema)
        found: dict[UUID, Any] = {}
        for at in range(0, len(values), _MOST):
            where = (In(field, tuple(values[at : at + _MOST])),)
            found |= {record.id: record for record in await door.records(where, action=None, deleted=deleted)}
        for record in self._planned(schema.name, "id", found):
            del found[record.id]
        found |= {record.id: record for record in self._planned(schema.name, field, values)}
        return list(found.values())

    def _planned(self, model: str, field: str, values: Iterable[Any]) -> Iterator[Any]:
        door = self._doors.of(model)
        defaults = defaults_of(door.schema)
        for held in self._spool.planned(model, field, map(str, values)):
            yield door.replace(defaults, **dict(zip(door.schema.fields, pickle.loads(held), strict=True)))  # noqa: S301 - our own


def _ways(catalog: Catalog, schema: Schema, node: Node) -> Iterator[_Way]:
    """Yield the ways that an expression follows, and empty ones for what it asks of the record itself."""
    way: _Way = ()
    end = schema
    for part in ROW_OF[type(node)].parts:
        held = getattr(node, part.attribute)
        if part.sort == "ref":
            for name in held.path:
                step = catalog.relations(end).get(name)
                if step is None:
                    break
                way, end = (*way, step), catalog[step.target]
            yield way
        elif part.sort in {"node", "nodes"}:
            for each in held if part.sort == "nodes" else (held,):
                yield from ((*way, *further) for further in _ways(catalog, end, each))
