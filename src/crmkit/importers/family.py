"""Families: rows whose links must make trees."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from crmkit.repository.tree import circle, circular, climb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from crmkit.importers.section import Parsed
    from crmkit.repository.door import Door

__all__ = ["Families"]

Change: TypeAlias = tuple[Any, dict[str, Any], list[Any]]
"""A record, what changes in it, and its moves."""


class Families:
    """The links of one model that must stay trees, as an import writes them.

    Args:
        door: the door of the model.
    """

    def __init__(self, door: Door[Any]) -> None:
        self._door = door
        self._above: dict[str, dict[UUID, UUID | None]] = {link.name: {} for link in door.schema.trees}

    async def refuse(
        self, new: Mapping[UUID, Parsed], changed: Mapping[UUID, tuple[Parsed, Mapping[str, Any]]]
    ) -> None:
        """Refuse the rows that would stand above themselves.

        Args:
            new: rows by the id of the record that they make.
            changed: rows by the id of the record that is there, each with what it changes.
        """
        for name, known in self._above.items():
            above = {id: parsed.values[name] for id, parsed in new.items() if parsed.values.get(name) is not None}
            above |= {id: changes[name] for id, (_, changes) in changed.items() if name in changes}
            known.update(above)
            wrong = set(circular(above))
            for id in changed.keys() & above.keys() - wrong:
                if await climb(id, above[id], partial(self._next, name)):
                    wrong.add(id)
            for id in wrong:
                del known[id]
                parsed = new[id] if id in new else changed[id][0]
                link = parsed.links.get(name)
                parsed.refuse(link.column if link else name, circle(name), link.text if link else "")

    async def _next(self, name: str, id: UUID) -> UUID | None:
        known = self._above[name]
        return known[id] if id in known else await self._door.above(name, id)

    def downward(self, changed: Iterable[Change]) -> list[Change]:
        """Return changes such that records move only below those that have moved themselves."""
        left = {change[0].id: change for change in changed}
        placed: list[Change] = []
        while left:
            at: UUID | None = next(iter(left))
            way: dict[UUID, None] = {}
            while at is not None and at not in way:
                way[at] = None
                at = self._moved_below(left[at], left)
            placed += [left.pop(id) for id in reversed(way)]
        return placed

    def _moved_below(self, change: Change, left: Mapping[UUID, Change]) -> UUID | None:
        return next((change[1][name] for name in self._above if change[1].get(name) in left), None)
