"""Whole numbers and exact decimals of at most 64 bits."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final

from crmkit.errors import Problem

__all__ = ["INT64_MAX", "INT64_MIN", "clamped", "clean_integer", "decimal_of", "plain_number", "scaled"]

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
_BEYOND: Final = "beyond_64_bit"
_MOST_DIGITS: Final = 40
_PLAIN: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def clean_integer(value: object, *, at_least: int = INT64_MIN, at_most: int = INT64_MAX) -> int:
    """Return `value` if it is a whole number within bounds; booleans and floats are not numbers here.

    Raises:
        Problem: it is not an integer, or outside the bounds.

    >>> clean_integer(7, at_most=10)
    7
    """
    if type(value) is not int:
        hint = "Write it without a point." if isinstance(value, float) else ""
        raise Problem("wrong_type", f"expects a whole number, not {type(value).__name__}.", hint=hint)
    if not INT64_MIN <= value <= INT64_MAX:
        raise Problem(_BEYOND, "does not fit a 64-bit integer.")
    if value < at_least:
        raise Problem("too_small", f"must be {at_least} or more.")
    if value > at_most:
        raise Problem("too_large", f"must be {at_most} or less.")
    return value


def scaled(value: object, scale: int, *, at_most: int = INT64_MAX) -> int:
    """Return a decimal number as a whole number of units of 10**-scale, exactly.

    Args:
        value: a Decimal, an int, or text that spells one; never a float.
        scale: how many digits after the point are kept.
        at_most: the greatest number of units; the least is `-at_most - 1`.

    Raises:
        Problem: it is a float, not finite, has more digits than `scale`, or is out of range.

    >>> scaled("12.5", 2)
    1250
    """
    number = _decimal(value)
    sign, digits, exponent = number.as_tuple()
    shift = int(exponent) + scale
    if shift < 0:
        digits, lost = digits[:shift], any(digits[shift:])
        if lost:
            raise Problem("too_precise", f"has more than {scale} decimal places.")
        shift = 0
    # Text of any length spells a number, and neither it nor a longer power of ten must be computed.
    size = len(digits) + shift if any(digits) else 0
    units = 0 if not size else int("".join(map(str, digits))) * 10**shift if size <= _MOST_DIGITS else at_most + 2
    units = -units if sign else units
    if not -at_most - 1 <= units <= at_most:
        fits = "64 bits" if at_most == INT64_MAX else f"{len(str(at_most))} digits"
        message = f"does not fit {fits} at {scale} decimal places."
        raise Problem(_BEYOND, message)
    return units


def clamped(value: object, scale: int) -> int:
    """Return what `scaled` does; of a number out of range, the first one that is, which compares in the same way.

    Raises:
        Problem: as for `scaled`.

    >>> clamped(10**30, 2) == INT64_MAX + 1
    True
    """
    try:
        return scaled(value, scale)
    except Problem as problem:
        if problem.code != _BEYOND:
            raise
        return INT64_MIN - 1 if _decimal(value).is_signed() else INT64_MAX + 1


def _decimal(value: object) -> Decimal:
    if isinstance(value, float):
        raise Problem(
            "float_number", "is a float, which cannot hold decimal amounts exactly.", hint=f'Write Decimal("{value}").'
        )
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise Problem("wrong_type", f"expects a decimal number, not {type(value).__name__}.")
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        raise Problem("not_a_number", "does not spell a decimal number.") from None
    if not number.is_finite():
        raise Problem("not_finite", f"is {number}, which is not an amount.")
    return number


def plain_number(data: object) -> object:
    """Return what JSON holds for a decimal number, if text of it is written in ASCII digits with a point.

    Raises:
        Problem: it is other text, such as `"1_000"` or `"1e3"`.

    >>> plain_number("-12.50")
    '-12.50'
    """
    if isinstance(data, str) and not _PLAIN.fullmatch(data):
        raise Problem("not_a_number", "does not spell a decimal number.", hint='Write "1234.56".')
    return data


def decimal_of(units: int, scale: int) -> Decimal:
    """Return the decimal number that `units` of 10**-scale make; the inverse of `scaled`.

    >>> decimal_of(1250, 2)
    Decimal('12.50')
    """
    return Decimal((int(units < 0), tuple(map(int, str(abs(units)))), -scale))
