"""Durations: how long things took, gathered in bounded memory, as mean, median and percentiles."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from fractions import Fraction
from typing import Any, Final

import attrs

__all__ = ["DAY", "Durations", "Spread"]

DAY: Final = 86_400_000
"""The milliseconds of a day of 24 hours."""
_EXACT: Final = 65_536
_BITS: Final = 10


@attrs.frozen
class Durations:
    """How long something took.

    Percentiles lie between the two nearest values, in proportion (definition 7 of Hyndman and Fan, "Sample quantiles in
    statistical packages", 1996), so the median of an even number is the middle of the two in the middle.

    Attributes:
        count: how many durations there are; if there are none, the others are `None`.
        mean, median, p25, p75, p90: the average and the percentiles.
        least, greatest: the extremes.
        exact: whether the percentiles are exact. Past 65,536 different durations they are true to one part in a
            thousand; count and mean are always exact.
    """

    count: int = 0
    mean: dt.timedelta | None = None
    median: dt.timedelta | None = None
    p25: dt.timedelta | None = None
    p75: dt.timedelta | None = None
    p90: dt.timedelta | None = None
    least: dt.timedelta | None = None
    greatest: dt.timedelta | None = None
    exact: bool = True

    @property
    def mean_days(self) -> float | None:
        """The mean in days of 24 hours."""
        return _in_days(self.mean)

    @property
    def median_days(self) -> float | None:
        """The median in days of 24 hours."""
        return _in_days(self.median)

    @property
    def p90_days(self) -> float | None:
        """The time within which nine of ten were done, in days of 24 hours."""
        return _in_days(self.p90)

    def cells(self) -> dict[str, Any]:
        """Return the figures that fit a table."""
        return {"timed": self.count, "median_days": self.median, "mean_days": self.mean, "p90_days": self.p90}


def _in_days(span: dt.timedelta | None) -> float | None:
    return None if span is None else span / dt.timedelta(days=1)


class Spread:
    """Gathers durations in milliseconds: each different one and how often it came.

    Past 65,536 different ones they are kept to ten binary digits, so that memory stays bounded whatever comes.

    >>> spread = Spread()
    >>> for days in (1, 3, 8, 10):
    ...     spread.add(days * DAY)
    >>> spread.durations().median_days, spread.durations().mean_days
    (5.5, 5.5)
    """

    __slots__ = ("_coarse", "_count", "_seen", "_total")

    def __init__(self) -> None:
        self._seen: Counter[int] = Counter()
        self._count = 0
        self._total = 0
        self._coarse = False

    def add(self, milliseconds: int) -> None:
        """Take one more duration; never a negative one."""
        self._seen[_rounded(milliseconds) if self._coarse else milliseconds] += 1
        self._count += 1
        self._total += milliseconds
        self._bound()

    def merge(self, other: Spread) -> None:
        """Take all durations of another spread."""
        self._seen.update(other._seen)
        self._count += other._count
        self._total += other._total
        if other._coarse and not self._coarse:
            self._coarsen()
        self._bound()

    def durations(self) -> Durations:
        """Return what was gathered."""
        if not self._count:
            return Durations()
        values = sorted(self._seen.items())
        p25, median, p75, p90 = (self._percentile(values, Fraction(share, 100)) for share in (25, 50, 75, 90))
        mean = _span(Fraction(self._total, self._count))
        least, greatest = _span(values[0][0]), _span(values[-1][0])
        return Durations(self._count, mean, median, p25, p75, p90, least, greatest, exact=not self._coarse)

    def _percentile(self, values: list[tuple[int, int]], share: Fraction) -> dt.timedelta:
        place = share * (self._count - 1)
        below, beyond = divmod(place, 1)
        lower = _at(values, below)
        upper = _at(values, below + 1) if beyond else lower
        return _span(lower + beyond * (upper - lower))

    def _bound(self) -> None:
        if not self._coarse and len(self._seen) > _EXACT:
            self._coarsen()

    def _coarsen(self) -> None:
        self._coarse = True
        coarse: Counter[int] = Counter()
        for value, times in self._seen.items():
            coarse[_rounded(value)] += times
        self._seen = coarse


def _rounded(value: int) -> int:
    shift = max(value.bit_length() - _BITS, 0)
    return (value >> shift << shift) + (1 << shift >> 1)


def _at(values: list[tuple[int, int]], place: int) -> int:
    for value, times in values:
        if place < times:
            return value
        place -= times
    raise IndexError(place)


def _span(milliseconds: Fraction | int) -> dt.timedelta:
    return dt.timedelta(microseconds=round(milliseconds * 1000))
