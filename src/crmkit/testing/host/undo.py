"""Taking back what a test wrote, so that a run of tests shares one database that is set up once."""

from __future__ import annotations

from contextlib import suppress
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from crmkit.errors import Busy, CrmError, Unsupported
from crmkit.expr.core import And, Compare, In
from crmkit.expr.node import Op
from crmkit.model.kind import Kind
from crmkit.storage.spi import Feature, Removal
from crmkit.storage.spi.wire import converters
from crmkit.testing.host.layer import StoreLayer, UnitLayer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from crmkit.model.catalog import Catalog
    from crmkit.model.codec import Row
    from crmkit.model.schema import Schema
    from crmkit.storage.spi import Savepoint, Store, Unit

__all__ = ["PreparedOnce", "undone"]

T = TypeVar("T")
_WRITES: Final = frozenset({"insert", "patch", "remove", "lock", "savepoint"})


class PreparedOnce(StoreLayer):
    """A store that is prepared again only for other models than before: looking at every table takes time.

    Args:
        inner: the store.
        reopen: opens an empty one in its place, whose tables may then differ; `None` for a database that lasts.
    """

    def __init__(self, inner: Store, reopen: Callable[[], Store] | None = None) -> None:
        super().__init__(inner)
        self._reopen = reopen
        self._known: list[tuple[Any, ...]] = []

    async def prepare(self, catalog: Catalog, *, create: bool) -> None:
        """Learn the models, if they are other ones."""
        known = [(each.name, each.plural, dict(each.fields), each.uniques, each.indexes) for each in catalog]
        if known == self._known:
            return
        if self._known and self._reopen is not None:
            await self.inner.close()
            self.inner = self._reopen()
        await self.inner.prepare(catalog, create=create)
        self._known = known


def undone(store: Store) -> StoreLayer:
    """Return a store on the same database that, when it is closed, takes back what was written through it.

    With savepoints, all sessions are parts of one transaction, which is rolled back in the end: nothing that stood
    there before is lost, and nobody else sees what the test writes. Sessions may be open at the same time, but write
    one after another. Without, sessions commit, and the rows they added are removed in the end.

    Args:
        store: a blocking store. It stays open.

    Raises:
        Unsupported: the store must be awaited.
    """
    if store.io == "asyncio":
        raise Unsupported(
            "what an asyncio store wrote cannot be undone here.", hint="Give each test a database of its own."
        )
    return _RolledBack(store) if Feature.SAVEPOINT in store.features else _Emptied(store)


# -- with savepoints ---------------------------------------------------------------------------------------------------


class _RolledBack(StoreLayer):
    """Makes each unit a part of one, as if it were the whole."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.lock = RLock()
        self.writer: _Part | None = None
        self._whole: Unit | None = None

    @property
    def features(self) -> frozenset[Feature]:
        return self.inner.features - {Feature.JOIN}

    async def begin(self) -> Unit:
        with self.lock:
            if self._whole is None:
                self._whole = await self.inner.begin()
            return _Part(self._whole, self)

    async def join(self, handle: object) -> NoReturn:  # noqa: ARG002 - the protocol's argument
        raise Unsupported("a test whose writes are undone cannot join a transaction.", hint="Override `crm_undo`.")

    async def close(self) -> None:
        whole, self._whole, self.writer = self._whole, None, None
        if whole is not None:
            await whole.rollback()


class _Part(UnitLayer):
    """A savepoint of the whole, set before the first write."""

    def __init__(self, whole: Unit, store: _RolledBack) -> None:
        super().__init__(whole)
        self._store = store
        self._start: Savepoint | None = None

    async def around(self, name: str, model: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        with self._store.lock:
            if name in _WRITES and self._start is None:
                if self._store.writer is not None:
                    raise Busy(
                        "another session of this test has written and has not ended.",
                        hint="End it first, or let `crm_undo` return False for tests of concurrent writers.",
                    )
                self._store.writer, self._start = self, await self.inner.savepoint()
            return await super().around(name, model, call)

    async def commit(self) -> None:
        with self._store.lock:
            start = self._ended()
            if start is not None:
                await start.release()

    async def rollback(self) -> None:
        with self._store.lock:
            start = self._ended()
            if start is not None:
                with suppress(CrmError):  # an error that ended the whole ended its savepoints; the next call says so
                    await start.rollback()

    def _ended(self) -> Savepoint | None:
        start, self._start = self._start, None
        if start is not None:
            self._store.writer = None
        return start


# -- without -----------------------------------------------------------------------------------------------------------


class _Emptied(StoreLayer):
    """Lets units commit, and removes the rows that they added."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._added: dict[str, tuple[Schema, dict[str, list[Any]]]] = {}
        self._decode: Callable[[Any], Any] = converters(inner.wires)[1].get(Kind.UUID, lambda value: value)

    async def begin(self) -> Unit:
        return _Noting(await self.inner.begin(), self)

    def note(self, schema: Schema, rows: Sequence[Row]) -> None:
        names = [column.name for column in schema.columns]
        tenant, id = names.index("tenant"), names.index("id")
        by_tenant = self._added.setdefault(schema.name, (schema, {}))[1]
        for row in rows:
            by_tenant.setdefault(row[tenant], []).append(self._decode(row[id]))

    async def close(self) -> None:
        added, self._added = self._added, {}
        if not added:
            return
        unit = await self.inner.begin()
        for schema, by_tenant in added.values():
            for tenant, ids in by_tenant.items():
                of_test = And((Compare("tenant", Op.EQ, tenant), In("id", tuple(ids))))
                await unit.remove(Removal(schema, of_test))
        await unit.commit()


class _Noting(UnitLayer):
    def __init__(self, inner: Unit, store: _Emptied) -> None:
        super().__init__(inner)
        self._store = store

    async def insert(self, schema: Schema, rows: Sequence[Row]) -> None:
        await super().insert(schema, rows)
        self._store.note(schema, rows)
