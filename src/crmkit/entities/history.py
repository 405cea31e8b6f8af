"""The history of stages: one row for each move through a pipeline."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from crmkit.entities.staged import OUTCOMES
from crmkit.model.declare import Record, attached, choice, entity, instant, integer, text

__all__ = ["StageMove"]


@entity(
    append_only=True,
    uniques=(("entity", "record_id", "number"),),
    indexes=(("entity", "pipeline", "at"),),
)
class StageMove(Record):
    """One move of one record from a stage to another, written in the same transaction as the move; never changed."""

    entity: str = text(min=1, max=60, doc="The model of the record that moved.")
    record_id: UUID = attached(to="staged", back="moves", doc="The record that moved.")
    number: int = integer(min=1, doc="Its place among the moves of the record: 1, 2, 3 and so on.")
    pipeline: str = text(max=80, doc="The pipeline that the record is in after the move.")
    pipeline_version: int = integer(doc="The version of that pipeline.")
    from_stage: str = text(default="", max=80, doc="The stage it left; blank when it entered the pipeline.")
    to_stage: str = text(min=1, max=80, doc="The stage it entered.")
    kind: str = choice(
        "enter", "forward", "back", "close", "reopen", "transfer",
        doc="Which way it went; a transfer leads into another pipeline or version.",
    )  # fmt: skip
    position: int = integer(min=1, doc="The place of the stage it entered among the pipeline's stages, from 1.")
    outcome: str = choice(*OUTCOMES, doc="What the stage it entered means: open, or how the record ended.")
    at: datetime = instant(doc="When it moved.")
    spent: int | None = integer(
        default=None, min=0, doc="How long it had been in the stage it left, in milliseconds; missing on entering."
    )
    actor: str = text(default="", max=120, doc="The key of the actor who moved it; blank if history does not tell.")
    note: str | None = text(default=None, max=4_000, doc="What the actor said about it.")
