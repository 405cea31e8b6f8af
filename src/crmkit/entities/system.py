"""What crmkit itself keeps besides a product's records: definitions, external ids, history, outbox."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from crmkit.entities.staged import OUTCOMES, Outcome
from crmkit.model.declare import Record, attached, choice, document, entity, instant, integer, key, text


@entity(
    uniques=(("entity", "name", "number"),),
    kept="A pipeline is kept when a record first enters it: name it in connect(..., pipelines=[...]).",
)
class PipelineDefinition(Record):
    """One version of a pipeline; records in flight keep the version they entered until they are moved to another."""

    name: str = text(min=1, max=80, doc="The pipeline's name, as the staged records hold it.")
    entity: str = text(min=1, max=60, index=True, doc="The model whose records move through it.")
    number: int = integer(min=1, doc="Which version of the pipeline it is, counted from 1.")
    fingerprint: str = text(min=1, max=128, doc="A digest of the definition, equal when the rules are equal.")
    definition: str = document(doc="Stages, moves and rules.")


@entity(kept="Call s.segments.save(segment).")
class SegmentDefinition(Record):
    """A named expression that picks records of one model."""

    name: str = text(min=1, max=80, unique=True, doc="What the segment is called.")
    entity: str = text(min=1, max=60, index=True, doc="The model whose records it picks.")
    expression: str = document(doc="The condition, in the JSON form of the expression language.")
    description: str | None = text(default=None, max=2_000, doc="Whom the segment is meant to find, and what for.")


@entity(
    uniques=(("source", "entity", "external_id"),),
    kept="Call add_external_id() or remove_external_id() of the record's repository; imports write their own.",
)
class ExternalId(Record):
    """The key that another system has for a record; a record may have several, also in one system."""

    source: str = text(min=1, max=80, doc="The other system, such as salesforce or legacy.")
    entity: str = text(min=1, max=60, doc="The model of the record.")
    external_id: str = text(min=1, max=200, doc="What the other system calls it.")
    record_id: UUID = attached(to="*", back="external_ids", doc="The record here.")
    row_digest: str | None = text(
        default=None,
        max=128,
        doc="A digest of the row last imported for it, which shows whether a rerun has anything new.",
    )


@entity(
    append_only=True,
    uniques=(("entity", "record_id", "number"),),
    indexes=(("entity", "pipeline", "at"),),
    kept="Call advance(), or add(record, history=[...]) for moves made elsewhere.",
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
        "enter", "forward", "back", "close", "reopen", "stay", "transfer",
        doc="Which way it went; a stay leads nowhere, and a transfer into another pipeline or version.",
    )  # fmt: skip
    position: int = integer(min=1, doc="The place of the stage it entered among the pipeline's stages, from 1.")
    outcome: Outcome = choice(*OUTCOMES, doc="What the stage it entered means: open, or how the record ended.")
    at: datetime = instant(doc="When it moved.")
    spent: int | None = integer(
        default=None,
        min=0,
        doc="How long it had been in the stage it left, in milliseconds; missing on entering and staying.",
    )
    actor: str = text(default="", max=120, doc="The key of the actor who moved it; blank if the history does not say.")
    note: str | None = text(default=None, max=4_000, doc="What the actor said about it.")


@entity(
    plural="outbox",
    append_only=True,
    indexes=(("entity", "record_id"),),
    about=("record_id",),
    kept="Each change writes its message with connect(..., outbox=True).",
)
class OutboxMessage(Record):
    """One thing that happened to one record, for the host to pass on after the transaction; never changed."""

    topic: str = text(min=1, max=120, doc='What happened, such as "customer.updated".')
    entity: str = text(min=1, max=60, doc="The model of the record.")
    record_id: UUID = key(doc="The record's id, which may be that of a record deleted since.")
    record_version: int = integer(min=0, doc="The record's version after it happened.")
    at: datetime = instant(index=True, doc="When it happened.")
    actor: str = text(max=120, doc="The key of the actor who did it.")
    payload: str = document(doc="What changed.")


@entity(
    uniques=(("pack", "item"),), indexes=(("entity", "record_id"),), about=("record_id",),
    kept="Call s.seeds.apply(pack).",
)  # fmt: skip
class SeedItem(Record):
    """What a pack of seeds last wrote of one item, by which a later version tells whether the tenant changed it."""

    pack: str = text(min=1, max=80, doc="The name of the pack.")
    item: str = text(min=1, max=200, doc="The item's key within the pack.")
    pack_version: int = integer(min=1, doc="The version of the pack that wrote it.")
    entity: str = text(min=1, max=60, doc="The model of what was written.")
    record_id: UUID = key(doc="The id of what was written, which may have been deleted since.")
    content: str = document(doc="What was written.")
