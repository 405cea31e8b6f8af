"""The memory reading of core expressions: each becomes a Python function of one row."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from crmkit.errors import Unsupported
from crmkit.expr.core import (
    And,
    Compare,
    Constant,
    Core,
    Count,
    Exists,
    Has,
    In,
    Missing,
    Not,
    Or,
    Prefix,
    Substring,
)
from crmkit.expr.node import Op
from crmkit.model.kind import Kind
from crmkit.storage.memory.table import ID
from crmkit.storage.spi.compare import COMPARE

if TYPE_CHECKING:
    from uuid import UUID

    from crmkit.model.codec import Row
    from crmkit.model.schema import Relation
    from crmkit.storage.memory.table import Table
    from crmkit.storage.spi.plan import Hop, SortKey

__all__ = ["Reader", "Test", "column_reached", "first_rows", "rises", "sort_rows"]

Test: TypeAlias = Callable[["Row"], bool]
"""Whether a row satisfies an expression."""
_Tables: TypeAlias = Callable[[str], "Table"]


class Reader:
    """Reads expressions about the rows of one table.

    Args:
        tables: finds a table, as the unit sees it, by its model's name.
        name: the model's name.
    """

    def __init__(self, tables: _Tables, name: str) -> None:
        self._tables = tables
        self._table = tables(name)

    # -- which rows ----------------------------------------------------------------------------------------------------

    def rows(self, where: Core, order: tuple[SortKey, ...] = ()) -> Iterator[Row]:
        """Yield the rows that satisfy an expression; by rising id if that is the order asked for."""
        return filter(self.test(where), self._candidates(where, order))

    def _candidates(self, where: Core, order: tuple[SortKey, ...]) -> Iterator[Row]:
        needed = list(_conjuncts(where))
        equal = {
            part.column: part.value
            for part in needed
            if isinstance(part, Compare) and part.op is Op.EQ and not part.key
        }
        if "tenant" not in equal:
            return self._table.scan()
        tenant: str = equal["tenant"]
        if rises(order):
            return self._table.rising(tenant, _beyond(needed))
        schema = self._table.schema
        groups = (ID, *schema.unique_columns(), *schema.index_columns())
        for group in groups:
            if all(column in equal for column in group):
                return self._table.having(group, tenant, tuple(equal[column] for column in group))
        for part in needed:
            if isinstance(part, In) and not part.negated and (group := (part.column,)) in groups:
                return (row for value in frozenset(part.values) for row in self._table.having(group, tenant, (value,)))
        return self._table.of(tenant)

    # -- whether a row -------------------------------------------------------------------------------------------------

    def test(self, node: Core) -> Test:
        """Return the function that tells whether a row satisfies an expression in normal form."""
        match node:
            case Constant(value):
                return lambda _: value
            case And(items):
                return _every(tuple(map(self.test, items)))
            case Or(items):
                return _some(tuple(map(self.test, items)))
            case Exists() | Count():
                return self._reach(node)
            case Not():
                raise Unsupported("an expression holds a negation above its leaves.", hint="Normalise it first.")
            case _:
                return _leaf(node, self._value(node.column, getattr(node, "key", "")))

    def _value(self, column: str, key: str = "") -> Callable[[Row], Any]:
        place = self._table.places[column]
        if key:
            return lambda row: row[place].get(key)
        return operator.itemgetter(place)

    def _reach(self, node: Exists | Count) -> Test:
        related = self.related(node.relation, node.where)
        if isinstance(node, Exists):
            wanted = not node.negated
            return self._once(node.relation, lambda row: any(True for _ in related(row)) is wanted)
        compare, number = COMPARE[node.op], node.number
        return self._once(node.relation, lambda row: compare(sum(1 for _ in related(row)), number))

    def _once(self, relation: Relation, test: Test) -> Test:
        """Return a test of what a relation leads to that looks at it once, however many rows lead there.

        To look anew for each row would multiply with each relation on the way.
        """
        local = self._table.places[relation.local]
        known: dict[tuple[str, Any], bool] = {}

        def once(row: Row) -> bool:
            key = (row[0], row[local])
            holds = known.get(key)
            if holds is None:
                holds = known[key] = test(row)
            return holds

        return once

    def related(self, relation: Relation, where: Core) -> Callable[[Row], Iterator[Row]]:
        """Return what yields the target's rows that belong to a row and satisfy `where`."""
        local = self._table.places[relation.local]
        target = self._tables(relation.target)
        test = Reader(self._tables, relation.target).test(where)
        fixed = () if relation.fixed is None else (relation.fixed,)
        group = (relation.remote, *(column for column, _ in fixed))
        more = tuple(text for _, text in fixed)

        def related(row: Row) -> Iterator[Row]:
            value = row[local]
            if value is None:
                return iter(())
            return filter(test, target.having(group, row[0], (value, *more)))

        return related


def _conjuncts(where: Core) -> Iterator[Core]:
    if isinstance(where, And):
        for item in where.items:
            yield from _conjuncts(item)
    else:
        yield where


def _beyond(needed: list[Core]) -> UUID | None:
    found = [part.value for part in needed if isinstance(part, Compare) and part.column == "id" and part.op is Op.GT]
    return max(found, default=None)


def _every(tests: tuple[Test, ...]) -> Test:
    def every(row: Row) -> bool:
        for test in tests:  # noqa: SIM110 - several times faster than all() over a generator, on the hottest path
            if not test(row):
                return False
        return True

    return every


def _some(tests: tuple[Test, ...]) -> Test:
    def some(row: Row) -> bool:
        for test in tests:  # noqa: SIM110 - as above
            if test(row):
                return True
        return False

    return some


def _leaf(node: Compare | In | Missing | Prefix | Substring | Has, get: Callable[[Row], Any]) -> Test:
    match node:
        case Missing(negated=negated):
            return lambda row: (get(row) is None) is not negated
        case Compare():
            return _comparison(node, get)
        case In():
            return _membership(node, get)
        case Prefix(text=text, negated=negated):
            return lambda row: (value := get(row)) is not None and value.startswith(text) is not negated
        case Substring(text=text, negated=negated):
            return lambda row: (value := get(row)) is not None and (text in value) is not negated
        case Has(tag=tag, negated=negated):
            return lambda row: (tag in get(row)) is not negated
        case _:
            assert_never(node)


def _comparison(node: Compare, get: Callable[[Row], Any]) -> Test:
    wanted = node.value
    if node.key:
        equal = node.op is Op.EQ
        return lambda row: (value := get(row)) is not None and (_kinded(value) == _kinded(wanted)) is equal
    if node.op is Op.EQ:
        return lambda row: bool(get(row) == wanted)
    compare = COMPARE[node.op]
    return lambda row: (value := get(row)) is not None and compare(value, wanted)


def _membership(node: In, get: Callable[[Row], Any]) -> Test:
    negated = node.negated
    if node.key:
        kinded = frozenset(map(_kinded, node.values))
        return lambda row: (value := get(row)) is not None and (_kinded(value) in kinded) is not negated
    values = frozenset(node.values)
    return lambda row: (value := get(row)) is not None and (value in values) is not negated


def _kinded(value: object) -> tuple[str, object]:
    """Tell apart what meets in a mapping and is equal to Python: True and 1."""
    return type(value).__name__, value


# -- values and order --------------------------------------------------------------------------------------------------


def column_reached(
    tables: _Tables, name: str, hops: tuple[Hop, ...], column: str
) -> tuple[Table, Callable[[Row], Any]]:
    """Return the table to which hops lead from a model's rows, and what reads a column there; missing if they fail."""
    steps: list[Callable[[Row], Iterator[Row]]] = []
    for hop in hops:
        steps.append(Reader(tables, name).related(hop.relation, hop.where))
        name = hop.relation.target
    table = tables(name)
    get: Callable[[Row], Any] = operator.itemgetter(table.places[column])
    if not steps:
        return table, get

    def read(row: Row) -> Any:
        for step in steps:
            reached = next(step(row), None)
            if reached is None:
                return None
            row = reached
        return get(row)

    return table, read


def rises(order: tuple[SortKey, ...]) -> bool:
    """Return whether an order is the one by rising id."""
    return bool(order) and order[0].column == "id" and not order[0].descending and not order[0].hops


def sort_rows(rows: Iterable[Row], order: tuple[SortKey, ...], tables: _Tables, name: str) -> list[Row]:
    """Return the rows of a model in order."""
    found = list(rows)
    for key in reversed(order):
        table, read = column_reached(tables, name, key.hops, key.column)
        pairs = [(read(row), row) for row in found]
        present = [pair for pair in pairs if pair[0] is not None]
        present.sort(key=_sortable(table.schema.by_column[key.column].kind), reverse=key.descending)
        missing = [row for value, row in pairs if value is None]
        sorted_rows = [row for _, row in present]
        found = [*missing, *sorted_rows] if key.missing_first else [*sorted_rows, *missing]
    return found


def first_rows(rows: Iterable[Row], place: int, number: int) -> Iterator[Row]:
    """Yield the first few rows of each value that stands at a place."""
    seen: Counter[Any] = Counter()
    for row in rows:
        value = row[place]
        if seen[value] < number:
            seen[value] += 1
            yield row


def _sortable(kind: Kind) -> Callable[[tuple[Any, Row]], Any]:
    if kind is Kind.UUID:  # the same order as the UUIDs', and several times faster to compare
        return lambda pair: pair[0].int
    return operator.itemgetter(0)
