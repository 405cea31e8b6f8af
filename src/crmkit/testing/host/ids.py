"""Ids that are the same in every run."""

from __future__ import annotations

from itertools import count
from uuid import UUID

__all__ = ["CountedIds"]


class CountedIds:
    """Makes ids by counting, in the form of a UUID of version 7: `connect(url, ids=CountedIds())`.

    >>> ids = CountedIds()
    >>> ids() == ids.nth(1)
    True
    >>> str(ids())
    '00000000-0000-7000-8000-000000000002'
    """

    def __init__(self) -> None:
        self._count = count(1)

    def nth(self, number: int) -> UUID:
        """Return the id that it makes as its first, second or any other."""
        return UUID(f"00000000-0000-7000-8000-{number:012x}")

    def __call__(self) -> UUID:
        """Return the next id."""
        return self.nth(next(self._count))
