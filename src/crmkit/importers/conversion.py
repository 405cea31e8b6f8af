"""From the text of a cell to the value of a field, the way a mapping says it is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from crmkit.errors import Problem, near
from crmkit.model.field import InstantField, Spelling
from crmkit.model.field.spelling import number, translator
from crmkit.values import Money, key_of
from crmkit.values.currency import MINOR_DIGITS

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from crmkit.importers.rule import FieldRule
    from crmkit.model.field import Field

__all__ = ["Convert", "converter", "instant_reader", "money_reader"]

Convert: TypeAlias = Callable[[str], Any]
"""Turns text, blanks around it taken off and never blank, into a value; raises `Problem`."""

_CODE: Final = 3
_DIGITS: Final = re.compile(r"\d[\d.,'\u2019\s\u00a0\u202f\u2009]*\)?-?")
_MARKS: Final = "-+("
"""What may stand before the digits, a blank between."""


def converter(rule: FieldRule, field: Field, zone: ZoneInfo | None) -> Convert:
    """Return what reads the text of one field, spellings translated."""
    read = field.reading(Spelling(rule.numbers.get("", ""), rule.formats, zone, rule.split))
    if rule.spellings is None:
        return read
    own = {key_of(word): word for word in field.words}
    translate = translator(own | rule.spellings, "unknown_choice")
    return lambda text: read(translate(text))


def instant_reader(formats: tuple[str, ...], zone: ZoneInfo | None) -> Convert:
    """Return what reads an instant; a time without an offset is one of the zone's."""
    return InstantField().reader(Spelling(dates=formats, zone=zone))


def money_reader(rule: FieldRule, field: Field) -> Callable[[str, str], Money]:
    """Return what reads an amount and the text of its currency, which may be blank if the amount has a sign."""
    spellings = {key_of(code): code for code in MINOR_DIGITS}
    currency = rule.currency
    for given in (rule.spellings, currency.spellings if currency else None):
        spellings |= given or {}

    def read(text: str, currency: str) -> Money:
        digits = _DIGITS.search(text)
        if digits is None:
            raise Problem("invalid_amount", "is not an amount.")
        before = text[: digits.start()].rstrip().rstrip(_MARKS)
        amount = text[len(before) : digits.end()].strip()
        sign = (before + text[digits.end() :]).strip()
        if sign and key_of(sign) not in spellings:
            raise Problem("invalid_amount", "is not an amount with a known currency sign.")
        code = _code(currency or sign, spellings)
        if sign and _code(sign, spellings) != code:
            raise Problem("invalid_amount", f"has another currency than {code}.")
        pattern = rule.numbers.get(code, rule.numbers.get("", ""))
        try:
            money = Money(number(amount, pattern), code)
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
        raise Problem("unknown_currency", "is not a known currency.", hint=hint)
    return code
