"""Periods: half-open spans of time, named by the days of a zone or by instants."""

from __future__ import annotations

import datetime as dt
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from crmkit.errors import BadDefinition, Problem
from crmkit.expr.build import Name, everything
from crmkit.values import UTC, clean_instant
from crmkit.values.zone import zone_of

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from crmkit.expr.node import Expr, Ref

__all__ = ["Bound", "Bounds", "Period", "moment_of"]

Bound: TypeAlias = dt.date | dt.datetime | str | None
"""One end of a period: a day, its ISO spelling, an aware datetime, or `None` for no end."""
Bounds: TypeAlias = tuple[Bound, Bound]
"""Start and end of a period; the end is not part of it."""


@attrs.frozen
class Period:
    """The time from `start` up to, and without, `end`.

    Attributes:
        start: the first instant of it; `None` for no beginning.
        end: the first instant after it; `None` for no end.
    """

    start: dt.datetime | None = None
    end: dt.datetime | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse an end that does not come after the start."""
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise BadDefinition(
                f"a period ends after it starts, but {self.end} does not come after {self.start}.",
                hint="The end is the first day that is no longer part of it.",
            )

    @classmethod
    def of(cls, bounds: Bounds | Period | None, zone: str) -> Period:
        """Return the period that a pair of bounds names; `None` names all time.

        Args:
            bounds: two of: a day, its ISO spelling, an aware datetime, `None`; or a period, which is returned.
            zone: whose days are meant.

        Raises:
            BadDefinition: they are not such a pair, or the end does not come after the start.

        >>> Period.of(("2026-01-01", "2026-04-01"), "Europe/Berlin").start.isoformat()
        '2025-12-31T23:00:00+00:00'
        """
        if bounds is None or isinstance(bounds, Period):
            return bounds or cls()
        return cls(*(_start(bound, zone_of(zone)) for bound in _pair(bounds)))

    @classmethod
    def without_zone(cls, bounds: Bounds | Period | None) -> Bounds | Period:
        """Return the period that bounds name whatever the zone, or the bounds themselves if they name days.

        Raises:
            BadDefinition: as for `of`.
        """
        found = cls.of(bounds, "UTC")
        if bounds is None or isinstance(bounds, Period):
            return found
        start, end = map(_day, bounds)
        return (start, end) if any(type(bound) is dt.date for bound in (start, end)) else found

    def covers(self, at: dt.datetime) -> bool:
        """Return whether an instant lies within."""
        return (self.start is None or at >= self.start) and (self.end is None or at < self.end)

    def holds(self, ref: Ref) -> Expr:
        """Return the expression that an instant field lies within."""
        return _between(ref, self.start, self.end)

    def holds_day(self, ref: Ref, zone: str) -> Expr:
        """Return the expression that a day field lies within, by the days of a zone on which the ends lie."""
        days = [None if bound is None else bound.astimezone(zone_of(zone)).date() for bound in (self.start, self.end)]
        return _between(ref, *days)


def moment_of(value: Any, what: str) -> dt.datetime:
    """Return an aware datetime as an instant.

    Raises:
        BadDefinition: it is something else.
    """
    try:
        return clean_instant(value)
    except Problem as problem:
        raise BadDefinition(f"{what} {problem.message}", hint=problem.hint) from None


def _pair(bounds: Any) -> Any:
    if type(bounds) not in {tuple, list} or len(bounds) != 2:  # noqa: PLR2004 - a start and an end
        raise BadDefinition(
            "a period is a pair of a start and an end.", hint='Write ("2026-01-01", "2026-04-01"), for example.'
        )
    return bounds


def _day(bound: Bound) -> dt.date | dt.datetime | None:
    """Return a bound as a day or as an instant."""
    if isinstance(bound, str):
        try:
            return dt.date.fromisoformat(bound)
        except ValueError:
            raise BadDefinition(f"{bound!r} is not a day.", hint='Write it as "2026-01-31".') from None
    return bound if bound is None or type(bound) is dt.date else moment_of(bound, "an end of a period")


def _start(bound: Bound, zone: ZoneInfo) -> dt.datetime | None:
    found = _day(bound)
    if found is None or isinstance(found, dt.datetime):
        return found
    try:
        # A midnight that the clocks skip reads as the first instant after it, one that comes twice as its first.
        return dt.datetime.combine(found, dt.time(), zone).astimezone(UTC)
    except OverflowError:
        raise BadDefinition(f"{found} lies too close to the end of the calendar.") from None


def _between(ref: Ref, start: Any, end: Any) -> Expr:
    field = Name(*ref.path)
    tests: list[Expr] = [everything] if start is None and end is None else []
    if start is not None:
        tests.append(field >= start)
    if end is not None:
        tests.append(field < end)
    return reduce(lambda left, right: left & right, tests)
