"""Values inside expressions as JSON; `crmkit.expr.form.document` shows the form whole."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from crmkit.errors import Problem, near
from crmkit.expr.build import ME
from crmkit.expr.node import Me, Moment
from crmkit.form.document import in_words
from crmkit.form.form import wrong_keys
from crmkit.form.hook import an_object, integer, member, text, word
from crmkit.form.problem import Problems
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


def write_value(value: object) -> Any:
    """Return a value as plain JSON data; the problem, where the language has no such value."""
    try:
        return _plain(value)
    except Problem as problem:
        return problem


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
            raise Problem("wrong_type", f"holds {type(value).__name__}, which is not a value here.", hint=hint)


def _decimal_text(number: Decimal) -> str:
    if not number.is_finite():
        raise Problem("not_finite", f"is {number}, which is not a number.")
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


def read_value(data: Any, _: object) -> Any:
    """Return the value that plain JSON data spell.

    Raises:
        Problem: they do not spell a value.
    """
    match data:
        case Problem():
            raise data
        case bool():
            return data
        case str():
            return text(at_most=MAX_TEXT)(data, str)
        case Mapping():
            return _tagged(data)
        case None | float():
            raise Problem("wrong_type", f"is {in_words(data)}, which is not a value here.", hint=_WAYS_OUT[type(data)])
        case _:
            return integer()(data, int)


def _tagged(data: Mapping[Any, Any]) -> Any:
    tag = next((tag for tag in _READ if tag in data), None)
    if tag is None:
        first = next((key for key in data if isinstance(key, str)), "")
        hint = near(first[:40], _READ) if first else f"There is: {', '.join(sorted(_READ))}."
        raise Problem("wrong_type", "is an object that does not spell a value.", hint=hint)
    keys = ("money", "currency") if tag == "money" else (tag,)
    wrong = [*wrong_keys(an_object(data), keys, keys)]
    if wrong:
        raise Problems(wrong)
    held = data[tag]
    try:
        return _READ[tag](held, data)
    except Problem as problem:
        raise problem.at(problem.field or f".{tag}") from None
    except (ValueError, OverflowError):
        raise Problem(
            "wrong_value", f"is {in_words(held)}, which is not {_A.get(tag, f'a {tag}')}.",
            hint=f"Write it like {_EXAMPLES[tag]}.", field=f".{tag}",
        ) from None  # fmt: skip


def _short(data: Any) -> str:
    read: str = text(at_most=100)(data, str)
    return read


def _decimal(data: Any) -> Decimal:
    spelled = _short(data)
    if not _DECIMAL.fullmatch(spelled):
        raise ValueError(spelled)
    return Decimal(spelled)


def _money(data: Any, whole: Mapping[str, Any]) -> Money:
    currency = member(whole, "currency", text(at_most=10))
    return Money(_decimal(data), currency)


def _uuid(data: Any) -> UUID:
    spelled = _short(data)
    made = UUID(spelled)
    if str(made) != spelled.lower():
        raise ValueError(spelled)
    return made


def _span(data: Any, unit: dt.timedelta) -> dt.timedelta:
    most = _FURTHEST // unit
    number: int = integer(at_least=-most, at_most=most)(data, int)
    return number * unit


_READ: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], object]]] = {
    "decimal": lambda data, _: _decimal(data),
    "money": _money,
    "date": lambda data, _: dt.date.fromisoformat(_short(data)),
    "instant": lambda data, _: clean_instant(dt.datetime.fromisoformat(_short(data))),
    "uuid": lambda data, _: _uuid(data),
    "me": lambda data, _: Me(word(ME)(data, str)),
    "now": lambda data, _: Moment(offset=_span(data, _MICROSECOND)),
    "today": lambda data, _: Moment(of_day=True, offset=_span(data, _DAY)),
}
_EXAMPLES: Final = {
    "decimal": '"1.5"',
    "money": '"12.50"',
    "date": '"2026-01-31"',
    "instant": '"2026-01-31T09:00:00.000Z"',
    "uuid": '"0198c0de-0000-7000-8000-000000000000"',
}
_A: Final = {"instant": "an instant", "money": "an amount", "uuid": "a UUID"}
_WAYS_OUT: Final[Mapping[type, str]] = {
    type(None): 'A test for a missing value is {"node": "missing"}.',
    float: 'Write {"decimal": "1.5"}, or a whole number.',
}
