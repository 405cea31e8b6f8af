"""What all units of one store share: tables, compiled statements, and the spelling of values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from crmkit.model.kind import Kind
from crmkit.storage.spi.plan import Aggregate, Key, Measure, Patch, Query, Removal, Tally
from crmkit.storage.spi.wire import converters
from crmkit.storage.sql.shape import Shape
from crmkit.storage.sql.statement import Compiler, StatementCache

if TYPE_CHECKING:
    from sqlalchemy import Dialect as Compiling
    from sqlalchemy import MetaData

    from crmkit.model.catalog import Catalog
    from crmkit.model.codec import Row
    from crmkit.model.field import Field
    from crmkit.model.schema import Schema
    from crmkit.storage.spi.zone import Range
    from crmkit.storage.sql.dialect import Dialect
    from crmkit.storage.sql.statement import Zones

__all__ = ["Command", "Database"]

Command: TypeAlias = tuple[str, Sequence[Any]]
"""SQL text and its parameters, as the driver takes them."""

_CACHED_STATEMENTS: Final = 512


class Database:
    """Turns plans into commands for one database, and answers into canonical values.

    Args:
        catalog: the models.
        metadata: their tables.
        dialect: the database's spelling.
        compiling: SQLAlchemy's own dialect, of the engine in use.

    Attributes:
        cache: the compiled statements.
    """

    def __init__(self, catalog: Catalog, metadata: MetaData, dialect: Dialect, compiling: Compiling) -> None:
        self.catalog = catalog
        self.dialect = dialect
        self.cache = StatementCache(_CACHED_STATEMENTS)
        self._compiler = Compiler(catalog, metadata, dialect, compiling)
        self._encode, self._decode = converters(dialect.wires)

    # -- commands ------------------------------------------------------------------------------------------------------

    def insert(self, schema: Schema) -> str:
        """Return the text that writes one row, its parameters in the order of the schema's columns."""
        return self.cache.get(("insert", schema), partial(self._compiler.insert, schema)).text

    def orphans(self, schema: Schema, link: Field) -> Command:
        """Return the command that finds whether a link of any row leads nowhere."""
        statement = self._compiler.orphans(schema, link)
        return statement.text, statement.arrange(())

    def query(self, query: Query) -> Command:
        """Return the command of a query."""
        shape = Shape(self.catalog, self._encode)
        shape.visit(query.schema, query.where)
        if query.limit is not None:
            shape.values.append(query.limit)
        key = (Query, query.schema, query.columns, query.order, query.limit is None, *shape.marks)
        statement = self.cache.get(key, partial(self._compiler.query, query))
        return statement.text, statement.arrange(shape.values)

    def patch(self, patch: Patch) -> Command:
        """Return the command of a patch."""
        shape = Shape(self.catalog, self._encode)
        shape.values += patch.changes.values()
        shape.visit(patch.schema, patch.where)
        key = (Patch, patch.schema, *patch.changes, None, *shape.marks)
        statement = self.cache.get(key, partial(self._compiler.patch, patch))
        return statement.text, statement.arrange(shape.values)

    def removal(self, removal: Removal) -> Command:
        """Return the command of a removal."""
        shape = Shape(self.catalog, self._encode)
        shape.visit(removal.schema, removal.where)
        key = (Removal, removal.schema, *shape.marks)
        statement = self.cache.get(key, partial(self._compiler.removal, removal))
        return statement.text, statement.arrange(shape.values)

    # -- tallies -------------------------------------------------------------------------------------------------------

    def zoned(self, tally: Tally) -> list[int]:
        """Return the places of the keys whose days are those of a zone."""
        return [
            place
            for place, key in enumerate(tally.by)
            if key.bucket is not None and key.zone != "UTC" and self._kind(tally.schema, key) is Kind.INSTANT
        ]

    def years(self, tally: Tally, key: Key) -> Command:
        """Return the command that finds which years the instants of a key lie in."""
        shape = Shape(self.catalog, self._encode)
        self._walk(shape, key)
        shape.visit(tally.schema, tally.where)
        marks = ("years", tally.schema, key.column, *shape.marks)
        statement = self.cache.get(marks, partial(self._compiler.years, tally, key))
        return statement.text, statement.arrange(shape.values)

    def tally(self, tally: Tally, zones: Zones) -> Command:
        """Return the command of a tally, with the ranges of the zones that its keys name."""
        shape = Shape(self.catalog, self._encode)
        for place, key in enumerate(tally.by):
            self._walk(shape, key)
            shape.marks += (Key, key.column, key.bucket)
            if place in zones:
                self._zone(shape, zones[place])
        shape.visit(tally.schema, tally.where)
        marks = (
            Tally,
            tally.schema,
            *((measure.aggregate, measure.column) for measure in tally.measures),
            *shape.marks,
        )
        statement = self.cache.get(marks, partial(self._compiler.tally, tally, zones))
        return statement.text, statement.arrange(shape.values)

    def answer(self, tally: Tally, rows: Sequence[Sequence[Any]]) -> list[Row]:
        """Return the groups that a tally's statement found, in canonical values."""
        readers: list[tuple[int, Callable[[Sequence[Any]], Any]]] = [
            (1, self._reader(Kind.DATE if key.bucket else self._kind(tally.schema, key))) for key in tally.by
        ]
        readers += [self._measured(tally.schema, measure) for measure in tally.measures]
        groups: list[Row] = []
        for row in rows:
            at = 0
            group: list[Any] = []
            for width, read in readers:
                group.append(read(row[at : at + width]))
                at += width
            groups.append(tuple(group))
        return groups

    def _measured(self, schema: Schema, measure: Measure) -> tuple[int, Callable[[Sequence[Any]], Any]]:
        if measure.aggregate is Aggregate.SUM:
            return self.dialect.sum_width, self.dialect.whole_sum
        if measure.aggregate in {Aggregate.COUNT, Aggregate.COUNT_DISTINCT}:
            return 1, self._reader(Kind.INT)
        return 1, self._reader(schema.by_column[measure.column].kind)

    def _reader(self, kind: Kind) -> Callable[[Sequence[Any]], Any]:
        decode = self._decode.get(kind)
        if decode is None:
            return lambda values: values[0]
        return lambda values: None if values[0] is None else decode(values[0])

    def _kind(self, schema: Schema, key: Key) -> Kind:
        reached = self.catalog[key.hops[-1].relation.target] if key.hops else schema
        return reached.by_column[key.column].kind

    @staticmethod
    def _walk(shape: Shape, key: Key) -> None:
        for hop in key.hops:
            shape.hop(hop)

    def _zone(self, shape: Shape, zone: tuple[Range, ...]) -> None:
        shape.marks += (item.day is None for item in zone)
        encode: Mapping[Kind, Callable[[Any], Any]] = self._encode
        for item in (*reversed(zone[1:]), zone[0]):
            if item is not zone[0]:
                shape.values.append(encode[Kind.INSTANT](item.start))
            shape.values.append(self.dialect.shift(item.shift) if item.day is None else encode[Kind.DATE](item.day))
