"""The intake: how an import writes what other systems know, managed fields and history included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.repository.advance import Move, advance
from crmkit.repository.change import ChangeKind
from crmkit.repository.performer import Performer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.schema import Schema
    from crmkit.repository.doors import Doors

__all__ = ["Intake"]


class Intake:
    """Writes records that bring their ids, stages and history along, within one session.

    It is meant for imports: the rules of pipelines are not asked, as what is loaded has happened already. Everything
    else is as for `add` and `update`: the policy decides, handlers do their part, links must lead somewhere, versions
    count, and all of it happens in the session's transaction. Values must be clean: nothing is converted or checked
    field by field here.
    """

    def __init__(self, doors: Doors, schema: Schema) -> None:
        self._doors = doors
        self._schema = schema
        self._door = doors.of(schema)

    async def decide(self, stored: Any, record: Any, changes: dict[str, Any], moves: Sequence[Any]) -> Move | None:
        """Return what handlers make of a record that is to be written, and their refusals; `None` if they have no part.

        Args:
            stored: the record as it is stored; `None` if it is new.
            record: the record as it will be.
            changes: the fields that change.
            moves: its stage moves.
        """
        performer = self._performer(_as_told)
        if performer.is_plain or not moves:
            return None
        (move,) = await performer.decide([_told(stored, record, changes)])
        return move

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
        now, ids = self._doors.clock(), [record.id for record in records]

        async def write(told: Sequence[Move]) -> list[Move]:
            written = [move.record for move in told]
            change = await self._door.add(written, ids, ChangeKind.IMPORTED, at=now, moves=moves)
            return [attrs.evolve(move, record=record) for move, record in zip(told, change.after, strict=True)]

        performer = self._performer(write)
        if performer.is_plain or not moves:
            await self._door.add(records, ids, ChangeKind.IMPORTED, at=now, moves=moves)
        else:
            await performer.write([_told(None, record, {}) for record in records])
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

        async def write(told: Sequence[Move]) -> list[Move]:
            (move,) = told
            written = await self._door.change(stored, move.changes, kind, at=self._doors.clock(), moves=moves)
            return [attrs.evolve(move, record=written)]

        performer = self._performer(write)
        if performer.is_plain or not moves:
            return await self._door.change(stored, changes, kind, at=self._doors.clock(), moves=moves)
        (move,) = await performer.write([_told(stored, self._door.replace(stored, **changes), changes)])
        return move.record

    def _performer(self, write: Callable[[Sequence[Move]], Awaitable[Sequence[Move]]]) -> Performer[Move]:
        return Performer(self._doors, advance, {"check": _as_told, "write": write})

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


async def _as_told(moves: Sequence[Move]) -> Sequence[Move]:
    return moves


def _told(stored: Any, record: Any, changes: dict[str, Any]) -> Move:
    return Move(kind="told", stored=stored, record=record, target=record.stage, changes=changes)
