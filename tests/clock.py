"""A clock for tests."""

import datetime as dt

from crmkit import UTC

START = dt.datetime(2026, 3, 1, tzinfo=UTC)


class Clock:
    """A clock that stands until somebody sets `now`, also back."""

    def __init__(self, now: dt.datetime = START) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now
