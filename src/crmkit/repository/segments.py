"""Segments at work: kept as data in the tenant, and read by the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import BadDefinition, NotFound, near
from crmkit.expr.build import f
from crmkit.repository.change import ChangeKind
from crmkit.repository.repository import AsyncRepository
from crmkit.repository.stored import stored_segment
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
        self._keeper = doors.keeper("segment_definition")

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
        found = await self._keeper.records(f.name == segment.name, deleted=True, limit=1)
        at = self._doors.clock()
        if not found:
            made = self._keeper.schema.cls(name=segment.name, **values)
            await self._keeper.add([made], [self._doors.ids()], at=at)
            return
        held = found[0]
        kind = ChangeKind.UPDATED if held.deleted_at is None else ChangeKind.RESTORED
        await self._keeper.change(held, self._keeper.schema.clean({**values, "deleted_at": None}), kind, at=at)

    async def delete(self, name: str) -> None:
        """Delete the segment of this name; the name is free again.

        Raises:
            NotFound: there is no such segment.
            NotAllowed: the policy does not let the actor do this.
        """
        held = await self._held(name)
        at = self._doors.clock()
        await self._keeper.change(held, {"deleted_at": at}, ChangeKind.DELETED, at=at)

    async def get(self, name: str) -> Segment:
        """Return the segment of this name.

        Raises:
            NotFound: there is no such segment.
            BadExpression: what is stored is damaged, or no longer fits the models; the error names the row.
        """
        return stored_segment(await self._held(name), self._doors.catalog)

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

    async def _held(self, name: str) -> Any:
        held = await self._definitions.first(f.name == name)
        if held is None:
            raise NotFound(f"there is no segment {name!r}.", hint=near(name, await self.names()))
        return held

    def _members(self, segment: Segment) -> AsyncRepository[Any]:
        return AsyncRepository(self._doors, self._doors.catalog[_picks(segment).entity])


def _picks(segment: Segment) -> Segment:
    if not isinstance(segment, Segment):
        raise BadDefinition(
            f"a segment is expected, not {type(segment).__name__}.",
            hint="Give a Segment; segments.get(name) returns a saved one.",
        )
    return segment
