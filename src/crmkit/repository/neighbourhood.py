"""Neighbourhoods: what the store holds around records that move, as their actor sees it, read in constant statements.

A way to one record is followed from the record as it will be, so a link that changes with the move leads to where it
will lead. What lies further on is as the store has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from crmkit.errors import BadExpression
from crmkit.expr.core import Compare, In
from crmkit.expr.evaluate import evaluate, is_local, value_of
from crmkit.expr.node import Always, And, Counts, Missing, Node, Not, Op, Or, Quantifier, Reaches, Ref, closed
from crmkit.expr.resolve import Facts, resolve
from crmkit.lifecycle.neighbours import Neighbour
from crmkit.storage.spi import Aggregate, GroupKey, Measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from uuid import UUID

    from crmkit.expr.node import Expr
    from crmkit.model.schema import Relation, Schema
    from crmkit.repository.door import Door, DoorOf

__all__ = ["Moving", "neighbourhood"]

Moving: TypeAlias = tuple[Any, "Iterable[Node]", Facts]
"""A record that moves, as it will be; the conditions that decide it; and what placeholders in them stand for."""


async def neighbourhood(door: Door[Any], door_of: DoorOf, moving: Sequence[Moving]) -> Neighbourhood | None:
    """Return what decides about records that move, besides themselves; `None` if nothing does.

    Each way to one record is one statement, and each condition on several is one, however many records move.
    """
    wanted: dict[Node, list[Any]] = {}
    for record, conditions, facts in moving:
        for condition in conditions:
            for leaf in _leaves(condition, door.schema):
                try:
                    wanted.setdefault(resolve(leaf, facts), []).append(record)
                except BadExpression:
                    continue
    if not wanted:
        return None
    found = Neighbourhood(door, door_of)
    for leaf, records in wanted.items():
        await found.learn(leaf, records)
    return found


class Neighbourhood:
    """What is around records of one model, as far as it was learnt."""

    def __init__(self, door: Door[Any], door_of: DoorOf) -> None:
        self._door = door
        self._door_of = door_of
        self._asked: set[tuple[str, UUID]] = set()
        self._found: dict[tuple[str, UUID], Any] = {}
        self._counts: dict[tuple[Node, Any], int] = {}
        self._unfit: dict[Node, BadExpression] = {}

    async def learn(self, leaf: Node, records: Iterable[Any]) -> None:
        """Read what a condition without placeholders asks about records."""
        try:
            await self._door.bind(leaf)
        except BadExpression as error:
            self._unfit[leaf] = error
            return
        ends, schema = list(records), self._door.schema
        for relation in self._way(leaf):
            ends, schema = await self._followed(relation, ends), self._door.catalog[relation.target]
        if isinstance(leaf, Reaches | Counts):
            await self._count(leaf, self._door.catalog.relations(schema)[leaf.ref.path[-1]], ends)

    # -- what a pipeline asks ------------------------------------------------------------------------------------------

    def satisfy(self, guard: Expr, record: Any, facts: Facts) -> bool:
        """Return whether a guard holds of a record, together with what it leads to."""
        node = resolve(guard, facts)
        for leaf in _leaves(node, self._door.schema):
            self._check(leaf)
        return evaluate(self._settled(node, record), record, world=self)

    def value(self, ref: Ref, record: Any) -> Any:
        """Return the value of a field to which a way leads from a record; `None` if it, or the way, is missing."""
        self._check(Missing(ref))
        return value_of(record, ref, self)

    def reached(self, condition: Expr, record: Any) -> tuple[Neighbour, ...]:
        """Return the records, besides this one, that a condition is about."""
        leaves = _leaves(closed(condition), self._door.schema)
        return tuple(dict.fromkeys(each for leaf in leaves for each in self._end(leaf, record)))

    def related(self, record: Any, relation: str) -> Iterable[Any]:
        """Return the record to which a relation leads from this one, if it is there for the actor."""
        catalog = self._door.catalog
        way = catalog.relations(catalog.of(record.__class__))[relation]
        return [each] if (each := self._next(way, record)) is not None else []

    # -- within --------------------------------------------------------------------------------------------------------

    def _check(self, leaf: Node) -> None:
        if leaf in self._unfit:
            raise self._unfit[leaf]

    def _settled(self, node: Node, record: Any) -> Node:
        """Return a condition in which what it asks of several records is decided."""
        match node:
            case And() | Or():
                return attrs.evolve(node, items=[self._settled(item, record) for item in node.items])
            case Not():
                return attrs.evolve(node, item=self._settled(node.item, record))
            case Reaches() | Counts():
                return Always(self._holds(node, record))
            case _:
                return node

    def _holds(self, leaf: Reaches | Counts, record: Any) -> bool:
        end: Any = record
        for relation in self._way(leaf):
            end = None if end is None else self._next(relation, end)
        count = 0 if end is None else self._counts.get((leaf, end.id), 0)
        if isinstance(leaf, Counts):
            return bool(leaf.op.apply(count, leaf.number))
        return (count > 0) is (leaf.quantifier is Quantifier.ANY)

    def _end(self, leaf: Node, record: Any) -> Iterator[Neighbour]:
        """Yield the record that a condition leads to, or the place where the way breaks off."""
        end: Any = record
        names: tuple[str, ...] = ()
        model = ""
        for relation in self._way(leaf):
            if end is not None:
                names, model, end = (*names, relation.name), relation.target, self._next(relation, end)
        if names:
            yield Neighbour(names, model, None if end is None else end.id)

    def _way(self, leaf: Any) -> list[Relation]:
        """Return the steps to one record that a condition takes first."""
        path = (*leaf.ref.path[:-1], "id") if isinstance(leaf, Reaches | Counts) else leaf.ref.path
        hops, _, _ = self._door.hops(Ref(path))
        return [hop.relation for hop in hops]

    def _next(self, relation: Relation, record: Any) -> Any:
        return self._found.get((relation.target, getattr(record, relation.local)))

    async def _followed(self, relation: Relation, records: Iterable[Any]) -> list[Any]:
        """Return the records to which others lead, all read at once; who may not be seen is not there."""
        named = [(relation.target, id) for record in records if (id := getattr(record, relation.local)) is not None]
        new = dict.fromkeys(each for each in named if each not in self._asked)
        if new:
            self._asked.update(new)
            rows = await self._door_of(relation.target).records((In("id", tuple(id for _, id in new)),))
            self._found |= {(relation.target, row.id): row for row in rows}
        return [self._found[each] for each in dict.fromkeys(named) if each in self._found]

    async def _count(self, leaf: Reaches | Counts, relation: Relation, owners: Sequence[Any]) -> None:
        """Count the related records of all owners at once: those that satisfy the condition, or that break it."""
        keys = {getattr(owner, relation.local): owner.id for owner in owners}
        keys.pop(None, None)
        if not keys:
            return
        door = self._door_of(relation.target)
        breaks = isinstance(leaf, Reaches) and leaf.quantifier is Quantifier.ALL
        where = await door.bind(~leaf.where if breaks else leaf.where)
        fixed = () if relation.fixed is None else (Compare(relation.fixed[0], Op.EQ, relation.fixed[1]),)
        belonging = (In(relation.remote, tuple(keys)), *fixed)
        rows = await door.tally((*belonging, *where), (GroupKey(relation.remote),), (Measure(Aggregate.COUNT),))
        self._counts |= {(leaf, keys[key]): count for key, count in rows}


def _leaves(node: Node, schema: Schema) -> Iterator[Any]:
    """Yield the parts of a condition that other records decide."""
    match node:
        case And() | Or():
            for item in node.items:
                yield from _leaves(item, schema)
        case Not():
            yield from _leaves(node.item, schema)
        case _ if not is_local(node, schema):
            yield node
        case _:
            return
