"""Segments at work: kept as data in the tenant, and read by the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import BadDefinition, NotFound, near
from crmkit.expr.build import f
from crmkit.repository.repository import AsyncRepository
from crmkit.segment import Segment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.repository.doors import Doors

__all__ = ["AsyncSegments"]


class AsyncSegments:
    """The segments of one tenant: `session.segments`."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._definitions: AsyncRepository[Any] = AsyncRepository(doors, doors.catalog["segment_definition"])

    async def save(self, segment: Segment) -> None:
        """Keep a segment under its name, in place of the one that has this name.

        Raises:
            BadExpression: the condition does not fit this CRM's models, or is too large to be kept.
        """
        from crmkit.expr.form.document import to_json

        _picks(segment).check(self._doors.catalog)
        values = {
            "entity": segment.entity,
            "expression": to_json(segment.where),
            "description": segment.description or None,
        }
        held = await self._definitions.first(f.name == segment.name)
        if held is None:
            model = self._doors.catalog["segment_definition"].cls
            await self._definitions.add(model(name=segment.name, **values))
        else:
            await self._definitions.update(held, **values)

    async def get(self, name: str) -> Segment:
        """Return the segment of this name.

        Raises:
            NotFound: there is no such segment.
            BadExpression: what is stored is malformed, or no longer fits the models.
        """
        from crmkit.expr.form.document import from_json

        held = await self._definitions.first(f.name == name)
        if held is None:
            raise NotFound(f"there is no segment {name!r}.", hint=near(name, await self.names()))
        segment = Segment(held.name, held.entity, from_json(held.expression), description=held.description or "")
        segment.check(self._doors.catalog)
        return segment

    async def names(self) -> list[str]:
        """Return the names of all segments, in order."""
        return sorted([held.name async for held in self._definitions.stream()])

    async def count(self, segment: Segment) -> int:
        """Return how many records belong to a segment."""
        return await self._members(segment).count(segment)

    async def members(self, segment: Segment) -> AsyncIterator[Any]:
        """Yield the records that belong to a segment, oldest first, in bounded memory."""
        async for record in self._members(segment).stream(segment):
            yield record

    async def ids(self, segment: Segment) -> frozenset[Any]:
        """Return the ids of the records that belong to a segment now; two of these make a `changes`."""
        return frozenset(await self._members(segment).ids(segment))

    def _members(self, segment: Segment) -> AsyncRepository[Any]:
        return AsyncRepository(self._doors, self._doors.catalog[_picks(segment).entity])


def _picks(segment: Segment) -> Segment:
    if not isinstance(segment, Segment):
        raise BadDefinition(
            f"a segment is expected, not {type(segment).__name__}.",
            hint="Give a Segment; segments.get(name) returns a saved one.",
        )
    return segment
