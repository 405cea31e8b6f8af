"""What all units of one store share: tables, compiled statements, and the spelling of values."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from crmkit.model.kind import Kind
from crmkit.storage.spi.depth import bounded
from crmkit.storage.spi.plan import GroupKey, Measure, Patch, Query, Removal, Tally, Top
from crmkit.storage.spi.wire import converters
from crmkit.storage.sql.compiler import Compiler, Places
from crmkit.storage.sql.measure import spellings
from crmkit.storage.sql.shape import Frame, Shape
from crmkit.storage.sql.statement import Statement, StatementCache, compiled

if TYPE_CHECKING:
    from sqlalchemy import Dialect as Compiling
    from sqlalchemy import MetaData

    from crmkit.model.catalog import Catalog
    from crmkit.model.codec import Row
    from crmkit.model.field import Field
    from crmkit.model.schema import Schema
    from crmkit.storage.sql.channel import Values
    from crmkit.storage.sql.compiler import Zones
    from crmkit.storage.sql.dialect import Dialect
    from crmkit.storage.sql.shape import Related

__all__ = ["Command", "Database"]

Command: TypeAlias = "tuple[str, Values]"
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
        encode, self._decode = converters(dialect.wires)
        tables = {schema.name: metadata.tables[schema.plural] for schema in catalog}
        self._frame = Frame(catalog, tables, dialect, encode)
        self._spellings = spellings(dialect)
        self._compiler = Compiler(self._frame, self._spellings)
        self._compiling = compiling

    # -- commands ------------------------------------------------------------------------------------------------------

    def insert(self, schema: Schema) -> Statement:
        """Return the statement that writes one row, its values in the order of the schema's columns."""
        key = ("insert", schema)
        return self.cache.get(key) or self._kept(key, self._compiler.insert(schema), schema.columns)

    def orphans(self, schema: Schema, link: Field) -> Command:
        """Return the command that finds whether a link of any row leads nowhere."""
        statement = compiled(self._compiler.orphans(schema, link), 0, self._compiling)
        return statement.text, statement.arrange(())

    @bounded
    def query(self, query: Query) -> Command:
        """Return the command of a query."""
        shape = Shape(self._frame, query.where)
        where = shape.visit(query.schema, query.where)
        order: list[list[Related]] = []
        for by in query.order:
            shape.marks += (by.column, by.descending, by.missing_first)
            order.append(shape.steps(by.hops))
        limit, top = None if query.limit is None else shape.value(query.limit), None
        if query.top is not None:
            shape.marks += (Top, query.top.column)
            top = shape.value(query.top.number)
        key = (Query, query.schema, query.columns, limit is None, *shape.marks)
        statement = self.cache.get(key) or self._kept(
            key, self._compiler.query(shape, query, where, order, Places(limit, top)), shape.values
        )
        return statement.text, statement.arrange(shape.values)

    @bounded
    def patch(self, patch: Patch) -> Command:
        """Return the command of a patch."""
        shape = Shape(self._frame, patch.where)
        shape.values += patch.changes.values()
        where = shape.visit(patch.schema, patch.where)
        key = (Patch, patch.schema, *patch.changes, None, *shape.marks)
        statement = self.cache.get(key) or self._kept(key, self._compiler.patch(shape, patch, where), shape.values)
        return statement.text, statement.arrange(shape.values)

    @bounded
    def removal(self, removal: Removal) -> Command:
        """Return the command of a removal."""
        shape = Shape(self._frame, removal.where)
        where = shape.visit(removal.schema, removal.where)
        key = (Removal, removal.schema, *shape.marks)
        statement = self.cache.get(key) or self._kept(key, self._compiler.removal(shape, removal, where), shape.values)
        return statement.text, statement.arrange(shape.values)

    def _kept(self, key: Hashable, built: Any, values: Sequence[Any]) -> Statement:
        return self.cache.keep(key, compiled(built, len(values), self._compiling))

    # -- tallies -------------------------------------------------------------------------------------------------------

    def zoned(self, tally: Tally) -> list[int]:
        """Return the places of the keys whose days are those of a zone."""
        return [
            place
            for place, key in enumerate(tally.by)
            if key.bucket is not None and key.zone != "UTC" and self._kind(tally.schema, key) is Kind.INSTANT
        ]

    @bounded
    def years(self, tally: Tally, key: GroupKey) -> Command:
        """Return the command that finds which years the instants of a key lie in."""
        shape = Shape(self._frame, tally.where)
        steps = shape.steps(key.hops)
        where = shape.visit(tally.schema, tally.where)
        marks = ("years", tally.schema, key.column, *shape.marks)
        statement = self.cache.get(marks) or self._kept(
            marks, self._compiler.years(shape, tally, key, steps, where), shape.values
        )
        return statement.text, statement.arrange(shape.values)

    @bounded
    def tally(self, tally: Tally, zones: Zones) -> Command:
        """Return the command of a tally, with the ranges of the zones that its keys name."""
        shape = Shape(self._frame, tally.where)
        keys = [
            self._compiler.key(shape, self._kind(tally.schema, key), key, zones.get(place))
            for place, key in enumerate(tally.by)
        ]
        where = shape.visit(tally.schema, tally.where)
        measures = ((measure.aggregate, measure.column) for measure in tally.measures)
        marks = (Tally, tally.schema, *measures, *shape.marks)
        statement = self.cache.get(marks) or self._kept(
            marks, self._compiler.tally(shape, tally, keys, where), shape.values
        )
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
        if not measure.column:
            return 1, self._reader(Kind.INT)
        aggregate, spelling = measure.aggregate, self._spellings[measure.aggregate]
        decode = self._decode.get(aggregate.result(schema.by_column[measure.column].kind))

        def read(parts: Sequence[Any]) -> Any:
            value = spelling.whole(parts)
            if value is None:
                return aggregate.nothing
            return value if decode is None else decode(value)

        return spelling.width, read

    def _reader(self, kind: Kind) -> Callable[[Sequence[Any]], Any]:
        decode = self._decode.get(kind)
        if decode is None:
            return lambda values: values[0]
        return lambda values: None if values[0] is None else decode(values[0])

    def _kind(self, schema: Schema, key: GroupKey) -> Kind:
        reached = self.catalog[key.hops[-1].relation.target] if key.hops else schema
        return reached.by_column[key.column].kind
