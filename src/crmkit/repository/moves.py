"""Moves: records of one model on their way through pipelines, each by the operation that handlers have a part in."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from crmkit.errors import MoveRefused
from crmkit.repository.advance import Move, advance
from crmkit.repository.change import ChangeKind
from crmkit.repository.mover import Mover
from crmkit.repository.performer import Performer

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from uuid import UUID

    from crmkit.repository.advance import MoveKind
    from crmkit.repository.change import Change
    from crmkit.repository.door import Door
    from crmkit.repository.doors import Doors
    from crmkit.repository.retelling import Histories

__all__ = ["Moves"]

T = TypeVar("T")


class Moves(Generic[T]):
    """The moves of one model's records within one session."""

    def __init__(self, doors: Doors, door: Door[T]) -> None:
        self._doors = doors
        self._door = door
        self._mover = Mover(doors, door)
        self.check_staged = self._mover.check_staged

    @property
    def _performer(self) -> Performer[Move]:
        return Performer(self._doors, advance, {"check": self._mover.check, "write": self._write})

    # -- records that are there ----------------------------------------------------------------------------------------

    async def perform(
        self, kind: MoveKind, held: T, clean: dict[str, Any], stage: str, data: Mapping[str, Any] | None, **more: Any
    ) -> T:
        """Move a record as it is stored, with changes, and return it as it now stands.

        Raises:
            MoveRefused: the pipeline or a handler does not allow it.
            Stale: somebody else changed the record first.
        """
        move = self._move(kind, held, clean, stage, data, **more)
        async with self._present(held):
            if kind == "transfer":
                async with self._doors.definitions.entering(self._door.schema, {move.pipeline}):
                    (move,) = await self._performer.perform([move])
            else:
                (move,) = await self._performer.perform([move])
        record: T = move.record
        return record

    async def why_not(self, held: T, clean: dict[str, Any], stage: str, data: Mapping[str, Any] | None) -> str:
        """Return every reason against a move, as one text; blank if there is none."""
        (move,) = await self._performer.decide([self._move("advance", held, clean, stage, data)])
        return " ".join(await self._reasons(move))

    async def allowed(self, held: T, clean: dict[str, Any]) -> tuple[str, ...]:
        """Return the stages that a record may enter next."""
        stages = await self._mover.ahead(held)
        moves = await self._performer.decide([self._move("advance", held, clean, stage, None) for stage in stages])
        return tuple([move.target for move in moves if not await self._reasons(move)])

    async def _reasons(self, move: Move) -> tuple[str, ...]:
        """Return why a move is refused, and what is said against the record that it would make."""
        reasons = tuple(refusal.message for refusal in move.refusals)
        if not self._door.judge.looks_closer:
            return reasons
        try:
            fields, _ = await self._mover.settled(move)
        except MoveRefused:  # for one of the reasons that are given already
            return reasons
        foresight = await self._door.judge.foresee(move.stored, self._door.replace(move.record, **fields))
        return (*reasons, *foresight.reasons)

    def _move(
        self, kind: MoveKind, held: Any, clean: dict[str, Any], stage: str, data: Mapping[str, Any] | None, **more: Any
    ) -> Move:
        record = self._door.replace(held, **clean) if clean else held
        return Move(kind=kind, stored=held, record=record, target=stage, changes=clean, data=data or {}, **more)

    @asynccontextmanager
    async def _present(self, held: T) -> AsyncGenerator[None]:
        """Say that a record is stale or gone rather than that its pipeline refused a move of what it was."""
        try:
            yield
        except MoveRefused:
            await self._door.claimed(held, {})
            raise

    async def _write(self, moves: Sequence[Move]) -> list[Move]:
        return [await self._written(move) for move in moves]

    async def _written(self, move: Move) -> Move:
        fields, step = await self._mover.settled(move)
        # A version of a record has one next move, so the number found before the write is right if the write succeeds.
        row = await self._mover.history(self._door.replace(move.record, **fields), step, move.note)
        now = self._doors.clock()
        record = await self._door.change(move.stored, move.changes | fields, ChangeKind.MOVED, at=now, moves=(row,))
        return attrs.evolve(move, record=record, step=step)

    # -- new records ---------------------------------------------------------------------------------------------------

    async def enter(self, records: list[Any], ids: list[UUID], now: dt.datetime, histories: Histories) -> Change[T]:
        """Write new records, each where it enters its pipeline or where its history leads.

        Raises:
            MoveRefused: a record names a stage that is not one of its pipeline's, or a handler does not allow it.
            BadRecord: a history cannot be true.
        """
        async with self._doors.definitions.entering(self._door.schema, {record.pipeline for record in records}):
            if self._performer.is_plain:
                return await self._added(records, ids, now, histories)
            return await self._entered(records, ids, now, histories)

    async def _added(self, records: list[Any], ids: list[UUID], now: dt.datetime, histories: Histories) -> Change[T]:
        records, moves = await self._mover.enter(records, ids, now, histories)
        return await self._door.add(records, ids, at=now, moves=moves)

    async def _entered(self, records: list[Any], ids: list[UUID], now: dt.datetime, histories: Histories) -> Change[T]:
        changes: list[Change[T]] = []

        async def write(moves: Sequence[Move]) -> list[Move]:
            change = await self._added([move.record for move in moves], ids, now, histories)
            changes.append(change)
            return [attrs.evolve(move, record=record) for move, record in zip(moves, change.after, strict=True)]

        told: dict[int, Any] = {place: entries[-1].stage for place, (_, entries) in histories.items()}
        first = {name: await self._mover.initial(name) for name in {record.pipeline for record in records}}
        moves = [
            Move(
                kind="told" if place in told else "enter",
                stored=None,
                record=self._door.replace(record, id=id),
                target=told.get(place, record.stage or first[record.pipeline]),
                pipeline=record.pipeline,
            )
            for place, (record, id) in enumerate(zip(records, ids, strict=True))
        ]
        performer = Performer(self._doors, advance, {"check": self._mover.check, "write": write})
        written = await performer.perform(moves)
        return attrs.evolve(changes[0], build=lambda: [move.record for move in written])
