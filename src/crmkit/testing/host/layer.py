"""Layers: stores that stand before another store and pass everything on, but for what they are there for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from crmkit.model.catalog import Catalog
    from crmkit.model.codec import Row, Wires
    from crmkit.model.schema import Schema
    from crmkit.storage.spi import Feature, Patch, Query, Removal, Savepoint, Store, Tally, Unit

__all__ = ["StoreLayer", "UnitLayer"]

T = TypeVar("T")


class UnitLayer:
    """A unit before another one. All that either is asked for goes through `around`.

    Args:
        inner: the other one.
    """

    def __init__(self, inner: Unit) -> None:
        self.inner = inner

    async def around(self, name: str, model: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:  # noqa: ARG002 - for those that look
        """Do what was asked for.

        Args:
            name: the method of the unit.
            model: the name of the model whose rows are meant; blank if there is none.
            call: does it.
        """
        return await call()

    async def insert(self, schema: Schema, rows: Sequence[Row]) -> None:
        """Write new rows."""
        await self.around("insert", schema.name, partial(self.inner.insert, schema, rows))

    async def fetch(self, query: Query) -> list[Row]:
        """Return the rows that a query asks for."""
        return await self.around("fetch", query.schema.name, partial(self.inner.fetch, query))

    async def tally(self, tally: Tally) -> list[Row]:
        """Return the groups that a tally asks for."""
        return await self.around("tally", tally.schema.name, partial(self.inner.tally, tally))

    async def patch(self, patch: Patch) -> int:
        """Change rows in place and return how many."""
        return await self.around("patch", patch.schema.name, partial(self.inner.patch, patch))

    async def remove(self, removal: Removal) -> int:
        """Remove rows and return how many."""
        return await self.around("remove", removal.schema.name, partial(self.inner.remove, removal))

    async def lock(self, tenant: str, name: str) -> None:
        """Keep other units from taking the same lock."""
        await self.around("lock", "", partial(self.inner.lock, tenant, name))

    async def savepoint(self) -> Savepoint:
        """Set a savepoint."""
        return await self.around("savepoint", "", self.inner.savepoint)

    async def commit(self) -> None:
        """Make everything permanent."""
        await self.around("commit", "", self.inner.commit)

    async def rollback(self) -> None:
        """Undo everything."""
        await self.around("rollback", "", self.inner.rollback)


class StoreLayer:
    """A store before another one.

    Args:
        inner: the other one.
    """

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    @property
    def io(self) -> Literal["blocking", "asyncio", "none"]:
        """Whether its coroutines suspend."""
        return self.inner.io

    @property
    def features(self) -> frozenset[Feature]:
        """What it can do."""
        return self.inner.features

    @property
    def wires(self) -> Wires:
        """How its driver spells values."""
        return self.inner.wires

    def limit_statements(self, seconds: float) -> None:
        """Stop each statement that takes longer."""
        self.inner.limit_statements(seconds)

    async def prepare(self, catalog: Catalog, *, create: bool) -> None:
        """Learn the models."""
        await self.inner.prepare(catalog, create=create)

    async def begin(self) -> Unit:
        """Return a new unit."""
        return await self.inner.begin()

    async def join(self, handle: Any) -> Unit:
        """Return a unit inside a transaction that the host began."""
        return await self.inner.join(handle)

    async def close(self) -> None:
        """Give back all resources."""
        await self.inner.close()
