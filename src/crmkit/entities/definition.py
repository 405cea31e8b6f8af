"""Definitions that are kept as data: versions of pipelines, and segments."""

from __future__ import annotations

from crmkit.model.declare import Record, document, entity, integer, text

__all__ = ["PipelineDefinition", "SegmentDefinition"]


@entity(uniques=(("entity", "name", "number"),))
class PipelineDefinition(Record):
    """One version of a pipeline; records in flight keep the version they entered until they are moved to another."""

    name: str = text(min=1, max=80, doc="The pipeline's name, as the staged records hold it.")
    entity: str = text(min=1, max=60, index=True, doc="The model whose records move through it.")
    number: int = integer(min=1, doc="Which version of the pipeline it is, counted from 1.")
    fingerprint: str = text(min=1, max=128, doc="A digest of the definition, equal when the rules are equal.")
    definition: str = document(doc="Stages, moves and rules.")


@entity()
class SegmentDefinition(Record):
    """A named expression that picks records of one model."""

    name: str = text(min=1, max=80, unique=True, doc="What the segment is called.")
    entity: str = text(min=1, max=60, index=True, doc="The model whose records it picks.")
    expression: str = document(doc="The condition, in the JSON form of the expression language.")
    description: str | None = text(default=None, max=2_000, doc="Whom the segment is meant to find, and what for.")
