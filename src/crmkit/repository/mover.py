"""Moves: how a record goes through its pipeline, and the row of history that each step leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import BadDefinition, MoveRefused
from crmkit.expr.core import Compare
from crmkit.expr.node import Op
from crmkit.expr.resolve import Facts
from crmkit.operation.refusal import Refusal
from crmkit.repository.lock import breaches
from crmkit.repository.neighbourhood import neighbourhood
from crmkit.repository.retelling import Retelling, Told
from crmkit.storage.spi import Aggregate, Measure
from crmkit.values import NOT_YET

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from crmkit.expr.node import Node
    from crmkit.lifecycle import Pipeline, Step
    from crmkit.repository.advance import Move
    from crmkit.repository.door import Door
    from crmkit.repository.doors import Doors
    from crmkit.repository.neighbourhood import Moving, Neighbourhood
    from crmkit.repository.registry import Definition
    from crmkit.repository.retelling import Histories

__all__ = ["Mover"]


class Mover:
    """The moves of one model's records within one session.

    Nothing here changes a record: it says which fields a move sets, and which row of history goes with it.
    """

    def __init__(self, doors: Doors, door: Door[Any]) -> None:
        self._doors = doors
        self._door = door
        self._schema = door.schema
        self._replace = door.replace

    # -- what a move would do ------------------------------------------------------------------------------------------

    async def check(self, moves: Sequence[Move]) -> list[Move]:
        """Return moves with what their pipelines have against them; what is told has happened, so nobody is asked."""
        around = await self._around([move for move in moves if move.kind != "told"])
        return [move if move.kind == "told" else await self._checked(move, around) for move in moves]

    async def _checked(self, move: Move, around: Neighbourhood | None) -> Move:
        locked = await self._locked(move)
        try:
            return attrs.evolve(move, step=await self._step(move, around), refusals=(*move.refusals, *locked))
        except MoveRefused as refused:
            refusals = [Refusal(reason, code=refused.code, hint=refused.hint) for reason in refused.reasons]
            return attrs.evolve(move, refusals=(*move.refusals, *refusals, *locked))

    async def _locked(self, move: Move) -> list[Refusal]:
        """Return that fields are to change which the stage that is left and the one that is entered lock."""
        if move.stored is None or not move.changes:
            return []
        goal: dict[str, Any] = {"stage": move.target}
        if move.kind == "transfer":
            present = await self._present(move.pipeline)
            goal |= {"pipeline": present.pipeline.name, "pipeline_version": present.number}
        problems = await breaches(self._schema, move.stored, move.changes | goal, self._doors.definitions.locked)
        return [
            Refusal(f"{each.field} {each.message}", code=each.code, fields=each.field, hint=each.hint)
            for each in problems
        ]

    async def _around(self, moves: Sequence[Move]) -> Neighbourhood | None:
        """Return what is around records that move, as far as it decides about that."""
        moving: list[Moving] = []
        for move in moves:
            if not move.target or (move.kind == "advance" and not move.record.pipeline):
                continue
            pipeline = await self._pipeline(move)
            if not pipeline.reaches:
                continue
            advances = move.kind == "advance"
            asked = pipeline.conditions(move.record, move.target) if advances else _entering(pipeline, move.target)
            asker = self._asker(move.record)
            at = asker["at"] if move.at is None else pipeline.instant(move.at)
            moving.append((move.record, asked, Facts(at, asker["zone"], asker["me"])))
        return await neighbourhood(self._door, self._doors.of, moving)

    async def _step(self, move: Move, around: Neighbourhood | None) -> Step | None:
        if move.kind == "enter" and not move.target:
            return None  # its model has no pipeline
        pipeline, record = await self._pipeline(move), move.record
        asker = self._asker(record)
        now = asker["at"]
        if move.kind != "advance":
            del asker["roles"]  # whoever may write a record may put it into a pipeline
            made = pipeline.enter if move.kind == "enter" else pipeline.transfer
            return made(record, move.target, **asker, around=around)
        if move.at is not None:
            asker["at"] = move.at
        step = pipeline.step(record, move.target, **asker, around=around)
        if step.at > now:
            raise MoveRefused(
                record.stage, move.target, [f"It cannot have moved at {step.at.isoformat()}, which is yet to come."]
            )
        return step

    async def settled(self, move: Move) -> tuple[dict[str, Any], Step]:
        """Return the fields that a move sets, and its step, which a handler may have left to be found."""
        step = move.step
        if step is None:
            at = self._asker(move.record)["at"] if move.at is None else move.at
            step = (await self._pipeline(move)).recorded(move.record, move.target, at=at)
        if move.kind != "transfer":
            return step.changes, step
        return step.changes | {"pipeline_version": (await self._present(move.pipeline)).number}, step

    async def initial(self, pipeline: str) -> str:
        """Return the stage in which records enter a pipeline; blank if the model has none."""
        served = (await self._doors.definitions.read()).names(self._schema)
        return (await self._new(pipeline)).initial if served else ""

    async def ahead(self, record: Any) -> list[str]:
        """Return the stages of the pipeline that a record follows."""
        return [*(await self._followed(record)).places]

    # -- entering ------------------------------------------------------------------------------------------------------

    async def enter(
        self, records: Sequence[Any], ids: Sequence[UUID], now: dt.datetime, histories: Histories
    ) -> tuple[list[Any], list[Any]]:
        """Return new records placed in their pipelines, and the rows of history that say so.

        A model without a pipeline keeps its records as they are.

        Raises:
            MoveRefused: a record names a stage that is not one of its pipeline's.
            BadRecord: a history cannot be true.
        """
        if not histories:
            return await self._enter(records, ids, now)
        told = Retelling(self._doors, self._door, now)
        placed, rows = await told.place([Told(records[at], ids[at], *each) for at, each in histories.items()])
        others = [at for at in range(len(records)) if at not in histories]
        entered, history = await self._enter([records[at] for at in others], [ids[at] for at in others], now)
        found = dict(zip((*histories, *others), (*placed, *entered), strict=True))
        return [found[at] for at in range(len(records))], [*rows, *history]

    async def _enter(
        self, records: Sequence[Any], ids: Sequence[UUID], now: dt.datetime
    ) -> tuple[list[Any], list[Any]]:
        definitions = self._doors.definitions
        if not (await definitions.read()).names(self._schema):
            return list(records), []
        present = {name: await definitions.entered(self._schema, name) for name in {each.pipeline for each in records}}
        around = await self._beside(records, present, now)
        entered: list[Any] = []
        history: list[Any] = []
        for record, id_ in zip(records, ids, strict=True):
            pipeline, number = present[record.pipeline].pipeline, present[record.pipeline].number
            at = _entry(record, now)
            step = pipeline.enter(record, at=at, me=self._doors.actor, zone=self._doors.zone, around=around)
            placed = self._replace(record, id=id_, pipeline_version=number, **step.changes)
            entered.append(placed)
            history.append(self._row(placed, step, 1, None))
        return entered, history

    async def _beside(
        self, records: Sequence[Any], present: Mapping[str, Definition], now: dt.datetime
    ) -> Neighbourhood | None:
        """Return what is around new records, where the stages that they may enter ask about it."""
        reaching = {name for name, definition in present.items() if definition.pipeline.reaches}
        if not reaching:
            return None
        doors = self._doors
        moving = [
            (
                record,
                _entering(present[record.pipeline].pipeline, record.stage),
                Facts(_entry(record, now), doors.zone, doors.actor),
            )
            for record in records
            if record.pipeline in reaching
        ]
        return await neighbourhood(self._door, doors.of, moving)

    def check_staged(self) -> None:
        """Refuse a model whose records do not move.

        Raises:
            BadDefinition: it has no stages.
        """
        if not self._schema.staged:
            raise BadDefinition(f"{self._schema.name} has no stages to move through.")

    # -- history -------------------------------------------------------------------------------------------------------

    async def history(self, record: Any, step: Step, note: str | None) -> Any:
        """Return the row of history of a move that leads a record to where it stands here."""
        where = (Compare("entity", Op.EQ, self._schema.name), Compare("record_id", Op.EQ, record.id))
        moves = self._doors.of("stage_move")
        # Rows that the actor may not see count as well.
        rows = await moves.tally(where, (), (Measure(Aggregate.MAX, "number"),), action=None, deleted=True)
        return self._row(record, step, (rows[0][0] or 0) + 1, note)

    def _row(self, record: Any, step: Step, number: int, note: str | None) -> Any:
        return self._doors.catalog["stage_move"].cls(
            entity=self._schema.name,
            record_id=record.id,
            pipeline_version=record.pipeline_version,
            **step.row(number, self._doors.actor.key, note),
        )

    # -- within --------------------------------------------------------------------------------------------------------

    async def _pipeline(self, move: Move) -> Pipeline:
        self.check_staged()
        return await (self._followed(move.record) if move.kind == "advance" else self._new(move.pipeline))

    async def _followed(self, record: Any) -> Pipeline:
        self.check_staged()
        if not record.pipeline:
            raise MoveRefused(
                record.stage, "", ["The record is in no pipeline."], hint="Call transfer() to put it into one."
            )
        return await self._doors.definitions.followed(self._schema, record.pipeline, record.pipeline_version)

    async def _new(self, name: str) -> Pipeline:
        return (await self._present(name)).pipeline

    async def _present(self, name: str) -> Definition:
        return await self._doors.definitions.entered(self._schema, name)

    def _asker(self, record: Any) -> dict[str, Any]:
        doors = self._doors
        # This clock may lag behind the one that told the time of the last move.
        now = max(doors.clock(), record.stage_since)
        return {"at": now, "roles": doors.actor.roles, "me": doors.actor, "zone": doors.zone}


def _entering(pipeline: Pipeline, stage: str) -> tuple[Node, ...]:
    place = pipeline.places.get(stage or pipeline.initial)
    return () if place is None else place.stage.conditions


def _entry(record: Any, now: dt.datetime) -> dt.datetime:
    at: dt.datetime = record.created_at
    return now if at == NOT_YET else at
