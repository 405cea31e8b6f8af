"""Comparisons: what the operators of the language mean to Python, and to classes that overload its operators."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, assert_never

from crmkit.expr.core import Compare, Has, In, Missing, Prefix, Substring
from crmkit.expr.node import Op

__all__ = ["COMPARE", "Leaf", "holds"]

Leaf: TypeAlias = Compare | In | Missing | Prefix | Substring | Has
"""A node of the core that looks at one column."""

COMPARE: Final[Mapping[Op, Callable[[Any, Any], Any]]] = {
    Op.EQ: operator.eq, Op.NE: operator.ne, Op.LT: operator.lt,
    Op.LE: operator.le, Op.GT: operator.gt, Op.GE: operator.ge,
}  # fmt: skip


def holds(node: Leaf, value: Any) -> bool:
    """Return whether a leaf holds of a canonical value, which is present.

    >>> holds(Compare("points", Op.GT, 3), 5)
    True
    """
    match node:
        case Missing(negated=negated):
            return negated
        case Compare(op=op, value=wanted):
            return bool(COMPARE[op](value, wanted))
        case In(values=values, negated=negated):
            return (value in values) is not negated
        case Prefix(text=text, negated=negated):
            return value.startswith(text) is not negated
        case Substring(text=text, negated=negated):
            return (text in value) is not negated
        case Has(tag=tag, negated=negated):
            return (tag in value) is not negated
        case _:
            assert_never(node)
