"""Whole numbers and exact decimals of at most 64 bits."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final

from crmkit.errors import Problem

__all__ = ["INT64_MAX", "INT64_MIN", "clean_integer", "decimal_of", "plain_number", "scaled"]

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
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
        raise Problem("beyond_64_bit", "does not fit a 64-bit integer.")
    if value < at_least:
        raise Problem("too_small", f"must be {at_least} or more.")
    if value > at_most:
        raise Problem("too_large", f"must be {at_most} or less.")
    return value


def scaled(value: object, scale: int) -> int:
    """Return a decimal number as a whole number of units of 10**-scale, exactly.

    Args:
        value: a Decimal, an int, or text that spells one; never a float.
        scale: how many digits after the point are kept.

    Raises:
        Problem: it is a float, not finite, has more digits than `scale`, or needs more than 64 bits.

    >>> scaled("12.5", 2)
    1250
    """
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
    sign, digits, exponent = number.as_tuple()
    shift = int(exponent) + scale
    if len(digits) + shift > 20:  # noqa: PLR2004 - 2**63 has 19 digits; a longer power of ten must not be computed
        if any(digits):
            raise Problem("beyond_64_bit", f"does not fit 64 bits at {scale} decimal places.")
        return 0
    units: int = int("".join(map(str, digits)) or "0")
    if shift < 0:
        units, lost = divmod(units, 10 ** min(-shift, 40))
        if lost:
            raise Problem("too_precise", f"has more than {scale} decimal places.")
    else:
        units *= int(10**shift)
    units = -units if sign else units
    if not INT64_MIN <= units <= INT64_MAX:
        raise Problem("beyond_64_bit", f"does not fit 64 bits at {scale} decimal places.")
    return units


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
