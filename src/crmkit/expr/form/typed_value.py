"""The values inside typed expressions: literals and calls from a fixed list."""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from crmkit.errors import BadExpression, near
from crmkit.expr.build import ago, ahead, days, hours, now, today
from crmkit.expr.limits import clean_number
from crmkit.expr.node import Me
from crmkit.values import UTC, Money, clean_instant

__all__ = ["VALUE_NAMES", "read_value"]

_CALLS: Final[Mapping[str, Callable[..., Any]]] = {
    "Decimal": Decimal,
    "Money": Money,
    "UUID": UUID,
    "ago": ago,
    "ahead": ahead,
    "date": dt.date,
    "datetime": dt.datetime,
    "days": days,
    "hours": hours,
    "now": now,
    "timedelta": dt.timedelta,
    "today": today,
}
VALUE_NAMES: Final = ("me", *_CALLS)
"""The names with which a value may begin."""

_KEYWORDS: Final = {"datetime": ("tzinfo",), "timedelta": ("days", "seconds", "microseconds")}
_SPANS: Final = ("ago", "ahead")
_ROUGH: Final = ("days", "hours", "timedelta")


def read_value(node: ast.expr) -> Any:
    """Return the value that a piece of syntax spells.

    Raises:
        BadExpression: it is not a literal, a fact about the actor, or a call from the list.
        Problem: it is one, but not a value that every store can hold.
    """
    match node:
        case ast.Constant(value=float()):
            raise BadExpression("a number with a point is not an exact value.", hint='Write Decimal("1.5").')
        case ast.Constant(value=bool() | str() | None as value):
            return value
        case ast.Constant(value=int(value)):
            return clean_number(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))) if not isinstance(value, bool):
            return clean_number(-value)
        case ast.Attribute(value=ast.Name(id="me"), attr=fact):
            return Me(fact)
        case ast.Call(func=ast.Name(id=name)):
            return _checked(_called(node, name))
        case ast.Name(id=name):
            raise BadExpression(f"{name[:40]!r} is not a value.", hint='Put text in quotes, as in "won".')
        case _:
            raise BadExpression(
                "this is not a value.", hint="Write text in quotes, a number, or a call such as Money(...)."
            )


def _called(node: ast.Call, name: str) -> Any:
    if name not in _CALLS:
        raise BadExpression(f"{name[:40]}(...) is not known here.", hint=near(name[:40], _CALLS))
    keywords: dict[str, Any] = {}
    for keyword in node.keywords:
        if keyword.arg is None or keyword.arg not in _KEYWORDS.get(name, ()):
            raise BadExpression(f"{name}(...) takes no {keyword.arg or '**'} here.")
        keywords[keyword.arg] = _argument(keyword.value)
    arguments = [_argument(argument) for argument in node.args]
    if name in _SPANS and not (len(arguments) == 1 and isinstance(arguments[0], dt.timedelta)):
        raise BadExpression(f"{name}(...) takes one span.", hint=f"Write {name}(days(90)).")
    if name not in _ROUGH and any(isinstance(argument, float) for argument in arguments):
        raise BadExpression(f"{name}(...) takes no number with a point.", hint='Write it as text: "1.5".')
    try:
        return _CALLS[name](*arguments, **keywords)
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        raise BadExpression(f"{name}(...) cannot be made of these.") from None


def _argument(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=float(value)):
            return value
        case ast.Name(id="UTC"):
            return UTC
        case ast.Call(func=ast.Name(id="days" | "hours" | "timedelta" as name)):
            return _called(node, name)
        case ast.Constant() | ast.UnaryOp():
            return read_value(node)
        case _:
            raise BadExpression("an argument must be a literal.")


def _checked(value: object) -> object:
    if isinstance(value, dt.datetime):
        clean_instant(value)
    if isinstance(value, dt.timedelta):
        raise BadExpression("a span is not a value.", hint="Write ago(days(90)) or ahead(days(90)).")
    if isinstance(value, Decimal) and not value.is_finite():
        raise BadExpression(f"{value} is not a number.")
    return value
