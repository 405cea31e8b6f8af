"""Rows in memory, with hash indexes; and a table as one unit sees it: what is committed, and on top what it wrote."""

from __future__ import annotations

from bisect import bisect_right
from heapq import merge
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from crmkit.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from uuid import UUID

    from crmkit.model.codec import Row
    from crmkit.model.field import Column
    from crmkit.model.schema import Schema
    from crmkit.storage.spi.deadline import Deadline

__all__ = ["ID", "Group", "Rows", "State", "Table", "reader_of"]

Group: TypeAlias = tuple[str, ...]
"""The names of columns that are looked up together."""
State: TypeAlias = tuple[str, "UUID", "Row | None", bool]
"""A place in a table as a unit sees it: tenant, id, the row that the unit wrote, whether it hides a committed one."""
ID: Final[Group] = ("id",)
_number: Final = attrgetter("int")


def reader_of(columns: Sequence[Column], group: Group) -> Callable[[Row], tuple[Any, ...]]:
    """Return what reads the columns of a group, of a row of these columns, as a tuple."""
    names = [column.name for column in columns]
    places = [names.index(name) for name in group]
    if len(places) == 1:
        only = places[0]
        return lambda row: (row[only],)
    return itemgetter(*places)


class Rows:
    """Rows by tenant and id. An index on some columns is made when it is first asked for, and kept from then on.

    Args:
        schema: the model.
        columns: what the rows hold; the model's columns if left out.
    """

    def __init__(self, schema: Schema, columns: tuple[Column, ...] = ()) -> None:
        self.schema = schema
        self.columns = columns or schema.columns
        self.tenants: dict[str, dict[UUID, Row]] = {}
        self.read_id = reader_of(self.columns, ID)
        self._readers: dict[Group, Callable[[Row], tuple[Any, ...]]] = {}
        self._indexes: dict[Group, dict[tuple[str, tuple[Any, ...]], dict[UUID, None]]] = {}
        self._rising: dict[str, list[UUID]] = {}

    def refitted(self, schema: Schema) -> Rows:
        """Return the same rows for another form of their model: the columns of packages come, and stay when those go.

        Raises:
            StoreError: they do not fit it.
        """
        held = {column.name: _bare(column) for column in self.columns}
        added = tuple(column for column in schema.columns if column.name not in held)
        gone = [column for column in self.columns if column.name not in schema.by_column]
        same = all(held.get(column.name, _bare(column)) == _bare(column) for column in schema.columns)
        if not same or any(column.default is None and not column.nullable for column in (*added, *gone)):
            raise StoreError(f"the store holds {schema.plural} that do not fit the model {schema.name!r}.")
        rows = Rows(schema, (*self.columns, *added))
        more = tuple(column.default for column in added)
        for row in (row for tenant in self.tenants.values() for row in tenant.values()):
            rows.put((*row, *more))
        return rows

    def arranged(self, schema: Schema, rows: Sequence[Row]) -> Sequence[Row]:
        """Return rows of a form of the model as those held here; what they lack has its default."""
        if schema.columns is self.columns:
            return rows
        names = [column.name for column in schema.columns]
        lacking = {column.name: column.default for column in self.columns}
        return [tuple((lacking | dict(zip(names, row, strict=True))).values()) for row in rows]

    def put(self, row: Row) -> None:
        """Keep a row, in place of one with the same id."""
        tenant, (id,) = row[0], self.read_id(row)
        rows = self.tenants.setdefault(tenant, {})
        old = rows.get(id)
        rows[id] = row
        for group, index in self._indexes.items():
            values = self._readers[group](row)
            if old is not None:
                before = self._readers[group](old)
                if before == values:
                    continue
                _take_out(index, (tenant, before), id)
            index.setdefault((tenant, values), {})[id] = None
        rising = self._rising.get(tenant)
        if old is None and rising is not None:
            if not rising or id.int > rising[-1].int:
                rising.append(id)
            else:
                del self._rising[tenant]

    def drop(self, tenant: str, id: UUID) -> None:
        """Forget a row, if it is there."""
        old = self.tenants.get(tenant, {}).pop(id, None)
        if old is None:
            return
        for group, index in self._indexes.items():
            _take_out(index, (tenant, self._readers[group](old)), id)
        self._rising.pop(tenant, None)

    def having(self, group: Group, tenant: str, values: tuple[Any, ...]) -> Iterator[tuple[UUID, Row]]:
        """Yield the rows that hold these values in these columns."""
        rows = self.tenants.get(tenant)
        if not rows:
            return
        if group == ID:
            if values[0] in rows:
                yield values[0], rows[values[0]]
            return
        for id in self._index(group).get((tenant, values), ()):
            yield id, rows[id]

    def rising(self, tenant: str, above: UUID | None) -> Iterator[tuple[UUID, Row]]:
        """Yield a tenant's rows by rising id, from the first after `above`."""
        rows = self.tenants.get(tenant, {})
        ids = self._rising.get(tenant)
        if ids is None:
            ids = self._rising[tenant] = sorted(rows, key=_number)
        start = 0 if above is None else bisect_right(ids, above.int, key=_number)
        for place in range(start, len(ids)):
            yield ids[place], rows[ids[place]]

    def _index(self, group: Group) -> dict[tuple[str, tuple[Any, ...]], dict[UUID, None]]:
        index = self._indexes.get(group)
        if index is None:
            index = self._indexes[group] = {}
            reader = self._readers[group] = reader_of(self.columns, group)
            for tenant, rows in self.tenants.items():
                for id, row in rows.items():
                    index.setdefault((tenant, reader(row)), {})[id] = None
        return index


def _bare(column: Column) -> Column:
    return attrs.evolve(column, default=None, by="")


def _take_out(
    index: dict[tuple[str, tuple[Any, ...]], dict[UUID, None]], key: tuple[str, tuple[Any, ...]], id: UUID
) -> None:
    held = index[key]
    del held[id]
    if not held:
        del index[key]


class Table:
    """A table as one unit sees it.

    Args:
        stored: what is committed.
        deadline: what is told of each row that is looked at, if statements are limited.

    Attributes:
        stored: what is committed.
        own: what the unit wrote.
        masked: by tenant, the ids of committed rows that the unit replaced or removed.
    """

    def __init__(self, stored: Rows, deadline: Deadline | None = None) -> None:
        self.schema = stored.schema
        self.stored = stored
        self.own = Rows(stored.schema, stored.columns)
        self.masked: dict[str, set[UUID]] = {}
        self._deadline = deadline
        self.places = {column.name: place for place, column in enumerate(stored.columns)}

    def scan(self) -> Iterator[Row]:
        """Yield every row of every tenant."""
        for tenant in {**self.stored.tenants, **self.own.tenants}:
            yield from self.of(tenant)

    def of(self, tenant: str) -> Iterator[Row]:
        """Yield every row of a tenant."""
        yield from self._seen(tenant, self.stored.tenants.get(tenant, {}).items())
        yield from self.own.tenants.get(tenant, {}).values()

    def having(self, group: Group, tenant: str, values: tuple[Any, ...]) -> Iterator[Row]:
        """Yield the rows that hold these values in these columns."""
        yield from self._seen(tenant, self.stored.having(group, tenant, values))
        for _, row in self.own.having(group, tenant, values):
            yield row

    def rising(self, tenant: str, above: UUID | None) -> Iterator[Row]:
        """Yield a tenant's rows by rising id, from the first after `above`."""
        masked = self.masked.get(tenant, ())
        stored = (pair for pair in self.stored.rising(tenant, above) if pair[0] not in masked)
        merged = merge(stored, self.own.rising(tenant, above), key=lambda pair: pair[0].int)
        for _, row in self._watched(merged):
            yield row

    def replace(self, old: Row, new: Row | None) -> None:
        """Put `new` in the place of `old`, or leave that place empty."""
        tenant, (id,) = old[0], self.stored.read_id(old)
        self.own.drop(tenant, id)
        if id in self.stored.tenants.get(tenant, {}):
            self.masked.setdefault(tenant, set()).add(id)
        if new is not None:
            self.own.put(new)

    def state(self, row: Row) -> State:
        """Return what the unit wrote in the place of a row, for `restore`."""
        tenant, (id,) = row[0], self.stored.read_id(row)
        return tenant, id, self.own.tenants.get(tenant, {}).get(id), id in self.masked.get(tenant, ())

    def restore(self, state: State) -> None:
        """Make a place what it was."""
        tenant, id, own, masked = state
        self.own.drop(tenant, id)
        if own is not None:
            self.own.put(own)
        if not masked:
            self.masked.get(tenant, set()).discard(id)

    def publish(self) -> None:
        """Make what the unit wrote part of what is committed."""
        for tenant, ids in self.masked.items():
            kept = self.own.tenants.get(tenant, {})
            for id in ids:
                if id not in kept:
                    self.stored.drop(tenant, id)
        for rows in self.own.tenants.values():
            for row in rows.values():
                self.stored.put(row)

    def _watched(self, pairs: Iterable[tuple[UUID, Row]]) -> Iterable[tuple[UUID, Row]]:
        return pairs if self._deadline is None else self._deadline.watched(pairs, self.schema.name)

    def _seen(self, tenant: str, pairs: Iterable[tuple[UUID, Row]]) -> Iterator[Row]:
        pairs = self._watched(pairs)
        masked = self.masked.get(tenant)
        if not masked:
            for _, row in pairs:
                yield row
            return
        for id, row in pairs:
            if id not in masked:
                yield row
