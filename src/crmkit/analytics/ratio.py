"""Ratios that carry what they were made of, so that no share travels without its numbers."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import attrs

__all__ = ["Ratio"]


@attrs.frozen
class Ratio:
    """A share, with everything it was computed from.

    Attributes:
        numerator: how many, or how much, did.
        denominator: out of how many, or how much.
        open: how many, or how much, is still undecided. Whether the denominator holds it depends on the definition.
        excluded: how many records take no part, though they belong to the group.
        definition: what was computed, as a stable name and version such as `sales.win_rate.count/1`.
        currency: of a ratio of amounts: the currency of the three numbers; blank for counts.

    >>> ratio = Ratio(1, 3, open=2, definition="example/1")
    >>> ratio.value, ratio.exact
    (0.3333333333333333, Fraction(1, 3))
    >>> Ratio(0, 0, definition="example/1").value is None
    True
    """

    numerator: int | Decimal
    denominator: int | Decimal
    open: int | Decimal = attrs.field(default=0, kw_only=True)
    excluded: int = attrs.field(default=0, kw_only=True)
    definition: str = attrs.field(kw_only=True)
    currency: str = attrs.field(default="", kw_only=True)

    @property
    def exact(self) -> Fraction | None:
        """The share as a fraction; `None` where nothing is divided by nothing."""
        return Fraction(self.numerator) / Fraction(self.denominator) if self.denominator else None

    @property
    def value(self) -> float | None:
        """The share as a number for display; `None` where nothing is divided by nothing."""
        exact = self.exact
        return None if exact is None else float(exact)

    @property
    def rounded(self) -> float | None:
        """The share, rounded to six places, for rows and documents."""
        return None if self.value is None else round(self.value, 6)

    def __str__(self) -> str:
        value = self.value
        share = "" if value is None else f" ({value:.1%})"
        beside = f", {self.excluded} excluded" if self.excluded else ""
        return f"{self.numerator} of {self.denominator}{share}{beside}"
