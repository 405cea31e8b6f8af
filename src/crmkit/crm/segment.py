"""Segments, blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.crm.step import run, step_through

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmkit.repository.segment import AsyncSegments
    from crmkit.segment import Segment

__all__ = ["Segments"]


class Segments:
    """The segments of one tenant: `session.segments`.

    >>> from crmkit import Customer, Segment, connect, f, system
    >>> with connect("memory://") as crm, crm.session(system("example")) as s:
    ...     s.customers.add(Customer(name="Acme", tags=("vip",))).name
    ...     s.segments.save(Segment("vip", Customer, f.tags.has("vip")))
    ...     s.segments.count(s.segments.get("vip"))
    'Acme'
    1
    """

    def __init__(self, inner: AsyncSegments) -> None:
        self._inner = inner

    def save(self, segment: Segment) -> None:
        """Keep a segment under its name, in place of the one that has this name.

        Raises:
            BadExpression: the condition does not fit this CRM's models, or is too large to be kept.
        """
        run(self._inner.save(segment))

    def get(self, name: str) -> Segment:
        """Return the segment of this name.

        Raises:
            NotFound: there is none.
            BadExpression: what is stored is malformed, or no longer fits the models.
        """
        return run(self._inner.get(name))

    def names(self) -> list[str]:
        """Return the names of all segments, in order."""
        return run(self._inner.names())

    def count(self, segment: Segment) -> int:
        """Return how many records belong to a segment."""
        return run(self._inner.count(segment))

    def members(self, segment: Segment) -> Iterator[Any]:
        """Yield the records that belong to a segment, oldest first, in bounded memory."""
        yield from step_through(self._inner.members(segment))

    def ids(self, segment: Segment) -> frozenset[Any]:
        """Return the ids of the records that belong to a segment now; two of these make a `changes`."""
        return run(self._inner.ids(segment))
