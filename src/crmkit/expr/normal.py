"""Normal form: negation at the leaves, constants folded, nothing left that a store could read in two ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import attrs

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
from crmkit.expr.node import NEGATED, Op
from crmkit.values import INT64_MAX, INT64_MIN

if TYPE_CHECKING:
    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Schema

__all__ = ["normalise"]


def normalise(catalog: Catalog, schema: Schema, node: Core) -> Core:
    """Return the normal form of a bound expression: the same truth for every row."""
    return _Normaliser(catalog).visit(schema, node, negated=False)


class _Normaliser:
    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def visit(self, schema: Schema, node: Core, *, negated: bool) -> Core:
        match node:
            case Not():
                return self.visit(schema, node.item, negated=not negated)
            case Constant():
                return Constant(node.value is not negated)
            case And() | Or():
                items = tuple(self.visit(schema, item, negated=negated) for item in node.items)
                return _all(items) if isinstance(node, And) is not negated else _some(items)
            case Exists():
                where = self.visit(self._catalog[node.relation.target], node.where, negated=False)
                negated = node.negated is not negated
                return Constant(negated) if where == Constant(False) else Exists(node.relation, where, negated)
            case Count():
                return self._count(node, negated=negated)
            case Missing():
                if not node.key and not schema.by_column[node.column].nullable:
                    return Constant(node.negated is not negated)
                return attrs.evolve(node, negated=node.negated is not negated)
            case Has():
                return attrs.evolve(node, negated=node.negated is not negated)
            case Compare() | In() | Prefix() | Substring():
                return self._leaf(schema, node, negated=negated)
            case _:
                assert_never(node)

    def _leaf(self, schema: Schema, node: Compare | In | Prefix | Substring, *, negated: bool) -> Core:
        """A test of a value is false where the value is missing, so its complement is true there."""
        flipped: Core = node
        if negated:
            flipped = (
                attrs.evolve(node, op=NEGATED[node.op])
                if isinstance(node, Compare)
                else attrs.evolve(node, negated=not node.negated)
            )
        key = node.key if isinstance(node, Compare | In) else ""
        if isinstance(flipped, Compare | In):
            flipped = _within(flipped)
        if isinstance(flipped, Missing):
            flipped = self.visit(schema, flipped, negated=False)
        if not negated:
            return flipped
        return _some((flipped, self.visit(schema, Missing(node.column, key=key), negated=False)))

    def _count(self, node: Count, *, negated: bool) -> Core:
        where = self.visit(self._catalog[node.relation.target], node.where, negated=False)
        op = NEGATED[node.op] if negated else node.op
        low, high, inside = _range(op, node.number)
        if where == Constant(False):
            return Constant((low <= 0 <= high) is inside)
        if low > high or high < 0 or low >= _INFINITE:
            return Constant(not inside)
        at_zero, above = (low <= 0) is inside, None
        if high == _INFINITE and low <= 1:
            above = inside
        elif high == 0:
            above = not inside
        if above is None:
            return Count(node.relation, where, op, node.number)
        if at_zero is above:
            return Constant(at_zero)
        return Exists(node.relation, where, negated=at_zero)


_INFINITE = INT64_MAX + 1


def _range(op: Op, number: int) -> tuple[int, int, bool]:
    """Return the counts from `low` to `high` that satisfy a comparison, or if not `inside`, all but those."""
    match op:
        case Op.EQ | Op.NE:
            return number, number, op is Op.EQ
        case Op.LT:
            return 0, min(number - 1, _INFINITE), True
        case Op.LE:
            return 0, min(number, _INFINITE), True
        case Op.GT:
            return number + 1, _INFINITE, True
        case Op.GE:
            return number, _INFINITE, True


def _within(node: Compare | In) -> Core:
    """Decide what compares with a number that no column holds, such as a sum: no store could take it."""
    if isinstance(node, In):
        return _few(attrs.evolve(node, values=tuple(value for value in node.values if not _beyond(value))))
    if not _beyond(node.value):
        return node
    holds = node.op is Op.NE or node.op in ({Op.LT, Op.LE} if node.value > 0 else {Op.GT, Op.GE})
    return Missing(node.column, negated=True, key=node.key) if holds else Constant(False)


def _beyond(value: object) -> bool:
    return type(value) is int and not INT64_MIN <= value <= INT64_MAX


def _few(node: In) -> Core:
    if not node.values:
        return Missing(node.column, negated=True, key=node.key) if node.negated else Constant(False)
    if len(node.values) == 1:
        return Compare(node.column, Op.NE if node.negated else Op.EQ, node.values[0], node.key)
    return node


def _all(items: tuple[Core, ...]) -> Core:
    flat: dict[Core, None] = {}
    for item in items:
        if item == Constant(False):
            return item
        flat.update(dict.fromkeys(item.items if isinstance(item, And) else () if item == Constant(True) else (item,)))
    return next(iter(flat)) if len(flat) == 1 else And(tuple(flat)) if flat else Constant(True)


def _some(items: tuple[Core, ...]) -> Core:
    flat: dict[Core, None] = {}
    for item in items:
        if item == Constant(True):
            return item
        flat.update(dict.fromkeys(item.items if isinstance(item, Or) else () if item == Constant(False) else (item,)))
    return next(iter(flat)) if len(flat) == 1 else Or(tuple(flat)) if flat else Constant(False)
