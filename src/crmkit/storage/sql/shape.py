"""Shapes: what of a plan decides the text of its SQL, and apart from that the values, which become parameters.

Plans of one shape share one compiled statement. A plan is visited once. The visit collects marks and values, and
returns functions that build the SQL; they are called only where no statement of these marks was kept. A builder names
each of its parameters after the place that the value got in the visit, so no value can end up in another's place.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, assert_never

import attrs
from sqlalchemy import BindParameter, ColumnElement, FromClause, Select, and_, bindparam, false, func, or_, select, true

from crmkit.errors import Unsupported
from crmkit.expr.core import And, Compare, Constant, Core, Count, Exists, Has, In, Missing, Not, Or, Prefix, Substring
from crmkit.expr.node import Op
from crmkit.model.kind import Kind
from crmkit.model.schema import TENANT
from crmkit.storage.spi.compare import COMPARE
from crmkit.storage.spi.prefix import text_after
from crmkit.storage.sql.condition import joined
from crmkit.storage.sql.wire import json_text

if TYPE_CHECKING:
    from sqlalchemy import Table

    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Relation, Schema
    from crmkit.storage.spi.plan import Hop
    from crmkit.storage.sql.dialect import Dialect

__all__ = ["Condition", "Frame", "Shape", "Walk", "list_size", "parameter"]

Condition: TypeAlias = Callable[[FromClause], ColumnElement[bool]]
"""Builds the condition for the rows of a table."""
Related: TypeAlias = Callable[[FromClause], tuple[FromClause, ColumnElement[bool], ColumnElement[bool]]]
"""Builds a related table under a name of its own, what joins it to a table, and the condition for its rows."""
Walk: TypeAlias = Callable[[FromClause, FromClause], tuple[FromClause, FromClause]]
"""Joins related tables to a source, starting at one of its tables; gives the source and the table where it ends."""

_LONGEST_LIST: Final = 32
"""Lists of more values are given as one parameter, as JSON text; shorter ones as that many parameters."""


@attrs.frozen(eq=False)
class Frame:
    """What all shapes of one database share.

    Attributes:
        catalog: the models.
        tables: their tables, by the models' names.
        dialect: the database's spelling.
        encode: spells values by kind; kinds that are not there need no spelling.
        own: the tables once more.
    """

    catalog: Catalog
    tables: Mapping[str, Table]
    dialect: Dialect
    encode: Mapping[Kind, Callable[[Any], Any]]
    own: frozenset[FromClause] = attrs.field(init=False)

    @own.default
    def _own(self) -> frozenset[FromClause]:
        return frozenset(self.tables.values())


def parameter(place: int, **options: Any) -> BindParameter[Any]:
    """Return the parameter for the value that got this place."""
    return bindparam(f"p{place}", **options)


class Shape:
    """One plan, while it is visited.

    What is built must depend on the marks alone. In normal form nothing is negated but leaves, so a condition that is
    null excludes a row just as a false one does. Below `NOT`, where that would not hold, there is nothing but `EXISTS`
    and conditions on values that are present.

    Attributes:
        marks: what decides the text of the SQL.
        values: the values of the parameters, as the driver spells them.
    """

    __slots__ = ("_aliases", "_frame", "marks", "values")

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._aliases = 0
        self.marks: list[Hashable] = []
        self.values: list[Any] = []

    def value(self, value: Any) -> int:
        """Take in a value, and return its place."""
        self.values.append(value)
        return len(self.values) - 1

    def encoded(self, kind: Kind, value: Any) -> int:
        """Take in a canonical value, and return its place."""
        encode = self._frame.encode.get(kind)
        return self.value(value if encode is None else encode(value))

    def condition(self, schema: Schema, node: Core) -> Condition:
        """Take in an expression over the rows of a model."""
        match node:
            case Compare():
                return self._compare(schema, node)
            case And() | Or():
                return self._all_or_any(schema, node)
            case Missing():
                return self._missing(node)
            case In():
                return self._in(schema, node)
            case Exists():
                return self._exists(node)
            case Count():
                return self._count(node)
            case Has():
                return self._tagged(node)
            case Prefix():
                return self._prefix(node)
            case Substring():
                return self._substring(node)
            case Constant(value):
                self.marks += (Constant, value)
                return lambda _: true() if value else false()
            case Not():
                raise Unsupported("stores read expressions in normal form, which has no Not.")
            case _:
                assert_never(node)

    def _column(self, source: FromClause, name: str) -> ColumnElement[Any]:
        """Return a column of the statement's own table, or of a related one, where the join alone chooses the index."""
        column: ColumnElement[Any] = source.c[name]
        return column if name == TENANT.name or source in self._frame.own else self._frame.dialect.aside(column)

    def _all_or_any(self, schema: Schema, node: And | Or) -> Condition:
        every = isinstance(node, And)
        self.marks += (And if every else Or, len(node.items))
        builders = [self.condition(schema, item) for item in node.items]

        def build(source: FromClause) -> ColumnElement[bool]:
            # Nested ones first: a parser has room for so many pending words, and `(((a) OR b) AND c)` leaves fewer
            # pending than `c AND (b OR (a))` does.
            conditions = [builder(source) for builder in builders]
            nested = [isinstance(item, And | Or) for item in node.items]
            order = sorted(range(len(nested)), key=lambda place: not nested[place])
            return joined(and_ if every else or_, [conditions[place] for place in order], empty=every)

        return build

    # -- leaves --------------------------------------------------------------------------------------------------------

    def _compare(self, schema: Schema, node: Compare) -> Condition:
        column, op = node.column, node.op
        if node.key:
            if op not in {Op.EQ, Op.NE}:
                raise Unsupported(f"an entry of {column} can be compared by == and != only.")
            self.marks += (Compare, column, op, "key")
            return self._entry(column, node.key, (node.value,), negated=op is Op.NE)
        self.marks += (Compare, column, op)
        place = self.encoded(schema.by_column[column].kind, node.value)
        return lambda source: COMPARE[op](self._column(source, column), parameter(place))

    def _in(self, schema: Schema, node: In) -> Condition:
        column, negated = node.column, node.negated
        if node.key:
            self.marks += (In, column, negated, "key")
            return self._entry(column, node.key, node.values, negated=negated)
        encode = self._frame.encode.get(schema.by_column[column].kind)
        values = list(node.values) if encode is None else [encode(value) for value in node.values]
        size = list_size(len(values))
        self.marks += (In, column, negated, size)
        given = [json_text(values)] if size is None else [*values, *values[-1:] * (size - len(values))]
        first = len(self.values)
        self.values += given

        def build(source: FromClause) -> ColumnElement[bool]:
            subject = self._column(source, column)
            if size == 0:
                return subject.is_not(None) if negated else false()
            if size is None:
                among = self._frame.dialect.among(subject, parameter(first))
            elif size == 1:
                among = subject == parameter(first)
            else:
                among = subject.in_([parameter(place) for place in range(first, first + size)])
            return ~among if negated else among

        return build

    def _missing(self, node: Missing) -> Condition:
        column, negated = node.column, node.negated
        self.marks += (Missing, column, negated, bool(node.key))
        if node.key:
            present = self._entry(column, node.key, None)
            return present if negated else lambda source: ~present(source)
        if negated:
            return lambda source: self._column(source, column).is_not(None)
        return lambda source: self._column(source, column).is_(None)

    def _entry(self, column: str, key: str, values: Sequence[Any] | None, *, negated: bool = False) -> Condition:
        place = self.value(key)
        listed = None if values is None else self.value(json_text(values))

        def build(source: FromClause) -> ColumnElement[bool]:
            among = None if listed is None else parameter(listed)
            subject = self._column(source, column)
            return self._frame.dialect.entry(subject, parameter(place), among, negated=negated)

        return build

    def _tagged(self, node: Has) -> Condition:
        column, negated, place = node.column, node.negated, self.value(node.tag)
        self.marks += (Has, column, negated)

        def build(source: FromClause) -> ColumnElement[bool]:
            tagged = self._frame.dialect.tagged(self._column(source, column), parameter(place))
            return ~tagged if negated else tagged

        return build

    def _substring(self, node: Substring) -> Condition:
        column, negated, place = node.column, node.negated, self.value(node.text)
        self.marks += (Substring, column, negated)

        def build(source: FromClause) -> ColumnElement[bool]:
            holds = self._frame.dialect.holds(self._column(source, column), parameter(place))
            return ~holds if negated else holds

        return build

    def _prefix(self, node: Prefix) -> Condition:
        column, negated, after = node.column, node.negated, text_after(node.text)
        self.marks += (Prefix, column, negated, after is None)
        start = self.value(node.text)
        end = None if after is None else self.value(after)

        def build(source: FromClause) -> ColumnElement[bool]:
            subject = self._column(source, column)
            if end is None:
                return subject < parameter(start) if negated else subject >= parameter(start)
            before, beyond = subject < parameter(start), subject >= parameter(end)
            return or_(before, beyond) if negated else and_(subject >= parameter(start), subject < parameter(end))

        return build

    # -- relations -----------------------------------------------------------------------------------------------------

    def related(self, relation: Relation, where: Core) -> Related:
        """Take in a relation and the expression for the rows to which it leads."""
        self.marks.append(relation)
        fixed = None if relation.fixed is None else self.value(relation.fixed[1])
        condition = self.condition(self._frame.catalog[relation.target], where)

        def build(source: FromClause) -> tuple[FromClause, ColumnElement[bool], ColumnElement[bool]]:
            self._aliases += 1
            target = self._frame.tables[relation.target].alias(f"t{self._aliases}")
            joins = [target.c.tenant == source.c.tenant, target.c[relation.remote] == source.c[relation.local]]
            if relation.fixed is not None and fixed is not None:
                joins.append(target.c[relation.fixed[0]] == parameter(fixed))
            return target, and_(*joins), condition(target)

        return build

    def _exists(self, node: Exists) -> Condition:
        negated = node.negated
        self.marks += (Exists, negated)
        related = self.related(node.relation, node.where)

        def build(source: FromClause) -> ColumnElement[bool]:
            found = _selected(select(true()), related, source).exists()
            return ~found if negated else found

        return build

    def _count(self, node: Count) -> Condition:
        op = node.op
        self.marks += (Count, op)
        related, place = self.related(node.relation, node.where), self.value(node.number)
        return lambda source: COMPARE[op](
            _selected(select(func.count()), related, source).scalar_subquery(), parameter(place)
        )

    def walk(self, schema: Schema, hops: Sequence[Hop]) -> tuple[Schema, Walk]:
        """Take in steps to one record each; return the model where they lead, and what joins the tables there."""
        self.marks.append(len(hops))
        steps = [self.related(hop.relation, hop.where) for hop in hops]

        def build(source: FromClause, reached: FromClause) -> tuple[FromClause, FromClause]:
            for step in steps:
                target, joins, condition = step(reached)
                source, reached = source.outerjoin(target, joins & condition), target
            return source, reached

        return (self._frame.catalog[hops[-1].relation.target] if hops else schema), build


def _selected(selected: Select[Any], related: Related, source: FromClause) -> Select[Any]:
    target, joins, condition = related(source)
    return selected.select_from(target).where(joins, condition).correlate(source)


def list_size(count: int) -> int | None:
    """Return how many parameters hold so many values, the last one repeated; `None` if one holds them all.

    Powers of two keep the number of shapes small.

    >>> [list_size(count) for count in (0, 1, 3, 32, 33)]
    [0, 1, 4, 32, None]
    """
    if count > _LONGEST_LIST:
        return None
    return 1 << (count - 1).bit_length() if count else 0
