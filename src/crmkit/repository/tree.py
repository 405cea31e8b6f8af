"""Trees: no record stands above itself, whatever several writers do at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import BadRecord, Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
    from uuid import UUID

    from crmkit.model.schema import Schema

__all__ = ["circle", "circular", "climb", "refuse_circles"]


def refuse_circles(schema: Schema, records: Sequence[Any], ids: Sequence[UUID]) -> None:
    """Refuse new records that link to each other in a circle; records that are there link to none that is new.

    Raises:
        BadRecord: there are such records.
    """
    for link in schema.trees:
        above = {id: getattr(record, link.name) for id, record in zip(ids, records, strict=True)}
        if any(circular(above)):
            raise BadRecord(schema.name, [circle(link.name)])


async def climb(id: UUID, above: UUID | None, next_of: Callable[[UUID], Awaitable[UUID | None]]) -> bool:
    """Return whether the way up from `above` leads to a record."""
    seen: set[UUID] = set()
    while above is not None and above != id and above not in seen:  # records of old may stand in a circle of their own
        seen.add(above)
        above = await next_of(above)
    return above == id


def circle(field: str, through: UUID | None = None) -> Problem:
    """Return the problem that a link leads back; further records in between may be invisible, so none is named."""
    way = "." if through is None else f", through {through}."
    hint = "Link it to a record that does not stand below it."
    return Problem("circle", f"leads back to the record itself{way}", hint=hint, field=field)


def circular(above: Mapping[UUID, UUID | None]) -> Iterator[UUID]:
    """Yield the ids from which the way up leads back to them.

    >>> from uuid import UUID
    >>> one, two, three = map(UUID, ("1" * 32, "2" * 32, "3" * 32))
    >>> [*circular({three: one, one: two, two: one})] == [one, two]
    True
    """
    seen: set[UUID] = set()
    for start in above:
        way: dict[UUID, None] = {}
        at: UUID | None = start
        while at is not None and at in above and at not in seen:
            seen.add(at)
            way[at] = None
            at = above[at]
        if at is not None and at in way:
            ring = [*way]
            yield from ring[ring.index(at) :]
