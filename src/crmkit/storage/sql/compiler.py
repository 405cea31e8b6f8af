"""Compiling: plans that a shape has taken in become SQLAlchemy's statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    case,
    delete,
    func,
    literal_column,
    select,
    update,
)

from crmkit.model.kind import Kind
from crmkit.storage.spi.plan import GroupKey
from crmkit.storage.sql.shape import parameter

if TYPE_CHECKING:
    from sqlalchemy import Table

    from crmkit.model.field import Field
    from crmkit.model.schema import Schema
    from crmkit.storage.spi.aggregate import Aggregate
    from crmkit.storage.spi.plan import Measure, Patch, Query, Removal, Tally
    from crmkit.storage.spi.zone import Range
    from crmkit.storage.sql.measure import Spelling
    from crmkit.storage.sql.shape import Frame, Part, Related, Shape

__all__ = ["Compiler", "Output", "Places", "Zones"]

Zones: TypeAlias = Mapping[int, tuple["Range", ...]]
"""For each key of a tally, by its place, that groups instants by days of a zone: the ranges of that zone."""
Steps: TypeAlias = Sequence["Related"]
"""What hops became when they were visited."""
Output: TypeAlias = Callable[[FromClause, FromClause], tuple[FromClause, ColumnElement[Any]]]
"""Joins to a source what an expression needs, starting at one of its tables; gives the source and the expression."""


_RANK: Final = "_rank"
"""What a row's number among those of one value is called; no column begins with an underscore."""


class Places(NamedTuple):
    """Which parameters hold a query's limit and the number of its top, if it has them."""

    limit: int | None
    top: int | None


class Compiler:
    """Builds the statements of one database from plans and what a shape made of them.

    Args:
        frame: what all shapes share.
        spellings: how aggregates are asked for.
    """

    def __init__(self, frame: Frame, spellings: Mapping[Aggregate, Spelling]) -> None:
        self._frame = frame
        self._dialect = frame.dialect
        self._spellings = spellings

    def table(self, schema: Schema) -> Table:
        """Return a model's table."""
        return self._frame.tables[schema.name]

    # -- rows ----------------------------------------------------------------------------------------------------------

    def insert(self, schema: Schema) -> Any:
        """Return the statement that writes one row."""
        values: dict[str, Any] = {column.name: parameter(place) for place, column in enumerate(schema.columns)}
        return self.table(schema).insert().values(values)

    def orphans(self, schema: Schema, link: Field) -> Any:
        """Return the statement that finds whether a link of any row leads nowhere."""
        table = self.table(schema)
        target = self._frame.tables[link.link_target].alias("t1")
        one: Select[Any] = select(literal_column("1"))
        met = one.where(target.c.tenant == table.c.tenant, target.c.id == table.c[link.name]).exists()
        lost = one.select_from(table).where(table.c[link.name].is_not(None), ~met)
        return lost.limit(literal_column("1"))

    def query(self, shape: Shape, query: Query, where: Part, order: Sequence[Steps], places: Places) -> Any:
        """Return the statement of a query."""
        table = self.table(query.schema)
        source: FromClause = table
        by: list[ColumnElement[Any]] = []
        for key, steps in zip(query.order, order, strict=True):
            source, reached = shape.walk(source, table, steps)
            nullable = bool(steps) or query.schema.by_column[key.column].nullable
            by.append(self._dialect.ordered(reached.c[key.column], key, nullable=nullable))
        found = select(*(table.c[name] for name in query.columns)).select_from(source)
        found = found.where(shape.build(table, where))
        if query.top is None or places.top is None:
            found = found.order_by(*by)
        else:
            rank = func.row_number().over(partition_by=table.c[query.top.column], order_by=by).label(_RANK)
            ranked = found.add_columns(rank).subquery("ranked")
            found = select(*(ranked.c[name] for name in query.columns)).order_by(ranked.c[_RANK])
            found = found.where(ranked.c[_RANK] <= parameter(places.top, type_=BigInteger))
        return found if places.limit is None else found.limit(parameter(places.limit, type_=BigInteger))

    def patch(self, shape: Shape, patch: Patch, where: Part) -> Any:
        """Return the statement of a patch, whose changes have the first places."""
        table = self.table(patch.schema)
        changes = {name: parameter(place) for place, name in enumerate(patch.changes)}
        return update(table).values(changes).where(shape.build(table, where))

    def removal(self, shape: Shape, removal: Removal, where: Part) -> Any:
        """Return the statement of a removal."""
        table = self.table(removal.schema)
        return delete(table).where(shape.build(table, where))

    # -- tallies -------------------------------------------------------------------------------------------------------

    def tally(self, shape: Shape, tally: Tally, keys: Sequence[Output], where: Part) -> Any:
        """Return the statement of a tally."""
        table = self.table(tally.schema)
        source: FromClause = table
        outputs: list[ColumnElement[Any]] = []
        for key in keys:
            source, column = key(source, table)
            outputs.append(column)
        outputs += [part for measure in tally.measures for part in self._measure(table, measure)]
        found = select(*outputs or [func.count()]).select_from(source).where(shape.build(table, where))
        # By place, because parameters make two copies of one key look different to the database.
        return found.group_by(*(literal_column(str(place)) for place in range(1, len(keys) + 1)))

    def years(self, shape: Shape, tally: Tally, key: GroupKey, steps: Steps, where: Part) -> Any:
        """Return the statement that finds which years the instants of a key lie in."""
        table = self.table(tally.schema)
        source, reached = shape.walk(table, table, steps)
        instant: ColumnElement[Any] = reached.c[key.column]
        found = select(self._dialect.year(instant)).distinct().select_from(source)
        return found.where(shape.build(table, where), instant.is_not(None))

    def key(self, shape: Shape, kind: Kind, key: GroupKey, zone: Sequence[Range] | None) -> Output:
        """Take a key into a shape: the kind of its column, and the ranges of its zone if they are needed."""
        shape.marks += (GroupKey, key.column, key.bucket)
        steps = shape.steps(key.hops)
        day = self._day(shape, kind, zone)

        def build(source: FromClause, table: FromClause) -> tuple[FromClause, ColumnElement[Any]]:
            source, reached = shape.walk(source, table, steps)
            column: ColumnElement[Any] = reached.c[key.column]
            return source, column if key.bucket is None else self._dialect.first_day(day(column), key.bucket)

        return build

    def _day(
        self, shape: Shape, kind: Kind, zone: Sequence[Range] | None
    ) -> Callable[[ColumnElement[Any]], ColumnElement[Any]]:
        """Return what builds the day of a column's value."""
        if kind is not Kind.INSTANT:
            return lambda column: column
        if zone is None:
            return self._dialect.utc_day
        shape.marks += (len(zone), *(item.day is None for item in zone))
        # The newest first: most rows are recent.
        later = [(shape.encoded(Kind.INSTANT, item.start), self._shown(shape, item)) for item in reversed(zone[1:])]
        first = self._shown(shape, zone[0])

        def build(instant: ColumnElement[Any]) -> ColumnElement[Any]:
            if not later:
                return first(instant)
            none: ColumnElement[Any] = literal_column("NULL")
            whens = [(instant >= parameter(start), shown(instant)) for start, shown in later]
            return case((instant.is_(None), none), *whens, else_=first(instant))

        return build

    def _shown(self, shape: Shape, item: Range) -> Callable[[ColumnElement[Any]], ColumnElement[Any]]:
        if item.day is None:
            shift = shape.value(self._dialect.shift(item.shift))
            return lambda instant: self._dialect.shifted_day(instant, parameter(shift))
        day = shape.encoded(Kind.DATE, item.day)
        return lambda _: parameter(day)

    def _measure(self, table: Table, measure: Measure) -> Sequence[ColumnElement[Any]]:
        if not measure.column:
            return (func.count(),)
        column: ColumnElement[Any] = table.c[measure.column]
        distinct = column.distinct() if measure.aggregate.distinct else column
        return self._spellings[measure.aggregate].parts(distinct)
