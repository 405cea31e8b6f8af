"""Instants: points in time, in UTC, to the millisecond."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final, TypeAlias

from crmkit.errors import Problem

__all__ = ["IN_TEXT", "NOT_YET", "UTC", "Clock", "clean_instant", "system_clock"]

UTC: Final = dt.UTC
NOT_YET: Final = dt.datetime(1, 1, 1, tzinfo=UTC)
"""The time stamp of a record that was not added yet."""

Clock: TypeAlias = Callable[[], dt.datetime]
"""Tells the time: an aware datetime."""


IN_TEXT: Final = "Add one, as in 2026-01-31T09:00Z."
"""What to do about an instant without a time zone where it is written as text."""


def clean_instant(value: object, hint: str = "Add one, as in datetime(..., tzinfo=UTC).") -> dt.datetime:
    """Return an aware datetime as a UTC instant, cut to whole milliseconds.

    Raises:
        Problem: it is not a datetime, or has no time zone.

    >>> clean_instant(dt.datetime(2026, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))).isoformat()
    '2026-01-01T00:00:00+00:00'
    """
    if not isinstance(value, dt.datetime):
        raise Problem("wrong_type", f"expects a date and time, not {type(value).__name__}.")
    if value.tzinfo is not UTC:
        if value.utcoffset() is None:
            raise Problem("naive_datetime", "has no time zone, so it names no instant.", hint=hint)
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            raise Problem("out_of_range", "is outside the years 1 to 9999 in UTC.") from None
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
