"""A store that lies: the store in memory, with one change to what it is asked or to what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from crmkit.errors import CrmError, Duplicate, StoreError
from crmkit.expr import core
from crmkit.storage.memory import MemoryStore
from crmkit.storage.spi.store import Feature

if TYPE_CHECKING:
    from crmkit.model.catalog import Catalog
    from crmkit.model.codec import Row, Wires
    from crmkit.model.field import Column
    from crmkit.model.schema import Schema
    from crmkit.storage.spi.plan import Patch, Query, Removal, Tally
    from crmkit.storage.spi.store import Savepoint, Unit

__all__ = ["Fault", "Liar"]

Rewrite: TypeAlias = Callable[[core.Core], core.Core]


@attrs.frozen
class Fault:
    """One lie. What is not given is honest.

    Attributes:
        expression: what it makes of each node of an expression, from the leaves up.
        value: what it makes of each value that is inserted, given its column.
        query, tally, patch: what it makes of plans.
        groups: what it makes of the answer to a tally.
        hits: what it makes of the number of rows that a write hit.
        refusal: what it makes of a duplicate, given the rows; `None` swallows it.
        features: what it declares.
        savepoint: what is wrong with savepoints.
        join: what is wrong with joined units.
        keeps: a rollback commits.
        early: inserts are committed at once.
        blind: units do not see their own writes.
        suspends: its coroutines suspend, though it declares that they never do.
        unlocked: locks keep nobody out.
        forgets: preparing it again loses every row.
        patient: it stops no statement.
    """

    expression: Rewrite | None = None
    value: Callable[[Column, Any], Any] | None = None
    query: Callable[[Query], Query] | None = None
    tally: Callable[[Tally], Tally] | None = None
    patch: Callable[[Patch], Patch] | None = None
    groups: Callable[[Tally, list[Row]], list[Row]] | None = None
    hits: Callable[[int], int] | None = None
    refusal: Callable[[Duplicate, Sequence[Row]], CrmError | None] | None = None
    features: frozenset[Feature] = frozenset(Feature)
    savepoint: Literal["", "undo keeps", "release undoes", "ends twice", "commits", "keys stay taken"] = ""
    join: Literal["", "commits", "apart", "undo keeps", "ends the host's"] = ""
    keeps: bool = False
    early: bool = False
    blind: bool = False
    suspends: bool = False
    forgets: bool = False
    unlocked: bool = False
    patient: bool = False


class Liar:
    """A store that tells one lie and is otherwise the store in memory."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._store = MemoryStore()
        self.io: Literal["none"] = "none"
        self.wires: Wires = self._store.wires
        self.features = fault.features

    def limit_statements(self, seconds: float) -> None:
        """Limit the statements of the store in memory."""
        if not self._fault.patient:
            self._store.limit_statements(seconds)

    async def prepare(self, catalog: Catalog, *, create: bool) -> None:
        """Prepare the store in memory."""
        if self._fault.forgets:
            self._store = MemoryStore()
        await self._store.prepare(catalog, create=create)

    async def begin(self) -> Unit:
        """Return a unit that tells the lie."""
        if self._fault.suspends:
            await asyncio.sleep(0)
        return _LyingUnit(self._fault, self._store, await self._store.begin())

    async def join(self, handle: Any) -> Unit:
        """Return a unit inside another one of this store, which stands for the host's transaction."""
        unit = await self._store.begin() if self._fault.join == "apart" else handle
        return _JoinedUnit(self._fault, self._store, unit, await unit.savepoint())

    async def close(self) -> None:
        """Close the store in memory."""
        await self._store.close()


class _LyingUnit:
    def __init__(self, fault: Fault, store: MemoryStore, unit: Unit) -> None:
        self._fault = fault
        self._store = store
        self._unit = unit
        self._inserted: list[Row] = []

    async def insert(self, schema: Schema, rows: Sequence[Row]) -> None:
        group = next(iter(schema.unique_columns()), None)
        if self._fault.savepoint == "keys stay taken" and group is not None:
            place = schema.columns.index(schema.by_column[group[0]])
            if {row[place] for row in rows} & {row[place] for row in self._inserted if row[place] is not None}:
                raise Duplicate(schema.name, group)
            self._inserted += rows
        spoil = self._fault.value
        if spoil is not None:
            rows = [tuple(map(spoil, schema.columns, row)) for row in rows]
        try:
            if self._fault.early:
                other = await self._store.begin()
                await other.insert(schema, rows)
                await other.commit()
            else:
                await self._unit.insert(schema, rows)
        except Duplicate as error:
            told = error if self._fault.refusal is None else self._fault.refusal(error, rows)
            if told is not None:
                raise told from None

    async def fetch(self, query: Query) -> list[Row]:
        query = attrs.evolve(query, where=self._rewritten(query.where))
        query = query if self._fault.query is None else self._fault.query(query)
        return await (await self._reader()).fetch(query)

    async def tally(self, tally: Tally) -> list[Row]:
        tally = attrs.evolve(tally, where=self._rewritten(tally.where))
        plan = tally if self._fault.tally is None else self._fault.tally(tally)
        groups = await (await self._reader()).tally(plan)
        return groups if self._fault.groups is None else self._fault.groups(tally, groups)

    async def patch(self, patch: Patch) -> int:
        patch = attrs.evolve(patch, where=self._rewritten(patch.where))
        hits = await self._unit.patch(patch if self._fault.patch is None else self._fault.patch(patch))
        return hits if self._fault.hits is None else self._fault.hits(hits)

    async def remove(self, removal: Removal) -> int:
        hits = await self._unit.remove(attrs.evolve(removal, where=self._rewritten(removal.where)))
        return hits if self._fault.hits is None else self._fault.hits(hits)

    async def lock(self, tenant: str, name: str) -> None:
        if not self._fault.unlocked:
            await self._unit.lock(tenant, name)

    async def savepoint(self) -> Savepoint:
        if self._fault.savepoint == "commits":
            await self._unit.commit()
            self._unit = await self._store.begin()
        return _LyingSavepoint(self._fault, await self._unit.savepoint())

    async def commit(self) -> None:
        await self._unit.commit()

    async def rollback(self) -> None:
        await (self._unit.commit() if self._fault.keeps else self._unit.rollback())

    async def _reader(self) -> Unit:
        return await self._store.begin() if self._fault.blind else self._unit

    def _rewritten(self, node: core.Core) -> core.Core:
        change = self._fault.expression
        if change is None:
            return node
        match node:
            case core.And() | core.Or():
                return change(attrs.evolve(node, items=tuple(map(self._rewritten, node.items))))
            case core.Exists() | core.Count():
                return change(attrs.evolve(node, where=self._rewritten(node.where)))
            case _:
                return change(node)


class _JoinedUnit(_LyingUnit):
    def __init__(self, fault: Fault, store: MemoryStore, unit: Unit, start: Savepoint) -> None:
        super().__init__(fault, store, unit)
        self._start = start

    async def commit(self) -> None:
        await (self._unit.commit() if self._fault.join == "commits" else self._start.release())

    async def rollback(self) -> None:
        if self._fault.join == "ends the host's":
            await self._unit.rollback()
        else:
            await (self._start.release() if self._fault.join == "undo keeps" else self._start.rollback())


class _LyingSavepoint:
    def __init__(self, fault: Fault, savepoint: Savepoint) -> None:
        self._fault = fault
        self._savepoint = savepoint

    async def release(self) -> None:
        await self._end(self._savepoint.rollback if self._fault.savepoint == "release undoes" else None)

    async def rollback(self) -> None:
        await self._end(None if self._fault.savepoint == "undo keeps" else self._savepoint.rollback)

    async def _end(self, undo: Callable[[], Coroutine[Any, Any, None]] | None) -> None:
        try:
            await (undo or self._savepoint.release)()
        except StoreError:
            if self._fault.savepoint != "ends twice":
                raise
