"""Expressions as MongoDB selections: a filter, and the lookups it needs.

What reaches related rows is asked in two steps: first the keys of the related rows, then the rows with one of those
keys. That is several times faster than a `$lookup` per row, and an update's filter cannot hold a `$lookup` at all. It
is bounded: where the keys are too many for one command, or few rows are named by id, the lookup does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from crmkit.errors import Unsupported
from crmkit.expr.core import And, Constant, Core, Count, Exists, Not, Or
from crmkit.expr.node import NEGATED
from crmkit.storage.mongo.document import Document
from crmkit.storage.mongo.predicate import NEVER, OPERATOR, all_of, any_of, leaf_filter
from crmkit.storage.spi.compare import COMPARE
from crmkit.storage.spi.reach import Reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Relation, Schema

__all__ = ["CLASSIC", "MOST_KEYS", "Run", "Selection", "Selector", "lookup"]

MOST_KEYS: Final = 100_000
"""How many keys the filters of one plan may hold together: 3 MB of the 16 MB that a command may have."""
CLASSIC: Final[Document] = {"$unset": "_none"}
"""A stage that does nothing, put before each `$group` to keep it out of the slot-based engine.

That engine, of MongoDB 5.2 and later, grouped by UUID in quadratic time when tried on 6.0.5: minutes for 60,000 groups,
where the classic one takes 0.4 seconds. For other keys the two are equally fast.
"""
_HUGE: Final = 2**62


class Run(Protocol):
    """Runs an aggregation over the documents of a model, inside the unit that asks."""

    async def __call__(self, schema: Schema, stages: Sequence[Document]) -> list[Document]:
        """Return the documents that come out."""
        ...


@attrs.frozen
class Selection:
    """Which documents of a model.

    Attributes:
        match: a filter.
        joins: lookups that `joined` refers to.
        joined: a filter on what the lookups found.
    """

    match: Document
    joins: tuple[Document, ...] = ()
    joined: Document = attrs.field(factory=dict[str, Any])

    def stages(self, *sort: Document) -> list[Document]:
        """Return the selection as the start of an aggregation; sorted before the lookups, so that a limit ends them."""
        stages: list[Document] = [{"$match": self.match}, *sort]
        if self.joins:
            stages += [*self.joins, {"$match": self.joined}]
            stages.append({"$unset": [join["$lookup"]["as"] for join in self.joins]})
        return stages


class Selector:
    """Turns the expressions of one plan into selections.

    Args:
        catalog: the models.
        run: asks the database for the keys of related rows.
        most_keys: how many keys the filters may hold.
    """

    def __init__(self, catalog: Catalog, run: Run, most_keys: int) -> None:
        self._catalog = catalog
        self._run = run
        self._room = most_keys
        self._reach: Reach | None = None  # none: what is related is asked for once, not for each row

    async def select(self, schema: Schema, where: Core) -> Selection:
        """Return the selection of the rows that satisfy an expression in normal form."""
        reach = Reach.of(where)
        self._reach = reach if reach is Reach.FEW else None
        return await self._selected(schema, where)

    async def _selected(self, schema: Schema, where: Core) -> Selection:
        plain: list[Document] = []
        joined: list[Document] = []
        joins: list[Document] = []
        for item in where.items if isinstance(where, And) else (where,):
            before = len(joins)
            found = await self._visit(schema, item, joins)
            (plain if len(joins) == before else joined).append(found)
        return Selection(all_of(plain), tuple(joins), all_of(joined))

    async def _visit(self, schema: Schema, node: Core, joins: list[Document]) -> Document:
        match node:
            case Constant(value):
                return {} if value else NEVER
            case And(items):
                return all_of([await self._visit(schema, item, joins) for item in items])
            case Or(items):
                return any_of([await self._visit(schema, item, joins) for item in items])
            case Exists():
                return await self._exists(node, joins)
            case Count():
                return await self._count(node, joins)
            case Not():
                raise Unsupported("an expression holds a negation above its leaves.", hint="Normalise it first.")
            case _:
                return leaf_filter(schema, node)

    # -- related rows --------------------------------------------------------------------------------------------------

    async def _exists(self, node: Exists, joins: list[Document]) -> Document:
        relation = node.relation
        once = self._reach is None or self._reach.multiplies(relation)
        inner = await self.related(relation, node.where)
        keys = await self._keys(relation, inner, []) if once else None
        if keys is not None:
            return _belonging(relation, keys, negated=node.negated)
        name = _join(joins, self._catalog, relation, inner, [{"$limit": 1}, {"$project": {"_id": 1}}])
        return {name: {"$eq" if node.negated else "$ne": []}}

    async def _count(self, node: Count, joins: list[Document]) -> Document:
        relation = node.relation
        number = min(max(node.number, -1), _HUGE)
        # Rows to which nothing belongs are in no group, so the groups asked for are those that differ from them.
        zero = COMPARE[node.op](0, number)
        op = OPERATOR[NEGATED[node.op] if zero else node.op]
        once = self._reach is None or self._reach.multiplies(relation)
        inner = await self.related(relation, node.where)
        keys = await self._keys(relation, inner, [{"$match": {"n": {op: number}}}]) if once else None
        if keys is not None:
            return _belonging(relation, keys, negated=zero)
        enough = {"$limit": max(number, 0) + 1}
        name = _join(joins, self._catalog, relation, inner, [enough, {"$count": "n"}])
        counted: Document = {"$elemMatch": {"n": {op: number}}}
        return {name: {"$not": counted} if zero else counted}

    async def related(self, relation: Relation, where: Core) -> Selection:
        """Return the selection of the relation's target rows that satisfy `where` and can belong to any row."""
        here = self._reach
        self._reach = None if here is None or here.multiplies(relation) else here.beyond(relation)
        inner = await self._selected(self._catalog[relation.target], where)
        self._reach = here
        own: list[Document] = [] if relation.fixed is None else [{relation.fixed[0]: {"$eq": relation.fixed[1]}}]
        if relation.remote != "id":
            own.append({relation.remote: {"$ne": None}})
        return attrs.evolve(inner, match=all_of([inner.match, *own]))

    async def _keys(self, relation: Relation, inner: Selection, having: Sequence[Document]) -> list[Any] | None:
        """Return the keys to which the target's rows belong, or nothing if they are too many."""
        if not self._room:
            return None
        stages = inner.stages()
        if relation.remote == "id" and not having:
            stages.append({"$project": {"_id": "$id"}})
        else:
            stages += [CLASSIC, {"$group": {"_id": f"${relation.remote}", "n": {"$sum": 1}}}, *having]
        found = await self._run(self._catalog[relation.target], [*stages, {"$limit": self._room + 1}])
        if len(found) > self._room:
            self._room = 0
            return None
        self._room -= len(found)
        return [document["_id"] for document in found]


def lookup(
    target: Schema, relation: Relation, *, local: Any, inner: Selection, tail: Sequence[Document], name: str
) -> Document:
    """Return the stage that finds the target's rows that belong to a document.

    Args:
        target: the relation's target.
        relation: the way there.
        local: the expression for the key in the document.
        inner: which of the target's rows count.
        tail: what to do with them.
        name: the key under which they are put, as a list.
    """
    same = {"$expr": {"$eq": [f"${relation.remote}", "$$key"]}}
    first, *rest = inner.stages()
    found = {"$match": all_of([first["$match"], same])}
    return {
        "$lookup": {"from": target.plural, "let": {"key": local}, "pipeline": [found, *rest, *tail], "as": name},
    }


def _join(
    joins: list[Document], catalog: Catalog, relation: Relation, inner: Selection, tail: Sequence[Document]
) -> str:
    name = f"_join{len(joins)}"
    target = catalog[relation.target]
    joins.append(lookup(target, relation, local=f"${relation.local}", inner=inner, tail=tail, name=name))
    return name


def _belonging(relation: Relation, keys: list[Any], *, negated: bool) -> Document:
    return {relation.local: {"$nin" if negated else "$in": keys}}
