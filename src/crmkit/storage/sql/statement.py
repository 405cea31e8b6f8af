"""Statements: plans compiled to SQL text, one for each shape, and a bounded cache of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    select,
    update,
)

from crmkit.model.field import Column, Field
from crmkit.model.kind import Kind
from crmkit.storage.spi.plan import Aggregate, Key, Measure, Patch, Query, Removal, Tally
from crmkit.storage.sql.predicate import Predicates

if TYPE_CHECKING:
    from sqlalchemy import Dialect as Compiling
    from sqlalchemy import MetaData, Table

    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Schema
    from crmkit.storage.spi.zone import Range
    from crmkit.storage.sql.dialect import Dialect

__all__ = ["Compiler", "Statement", "StatementCache", "Zones"]

Zones: TypeAlias = Mapping[int, tuple["Range", ...]]
"""For each key of a tally, by its place, that groups instants by days of a zone: the ranges of that zone."""


@attrs.frozen
class Statement:
    """A plan as SQL text.

    Attributes:
        text: in the driver's own style of parameters.
        arrange: brings the values of a shape into the order of the parameters.
    """

    text: str
    arrange: Callable[[Sequence[Any]], Sequence[Any]]


class StatementCache:
    """The compiled statements most recently used; safe to share between threads.

    Args:
        size: how many are kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._held: OrderedDict[Hashable, Statement] = OrderedDict()

    def __len__(self) -> int:
        """Return how many statements are held."""
        return len(self._held)

    def get(self, shape: Hashable, make: Callable[[], Statement]) -> Statement:
        """Return the statement of a shape; make it if it is not held."""
        with self._lock:
            found = self._held.get(shape)
            if found is not None:
                self._held.move_to_end(shape)
                return found
        made = make()
        with self._lock:
            self._held[shape] = made
            while len(self._held) > self._size:
                self._held.popitem(last=False)
        return made


class Compiler:
    """Compiles plans for one database.

    Args:
        catalog: the models.
        metadata: their tables.
        dialect: the database's spelling.
        compiling: SQLAlchemy's own dialect.
    """

    def __init__(self, catalog: Catalog, metadata: MetaData, dialect: Dialect, compiling: Compiling) -> None:
        self._catalog = catalog
        self._tables = {schema.name: metadata.tables[schema.plural] for schema in catalog}
        self._dialect = dialect
        self._compiling = compiling

    def insert(self, schema: Schema) -> Statement:
        """Return the statement that writes one row."""
        table = self._tables[schema.name]
        values: dict[str, Any] = {column.name: bindparam(f"p{place}") for place, column in enumerate(schema.columns)}
        return self._statement(table.insert().values(values), len(values))

    def orphans(self, schema: Schema, link: Field) -> Statement:
        """Return the statement that finds whether a link of any row leads nowhere."""
        table = self._tables[schema.name]
        target = self._tables[link.to].alias("t1")
        one: Select[Any] = select(literal_column("1"))
        met = one.where(target.c.tenant == table.c.tenant, target.c.id == table.c[link.name]).exists()
        lost = one.select_from(table).where(table.c[link.name].is_not(None), ~met)
        return self._statement(lost.limit(literal_column("1")), 0)

    def query(self, query: Query) -> Statement:
        """Return the statement of a query."""
        table, predicates = self._tables[query.schema.name], self._predicates()
        found = select(*(table.c[name] for name in query.columns)).where(predicates.visit(table, query.where))
        columns = query.schema.by_column
        found = found.order_by(
            *(
                self._dialect.ordered(table.c[key.column], key, nullable=columns[key.column].nullable)
                for key in query.order
            )
        )
        if query.limit is not None:
            found = found.limit(bindparam(predicates.parameter().key, type_=Integer))
        return self._statement(found, predicates.parameters)

    def patch(self, patch: Patch) -> Statement:
        """Return the statement of a patch."""
        table, predicates = self._tables[patch.schema.name], self._predicates()
        changes = {name: predicates.parameter() for name in patch.changes}
        where = predicates.visit(table, patch.where)
        return self._statement(update(table).values(changes).where(where), predicates.parameters)

    def removal(self, removal: Removal) -> Statement:
        """Return the statement of a removal."""
        table, predicates = self._tables[removal.schema.name], self._predicates()
        where = predicates.visit(table, removal.where)
        return self._statement(delete(table).where(where), predicates.parameters)

    # -- tallies -------------------------------------------------------------------------------------------------------

    def tally(self, tally: Tally, zones: Zones) -> Statement:
        """Return the statement of a tally, with the ranges of the zones that its keys name."""
        table, predicates = self._tables[tally.schema.name], self._predicates()
        source: FromClause = table
        keys: list[ColumnElement[Any]] = []
        for place, key in enumerate(tally.by):
            source, column, kind = self._walk(predicates, source, table, tally.schema, key)
            keys.append(self._key(predicates, column, kind, key, zones.get(place)))
        outputs = [*keys, *(part for measure in tally.measures for part in self._measure(table, measure))]
        found = select(*outputs or [func.count()]).select_from(source).where(predicates.visit(table, tally.where))
        # By place, because parameters make two copies of one key look different to the database.
        found = found.group_by(*(literal_column(str(place)) for place in range(1, len(keys) + 1)))
        return self._statement(found, predicates.parameters)

    def years(self, tally: Tally, key: Key) -> Statement:
        """Return the statement that finds which years the instants of a key lie in."""
        table, predicates = self._tables[tally.schema.name], self._predicates()
        source, column, _ = self._walk(predicates, table, table, tally.schema, key)
        found = select(self._dialect.year(column)).distinct().select_from(source)
        found = found.where(predicates.visit(table, tally.where), column.is_not(None))
        return self._statement(found, predicates.parameters)

    def _walk(
        self, predicates: Predicates, source: FromClause, table: Table, schema: Schema, key: Key
    ) -> tuple[FromClause, ColumnElement[Any], Kind]:
        reached: FromClause = table
        columns: Mapping[str, Column] = schema.by_column
        for hop in key.hops:
            target, joined = predicates.target(hop.relation, reached)
            source = source.outerjoin(target, joined & predicates.visit(target, hop.where))
            reached = target
            columns = self._catalog[hop.relation.target].by_column
        return source, reached.c[key.column], columns[key.column].kind

    def _key(
        self, predicates: Predicates, column: ColumnElement[Any], kind: Kind, key: Key, zone: tuple[Range, ...] | None
    ) -> ColumnElement[Any]:
        if key.bucket is None:
            return column
        if kind is not Kind.INSTANT:
            return self._dialect.first_day(column, key.bucket)
        if zone is None:
            return self._dialect.first_day(self._dialect.utc_day(column), key.bucket)
        return self._dialect.first_day(self._local_day(predicates, column, zone), key.bucket)

    def _local_day(
        self, predicates: Predicates, instant: ColumnElement[Any], zone: tuple[Range, ...]
    ) -> ColumnElement[Any]:
        def day(item: Range) -> ColumnElement[Any]:
            given = predicates.parameter()
            return self._dialect.shifted_day(instant, given) if item.day is None else given

        if len(zone) == 1:
            return day(zone[0])
        # The newest first: most rows are recent.
        later = [(instant >= predicates.parameter(), day(item)) for item in reversed(zone[1:])]
        none: ColumnElement[Any] = literal_column("NULL")
        return case((instant.is_(None), none), *later, else_=day(zone[0]))

    def _measure(self, table: Table, measure: Measure) -> Sequence[ColumnElement[Any]]:
        if not measure.column:
            return (func.count(),)
        column = table.c[measure.column]
        match measure.aggregate:
            case Aggregate.COUNT:
                return (func.count(column),)
            case Aggregate.COUNT_DISTINCT:
                return (func.count(column.distinct()),)
            case Aggregate.SUM:
                return self._dialect.sum_parts(column)
            case Aggregate.MIN:
                return (func.min(column),)
            case Aggregate.MAX:
                return (func.max(column),)

    # -- text ----------------------------------------------------------------------------------------------------------

    def _predicates(self) -> Predicates:
        return Predicates(self._tables, self._dialect)

    def _statement(self, statement: Any, parameters: int) -> Statement:
        compiled = statement.compile(dialect=self._compiling)
        given = [f"p{number}" for number in range(parameters)]
        # SQLAlchemy adds parameters of its own, such as the 0 of "LIMIT ? OFFSET 0" on SQLite, and leaves out those
        # beside a condition that is always false.
        constants = [name for name in compiled.params if name not in given]
        names = [*given, *constants]
        added = [compiled.params[name] for name in constants]
        order = [names.index(name) for name in compiled.positiontup or ()]
        if order != list(range(len(names))):
            return Statement(str(compiled), lambda values: [(*values, *added)[place] for place in order])
        return Statement(str(compiled), (lambda values: (*values, *added)) if added else tuple)
