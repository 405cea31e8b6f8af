"""Moves: how a record goes through its pipeline, and the history that each step leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import BadDefinition, MoveRefused
from crmkit.expr.core import And, Compare
from crmkit.expr.node import Op
from crmkit.storage.spi import Aggregate, Measure, Tally
from crmkit.values import NOT_YET

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from crmkit.lifecycle import Pipeline, Step
    from crmkit.model.schema import Schema
    from crmkit.repository.work import Work

__all__ = ["Moves"]


class Moves:
    """The moves of one model's records within one unit of work.

    Nothing here changes a record: it says which fields a move sets, and which history row goes with it.
    """

    def __init__(self, work: Work, schema: Schema) -> None:
        self._work = work
        self._schema = schema

    # -- what a move would do ------------------------------------------------------------------------------------------

    async def plan(
        self, record: Any, clean: dict[str, Any], stage: str, at: dt.datetime | None
    ) -> tuple[dict[str, Any], Step]:
        """Return the fields that a move sets, and the move itself.

        Raises:
            MoveRefused: the pipeline does not allow it.
        """
        pipeline = await self._pipeline(record)
        asker = self._asker()
        now = asker["at"]
        if at is not None:
            asker["at"] = at
        step = pipeline.step(self._changed(record, clean), stage, **asker)
        if step.at > now:
            reason = f"It cannot have moved at {step.at.isoformat()}, which is yet to come."
            raise MoveRefused(record.stage, stage, [reason])
        return step.changes, step

    async def transfer(self, record: Any, name: str, stage: str) -> tuple[dict[str, Any], Step]:
        """Return the fields that set a record into a pipeline's present definition, and the move itself."""
        self._staged()
        pipelines = self._work.setup.pipelines
        work = self._work
        pipeline, number = pipelines.named(work.actor.tenant, self._schema, name or record.pipeline)
        step = pipeline.transfer(record, stage, at=work.setup.clock(), me=work.actor, zone=work.zone)
        return step.changes | {"pipeline_version": number}, step

    async def why_not(self, record: Any, clean: dict[str, Any], stage: str) -> str:
        """Return every reason against a move, as one text; blank if there is none."""
        pipeline = await self._pipeline(record)
        return " ".join(pipeline.why_not(self._changed(record, clean), stage, **self._asker()))

    async def allowed(self, record: Any) -> tuple[str, ...]:
        """Return the stages that a record may enter next."""
        pipeline = await self._pipeline(record)
        return pipeline.allowed(record, **self._asker())

    # -- entering ------------------------------------------------------------------------------------------------------

    def enter(self, records: Sequence[Any], ids: Sequence[UUID], now: dt.datetime) -> tuple[list[Any], list[Any]]:
        """Return new records placed in their pipelines, and the history rows that say so.

        A model without a pipeline keeps its records as they are.

        Raises:
            MoveRefused: a record names a stage that is not one of its pipeline's.
        """
        pipelines = self._work.setup.pipelines
        tenant = self._work.actor.tenant
        if not pipelines.of(tenant, self._schema):
            return list(records), []
        codec = self._work.setup.codec(self._schema)
        entered: list[Any] = []
        history: list[Any] = []
        for record, id_ in zip(records, ids, strict=True):
            pipeline, number = pipelines.named(tenant, self._schema, record.pipeline)
            at = now if record.created_at == NOT_YET else record.created_at
            step = pipeline.enter(record, at=at, me=self._work.actor, zone=self._work.zone)
            placed = codec.replace(record, id=id_, pipeline_version=number, **step.changes)
            entered.append(placed)
            history.append(self._row(placed, step, 1, None))
        return entered, history

    # -- history -------------------------------------------------------------------------------------------------------

    async def history(self, record: Any, step: Step, note: str | None) -> Any:
        """Return the history row of a move that was made."""
        moves = self._work.setup.catalog["stage_move"]
        where = (
            Compare("tenant", Op.EQ, self._work.actor.tenant),
            Compare("entity", Op.EQ, self._schema.name),
            Compare("record_id", Op.EQ, record.id),
        )
        unit = await self._work.unit()
        rows = await unit.tally(Tally(moves, And(where), (), (Measure(Aggregate.MAX, "number"),)))
        return self._row(record, step, (rows[0][0] or 0) + 1, note)

    async def record(self, moves: Iterable[Any]) -> None:
        """Write history rows."""
        written = list(moves)
        if not written:
            return
        work = self._work
        schema = work.setup.catalog["stage_move"]
        codec = work.setup.codec(schema)
        now = work.setup.clock()
        rows = [codec.dump_new(move, work.actor.tenant, work.setup.ids(), now, work.actor.key) for move in written]
        unit = await work.unit()
        await unit.insert(schema, rows)

    def _row(self, record: Any, step: Step, number: int, note: str | None) -> Any:
        return self._work.setup.catalog["stage_move"].cls(
            entity=self._schema.name,
            record_id=record.id,
            number=number,
            pipeline=record.pipeline,
            pipeline_version=record.pipeline_version,
            from_stage=step.from_stage,
            to_stage=step.to_stage,
            kind=step.kind,
            position=step.position,
            outcome=step.outcome,
            at=step.at,
            spent=step.spent,
            actor=self._work.actor.key,
            note=note,
        )

    # -- within --------------------------------------------------------------------------------------------------------

    def _staged(self) -> None:
        if not self._schema.staged:
            raise BadDefinition(f"{self._schema.name} has no stages to move through.")

    async def _pipeline(self, record: Any) -> Pipeline:
        self._staged()
        if not record.pipeline:
            raise MoveRefused(
                record.stage, "", ["The record is in no pipeline."], hint="Call transfer() to put it into one."
            )
        return await self._work.setup.pipelines.followed(self._work, self._schema, record)

    def _asker(self) -> dict[str, Any]:
        work = self._work
        return {"at": work.setup.clock(), "roles": work.actor.roles, "me": work.actor, "zone": work.zone}

    def _changed(self, record: Any, clean: dict[str, Any]) -> Any:
        return self._work.setup.codec(self._schema).replace(record, **clean) if clean else record
