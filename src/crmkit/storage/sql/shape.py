"""Shapes: what of a plan decides the text of its SQL, and apart from that the values, which become parameters.

Plans of one shape share one compiled statement. A plan is visited once. The visit collects marks and values, and
returns parts: a function that builds SQL, with its arguments. They are called only where no statement of these marks
was kept. A part names each of its parameters after the place that the value got in the visit, so that no value can end
up in another's place; it holds nothing that is not in the marks, so that equal marks make equal text.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, assert_never

import attrs
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
)

from crmkit.errors import Unsupported
from crmkit.expr.core import And, Compare, Constant, Core, Count, Exists, Has, In, Missing, Not, Or, Prefix, Substring
from crmkit.expr.node import NEGATED, Op
from crmkit.model.kind import Kind
from crmkit.model.schema import TENANT
from crmkit.storage.spi.compare import COMPARE
from crmkit.storage.spi.prefix import text_after
from crmkit.storage.spi.reach import Reach
from crmkit.storage.sql.condition import joined
from crmkit.storage.sql.wire import json_text

if TYPE_CHECKING:
    from sqlalchemy import Table

    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Relation, Schema
    from crmkit.storage.spi.plan import Hop
    from crmkit.storage.sql.dialect import Dialect

__all__ = ["Frame", "Part", "Related", "Shape", "list_size", "parameter"]

Part: TypeAlias = tuple[Any, ...]
"""What builds the condition for the rows of a table, a method of `Shape`, and its arguments but the table."""
Related: TypeAlias = tuple["Relation", "int | None", Part]
"""A relation, the place of the value that its fixed column has, and the condition for the rows to which it leads."""

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

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "own", frozenset(self.tables.values()))


def parameter(place: int, **options: Any) -> BindParameter[Any]:
    """Return the parameter for the value that got this place."""
    return bindparam(f"p{place}", **options)


class Shape:
    """One plan, visited once.

    In normal form nothing is negated but leaves, so a condition that is null excludes a row just as a false one does.
    Below `NOT`, where that would not hold, there is nothing but `EXISTS` and conditions on values that are present.

    Attributes:
        marks: what decides the text of the SQL.
        values: the values of the parameters, as the driver spells them.
    """

    __slots__ = ("_aliases", "_encode", "_frame", "_reach", "_where", "marks", "values")

    def __init__(self, frame: Frame, where: Core) -> None:
        self._frame = frame
        self._encode = frame.encode
        self._where = where
        self._reach: Reach | None = None  # found out where a relation is followed, as most plans follow none
        self._aliases = 0
        self.marks: list[Hashable] = []
        self.values: list[Any] = []

    def _here(self) -> Reach:
        if self._reach is None:
            self._reach = Reach.of(self._where)
        return self._reach

    def value(self, value: Any) -> int:
        """Take in a value, and return its place."""
        self.values.append(value)
        return len(self.values) - 1

    def encoded(self, kind: Kind, value: Any) -> int:
        """Take in a canonical value, and return its place."""
        encode = self._encode.get(kind)
        self.values.append(value if encode is None else encode(value))
        return len(self.values) - 1

    def visit(self, schema: Schema, node: Core) -> Part:
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
            case Exists(relation, where, negated):
                once = self._here().multiplies(relation)
                self.marks += (Exists, negated, once)
                exists = Shape._among_keys if once else Shape._exists
                return self._unless(negated, (exists, self.related(relation, where)))
            case Count():
                return self._counted(node)
            case Has(column, tag, negated):
                self.marks += (Has, column, negated)
                return self._unless(negated, (Shape._tagged, column, self.value(tag)))
            case Prefix(column, text, negated):
                after = text_after(text)
                self.marks += (Prefix, column, negated, after is None)
                start, end = self.value(text), None if after is None else self.value(after)
                return Shape._without if negated else Shape._with, column, start, end
            case Substring(column, text, negated):
                self.marks += (Substring, column, negated)
                return self._unless(negated, (Shape._holds, column, self.value(text)))
            case Constant(value):
                self.marks += (Constant, value)
                return (Shape._true,) if value else (Shape._false,)
            case Not():
                raise Unsupported("stores read expressions in normal form, which has no Not.")
            case _:
                assert_never(node)

    def related(self, relation: Relation, where: Core) -> Related:
        """Take in a relation and an expression over the rows to which it leads."""
        self.marks.append(relation)
        fixed = None if relation.fixed is None else self.value(relation.fixed[1])
        here = self._here()
        self._reach = here.beyond(relation)
        part = self.visit(self._frame.catalog[relation.target], where)
        self._reach = here
        return relation, fixed, part

    def steps(self, hops: Sequence[Hop]) -> list[Related]:
        """Take in steps to one record each."""
        self.marks.append(len(hops))
        here = self._here()
        steps: list[Related] = []
        for hop in hops:
            steps.append(self.related(hop.relation, hop.where))
            self._reach = self._here().beyond(hop.relation)
        self._reach = here
        return steps

    def _counted(self, node: Count) -> Part:
        relation, op, number = node.relation, node.op, node.number
        if not self._here().multiplies(relation):
            self.marks += (Count, op)
            return Shape._count, op, self.related(relation, node.where), self.value(number)
        # Keys without rows are in no group, so those asked for are the ones that differ from them.
        zero = COMPARE[op](0, number)
        self.marks += (Count, op, zero)
        having = NEGATED[op] if zero else op
        return self._unless(zero, (Shape._among_keys, self.related(relation, node.where), having, self.value(number)))

    @staticmethod
    def _unless(negated: object, part: Part) -> Part:
        return (Shape._not, part) if negated else part

    def _all_or_any(self, schema: Schema, node: And | Or) -> Part:
        kind = And if isinstance(node, And) else Or
        self.marks += (kind, len(node.items))
        return Shape._joined, kind, [self.visit(schema, item) for item in node.items]

    def _compare(self, schema: Schema, node: Compare) -> Part:
        column, op = node.column, node.op
        if node.key:
            if op not in {Op.EQ, Op.NE}:
                raise Unsupported(f"an entry of {column} can be compared by == and != only.")
            self.marks += (Compare, column, op, "key")
            return self._entry(node.key, (node.value,), column, Shape._entry_in if op is Op.EQ else Shape._entry_not_in)
        self.marks += (Compare, column, op)
        # Not by `encoded`: this is the hottest line of all.
        encode = self._encode.get(schema.by_column[column].kind)
        values = self.values
        values.append(node.value if encode is None else encode(node.value))
        return Shape._compared, column, op, len(values) - 1

    def _missing(self, node: Missing) -> Part:
        column, negated = node.column, node.negated
        self.marks += (Missing, column, negated, bool(node.key))
        if node.key:
            return self._unless(not negated, (Shape._entry_in, column, self.value(node.key), None))
        return Shape._present if negated else Shape._absent, column

    def _in(self, schema: Schema, node: In) -> Part:
        column, negated = node.column, node.negated
        if node.key:
            self.marks += (In, column, negated, "key")
            return self._entry(node.key, node.values, column, Shape._entry_not_in if negated else Shape._entry_in)
        encode = self._encode.get(schema.by_column[column].kind)
        values = list(node.values) if encode is None else [encode(value) for value in node.values]
        size, first = list_size(len(values)), len(self.values)
        self.marks += (In, column, negated, size)
        if size == 0:
            return (Shape._present, column) if negated else (Shape._false,)
        self.values += [json_text(values)] if size is None else [*values, *values[-1:] * (size - len(values))]
        return self._unless(negated, (Shape._among, column, first, size))

    def _entry(self, key: str, values: Sequence[Any], column: str, builder: Callable[..., Any]) -> Part:
        return builder, column, self.value(key), self.value(json_text(values))

    # -- building ------------------------------------------------------------------------------------------------------

    def build(self, source: FromClause, part: Part) -> ColumnElement[bool]:
        """Return the condition of a part for the rows of a table."""
        make, *arguments = part
        condition: ColumnElement[bool] = make(self, source, *arguments)
        return condition

    def walk(self, source: FromClause, reached: FromClause, steps: Sequence[Related]) -> tuple[FromClause, FromClause]:
        """Join to a source what steps lead to from one of its tables; return the source and the table at their end."""
        for step in steps:
            target, joins, condition = self._target(reached, step)
            source, reached = source.outerjoin(target, joins & condition), target
        return source, reached

    def _target(
        self, source: FromClause, related: Related
    ) -> tuple[FromClause, ColumnElement[bool], ColumnElement[bool]]:
        """Return a related table under a name of its own, what joins it to a table, and the condition for its rows."""
        relation, fixed, where = related
        self._aliases += 1
        target = self._frame.tables[relation.target].alias(f"t{self._aliases}")
        joins = [target.c.tenant == source.c.tenant, target.c[relation.remote] == source.c[relation.local]]
        if relation.fixed is not None and fixed is not None:
            joins.append(target.c[relation.fixed[0]] == parameter(fixed))
        return target, and_(*joins), self.build(target, where)

    def _selected(self, selected: Select[Any], source: FromClause, related: Related) -> Select[Any]:
        target, joins, condition = self._target(source, related)
        return selected.select_from(target).where(joins, condition).correlate(source)

    def _column(self, source: FromClause, name: str) -> ColumnElement[Any]:
        """Return a column of the statement's own table, or of a related one, where the join alone chooses the index."""
        column: ColumnElement[Any] = source.c[name]
        return column if name == TENANT.name or source in self._frame.own else self._frame.dialect.aside(column)

    def _joined(self, source: FromClause, kind: type[And | Or], parts: Sequence[Part]) -> ColumnElement[bool]:
        conditions = [(part[0] is Shape._joined, self.build(source, part)) for part in parts]
        # Nested ones first: a parser has room for so many pending words, and `(((a) OR b) AND c)` leaves fewer pending
        # than `c AND (b OR (a))` does.
        conditions.sort(key=lambda pair: not pair[0])
        return joined(and_ if kind is And else or_, [condition for _, condition in conditions], empty=kind is And)

    def _compared(self, source: FromClause, column: str, op: Op, place: int) -> ColumnElement[bool]:
        compared: ColumnElement[bool] = COMPARE[op](self._column(source, column), parameter(place))
        return compared

    def _entry_in(self, source: FromClause, column: str, key: int, values: int | None) -> ColumnElement[bool]:
        among = None if values is None else parameter(values)
        return self._frame.dialect.entry(self._column(source, column), parameter(key), among)

    def _entry_not_in(self, source: FromClause, column: str, key: int, values: int) -> ColumnElement[bool]:
        subject = self._column(source, column)
        return self._frame.dialect.entry(subject, parameter(key), parameter(values), negated=True)

    def _present(self, source: FromClause, column: str) -> ColumnElement[bool]:
        return self._column(source, column).is_not(None)

    def _absent(self, source: FromClause, column: str) -> ColumnElement[bool]:
        return self._column(source, column).is_(None)

    def _among(self, source: FromClause, column: str, first: int, size: int | None) -> ColumnElement[bool]:
        subject = self._column(source, column)
        if size is None:
            return self._frame.dialect.among(subject, parameter(first))
        among = [parameter(place) for place in range(first, first + size)]
        return subject.in_(among) if size > 1 else subject == among[0]

    def _exists(self, source: FromClause, related: Related) -> ColumnElement[bool]:
        return self._selected(select(true()), source, related).exists()

    def _among_keys(
        self, source: FromClause, related: Related, op: Op | None = None, place: int = 0
    ) -> ColumnElement[bool]:
        """Return whether a row is one of those to which related rows belong; these are asked for once."""
        relation, fixed, where = related
        self._aliases += 1
        target = self._frame.tables[relation.target].alias(f"t{self._aliases}")
        tenant, key = target.c.tenant, target.c[relation.remote]
        keys = select(tenant, key).where(self.build(target, where), key.is_not(None)).correlate(None)
        if relation.fixed is not None and fixed is not None:
            keys = keys.where(target.c[relation.fixed[0]] == parameter(fixed))
        if op is not None:
            keys = keys.group_by(tenant, key).having(COMPARE[op](func.count(), parameter(place)))
        own = source.c[relation.local]
        return and_(own.is_not(None), tuple_(source.c.tenant, own).in_(keys))

    def _count(self, source: FromClause, op: Op, related: Related, place: int) -> ColumnElement[bool]:
        number = self._selected(select(func.count()), source, related).scalar_subquery()
        compared: ColumnElement[bool] = COMPARE[op](number, parameter(place))
        return compared

    def _tagged(self, source: FromClause, column: str, tag: int) -> ColumnElement[bool]:
        return self._frame.dialect.tagged(self._column(source, column), parameter(tag))

    def _holds(self, source: FromClause, column: str, text: int) -> ColumnElement[bool]:
        return self._frame.dialect.holds(self._column(source, column), parameter(text))

    def _with(self, source: FromClause, column: str, start: int, end: int | None) -> ColumnElement[bool]:
        subject = self._column(source, column)
        from_start = subject >= parameter(start)
        return from_start if end is None else and_(from_start, subject < parameter(end))

    def _without(self, source: FromClause, column: str, start: int, end: int | None) -> ColumnElement[bool]:
        subject = self._column(source, column)
        below = subject < parameter(start)
        return below if end is None else or_(below, subject >= parameter(end))

    def _not(self, source: FromClause, part: Part) -> ColumnElement[bool]:
        return ~self.build(source, part)

    def _true(self, _: FromClause) -> ColumnElement[bool]:
        return true()

    def _false(self, _: FromClause) -> ColumnElement[bool]:
        return false()


def list_size(count: int) -> int | None:
    """Return how many parameters hold so many values, the last one repeated; `None` if one holds them all.

    Powers of two keep the number of shapes small.

    >>> [list_size(count) for count in (0, 1, 3, 32, 33)]
    [0, 1, 4, 32, None]
    """
    if count > _LONGEST_LIST:
        return None
    return 1 << (count - 1).bit_length() if count else 0
