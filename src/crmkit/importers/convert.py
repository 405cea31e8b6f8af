"""From the text of a cell to the value of a field: numbers, dates, choices, money."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from crmkit.errors import Problem, near
from crmkit.importers.rule import key_of
from crmkit.model.field import FieldKind
from crmkit.values import UTC, Money, clean_instant
from crmkit.values.currency import MINOR_DIGITS

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from crmkit.importers.rule import FieldRule
    from crmkit.model.field import Field

__all__ = ["Convert", "converter", "instant_reader", "money_reader", "translator"]

Convert: TypeAlias = Callable[[str], Any]
"""Turns text, blanks around it taken off and never blank, into a value; raises `Problem`."""

_YES: Final = frozenset({"true", "yes", "y", "1", "on"})
_NO: Final = frozenset({"false", "no", "n", "0", "off"})
_GROUPS: Final = frozenset({" ", "'"})
"""Marks that separate thousands even if they are the only one of a number format, as in 1 234."""
_CODE: Final = 3
_LONGEST_WORD: Final = 60
_PLAIN: Final = re.compile(r"[+-]?\d+(\.\d+)?")
_SPACES: Final = re.compile(r"[\s\u202f\u2009]+")
_CLOCK: Final = re.compile(r"%[HIcXsf]")
"""What a date format holds that reads a time of day."""
_AMOUNT: Final = re.compile(r"[-+(]*\s*[\d][\d.,'\u2019\s\u00a0\u202f\u2009]*\)?-?")


def converter(rule: FieldRule, field: Field, zone: ZoneInfo | None) -> Convert:
    """Return what reads the text of one field, spellings translated."""
    read = _reader(rule, field, zone)
    if rule.spellings is None:
        return read
    translate = translator(rule.spellings, "unknown_choice")
    return lambda text: read(translate(text))


def _reader(rule: FieldRule, field: Field, zone: ZoneInfo | None) -> Convert:
    clean = field.clean
    match field.kind:
        case FieldKind.CHOICE:
            choices = {key_of(word): word for word in field.choices}
            return translator(choices, "unknown_choice")
        case FieldKind.FLAG:
            return _flag
        case FieldKind.INTEGER:
            return lambda text: clean(_whole(_number(text, rule.numbers.get("", ""))))
        case FieldKind.DECIMAL:
            return lambda text: clean(_number(text, rule.numbers.get("", "")))
        case FieldKind.DAY:
            return _dated(rule.formats, None)
        case FieldKind.INSTANT:
            return instant_reader(rule.formats, zone)
        case FieldKind.TAGS:
            return lambda text: clean(
                tuple(tag.strip() for tag in text.split(rule.split) if tag.strip()) if rule.split else (text,)
            )
        case FieldKind.TEXT:
            return _text_reader(field)
        case _:
            return clean


def _text_reader(field: Field) -> Convert:
    """Return what reads text, at a glance where nothing can be wrong: most cells of most files are such text."""
    clean, least, most = field.clean, field.min or 0, field.max or 0

    def read(text: str) -> Any:
        return text if text.isascii() and least <= len(text) <= most and "\x00" not in text else clean(text)

    return read


def translator(spellings: Mapping[str, str], code: str) -> Callable[[str], str]:
    """Return what finds our text for a spelling, or raises a problem with this code."""

    def translate(text: str) -> str:
        ours = spellings.get(key_of(text))
        if ours is None:
            words = dict.fromkeys(spellings.values())
            hint = near(text, words) if len(text) <= _LONGEST_WORD else ""
            raise Problem(code, "is not a known value.", hint=hint)
        return ours

    return translate


# -- numbers -----------------------------------------------------------------------------------------------------------


def _number(text: str, pattern: str) -> Decimal:
    text = text.removesuffix("%").strip()
    sign = ""
    if text.startswith("(") and text.endswith(")"):
        text, sign = text[1:-1].strip(), "-"
    elif text.endswith("-"):
        text, sign = text[:-1].strip(), "-"
    elif text[:1] in {"-", "+"}:
        text, sign = text[1:].strip(), text[0]
    marks = [mark for mark in pattern if not mark.isdigit()] if pattern else ["."]
    point = marks[-1] if marks and (len(marks) > 1 or marks[-1] not in _GROUPS) else ""
    mark = marks[0] if marks and marks[0] != point else ""
    if mark:
        text = _ungroup(text, mark, point)
    if point and point != ".":
        text = "x" if "." in text else text.replace(point, ".")
    if not _PLAIN.fullmatch(sign + text) or not text.isascii():
        shown = f'"{pattern}"' if pattern else '"1234.56"'
        raise Problem("invalid_number", f"is no number written like {shown}.")
    return Decimal(sign + text)


def _ungroup(text: str, mark: str, point: str) -> str:
    whole, found, rest = text.partition(point) if point else (text, "", "")
    if mark == " ":
        whole = _SPACES.sub(" ", whole)
    elif mark == "'":
        whole = whole.replace("\u2019", "'")
    parts = whole.split(mark)
    if len(parts) > 1 and (not 1 <= len(parts[0]) <= 3 or any(len(part) != 3 for part in parts[1:])):  # noqa: PLR2004 - thousands
        return "x"
    return "".join(parts) + found + rest


def _whole(number: Decimal) -> int:
    if number != number.to_integral_value():
        raise Problem("invalid_number", "is no whole number.")
    return int(number)


def _flag(text: str) -> bool:
    word = key_of(text)
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Problem("unknown_choice", "says neither yes nor no.", hint="Give it a map with true and false.")


def money_reader(rule: FieldRule, field: Field) -> Callable[[str, str], Money]:
    """Return what reads an amount and the text of its currency, which may be blank if the amount has a sign."""
    spellings = {key_of(code): code for code in MINOR_DIGITS}
    currency = rule.currency
    for given in (rule.spellings, currency.spellings if currency else None):
        spellings |= given or {}

    def read(text: str, currency: str) -> Money:
        digits = _AMOUNT.search(text)
        if digits is None:
            raise Problem("invalid_amount", "is no amount.")
        sign = (text[: digits.start()] + text[digits.end() :]).strip()
        if sign and key_of(sign) not in spellings:
            raise Problem("invalid_amount", "is no amount with a known currency sign.")
        code = _code(currency or sign, spellings)
        if sign and _code(sign, spellings) != code:
            raise Problem("invalid_amount", f"has another currency than {code}.")
        pattern = rule.numbers.get(code, rule.numbers.get("", ""))
        try:
            money = Money(_number(digits.group().strip(), pattern), code)
            field.clean(money)
        except Problem as problem:
            raise Problem("invalid_amount", problem.message, hint=problem.hint) from None
        return money

    return read


def _code(text: str, spellings: Mapping[str, str]) -> str:
    if not text:
        raise Problem("unknown_currency", "is missing, and the amount has no sign.")
    code = spellings.get(key_of(text))
    if code not in MINOR_DIGITS:
        hint = near(text.upper(), MINOR_DIGITS) if len(text) == _CODE else ""
        raise Problem("unknown_currency", "is no known currency.", hint=hint)
    return code


# -- time --------------------------------------------------------------------------------------------------------------


def instant_reader(formats: tuple[str, ...], zone: ZoneInfo | None) -> Convert:
    """Return what reads an instant; a time without an offset is one of the zone's."""
    read = _dated(formats, zone)

    def instant(text: str) -> dt.datetime:
        found: dt.datetime = read(text)
        return found

    return instant


def _dated(formats: tuple[str, ...], zone: ZoneInfo | None) -> Convert:
    @lru_cache(maxsize=20_000)
    def read(text: str) -> dt.date | dt.datetime:
        moment, timed = _parsed(text, formats)
        if zone is None:
            return moment.date()
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
            # A bare day begins when its zone says, also where the clocks skip midnight or strike it twice.
            if timed and moment.utcoffset() != moment.replace(fold=1).utcoffset():
                raise _unclear(moment, zone)
        return clean_instant(moment)

    return read


def _unclear(moment: dt.datetime, zone: ZoneInfo) -> Problem:
    """Return the problem of a local time that the clocks skip or show twice."""
    try:
        shown = moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment.replace(tzinfo=None)
    except OverflowError:
        return Problem("out_of_range", "lies outside the years 1 to 9999 in UTC.")
    hint = "Add the offset to the time in the file, and to the format if there is one (%z)."
    if shown:
        return Problem("ambiguous_time", f"comes twice in {zone.key}, as the clocks go back.", hint=hint)
    return Problem("no_such_time", f"never comes in {zone.key}, as the clocks go forward.", hint=hint)


def _parsed(text: str, formats: tuple[str, ...]) -> tuple[dt.datetime, bool]:
    """Return what a text says, and whether it names a time of day."""
    if not formats:
        try:
            return dt.datetime.fromisoformat(text), ":" in text or "T" in text or " " in text
        except ValueError:
            raise Problem("invalid_date", "is no ISO 8601 date, and the mapping gives no format.") from None
    for each in formats:
        try:
            moment = dt.datetime.strptime(text, each)  # noqa: DTZ007 - the caller gives it the mapping's zone
        except ValueError:
            continue
        return moment, _CLOCK.search(each) is not None
    raise Problem("invalid_date", f"is no date that exists, written like {' or '.join(formats)}.")
