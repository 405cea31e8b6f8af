"""The few kinds of value that every store holds without loss.

Text, 64-bit integers, fixed-scale decimals, money, dates, UTC instants in milliseconds, UUIDs, booleans and tuples of
text. Everything else is refused when a record is made, not when it is written.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

from crmkit.currency import MINOR_DIGITS
from crmkit.errors import Problem, near

__all__ = [
    "INT64_MAX",
    "INT64_MIN",
    "MONEY_SCALE",
    "NOT_YET",
    "UTC",
    "Clock",
    "Money",
    "clean_instant",
    "clean_integer",
    "clean_text",
    "decimal_of",
    "fold",
    "money_of",
    "scaled",
    "system_clock",
]

UTC: Final = dt.UTC
INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
MONEY_SCALE: Final = 4
NOT_YET: Final = dt.datetime(1, 1, 1, tzinfo=UTC)
"""The time stamp of a record that was not added yet."""

Clock: TypeAlias = Callable[[], dt.datetime]
"""Tells the time: an aware datetime."""


# -- text --------------------------------------------------------------------------------------------------------------


def clean_text(value: object, *, at_most: int, at_least: int = 0) -> str:
    """Return `value` if every store can hold it as text.

    Args:
        value: what was given.
        at_most: the longest that is accepted, in code points.
        at_least: the shortest that is accepted, in code points.

    Raises:
        Problem: it is not text, is too long or too short, or holds a NUL or half a surrogate pair.

    >>> clean_text("Acme", at_most=10)
    'Acme'
    """
    if type(value) is not str:
        if not isinstance(value, str):
            raise Problem("wrong_type", f"expects text, not {type(value).__name__}.")
        value = str.__str__(value)
    if len(value) > at_most:
        raise Problem("too_long", f"has {len(value)} characters, {at_most} at most.")
    if len(value) < at_least:
        raise Problem(
            "blank" if not value else "too_short", f"needs {at_least} character{'s'[: at_least != 1]} or more."
        )
    if "\x00" in value:
        raise Problem("nul_character", f"holds a NUL character at position {value.index(chr(0))}.", hint="Remove it.")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Problem(
                "lone_surrogate",
                f"holds half a surrogate pair at position {error.start}.",
                hint="Decode the source with the right encoding.",
            ) from None
    return value


def fold(text: str) -> str:
    """Return the form of `text` in which case and compatibility variants are the same.

    It is toNFKC_Casefold (Unicode 15, section 3.13, D147), but keeps code points that are ignorable by default.

    >>> fold("Straße") == fold("STRASSE")
    True
    """
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded)


# -- numbers -----------------------------------------------------------------------------------------------------------


def clean_integer(value: object, *, at_least: int = INT64_MIN, at_most: int = INT64_MAX) -> int:
    """Return `value` if it is a whole number within bounds; booleans and floats are not numbers here.

    Raises:
        Problem: it is no integer, or outside the bounds.

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
        raise Problem("not_finite", f"is {number}, which is no amount.")
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


def decimal_of(units: int, scale: int) -> Decimal:
    """Return the decimal number that `units` of 10**-scale make; the inverse of `scaled`.

    >>> decimal_of(1250, 2)
    Decimal('12.50')
    """
    return Decimal((int(units < 0), tuple(map(int, str(abs(units)))), -scale))


# -- money -------------------------------------------------------------------------------------------------------------


class Money:
    """An amount in a currency: immutable, exact to four decimal places, never converted silently.

    Args:
        amount: a Decimal, an int, or text such as `"12000.50"`; never a float. At most 922 337 203 685 477.5807.
        currency: an ISO 4217 code such as `"EUR"`.

    Raises:
        Problem: the amount or the currency is not acceptable.

    >>> Money("12000", "EUR") + Money("0.5", "EUR")
    Money('12000.50', 'EUR')
    """

    __slots__ = ("_currency", "_units")
    __match_args__ = ("amount", "currency")

    _units: int
    _currency: str

    def __new__(cls, amount: Decimal | int | str, currency: str) -> Money:  # noqa: PYI034 - there are no subclasses
        """Check and make the value."""
        if not isinstance(currency, str) or currency not in MINOR_DIGITS:
            code = currency if isinstance(currency, str) and len(currency) <= 8 else type(currency).__name__  # noqa: PLR2004 - long text is not echoed
            raise Problem(
                "unknown_currency", f"{code!r} is no ISO 4217 currency code.", hint=near(str(code), MINOR_DIGITS)
            )
        return money_of(scaled(amount, MONEY_SCALE), currency)

    @property
    def amount(self) -> Decimal:
        """The amount, with the currency's minor digits, or more if it needs them."""
        digits = MINOR_DIGITS[self._currency]
        units = self._units
        scale = MONEY_SCALE
        while scale > digits and units % 10 == 0:
            units //= 10
            scale -= 1
        return decimal_of(units, scale)

    @property
    def currency(self) -> str:
        """The ISO 4217 code."""
        return self._currency

    @property
    def units(self) -> int:
        """The amount in units of 0.0001: what the stores hold."""
        return self._units

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Money is immutable; {name!r} cannot be set.")

    def __repr__(self) -> str:
        return f"Money({str(self.amount)!r}, {self._currency!r})"

    def __str__(self) -> str:
        return f"{self.amount:,} {self._currency}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self._units == other._units and self._currency == other._currency

    def __hash__(self) -> int:
        return hash((self._units, self._currency))

    def __reduce__(self) -> tuple[Callable[[int, str], Money], tuple[int, str]]:
        return money_of, (self._units, self._currency)

    def _same(self, other: Money) -> int:
        if not isinstance(other, Money):
            raise TypeError(f"Money and {type(other).__name__} do not mix.")
        if self._currency != other._currency:
            raise ValueError(f"{self._currency} and {other._currency} do not mix; convert one of them first.")
        return other._units

    def __add__(self, other: Money) -> Money:
        return _checked(self._units + self._same(other), self._currency)

    def __sub__(self, other: Money) -> Money:
        return _checked(self._units - self._same(other), self._currency)

    def __neg__(self) -> Money:
        return _checked(-self._units, self._currency)

    def __lt__(self, other: Money) -> bool:
        return self._units < self._same(other) if isinstance(other, Money) else NotImplemented

    def __le__(self, other: Money) -> bool:
        return self._units <= self._same(other) if isinstance(other, Money) else NotImplemented

    def __gt__(self, other: Money) -> bool:
        return self._units > self._same(other) if isinstance(other, Money) else NotImplemented

    def __ge__(self, other: Money) -> bool:
        return self._units >= self._same(other) if isinstance(other, Money) else NotImplemented


class _OpenMoney(Money):
    """Money before it is closed; of the same layout, so that one can become the other."""

    __slots__ = ()
    __setattr__ = object.__setattr__  # type: ignore[assignment]  # open to assignment is the point


_new = object.__new__


def money_of(units: int, currency: str) -> Money:
    """Return the money that a store holds as `units` of 0.0001 and a currency; nothing is checked.

    >>> money_of(125_000, "EUR")
    Money('12.50', 'EUR')
    """
    made: Any = _new(_OpenMoney)
    made._units = units  # noqa: SLF001 - the unchecked door is for stores, not part of the class's face
    made._currency = currency  # noqa: SLF001 - as above
    made.__class__ = Money
    money: Money = made
    return money


def _checked(units: int, currency: str) -> Money:
    if not INT64_MIN <= units <= INT64_MAX:
        raise OverflowError("the amount does not fit 64 bits at 4 decimal places.")
    return money_of(units, currency)


# -- time --------------------------------------------------------------------------------------------------------------


def clean_instant(value: object) -> dt.datetime:
    """Return an aware datetime as a UTC instant, cut to whole milliseconds.

    Raises:
        Problem: it is no datetime, or has no time zone.

    >>> clean_instant(dt.datetime(2026, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))).isoformat()
    '2026-01-01T00:00:00+00:00'
    """
    if not isinstance(value, dt.datetime):
        raise Problem("wrong_type", f"expects a date and time, not {type(value).__name__}.")
    if value.tzinfo is not UTC:
        if value.utcoffset() is None:
            raise Problem(
                "naive_datetime",
                "has no time zone, so it names no instant.",
                hint="Add one, as in datetime(..., tzinfo=UTC).",
            )
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            raise Problem("out_of_range", "lies outside the years 1 to 9999 in UTC.") from None
    surplus = value.microsecond % 1000
    if surplus or value.fold or type(value) is not dt.datetime:
        value = dt.datetime(
            value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond - surplus, UTC
        )
    return value


def system_clock() -> dt.datetime:
    """Return the machine's time as a UTC instant."""
    now = dt.datetime.now(UTC)
    return now - dt.timedelta(microseconds=now.microsecond % 1000)
