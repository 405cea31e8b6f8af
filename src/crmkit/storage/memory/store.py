"""The store in memory, and its units."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from crmkit.errors import Busy, Duplicate, StoreError, TimedOut, Unsupported
from crmkit.model.codec import CANONICAL
from crmkit.storage.memory.reader import Reader, first_rows, rises, sort_rows
from crmkit.storage.memory.table import ID, Rows, State, Table, reader_of
from crmkit.storage.memory.tally import tally_rows
from crmkit.storage.spi.deadline import Deadline
from crmkit.storage.spi.depth import followed
from crmkit.storage.spi.store import Feature

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from crmkit.model.catalog import Catalog
    from crmkit.model.codec import Row, Wires
    from crmkit.model.schema import Schema
    from crmkit.storage.spi.plan import Patch, Query, Removal, Tally

__all__ = ["MemoryStore"]


class MemoryStore:
    """A store in this process's memory, gone when it is closed.

    It keeps the same rules as a database: units that publish all or nothing, unique groups, and write conflicts. A row
    or a unique key that another unit wrote and has not ended raises `Busy` at once. Threads may share it.

    >>> MemoryStore().io
    'none'
    """

    io: Literal["none"] = "none"
    features: frozenset[Feature] = frozenset(Feature) - {Feature.JOIN}
    wires: Wires = CANONICAL

    def __init__(self) -> None:
        self._lock = RLock()
        self._stored: dict[str, Rows] = {}
        self._claims: dict[tuple[Any, ...], MemoryUnit] = {}
        self._closed = False
        self._limit: float | None = None

    def limit_statements(self, seconds: float) -> None:
        """Stop each statement that takes longer."""
        self._limit = seconds

    async def prepare(self, catalog: Catalog, *, create: bool) -> None:  # noqa: ARG002 - memory needs no creating
        """Learn the models.

        Raises:
            StoreError: the store holds rows of another form of a model, or is closed.
        """
        with self._lock:
            self._check_open()
            for schema in catalog:
                held = self._stored.get(schema.name)
                if held is None or not any(held.tenants.values()):
                    self._stored[schema.name] = Rows(schema)
                elif held.schema.columns != schema.columns:
                    self._stored[schema.name] = held.refitted(schema)

    async def begin(self) -> MemoryUnit:
        """Return a new unit."""
        self._check_open()
        deadline = None if self._limit is None else Deadline(self._limit)
        return MemoryUnit(self._lock, self._stored, self._claims, deadline)

    async def join(self, handle: object) -> NoReturn:  # noqa: ARG002 - the protocol's argument
        """Refuse to join a transaction of the host's.

        Raises:
            Unsupported: always.
        """
        raise Unsupported("a store in memory has no transactions of the host's to join.")

    async def close(self) -> None:
        """Forget every row; a closed store takes no more units."""
        with self._lock:
            self._closed = True
            self._stored.clear()
            self._claims.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the store is closed.", hint="Make a new one.")


class MemoryUnit:
    """One transaction on a `MemoryStore`: it reads what is committed and what it wrote itself."""

    def __init__(
        self,
        lock: RLock,
        stored: dict[str, Rows],
        claims: dict[tuple[Any, ...], MemoryUnit],
        deadline: Deadline | None = None,
    ) -> None:
        self._lock = lock
        self._deadline = deadline
        self._stored = stored
        self._claims = claims
        self._claimed: dict[tuple[Any, ...], None] = {}
        self._savepoints: list[MemorySavepoint] = []
        self._undo: list[tuple[Table, State]] = []
        self._tables: dict[str, Table] = {}
        self._ended = False
        self._stopped = False

    # -- reading -------------------------------------------------------------------------------------------------------

    @followed
    async def fetch(self, query: Query) -> list[Row]:
        """Return the rows that a query asks for."""
        with self._statement():
            table = self._table(query.schema.name)
            found: Iterable[Row] = Reader(self._table, query.schema.name).rows(query.where, query.order)
            if not rises(query.order):
                found = sort_rows(found, query.order, self._table, query.schema.name)
            if query.top is not None:
                found = first_rows(found, table.places[query.top.column], query.top.number)
            places = [table.places[column] for column in query.columns]
            taken = islice(found, query.limit)
            if len(places) == 1:
                return [(row[places[0]],) for row in taken]
            return list(map(itemgetter(*places), taken)) if places else [() for _ in taken]

    @followed
    async def tally(self, tally: Tally) -> list[Row]:
        """Return the groups that a tally asks for."""
        with self._statement():
            return tally_rows(tally, self._table)

    # -- writing -------------------------------------------------------------------------------------------------------

    async def insert(self, schema: Schema, rows: Sequence[Row]) -> None:
        """Write new rows.

        Raises:
            Duplicate: a unique group of columns, or an id, is taken.
            Busy: another unit that is still open wrote that id or that group.
        """
        with self._lock:
            table = self._table(schema.name)
            self._write(table, [(None, row) for row in table.stored.arranged(schema, rows)])

    @followed
    async def patch(self, patch: Patch) -> int:
        """Change rows in place and return how many.

        Raises:
            Duplicate: a unique group of columns is taken.
            Busy: another unit that is still open wrote one of the rows, or that group.
        """
        with self._statement():
            table = self._table(patch.schema.name)
            changes = [(table.places[column], value) for column, value in patch.changes.items()]
            pairs: list[tuple[Row | None, Row | None]] = []
            for old in Reader(self._table, patch.schema.name).rows(patch.where):
                draft = list(old)
                for place, value in changes:
                    draft[place] = value
                pairs.append((old, tuple(draft)))
            self._write(table, pairs)
            return len(pairs)

    @followed
    async def remove(self, removal: Removal) -> int:
        """Remove rows and return how many.

        Raises:
            Busy: another unit that is still open wrote one of the rows.
        """
        with self._statement():
            pairs = [(row, None) for row in Reader(self._table, removal.schema.name).rows(removal.where)]
            self._write(self._table(removal.schema.name), pairs)
            return len(pairs)

    def _write(self, table: Table, pairs: Sequence[tuple[Row | None, Row | None]]) -> None:
        for group in (ID, *table.schema.unique_columns()):
            read = reader_of(table.stored.columns, group)
            before = {(old[0], read(old)) for old, _ in pairs if old is not None and None not in read(old)}
            after = [(new[0], read(new)) for _, new in pairs if new is not None and None not in read(new)]
            touched = before.union(after) if group == ID else before.symmetric_difference(after)
            self._claim((table.schema.name, group, *key) for key in touched)
            if len(set(after)) < len(after) or any(
                key not in before and any(True for _ in table.having(group, *key)) for key in after
            ):
                raise Duplicate(table.schema.name, group)
        for old, new in pairs:
            if self._savepoints:
                self._undo += [(table, table.state(row)) for row in (old, new) if row is not None]
            if old is not None:
                table.replace(old, new)
            elif new is not None:
                table.own.put(new)

    def _claim(self, keys: Iterable[tuple[Any, ...]]) -> None:
        for key in keys:
            if self._claims.setdefault(key, self) is not self:
                raise Busy("another unit of work wrote the same record and has not ended.", hint="Run this one again.")
            self._claimed[key] = None

    async def lock(self, tenant: str, name: str) -> None:
        """Keep other units from taking the same lock until this one ends.

        Raises:
            Busy: another unit has it.
        """
        with self._lock:
            self._check_open()
            self._claim([(tenant, name)])

    # -- savepoints ----------------------------------------------------------------------------------------------------

    async def savepoint(self) -> MemorySavepoint:
        """Set a savepoint."""
        with self._lock:
            self._check_open()
            savepoint = MemorySavepoint(self, len(self._undo), len(self._claimed))
            self._savepoints.append(savepoint)
            return savepoint

    def end_savepoint(self, savepoint: MemorySavepoint, *, undo: bool) -> None:
        """Forget a savepoint and those within it, and undo what was written since if asked to.

        Raises:
            StoreError: it, or the unit, has ended.
        """
        with self._lock:
            self._check_open()
            if savepoint not in self._savepoints:
                raise StoreError("the savepoint has ended.", hint="Set another one.")
            del self._savepoints[self._savepoints.index(savepoint) :]
            if undo:
                for table, state in reversed(self._undo[savepoint.writes :]):
                    table.restore(state)
                del self._undo[savepoint.writes :]
                for key in list(self._claimed)[savepoint.claims :]:
                    del self._claimed[key], self._claims[key]
            if not self._savepoints:
                self._undo.clear()

    # -- ending --------------------------------------------------------------------------------------------------------

    async def commit(self) -> None:
        """Make everything visible, and end the unit."""
        with self._lock:
            self._check_open()
            for table in self._tables.values():
                table.publish()
            self._end()

    async def rollback(self) -> None:
        """Undo everything and end the unit."""
        with self._lock:
            self._stopped = False
            self._check_open()
            self._end()

    def _end(self) -> None:
        self._undo_all()
        self._ended = True

    def _undo_all(self) -> None:
        for key in self._claimed:
            self._claims.pop(key, None)
        self._claimed.clear()
        self._tables.clear()
        self._savepoints.clear()

    @contextmanager
    def _statement(self) -> Generator[None]:
        with self._lock:
            if self._deadline is not None:
                self._deadline.start()
            try:
                yield
            except TimedOut:
                if self._claimed:
                    self._undo_all()
                    self._stopped = True
                raise

    def _check_open(self) -> None:
        if self._ended:
            raise StoreError("the unit of work has ended.", hint="Begin another one.")
        if self._stopped:
            raise StoreError("the unit of work was undone when a statement took too long.", hint="Begin another one.")

    def _table(self, name: str) -> Table:
        self._check_open()
        table = self._tables.get(name)
        if table is None:
            stored = self._stored.get(name)
            if stored is None:
                raise StoreError(f"the store was not prepared for the model {name!r}.", hint="Call prepare() first.")
            table = self._tables[name] = Table(stored, self._deadline)
        return table


class MemorySavepoint:
    """A savepoint of a unit.

    Attributes:
        writes: how many places the unit had to remember when it was set.
        claims: how many keys it held then.
    """

    def __init__(self, unit: MemoryUnit, writes: int, claims: int) -> None:
        self._unit = unit
        self.writes = writes
        self.claims = claims

    async def release(self) -> None:
        """Keep what was written since."""
        self._unit.end_savepoint(self, undo=False)

    async def rollback(self) -> None:
        """Undo what was written since."""
        self._unit.end_savepoint(self, undo=True)
