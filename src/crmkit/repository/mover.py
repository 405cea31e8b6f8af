"""Moves: how a record goes through its pipeline, and the row of history that each step leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import BadDefinition, MoveRefused
from crmkit.expr.core import Compare
from crmkit.expr.node import Op
from crmkit.repository.retelling import Retelling, Told
from crmkit.storage.spi import Aggregate, Measure
from crmkit.values import NOT_YET

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from uuid import UUID

    from crmkit.lifecycle import Pipeline, Step
    from crmkit.repository.door import Door
    from crmkit.repository.doors import Doors
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

    async def plan(
        self, record: Any, clean: dict[str, Any], stage: str, at: dt.datetime | None
    ) -> tuple[dict[str, Any], Step]:
        """Return the fields that a move sets, and the move itself.

        Raises:
            MoveRefused: the pipeline does not allow it.
        """
        pipeline = await self._pipeline(record)
        asker = self._asker(record)
        now = asker["at"]
        if at is not None:
            asker["at"] = at
        step = pipeline.step(self._changed(record, clean), stage, **asker)
        if step.at > now:
            reason = f"It cannot have moved at {step.at.isoformat()}, which is yet to come."
            raise MoveRefused(record.stage, stage, [reason])
        return step.changes, step

    async def transfer(self, record: Any, clean: dict[str, Any], name: str, stage: str) -> tuple[dict[str, Any], Step]:
        """Return the fields that set a record into a pipeline's present definition, and the move itself."""
        self.check_staged()
        present = await self._doors.definitions.entered(self._schema, name)
        asker = self._asker(record)
        del asker["roles"]  # whoever may write a record may transfer it
        step = present.pipeline.transfer(self._changed(record, clean), stage, **asker)
        return step.changes | {"pipeline_version": present.number}, step

    async def why_not(self, record: Any, clean: dict[str, Any], stage: str) -> str:
        """Return every reason against a move, as one text; blank if there is none."""
        pipeline = await self._pipeline(record)
        return " ".join(await self._reasons(pipeline, record, self._changed(record, clean), stage))

    async def allowed(self, record: Any, clean: dict[str, Any]) -> tuple[str, ...]:
        """Return the stages that a record may enter next."""
        pipeline = await self._pipeline(record)
        changed = self._changed(record, clean)
        return tuple([name for name in pipeline.places if not await self._reasons(pipeline, record, changed, name)])

    async def _reasons(self, pipeline: Pipeline, record: Any, changed: Any, stage: str) -> tuple[str, ...]:
        """Return what the pipeline says against a move, and what is said against the record that it would make."""
        asker = self._asker(record)
        reasons = pipeline.why_not(changed, stage, **asker)
        if not self._door.judge.looks_closer:
            return reasons
        try:
            step = pipeline.recorded(changed, stage, at=asker["at"])
        except MoveRefused:  # for one of the reasons that are given already
            return reasons
        foresight = await self._door.judge.foresee(record, self._replace(changed, **step.changes))
        return (*reasons, *foresight.reasons)

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
        entered: list[Any] = []
        history: list[Any] = []
        for record, id_ in zip(records, ids, strict=True):
            pipeline, number = present[record.pipeline].pipeline, present[record.pipeline].number
            at = now if record.created_at == NOT_YET else record.created_at
            step = pipeline.enter(record, at=at, me=self._doors.actor, zone=self._doors.zone)
            placed = self._replace(record, id=id_, pipeline_version=number, **step.changes)
            entered.append(placed)
            history.append(self._row(placed, step, 1, None))
        return entered, history

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

    async def _pipeline(self, record: Any) -> Pipeline:
        self.check_staged()
        if not record.pipeline:
            raise MoveRefused(
                record.stage, "", ["The record is in no pipeline."], hint="Call transfer() to put it into one."
            )
        return await self._doors.definitions.followed(self._schema, record.pipeline, record.pipeline_version)

    def _asker(self, record: Any) -> dict[str, Any]:
        doors = self._doors
        # This clock may lag behind the one that told the time of the last move.
        now = max(doors.clock(), record.stage_since)
        return {"at": now, "roles": doors.actor.roles, "me": doors.actor, "zone": doors.zone}

    def _changed(self, record: Any, clean: dict[str, Any]) -> Any:
        return self._replace(record, **clean) if clean else record
