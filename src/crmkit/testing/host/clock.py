"""A clock that stands until a test moves it."""

from __future__ import annotations

import datetime as dt

from crmkit.values import UTC, clean_instant

__all__ = ["FrozenClock"]


class FrozenClock:
    """Tells the same time until it is set or moved: `connect(url, clock=FrozenClock())`.

    Args:
        now: what it tells first; the beginning of 2026, if left out.

    Raises:
        Problem: an instant is expected.

    >>> clock = FrozenClock()
    >>> clock.advance(dt.timedelta(days=3))
    >>> clock().isoformat()
    '2026-01-04T00:00:00+00:00'
    """

    def __init__(self, now: dt.datetime = dt.datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.now = now

    @property
    def now(self) -> dt.datetime:
        """The time it tells; set it as you like, also back."""
        return self._now

    @now.setter
    def now(self, value: dt.datetime) -> None:
        self._now = clean_instant(value)

    def advance(self, by: dt.timedelta) -> None:
        """Move it on; or back, by less than nothing."""
        self.now += by

    def __call__(self) -> dt.datetime:
        """Return the time it tells."""
        return self._now
