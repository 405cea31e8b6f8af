"""Comparisons: what the operators of the language mean to Python, and to classes that overload its operators."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from crmkit.expr.node import Op

__all__ = ["COMPARE"]

COMPARE: Final[Mapping[Op, Callable[[Any, Any], Any]]] = {
    Op.EQ: operator.eq, Op.NE: operator.ne, Op.LT: operator.lt,
    Op.LE: operator.le, Op.GT: operator.gt, Op.GE: operator.ge,
}  # fmt: skip
