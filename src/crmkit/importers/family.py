"""Families: rows whose links must make trees."""

from __future__ import annotations

from functools import partial
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import attrs

from crmkit.repository.tree import circle, circular, climb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from uuid import UUID

    from crmkit.errors import Problem
    from crmkit.importers.draft import Draft
    from crmkit.repository.door import Door

__all__ = ["Families", "Rearranged"]

_MOST: Final = 5_000
"""How many rows leave at a time."""


@attrs.frozen
class Rearranged:
    """A row that waits: its section, its number there, its key and id, and whom its record is to stand below."""

    section: int
    record: int
    key: str
    id: UUID
    above: tuple[UUID | None, ...]


class Families:
    """The links of one model that must stay trees, as an import will have left them.

    Args:
        door: the door of the model.
    """

    def __init__(self, door: Door[object]) -> None:
        self._door = door
        self._above: dict[str, dict[UUID, UUID | None]] = {link.name: {} for link in door.schema.trees}
        self._waiting: dict[UUID, Rearranged] = {}

    def refuse(self, new: Iterable[Draft]) -> None:
        """Refuse the new records that would stand above themselves, and learn where the others stand."""
        for name, known in self._above.items():
            drafts = {draft.after.id: draft for draft in new if draft.stands}
            above = {id: getattr(draft.after, name) for id, draft in drafts.items()}
            for id in circular(above):
                parsed = drafts[id].parsed
                link = parsed.links.get(name)
                parsed.refuse(link.column if link else name, circle(name), link.text if link else "")
            known.update((id, above[id]) for id, draft in drafts.items() if draft.stands)

    async def circle(self, draft: Draft) -> Problem | None:
        """Return what is wrong with a change by which a record would stand above itself."""
        for name in self._above.keys() & draft.changes.keys():
            if await climb(draft.before.id, draft.changes[name], partial(self._next, name)):
                return circle(name)
        return None

    def place(self, draft: Draft) -> None:
        """Take note of where a changed record stands from now on."""
        for name in self._above.keys() & draft.changes.keys():
            self._above[name][draft.before.id] = draft.changes[name]

    async def _next(self, name: str, id: UUID) -> UUID | None:
        known = self._above[name]
        return known[id] if id in known else await self._door.above(name, id)

    # -- rows that have to wait until others of theirs have moved ------------------------------------------------------

    def wait(self, section: int, draft: Draft) -> None:
        """Take in a row that would stand above itself as long as others have not moved."""
        above = tuple(draft.changes[name] for name in self._above if name in draft.changes)
        self._waiting[draft.before.id] = Rearranged(
            section, draft.parsed.record, draft.parsed.key, draft.before.id, above
        )

    def leave(self) -> Iterator[tuple[int, list[Rearranged]]]:
        """Yield the rows that waited, by section, such that those come first below which others move."""
        waiting, self._waiting = self._waiting, {}
        order = map(waiting.__getitem__, top_down({id: each.above for id, each in waiting.items()}))
        for section, rows in groupby(order, key=attrgetter("section")):
            while group := list(islice(rows, _MOST)):
                yield section, group

    def downward(self, changed: Iterable[Draft]) -> list[Draft]:
        """Return changes such that records move only below those that have moved themselves."""
        drafts = {draft.before.id: draft for draft in changed}
        above = {id: tuple(map(draft.changes.get, self._above)) for id, draft in drafts.items()}
        return list(map(drafts.__getitem__, top_down(above)))


def top_down(above: Mapping[UUID, Sequence[UUID | None]]) -> Iterator[UUID]:
    """Yield ids such that each comes after those above it; what stands in circles comes as it may.

    >>> from uuid import UUID
    >>> low, top, middle = map(UUID, ("1" * 32, "2" * 32, "3" * 32))
    >>> [*top_down({low: [middle], top: [None], middle: [top]})] == [top, middle, low]
    True
    """
    left = dict(above)
    for start in above:
        way: dict[UUID, None] = {}
        at: UUID | None = start
        while at is not None and at in left and at not in way:
            way[at] = None
            at = next((id for id in left[at] if id in left), None)
        for id in reversed(way):
            del left[id]
            yield id
