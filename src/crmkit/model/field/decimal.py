"""Exact decimal numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from random import Random
from typing import Any, ClassVar

import attrs

from crmkit.errors import Problem
from crmkit.model.field.bounded import crossed, span
from crmkit.model.field.column import Column
from crmkit.model.field.declaration import REQUIRED, Missing, declare
from crmkit.model.field.field import Field
from crmkit.model.field.spelling import Spelling, number
from crmkit.model.kind import Kind
from crmkit.values import INT64_MAX, INT64_MIN, clamped, decimal_of, plain_number, scaled

__all__ = ["DecimalField", "decimal"]


@attrs.frozen(kw_only=True)
class DecimalField(Field):
    """An exact decimal number.

    Attributes:
        scale: how many digits after the point it has; units of 10**-scale must fit 64 bits.
        min, max: the least and the greatest number accepted.
    """

    holds = Decimal
    kind = Kind.DECIMAL
    word = "decimal"
    numeric = True
    names: ClassVar[Mapping[str, Any]] = {"scaled": scaled, "decimal_of": decimal_of}

    scale: int
    min: int | None = None
    max: int | None = None

    def accept(self, value: Any) -> Decimal:
        """Return a number within bounds, with just so many digits."""
        if not isinstance(value, Decimal | int | float) or isinstance(value, bool):
            raise Problem("wrong_type", f"expects a Decimal, not {type(value).__name__}.", hint="Write Decimal(text).")
        units = scaled(value, self.scale)
        least, most = self._units
        if units < least:
            raise Problem("too_small", f"must be {self.min} or more.")
        if units > most:
            raise Problem("too_large", f"must be {self.max} or less.")
        return decimal_of(units, self.scale)

    @property
    def _units(self) -> tuple[int, int]:
        one = 10**self.scale
        return (
            INT64_MIN if self.min is None else self.min * one,
            INT64_MAX if self.max is None else self.max * one,
        )

    def example(self, rng: Random) -> Decimal:
        """Return a small number, or a bound."""
        least, most = self._units
        near = [units for units in (0, 1, -1, 10**self.scale) if least <= units <= most]
        return decimal_of(rng.choice([*near, least, most]), self.scale)

    def smallest(self, serial: int) -> Decimal:
        """Return zero, or the number nearest to it."""
        least, most = self._units
        return decimal_of(max(least, min(serial if self.unique else 0, most)), self.scale)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The number in units."""
        return (Column(self.name, self.kind, self.nullable, scale=self.scale),)

    def split(self, value: Decimal) -> tuple[int]:
        """Return the units."""
        return (scaled(value, self.scale),)

    def join(self, *values: Any) -> Decimal:
        """Return the number of so many units."""
        return decimal_of(values[0], self.scale)

    @property
    def split_source(self) -> tuple[str, ...]:
        """`split`, as an expression."""
        return (f"scaled({{v}}, {self.scale})",)

    def join_source(self, *values: str) -> str:
        """Return `join`, as an expression."""
        return f"decimal_of({values[0]}, {self.scale})"

    def literal(self, value: Any) -> tuple[int]:
        """Return the units of any number; past 64 bits, all are alike."""
        if isinstance(value, str):
            raise Problem("wrong_type", "expects a Decimal, not text.", hint="Write Decimal(text).")
        return (clamped(value, self.scale),)

    def reader(self, spelling: Spelling) -> Callable[[str], Any]:
        """Return what reads a number."""
        return lambda text: self.clean(number(text, spelling.numbers))

    def encode(self, value: Decimal) -> str:
        """Return the number as text, since many readers of JSON take its numbers for floats."""
        return format(value, "f")

    def decode(self, data: Any) -> Any:
        """Return the number that text spells, or an integer is."""
        return decimal_of(scaled(plain_number(data), self.scale), self.scale)

    def schema(self) -> dict[str, Any]:
        """Return the schema of text that spells a number."""
        return {"type": "string", "format": "decimal", "pattern": rf"^-?\d+(\.\d{{1,{max(self.scale, 1)}}})?$"}

    @property
    def bounds(self) -> str:
        """Its least and greatest number, and its digits."""
        return "; ".join(filter(None, [span(self.min, self.max), f"{self.scale} decimal places"]))

    def mistakes(self) -> list[str]:
        """Return what is wrong with its bounds, if anything."""
        return crossed(self.min, self.max)


def decimal(
    *,
    scale: int,
    default: Decimal | Missing = REQUIRED,
    min: int | None = None,
    max: int | None = None,
    index: bool = False,
    doc: str = "",
    replaces: str = "",
) -> Decimal | Missing:
    """Declare an exact decimal number with `scale` digits after the point; units of 10**-scale must fit 64 bits."""
    return declare(
        DecimalField(scale=scale, min=min, max=max, index=index, doc=doc), default=default, replaces=replaces
    )
