"""The stored form of the values inside expressions; `crmkit.expr.wire` shows it whole."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from crmkit.errors import BadExpression, Problem, near
from crmkit.expr.build import ME
from crmkit.expr.document import Cursor, is_list
from crmkit.expr.nodes import Me, Moment
from crmkit.values import Money, clean_instant, clean_integer, clean_text

__all__ = ["MAX_TEXT", "read_value", "write_value"]

MAX_TEXT: Final = 20_000
"""The longest text inside an expression, in code points."""

_MICROSECOND: Final = dt.timedelta(microseconds=1)
_DAY: Final = dt.timedelta(days=1)
_FURTHEST: Final = dt.timedelta(days=3_652_058)
"""From the first day of the calendar to its last."""
_MAX_DIGITS: Final = 30
_DECIMAL: Final = re.compile(rf"-?[0-9]{{1,{_MAX_DIGITS}}}(\.[0-9]{{1,{_MAX_DIGITS}}})?")
_HINTS: Final[Mapping[type, str]] = {
    type(None): "Write .missing() instead of comparing with None.",
    float: 'Write Decimal("...") or a whole number.',
    dt.timedelta: "Write ago(...) or ahead(...).",
}


# -- writing -----------------------------------------------------------------------------------------------------------


def write_value(value: object, path: str, *, items: int = 0) -> Any:
    """Return a value as plain JSON data.

    Args:
        value: text, a number, a date, a `Moment` or another value of the language.
        path: where it stands, for messages.
        items: how long a list may be; 0 where none may stand.

    Raises:
        BadExpression: the language has no such value.
    """
    if items and is_list(value):
        if len(value) > items:
            raise BadExpression(f"{path} has {len(value)} entries, {items} at most.")
        return [write_value(one, f"{path}[{index}]") for index, one in enumerate(value)]
    try:
        return _plain(value)
    except Problem as problem:
        raise BadExpression(f"{path} {problem.message}", hint=problem.hint) from None


def _plain(value: object) -> Any:
    match value:
        case bool():
            return value
        case int():
            return clean_integer(value)
        case str():
            return clean_text(value, at_most=MAX_TEXT)
        case Decimal():
            return {"decimal": _decimal_text(value)}
        case Money():
            return {"money": str(value.amount), "currency": value.currency}
        case dt.datetime():
            return {"instant": clean_instant(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")}
        case dt.date():
            return {"date": dt.date(value.year, value.month, value.day).isoformat()}
        case UUID():
            return {"uuid": str(value)}
        case Me() if value.name in ME:
            return {"me": value.name}
        case Moment():
            return _moment(value)
        case _:
            hint = _HINTS.get(type(value), "")
            raise Problem("wrong_type", f"holds {type(value).__name__}, which is no value here.", hint=hint)


def _decimal_text(number: Decimal) -> str:
    if not number.is_finite():
        raise Problem("not_finite", f"is {number}, which is no number.")
    # The exponent is looked at first: spelling Decimal("1E+999999") out would take a million digits.
    text = format(number, "f") if abs(number.adjusted()) <= _MAX_DIGITS else ""
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if not number:
        text = "0"
    if not _DECIMAL.fullmatch(text):
        raise Problem("too_precise", f"has more than {_MAX_DIGITS} digits before or after the point.")
    return text


def _moment(value: Moment) -> dict[str, int]:
    if abs(value.offset) > _FURTHEST:
        raise Problem("out_of_range", "reaches further than the years 1 to 9999 span.")
    if not value.of_day:
        return {"now": value.offset // _MICROSECOND}
    if value.offset % _DAY:
        raise Problem("wrong_type", "adds part of a day to a day.", hint="Write today(days) with a whole number.")
    return {"today": value.offset // _DAY}


# -- reading -----------------------------------------------------------------------------------------------------------


def read_value(cursor: Cursor, *, items: int = 0) -> Any:
    """Return the value that stands at a place of a document.

    Args:
        cursor: the place.
        items: how long a list may be; 0 where none may stand.

    Raises:
        CrmError: of the cursor's class: it is no value.
    """
    data = cursor.data
    match data:
        case bool():
            return data
        case str():
            return cursor.text(at_most=MAX_TEXT)
        case list() | tuple() if items:
            return tuple(read_value(one) for one in cursor.elements(at_most=items))
        case Mapping():
            return _tagged(cursor)
        case None | float():
            raise cursor.refuse(f"is {cursor.kind}, which is no value here.", hint=_WAYS_OUT[type(data)])
        case _:
            return cursor.integer()


def _tagged(cursor: Cursor) -> Any:
    data: Any = cursor.data
    tag = next((tag for tag in _READ if tag in data), None)
    if tag is None:
        first = next((key for key in data if isinstance(key, str)), "")
        hint = near(first[:40], _READ) if first else f"There is: {', '.join(sorted(_READ))}."
        raise cursor.refuse("is an object that is no value.", hint=hint)
    members = cursor.members((tag, "currency") if tag == "money" else (tag,))
    at = members[tag]
    try:
        return _READ[tag](at, members)
    except Problem as problem:
        raise at.refuse(problem.message, hint=problem.hint) from None
    except (ValueError, OverflowError):
        raise at.refuse(f"is {at.kind}, which is no {tag}.", hint=f"Write it like {_EXAMPLES[tag]}.") from None


def _decimal(at: Cursor) -> Decimal:
    text = at.text(at_most=100)
    if not _DECIMAL.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)


def _uuid(at: Cursor) -> UUID:
    text = at.text(at_most=100)
    made = UUID(text)
    if str(made) != text.lower():
        raise ValueError(text)
    return made


def _span(at: Cursor, unit: dt.timedelta) -> dt.timedelta:
    most = _FURTHEST // unit
    return at.integer(at_least=-most, at_most=most) * unit


_READ: Final[Mapping[str, Callable[[Cursor, Mapping[str, Cursor]], object]]] = {
    "decimal": lambda at, _: _decimal(at),
    "money": lambda at, members: Money(_decimal(at), members["currency"].text(at_most=10)),
    "date": lambda at, _: dt.date.fromisoformat(at.text(at_most=100)),
    "instant": lambda at, _: clean_instant(dt.datetime.fromisoformat(at.text(at_most=100))),
    "uuid": lambda at, _: _uuid(at),
    "me": lambda at, _: Me(at.word(ME)),
    "now": lambda at, _: Moment(offset=_span(at, _MICROSECOND)),
    "today": lambda at, _: Moment(of_day=True, offset=_span(at, _DAY)),
}
_EXAMPLES: Final = {
    "decimal": '"1.5"',
    "money": '"12.50"',
    "date": '"2026-01-31"',
    "instant": '"2026-01-31T09:00:00.000Z"',
    "uuid": '"0198c0de-0000-7000-8000-000000000000"',
}
_WAYS_OUT: Final[Mapping[type, str]] = {
    type(None): 'A test for a missing value is {"node": "missing"}.',
    float: 'Write {"decimal": "1.5"}, or a whole number.',
}
