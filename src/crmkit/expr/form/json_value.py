"""Values inside expressions as JSON; `crmkit.expr.form.document` shows the form whole."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import attrs

from crmkit.errors import Problem, near
from crmkit.expr.limits import clean_number
from crmkit.expr.node import ME, Me, Moment
from crmkit.form.document import Beyond, in_words, is_object
from crmkit.form.form import wrong_keys
from crmkit.form.hook import an_object, integer, member, text, word
from crmkit.form.problem import Problems
from crmkit.values import IN_TEXT, Money, clean_instant, clean_text

__all__ = ["MAX_TEXT", "read_number", "read_value", "write_value"]

MAX_TEXT: Final = 20_000
"""The longest text inside an expression, in code points."""

_MICROSECOND: Final = dt.timedelta(microseconds=1)
_DAY: Final = dt.timedelta(days=1)
_FURTHEST: Final = dt.timedelta(days=3_652_058)
"""From the first day of the calendar to its last."""
_MAX_DIGITS: Final = 30
_DECIMAL: Final = re.compile(rf"-?[0-9]{{1,{_MAX_DIGITS}}}(\.[0-9]{{1,{_MAX_DIGITS}}})?")
_INSTEAD_OF: Final[Mapping[type, str]] = {
    type(None): "Write .missing() instead of comparing with None.",
    float: 'Write Decimal("...") or a whole number.',
    dt.timedelta: "Write ago(...) or ahead(...).",
}
_IN_JSON_INSTEAD_OF: Final[Mapping[type, str]] = {
    type(None): 'A test for a missing value is {"node": "missing"}.',
    float: 'Write {"decimal": "1.5"}, or a whole number.',
}


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
            return clean_number(value)
        case str():
            return clean_text(value, at_most=MAX_TEXT)
        case Money():
            return {"money": str(value.amount), "currency": value.currency}
        case Moment():
            return _moment(value)
        case _:
            tag = next((tag for tag, kind in _TAGGED.items() if isinstance(value, kind.cls)), None)
            if tag is None:
                hint = _INSTEAD_OF.get(type(value), "")
                raise Problem("wrong_type", f"holds {type(value).__name__}, which is not a value here.", hint=hint)
            return {tag: _TAGGED[tag].write(value)}


def read_value(data: Any, _: object) -> Any:
    """Return the value that plain JSON data spell.

    Raises:
        Problem: they do not spell a value.
    """
    if is_object(data):
        return _tagged(data)
    match data:
        case bool():
            return data
        case str():
            return text(at_most=MAX_TEXT)(data, str)
        case None | float():
            hint = _IN_JSON_INSTEAD_OF[type(data)]
            raise Problem("wrong_type", f"is {in_words(data)}, which is not a value here.", hint=hint)
        case _:
            return read_number(data, int)


def read_number(data: Any, wanted: object) -> int:
    """Return the whole number that plain JSON data spell; it may be greater than any column holds."""
    if isinstance(data, Problem):
        raise data
    if isinstance(data, Beyond):
        return clean_number(data.least)
    return clean_number(data) if type(data) is int else integer()(data, wanted)


def _tagged(data: Mapping[Any, Any]) -> Any:
    tag = next((tag for tag in _TAGGED if tag in data), None)
    if tag is None:
        first = next((key for key in data if isinstance(key, str)), "")
        hint = near(first[:40], _TAGGED) if first else f"There is: {', '.join(sorted(_TAGGED))}."
        raise Problem("wrong_type", "is an object that does not spell a value.", hint=hint)
    kind, held = _TAGGED[tag], data[tag]
    keys = (tag, "currency") if kind.cls is Money else (tag,)
    wrong = [*wrong_keys(an_object(data), keys, keys)]
    if wrong:
        raise Problems(wrong)
    try:
        made = kind.read(held)
        return Money(made, member(data, "currency", text(at_most=10))) if kind.cls is Money else made
    except Problem as problem:
        raise problem.at(problem.field or f".{tag}") from None
    except (ValueError, OverflowError):
        hint, message = f"Write it like {kind.example}.", f"is {in_words(held)}, which is not {kind.words}."
        raise Problem("wrong_value", message, hint=hint, field=f".{tag}") from None


# -- kinds of values ---------------------------------------------------------------------------------------------------


def _short(data: Any) -> str:
    read: str = text(at_most=100)(data, str)
    return read


def _decimal(data: Any) -> Decimal:
    spelled = _short(data)
    if not _DECIMAL.fullmatch(spelled):
        raise ValueError(spelled)
    return Decimal(spelled)


def _decimal_text(number: Decimal) -> str:
    if not number.is_finite():
        raise Problem("not_finite", f"is {number}, which is not a number.")
    # The exponent is looked at first: spelling Decimal("1E+999999") out would take a million digits.
    spelled = format(number, "f") if abs(number.adjusted()) <= _MAX_DIGITS else ""
    if "." in spelled:
        spelled = spelled.rstrip("0").rstrip(".")
    if not number:
        spelled = "0"
    if not _DECIMAL.fullmatch(spelled):
        raise Problem("too_precise", f"has more than {_MAX_DIGITS} digits before or after the point.")
    return spelled


def _instant(data: Any) -> dt.datetime:
    return clean_instant(dt.datetime.fromisoformat(_short(data)), IN_TEXT)


def _instant_text(value: dt.datetime) -> str:
    return clean_instant(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _date(data: Any) -> dt.date:
    return dt.date.fromisoformat(_short(data))


def _date_text(value: dt.date) -> str:
    return dt.date(value.year, value.month, value.day).isoformat()


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


def _moment(value: Moment) -> dict[str, int]:
    if abs(value.offset) > _FURTHEST:
        raise Problem("out_of_range", "reaches further than the years 1 to 9999 span.")
    if not value.of_day:
        return {"now": value.offset // _MICROSECOND}
    if value.offset % _DAY:
        raise Problem("wrong_type", "adds part of a day to a day.", hint="Write today(days) with a whole number.")
    return {"today": value.offset // _DAY}


@attrs.frozen
class _Tagged:
    cls: type
    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = str
    words: str = ""
    example: str = ""


_TAGGED: Final[Mapping[str, _Tagged]] = {
    "decimal": _Tagged(Decimal, _decimal, _decimal_text, "a decimal", '"1.5"'),
    "money": _Tagged(Money, _decimal, str, "an amount", '"12.50"'),
    "instant": _Tagged(dt.datetime, _instant, _instant_text, "an instant", '"2026-01-31T09:00:00.000Z"'),
    "date": _Tagged(dt.date, _date, _date_text, "a date", '"2026-01-31"'),
    "uuid": _Tagged(UUID, _uuid, str, "a UUID", '"0198c0de-0000-7000-8000-000000000000"'),
    "me": _Tagged(Me, lambda data: Me(word(ME)(data, str)), lambda me: me.name),
    "now": _Tagged(Moment, lambda data: Moment(offset=_span(data, _MICROSECOND))),
    "today": _Tagged(Moment, lambda data: Moment(of_day=True, offset=_span(data, _DAY))),
}
"""What JSON has no kind for, by the key that tells it apart; to Python an instant is a date too, so it comes first."""
