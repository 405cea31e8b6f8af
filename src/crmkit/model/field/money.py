"""Amounts in a currency."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from random import Random
from typing import Any, ClassVar, Final

import attrs

from crmkit.errors import Problem
from crmkit.model.field.bounded import span
from crmkit.model.field.column import Column
from crmkit.model.field.declaration import REQUIRED, Missing, declare
from crmkit.model.field.field import Field
from crmkit.model.field.spelling import Spelling, number
from crmkit.model.field.text import TextField
from crmkit.model.kind import Kind
from crmkit.values import INT64_MAX, INT64_MIN, MONEY_SCALE, Money, money_of
from crmkit.values.currency import MINOR_DIGITS

__all__ = ["MoneyField", "money"]

_GLUED: Final = re.compile(r"([+-]?\d[\d.,']{0,30})([A-Za-z]{3})")


class _CurrencyField(TextField):
    """The currency of an amount."""

    def literal(self, value: Any) -> tuple[str]:
        """Return a known code."""
        return (Money(0, value).currency,)


@attrs.frozen(kw_only=True)
class MoneyField(Field):
    """An amount in a currency: two columns, which compare as one.

    Attributes:
        min: the least amount accepted, in any currency.
    """

    holds = Money
    kind = Kind.DECIMAL
    word = "money"
    numeric = True
    parts = ("currency",)
    names: ClassVar[Mapping[str, Any]] = {"Money": Money, "money_of": money_of}

    min: int | None = None

    def accept(self, value: Any) -> Money:
        """Return an amount that is not too small."""
        if isinstance(value, Money):
            if self.min is not None and value.units < self.min * 10**MONEY_SCALE:
                raise Problem("too_small", f"must be {self.min} or more.")
            if not INT64_MIN <= value.units <= INT64_MAX:
                raise Problem("beyond_64_bit", f"does not fit 64 bits at {MONEY_SCALE} decimal places.")
            return value
        hint = f'Write Money("{value}", "EUR"), with the currency meant.'
        if isinstance(value, float):
            raise Problem("float_number", "is a float, which cannot hold money exactly.", hint=hint)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            raise Problem("currency_missing", "is an amount without a currency.", hint=hint)
        raise Problem("wrong_type", f"expects Money, not {type(value).__name__}.")

    def sure_source(self, value: str) -> str:
        """Hold of amounts that are not too small, and that a column holds."""
        least = INT64_MIN if self.min is None else self.min * 10**MONEY_SCALE
        return f"type({value}) is Money and {least} <= {value}.units <= {INT64_MAX}"

    def example(self, rng: Random) -> Money:
        """Return a small amount, or a bound."""
        least = INT64_MIN if self.min is None else self.min * 10**MONEY_SCALE
        near = [units for units in (0, 1, 5_000, -10_000) if units >= least]
        return money_of(rng.choice([*near, least, INT64_MAX]), rng.choice(("EUR", "USD", "JPY")))

    def smallest(self, serial: int) -> Money:
        """Return nothing, or the amount nearest to it, in euros."""
        return Money(max(0, self.min or 0), "EUR")

    @property
    def _currency_column(self) -> str:
        return f"{self.name}_currency"

    @property
    def columns(self) -> tuple[Column, ...]:
        """The amount in units, and the currency."""
        return (
            Column(self.name, self.kind, self.nullable, scale=MONEY_SCALE),
            Column(self._currency_column, Kind.TEXT, self.nullable, max=3),
        )

    def split(self, value: Money) -> tuple[int, str]:
        """Return the units and the currency."""
        return value.units, value.currency

    def join(self, *values: Any) -> Money:
        """Return the money of so many units in a currency."""
        return money_of(*values)

    @property
    def split_source(self) -> tuple[str, ...]:
        """`split`, as expressions."""
        return "{v}.units", "{v}.currency"

    def join_source(self, *values: str) -> str:
        """Return `join`, as an expression."""
        return f"money_of({', '.join(values)})"

    def part(self, name: str) -> Field:
        """Return the currency, which is a text."""
        if not self.has_part(name):
            return super().part(name)
        return _CurrencyField(name=self._currency_column, required=self.required, max=3)

    def literal(self, value: Any) -> tuple[Any, ...]:
        """Return the units and the currency of any amount."""
        # The field's own check words the refusal: floats, bare numbers, other types.
        return self.split(value if isinstance(value, Money) else self.accept(value))

    def check_group(self) -> None:
        """Refuse: amounts of several currencies make no groups."""
        raise Problem("not_grouped", "is an amount.", hint="Group by its currency, or by another field.")

    def check_measure(self, measure: str, *, numeric: bool = False, unmixed: bool = False) -> None:
        """Refuse what needs all amounts in one currency."""
        if unmixed:
            message = f"may be in several currencies, so it has no {measure}."
            raise Problem("not_measured", message, hint="Take total() and count().")

    @property
    def words(self) -> tuple[str, ...]:
        """The currencies."""
        return tuple(MINOR_DIGITS)

    def reader(self, spelling: Spelling) -> Callable[[str], Any]:
        """Return what reads an amount, a blank, and the code of its currency."""

        def read(text: str) -> Any:
            amount, _, currency = text.strip().rpartition(" ")
            if not amount:
                raise _unlike_money(currency)
            return self.clean(Money(number(amount, spelling.numbers), currency.upper()))

        return read

    def encode(self, value: Money) -> dict[str, str]:
        """Return the amount as text, and the currency."""
        return value.to_dict()

    def decode(self, data: Any) -> Money:
        """Return the money that an amount and a currency stand for."""
        return Money.from_dict(data)

    def schema(self) -> dict[str, Any]:
        """Return the schema of an amount and a currency."""
        return Money.json_schema()

    @property
    def bounds(self) -> str:
        """Its least amount."""
        return span(self.min, None)


def _unlike_money(text: str) -> Problem:
    """Return the problem of a text in which there is no blank between an amount and a currency."""
    glued = _GLUED.fullmatch(text)
    if glued and glued[2].upper() in MINOR_DIGITS:
        hint = f'Write "{glued[1]} {glued[2].upper()}".'
        return Problem("unknown_currency", "has no blank between amount and currency.", hint=hint)
    return Problem("unknown_currency", "is not an amount with a currency.", hint='Write it like "100 EUR".')


def money(
    *,
    default: Money | Missing = REQUIRED,
    min: int | None = None,
    index: bool = False,
    doc: str = "",
    replaces: str = "",
) -> Money | Missing:
    """Declare an amount in a currency."""
    return declare(MoneyField(min=min, index=index, doc=doc), default=default, replaces=replaces)
