"""The intake: how an import writes what other systems know, managed fields and history included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crmkit.repository.change import ChangeKind

if TYPE_CHECKING:
    from crmkit.model.schema import Schema
    from crmkit.repository.doors import Doors

__all__ = ["Intake"]


class Intake:
    """Writes records that bring their ids, stages and history along, within one session.

    It is meant for imports: the rules of pipelines are not asked, as what is loaded has happened already. Everything
    else is as for `add` and `update`: the policy decides, links must lead somewhere, versions count, and all of it
    happens in the session's transaction. Values must be clean: nothing is converted or checked field by field here.
    """

    def __init__(self, doors: Doors, schema: Schema) -> None:
        self._doors = doors
        self._schema = schema
        self._door = doors.of(schema)

    async def add(self, records: Sequence[Any], moves: Sequence[Any] = (), names: Sequence[Any] = ()) -> None:
        """Write new records, their history, and what other systems call them.

        Args:
            records: the records, each with its id; those with stages are in present definitions of pipelines.
            moves: their stage moves.
            names: their external ids.

        Raises:
            BadRecord: a link leads nowhere.
            Duplicate: a unique field's value, or an external id, is taken.
            NotAllowed: the policy does not let the actor create such a record.
        """
        if not records:
            return
        if self._schema.staged:
            records, moves = await self._entered(records, moves)
        now = self._doors.clock()
        await self._door.add(records, [record.id for record in records], ChangeKind.IMPORTED, at=now, moves=moves)
        await self._doors.keeper("external_id").append(names, now)

    async def change(self, record: Any, changes: dict[str, Any], moves: Sequence[Any] = ()) -> Any:
        """Write changes to a record, stages included, and the moves that led there; return it as it now stands.

        Raises:
            BadRecord: a link leads nowhere.
            Stale: somebody else changed the record first.
            Duplicate: a unique field's value is taken.
            NotAllowed: the policy does not let the actor do this.
        """
        kind = ChangeKind.IMPORTED
        stored, changes = await self._door.claimed(record, changes, kind)
        return await self._door.change(stored, changes, kind, at=self._doors.clock(), moves=moves)

    async def _entered(self, records: Sequence[Any], moves: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        """Make sure that the pipelines are stored under these numbers: others may have stored one since."""
        numbers: dict[str, int] = {}
        for name in {record.pipeline for record in records}:
            numbers[name] = (await self._doors.definitions.entered(self._schema, name)).number
        if all(record.pipeline_version == numbers[record.pipeline] for record in records):
            return records, moves
        of_move = self._doors.of("stage_move").replace
        return (
            [self._door.replace(record, pipeline_version=numbers[record.pipeline]) for record in records],
            [of_move(move, pipeline_version=numbers[move.pipeline]) for move in moves],
        )
