"""Membership: who entered and who left a segment between two evaluations."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import attrs

__all__ = ["Changes", "changes"]


@attrs.frozen
class Changes:
    """What became of a segment between two evaluations.

    Attributes:
        entered: the records that were not in it before and are now.
        left: the records that were in it before and are not now.
    """

    entered: frozenset[UUID]
    left: frozenset[UUID]


def changes(before: Iterable[UUID], after: Iterable[UUID]) -> Changes:
    """Return who entered and who left a segment.

    Args:
        before: the ids of its members at the first evaluation.
        after: the ids of its members at the second.

    >>> changes([UUID(int=1), UUID(int=2)], [UUID(int=2), UUID(int=3)]).left
    frozenset({UUID('00000000-0000-0000-0000-000000000001')})
    """
    earlier, later = frozenset(before), frozenset(after)
    return Changes(entered=later - earlier, left=earlier - later)
