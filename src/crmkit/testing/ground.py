"""The ground that a test stands on: a prepared store, a tenant of its own, and short words for what it asks."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import uuid4

from crmkit.errors import CrmError
from crmkit.expr import core
from crmkit.expr.bind import Binder
from crmkit.expr.node import Expr, Op
from crmkit.expr.normal import normalise
from crmkit.expr.resolve import Facts, resolve
from crmkit.model.codec import Codec
from crmkit.storage.spi.plan import GroupKey, Measure, Patch, Query, Removal, SortKey, Tally
from crmkit.storage.spi.store import Feature
from crmkit.testing.world import CATALOG, UNIQUE_CATALOG, World

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
    from uuid import UUID

    from crmkit.model.codec import Row
    from crmkit.model.declare import Record
    from crmkit.model.schema import Schema
    from crmkit.storage.spi.store import Store, Unit

__all__ = ["BY_ID", "Ground", "Host"]


class Host(Protocol):
    """A transaction that somebody else than the store began.

    Attributes:
        handle: what `Store.join` takes.
    """

    handle: Any

    async def commit(self) -> None:
        """Commit it."""

    async def rollback(self) -> None:
        """Roll it back."""


R = TypeVar("R", bound="Record")
BY_ID = (SortKey("id"),)


class Ground:
    """A store and one tenant of its own in it.

    Args:
        store: the store.
        tenant: its tenant; a new one if blank.
        begin_host: begins a transaction that the store can join.
    """

    def __init__(
        self, store: Store, tenant: str = "", *, begin_host: Callable[[Store], Awaitable[Host]] | None = None
    ) -> None:
        self._begin_host = begin_host
        self.store = store
        self.tenant = tenant or f"kit-{uuid4().hex}"
        self.catalog = UNIQUE_CATALOG if Feature.UNIQUE in store.features else CATALOG
        self._codecs: dict[str, Codec[Any]] = {}

    async def prepare(self) -> None:
        """Prepare the store for the kit's models."""
        await self.store.prepare(self.catalog, create=True)

    def elsewhere(self) -> Ground:
        """Return the ground of another tenant on the same store."""
        return Ground(self.store)

    @asynccontextmanager
    async def hosted(self) -> AsyncGenerator[Host]:
        """Begin a transaction as a host does, and roll it back if the test fails."""
        assert self._begin_host is not None, "a suite for a store that joins says how a host begins"
        host = await self._begin_host(self.store)
        try:
            yield host
        except BaseException:
            with suppress(CrmError):
                await host.rollback()
            raise

    # -- plans ---------------------------------------------------------------------------------------------------------

    def schema(self, model: type[Any]) -> Schema:
        """Return a model's schema."""
        return self.catalog.of(model)

    def codec(self, model: type[R]) -> Codec[R]:
        """Return a model's codec for the store's wires."""
        schema = self.schema(model)
        if schema.name not in self._codecs:
            self._codecs[schema.name] = Codec(schema, self.store.wires)
        return self._codecs[schema.name]

    def mine(self, *more: core.Core) -> core.Core:
        """Return that a row is the tenant's own, and more."""
        return core.And((core.Compare("tenant", Op.EQ, self.tenant), *more))

    def bound(self, model: type[Any], expr: Expr, facts: Facts | None = None) -> core.Core:
        """Return an expression of the language as a store is given it, the tenant in it at every step."""
        schema = self.schema(model)
        resolved = expr if facts is None else resolve(expr, facts)
        bound = Binder(self.catalog, lambda _: self.mine()).bind(schema, resolved)
        return normalise(self.catalog, schema, self.mine(bound))

    def query(
        self,
        model: type[Any],
        where: core.Core,
        columns: Sequence[str] = ("id",),
        order: tuple[SortKey, ...] = BY_ID,
        limit: int | None = None,
    ) -> Query:
        """Return a query within the tenant."""
        return Query(self.schema(model), self.mine(where), tuple(columns), order, limit)

    # -- one unit for one question -------------------------------------------------------------------------------------

    async def plant(self, records: Iterable[Record]) -> None:
        """Write records as they are, in one unit."""
        unit = await self.store.begin()
        try:
            await self.insert(unit, records)
            await unit.commit()
        except CrmError:
            await unit.rollback()
            raise

    async def insert(self, unit: Unit, records: Iterable[Record]) -> None:
        """Write records as they are, within a unit."""
        for schema, found in World(tuple(records), self.catalog).by_schema():
            codec = self.codec(schema.cls)
            await unit.insert(schema, [codec.dump(record, self.tenant) for record in found])

    async def fetch(self, query: Query, unit: Unit | None = None) -> list[Row]:
        """Return the rows of a query in canonical values."""
        rows = await self._fetch(query, unit)
        codec = self.codec(query.schema.cls)
        columns = [query.schema.by_column[name] for name in query.columns]
        return [tuple(map(codec.decode, columns, row)) for row in rows]

    async def ids(self, model: type[Any], where: core.Core, **more: Any) -> list[UUID]:
        """Return the ids of the tenant's rows that satisfy an expression."""
        return [row[0] for row in await self.fetch(self.query(model, where, **more))]

    async def load(self, model: type[R], where: core.Core, unit: Unit | None = None) -> list[R]:
        """Return the tenant's records that satisfy an expression, by rising id."""
        codec = self.codec(model)
        query = self.query(model, where, codec.read)
        return codec.load(await self._fetch(query, unit))

    async def tally(
        self, model: type[Any], where: core.Core, by: Sequence[GroupKey] = (), measures: Sequence[Measure] = ()
    ) -> list[Row]:
        """Return the groups of the tenant's rows that satisfy an expression."""
        plan = Tally(self.schema(model), self.mine(where), tuple(by), tuple(measures))
        unit = await self.store.begin()
        try:
            return await unit.tally(plan)
        finally:
            await unit.rollback()

    async def patch(self, unit: Unit, model: type[Any], where: core.Core, **changes: Any) -> int:
        """Set columns to canonical values, within a unit."""
        schema, codec = self.schema(model), self.codec(model)
        spelled = {name: codec.encode(schema.by_column[name], value) for name, value in changes.items()}
        return await unit.patch(Patch(schema, self.mine(where), spelled))

    async def remove(self, unit: Unit, model: type[Any], where: core.Core) -> int:
        """Remove rows, within a unit."""
        return await unit.remove(Removal(self.schema(model), self.mine(where)))

    async def _fetch(self, query: Query, unit: Unit | None) -> list[Row]:
        if unit is not None:
            return await unit.fetch(query)
        own = await self.store.begin()
        try:
            return await own.fetch(query)
        finally:
            await own.rollback()
