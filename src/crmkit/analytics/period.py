"""Periods: half-open spans of time, named by the days of a zone or by instants."""

from __future__ import annotations

import datetime as dt
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from crmkit.errors import BadDefinition, Problem
from crmkit.expr.build import Name, everything
from crmkit.repository.zone import zone_of
from crmkit.values import UTC, clean_instant

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
        if not _is_pair(bounds):
            raise BadDefinition(
                "a period is a pair of a start and an end.", hint='Write ("2026-01-01", "2026-04-01"), for example.'
            )
        return cls(*(_instant(bound, zone_of(zone)) for bound in bounds))

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


def _is_pair(bounds: Any) -> bool:
    return type(bounds) in {tuple, list} and len(bounds) == 2  # noqa: PLR2004 - a start and an end


def _instant(bound: Any, zone: ZoneInfo) -> dt.datetime | None:
    if bound is None:
        return None
    if isinstance(bound, str):
        try:
            bound = dt.date.fromisoformat(bound)
        except ValueError:
            raise BadDefinition(f"{bound!r} is not a day.", hint='Write it as "2026-01-31".') from None
    if isinstance(bound, dt.date) and not isinstance(bound, dt.datetime):
        try:
            # A midnight that the clocks skip reads as the first instant after it, one that comes twice as its first.
            return dt.datetime.combine(bound, dt.time(), zone).astimezone(UTC)
        except OverflowError:
            raise BadDefinition(f"{bound} lies too close to the end of the calendar.") from None
    return moment_of(bound, "an end of a period")


def _between(ref: Ref, start: Any, end: Any) -> Expr:
    field = Name(*ref.path)
    tests: list[Expr] = [everything] if start is None and end is None else []
    if start is not None:
        tests.append(field >= start)
    if end is not None:
        tests.append(field < end)
    return reduce(lambda left, right: left & right, tests)
