"""External ids: what other systems call a record, given and taken by whoever may change the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crmkit.errors import Duplicate, NotFound
from crmkit.expr.core import Compare
from crmkit.expr.node import Op
from crmkit.security.access import Action

if TYPE_CHECKING:
    from crmkit.model.schema import Schema
    from crmkit.repository.doors import Doors

__all__ = ["ExternalIds"]

_KEY: Final = ("source", "entity", "external_id")


class ExternalIds:
    """The external ids of one model's records within one session.

    The policy is asked about the record, not about the row that holds its external id.
    """

    def __init__(self, doors: Doors, schema: Schema) -> None:
        self._doors = doors
        self._schema = schema
        self._keeper = doors.keeper("external_id")

    async def add(self, record: Any, source: str, external_id: str) -> None:
        """Give a record an external id that no other record of the model has; see `AsyncRepository.add_external_id`."""
        made, holder = await self._held(record, source, external_id)
        if holder is None:
            await self._keeper.append([made], self._doors.clock())
        elif holder != record.id:
            raise Duplicate(self._keeper.schema.name, _KEY)

    async def remove(self, record: Any, source: str, external_id: str) -> None:
        """Take an external id from a record; see `AsyncRepository.remove_external_id`."""
        made, holder = await self._held(record, source, external_id)
        if holder != record.id:
            raise NotFound(f"this {self._schema.name} has no external id {external_id!r} in {source!r}.")
        await self._keeper.discard(_key(made))

    async def _held(self, record: Any, source: str, external_id: str) -> tuple[Any, Any]:
        """Return the row that would say so, checked, and the id of the record that has this external id already."""
        made = self._keeper.schema.cls(
            source=source, entity=self._schema.name, external_id=external_id, record_id=record.id
        )
        await self._doors.of(self._schema).check_reach(record, Action.UPDATE)
        rows = await self._keeper.columns(_key(made), ("record_id",), action=None, deleted=True)
        return made, rows[0][0] if rows else None


def _key(made: Any) -> tuple[Compare, ...]:
    return tuple(Compare(name, Op.EQ, getattr(made, name)) for name in _KEY)
