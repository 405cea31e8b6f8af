"""Deadlines: when a statement has taken too long, for stores whose database keeps no time itself."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from crmkit.errors import TimedOut

__all__ = ["Deadline", "timed_out"]

T = TypeVar("T")
_STEPS: Final = 256
"""So many steps are taken between two looks at the clock."""


def timed_out(entity: str) -> TimedOut:
    """Return the error of a statement on a model that was stopped."""
    return TimedOut(
        f"the database took too long over {entity} and was stopped.",
        hint="Ask for less, or give connect(statement_timeout=...) more.",
    )


class Deadline:
    """When the statement that runs must have ended.

    Args:
        seconds: how long each may take.
    """

    __slots__ = ("_end", "_left", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = math.inf
        self._left = _STEPS

    def start(self) -> None:
        """Take note that a statement begins."""
        self._end = time.monotonic() + self._seconds

    def passed(self) -> bool:
        """Return whether it has taken too long."""
        return time.monotonic() > self._end

    def watched(self, steps: Iterable[T], entity: str) -> Iterator[T]:
        """Yield the steps of a statement on a model.

        Raises:
            TimedOut: it has taken too long.
        """
        for step in steps:
            self._left -= 1
            if not self._left:
                self._left = _STEPS
                if self.passed():
                    raise timed_out(entity)
            yield step
