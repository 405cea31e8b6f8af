"""Money: an exact amount in a currency."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, cast

from crmkit.errors import Problem, near
from crmkit.values.currency import MINOR_DIGITS
from crmkit.values.number import decimal_of, plain_number, scaled

__all__ = ["MONEY_SCALE", "Money", "money_of"]

MONEY_SCALE: Final = 4
"""The decimal places of an amount."""
_MOST_UNITS: Final = 10**34 - 1
"""As many digits as MongoDB sums exactly, and far more than a field takes."""


class Money:
    """An amount in a currency: immutable, exact to four decimal places, never converted silently.

    Args:
        amount: a Decimal, an int, or text such as `"12000.50"`; never a float. It has at most 30 digits before the
            point, as a sum may; a field takes at most 922 337 203 685 477.5807.
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
                "unknown_currency", f"{code!r} is not an ISO 4217 currency code.", hint=near(str(code), MINOR_DIGITS)
            )
        return money_of(scaled(amount, MONEY_SCALE, at_most=_MOST_UNITS), currency)

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

    # -- as JSON -------------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, str]:
        """Return the amount, as text, and the currency.

        >>> Money("12.5", "EUR").to_dict()
        {'amount': '12.50', 'currency': 'EUR'}
        """
        return {"amount": format(self.amount, "f"), "currency": self._currency}

    @classmethod
    def from_dict(cls, data: object) -> Money:
        """Return the money that an amount and a currency stand for; the inverse of `to_dict`.

        Raises:
            Problem: they stand for none.
        """
        given = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
        if given.keys() != {"amount", "currency"}:
            hint = 'Write {"amount": "12.50", "currency": "EUR"}.'
            raise Problem("wrong_type", "expects an amount and a currency.", hint=hint)
        return cls(cast("Any", plain_number(given["amount"])), given["currency"])

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """Return the JSON schema of what `to_dict` returns."""
        return {
            "title": "Money",
            "type": "object",
            "properties": {
                "amount": {"type": "string", "format": "decimal", "pattern": r"^-?\d+(\.\d{1,4})?$"},
                "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            },
            "required": ["amount", "currency"],
            "additionalProperties": False,
        }

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Tell pydantic how to read, check and write money: plain data, so that nothing of pydantic is loaded here."""

        def read(value: object) -> Money:
            try:
                return value if isinstance(value, Money) else cls.from_dict(value)
            except Problem as problem:
                raise ValueError(f"{problem.message} {problem.hint}".rstrip()) from None

        return {
            "type": "function-plain",
            "function": {"type": "no-info", "function": read},
            "serialization": {"type": "function-plain", "function": _written, "info_arg": True},
            "ref": f"{cls.__module__}.{cls.__qualname__}:{id(cls)}",
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Tell pydantic, and so OpenAPI, what money looks like as JSON."""
        return cls.json_schema()

    # -- computing -----------------------------------------------------------------------------------------------------

    def _same(self, other: Money) -> int:
        if not isinstance(other, Money):
            raise TypeError(f"Money and {type(other).__name__} do not mix.")
        if self._currency != other._currency:
            raise ValueError(f"{self._currency} and {other._currency} do not mix; convert one of them first.")
        return other._units

    def __add__(self, other: Money) -> Money:
        return money_of(self._units + self._same(other), self._currency)

    def __radd__(self, other: int) -> Money:
        # What sum() begins with.
        return self if type(other) is int and not other else NotImplemented

    def __sub__(self, other: Money) -> Money:
        return money_of(self._units - self._same(other), self._currency)

    def __neg__(self) -> Money:
        return money_of(-self._units, self._currency)

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


def _written(money: Money, info: Any) -> Any:
    """Return money as JSON has it, or as it is where pydantic is asked for Python."""
    return money.to_dict() if info.mode == "json" else money


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
