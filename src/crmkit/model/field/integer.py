"""Whole numbers."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import attrs

from crmkit.errors import Problem
from crmkit.model.field.bounded import crossed, span
from crmkit.model.field.declaration import REQUIRED, Missing, declare
from crmkit.model.field.field import Field
from crmkit.model.field.spelling import Spelling, number
from crmkit.model.kind import Kind
from crmkit.values import INT64_MAX, INT64_MIN, clean_integer

__all__ = ["IntegerField", "integer"]


@attrs.frozen(kw_only=True)
class IntegerField(Field):
    """A whole number of at most 64 bits.

    Attributes:
        min, max: the least and the greatest number accepted.
    """

    holds = int
    kind = Kind.INT
    word = "integer"
    numeric = True
    addable = True

    min: int | None = None
    max: int | None = None

    def accept(self, value: Any) -> int:
        """Return a whole number within bounds."""
        return clean_integer(value, at_least=self._least, at_most=self._most)

    def sure_source(self, value: str) -> str:
        """Hold of whole numbers within bounds."""
        return f"type({value}) is int and {self._least} <= {value} <= {self._most}"

    @property
    def _least(self) -> int:
        return INT64_MIN if self.min is None else self.min

    @property
    def _most(self) -> int:
        return INT64_MAX if self.max is None else self.max

    def example(self, rng: Random) -> int:
        """Return a small number, or a bound."""
        near = [number for number in range(-2, 4) if self._least <= number <= self._most]
        return rng.choice([*near, self._least, self._most])

    def smallest(self, serial: int) -> int:
        """Return zero, or the number nearest to it."""
        return max(self._least, min(serial if self.unique else 0, self._most))

    def literal(self, value: Any) -> tuple[int]:
        """Return a whole number of any size: a sum is compared, too."""
        return (value if type(value) is int else clean_integer(value),)

    def reader(self, spelling: Spelling) -> Callable[[str], Any]:
        """Return what reads a number without decimals, which then means what it means as JSON."""

        def read(text: str) -> Any:
            found = number(text, spelling.numbers)
            if found != found.to_integral_value():
                raise Problem("invalid_number", "is not a whole number.")
            return self.clean(self.decode(int(found)))

        return read

    def schema(self) -> dict[str, Any]:
        """Return the schema of an integer."""
        return {"type": "integer", "minimum": self._least, "maximum": self._most}

    @property
    def bounds(self) -> str:
        """Its least and its greatest number."""
        return span(self.min, self.max)

    def mistakes(self) -> list[str]:
        """Return what is wrong with its bounds, if anything."""
        return crossed(self.min, self.max)


def integer(
    *,
    default: int | Missing = REQUIRED,
    min: int | None = None,
    max: int | None = None,
    index: bool = False,
    managed: bool = False,
    doc: str = "",
    replaces: str = "",
) -> int | Missing:
    """Declare a whole number of at most 64 bits."""
    return declare(
        IntegerField(min=min, max=max, index=index, managed=managed, doc=doc), default=default, replaces=replaces
    )
