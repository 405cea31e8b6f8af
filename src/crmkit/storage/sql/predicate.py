"""Expressions as SQL conditions, each value a parameter."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, assert_never

from sqlalchemy import BindParameter, ColumnElement, FromClause, Select, and_, bindparam, false, func, or_, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import Boolean

from crmkit.errors import Unsupported
from crmkit.expr.core import And, Compare, Constant, Core, Count, Exists, Has, In, Missing, Not, Or, Prefix, Substring
from crmkit.expr.node import Op
from crmkit.model.schema import TENANT
from crmkit.storage.sql.shape import list_size, text_after

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.sql.compiler import SQLCompiler

    from crmkit.model.schema import Relation
    from crmkit.storage.sql.dialect import Dialect

__all__ = ["Predicates"]

_COMPARE: Final[Mapping[Op, Callable[[Any, Any], Any]]] = {
    Op.EQ: operator.eq, Op.NE: operator.ne, Op.LT: operator.lt,
    Op.LE: operator.le, Op.GT: operator.gt, Op.GE: operator.ge,
}  # fmt: skip
_WIDEST: Final = 64
"""More conditions than these are joined in groups: databases bound how deep `a OR b OR c` may be nested."""


class Predicates:
    """Turns the expressions of one statement into SQL conditions.

    In normal form nothing is negated but leaves, so a condition that is null excludes a row just as a false one does.
    Below `NOT`, where that would not hold, there is nothing but `EXISTS` and conditions on values that are present.

    Args:
        tables: the tables by model name.
        dialect: the database's spelling.
    """

    def __init__(self, tables: Mapping[str, Table], dialect: Dialect) -> None:
        self._tables = tables
        self._dialect = dialect
        self._own = frozenset(tables.values())
        self._parameters = 0
        self._aliases = 0

    def parameter(self) -> BindParameter[Any]:
        """Return the parameter for the next value that the plan's shape collects."""
        self._parameters += 1
        return bindparam(f"p{self._parameters - 1}")

    @property
    def parameters(self) -> int:
        """How many parameters were made."""
        return self._parameters

    def target(self, relation: Relation, source: FromClause) -> tuple[FromClause, ColumnElement[bool]]:
        """Return the table where a relation leads, under a name of its own, and the condition that joins it."""
        self._aliases += 1
        target = self._tables[relation.target].alias(f"t{self._aliases}")
        joins = [target.c.tenant == source.c.tenant, target.c[relation.remote] == source.c[relation.local]]
        if relation.fixed is not None:
            joins.append(target.c[relation.fixed[0]] == self.parameter())
        return target, and_(*joins)

    def visit(self, source: FromClause, node: Core) -> ColumnElement[bool]:
        """Return the condition for rows of a table."""
        match node:
            case Compare():
                return self._compare(source, node)
            case And() | Or():
                join = and_ if isinstance(node, And) else or_
                return _joined(join, self._items(source, node), empty=isinstance(node, And))
            case Missing():
                return self._missing(source, node)
            case In():
                return self._in(source, node)
            case Exists():
                found = self._related(select(true()), node, source).exists()
                return ~found if node.negated else found
            case Count():
                number = self._related(select(func.count()), node, source).scalar_subquery()
                return _compared(number, node.op, self.parameter())
            case Has():
                tagged = self._dialect.tagged(self._column(source, node.column), self.parameter())
                return ~tagged if node.negated else tagged
            case Prefix():
                return self._prefix(source, node)
            case Substring():
                holds = self._dialect.holds(self._column(source, node.column), self.parameter())
                return ~holds if node.negated else holds
            case Constant():
                return true() if node.value else false()
            case Not():
                raise Unsupported("stores read expressions in normal form, which has no Not.")
            case _:
                assert_never(node)

    def _column(self, source: FromClause, name: str) -> ColumnElement[Any]:
        """Return a column of the statement's own table, or of a related one, where the join alone chooses the index."""
        column: ColumnElement[Any] = source.c[name]
        return column if name == TENANT.name or source in self._own else self._dialect.aside(column)

    def _items(self, source: FromClause, node: And | Or) -> list[ColumnElement[bool]]:
        conditions = [self.visit(source, item) for item in node.items]
        # Nested ones first: SQLite's parser has room for a hundred pending words, and `(((a) OR b) AND c)` leaves fewer
        # pending than `c AND (b OR (a))` does.
        nested = [isinstance(item, And | Or) for item in node.items]
        return [conditions[place] for place in sorted(range(len(nested)), key=lambda place: not nested[place])]

    def _compare(self, source: FromClause, node: Compare) -> ColumnElement[bool]:
        column = self._column(source, node.column)
        if node.key:
            key, values = self.parameter(), self.parameter()
            return self._dialect.entry(column, key, values, negated=node.op is Op.NE)
        return _compared(column, node.op, self.parameter())

    def _in(self, source: FromClause, node: In) -> ColumnElement[bool]:
        column = self._column(source, node.column)
        if node.key:
            key, values = self.parameter(), self.parameter()
            return self._dialect.entry(column, key, values, negated=node.negated)
        size = list_size(node)
        if size == 0:
            return column.is_not(None) if node.negated else false()
        if size is None:
            among = self._dialect.among(column, self.parameter())
        elif size == 1:
            among = column == self.parameter()
        else:
            among = column.in_([self.parameter() for _ in range(size)])
        return ~among if node.negated else among

    def _missing(self, source: FromClause, node: Missing) -> ColumnElement[bool]:
        column = self._column(source, node.column)
        if node.key:
            present = self._dialect.entry(column, self.parameter(), None)
            return present if node.negated else ~present
        return column.is_not(None) if node.negated else column.is_(None)

    def _prefix(self, source: FromClause, node: Prefix) -> ColumnElement[bool]:
        column, start = self._column(source, node.column), self.parameter()
        if text_after(node.text) is None:
            return column < start if node.negated else column >= start
        end = self.parameter()
        return or_(column < start, column >= end) if node.negated else and_(column >= start, column < end)

    def _related(self, selected: Select[Any], node: Exists | Count, source: FromClause) -> Select[Any]:
        target, joined = self.target(node.relation, source)
        return selected.select_from(target).where(joined, self.visit(target, node.where)).correlate(source)


def _compared(left: ColumnElement[Any], op: Op, right: ColumnElement[Any]) -> ColumnElement[bool]:
    compared: ColumnElement[bool] = _COMPARE[op](left, right)
    return compared


def _joined(
    join: Callable[..., ColumnElement[bool]], items: Sequence[ColumnElement[bool]], *, empty: bool
) -> ColumnElement[bool]:
    if len(items) <= _WIDEST:
        return join(true() if empty else false(), *items)
    size = max(_WIDEST, -(-len(items) // _WIDEST))
    groups = [_Parentheses(_joined(join, items[at : at + size], empty=empty)) for at in range(0, len(items), size)]
    return _joined(join, groups, empty=empty)


class _Parentheses(ColumnElement[bool]):
    """A condition in parentheses that SQLAlchemy does not take for superfluous."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, inner: ColumnElement[bool]) -> None:
        self.inner = inner


@compiles(_Parentheses)
def _compile_parentheses(element: _Parentheses, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.inner, **options)})"
