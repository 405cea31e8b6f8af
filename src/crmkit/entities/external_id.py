"""The crosswalk: what other systems call our records."""

from __future__ import annotations

from uuid import UUID

from crmkit.model.declare import Record, attached, entity, text

__all__ = ["ExternalId"]


@entity(uniques=(("source", "entity", "external_id"),))
class ExternalId(Record):
    """The key that another system has for a record; a record may have several, also in one system."""

    source: str = text(min=1, max=80, doc="The other system, such as salesforce or legacy.")
    entity: str = text(min=1, max=60, doc="The model of the record.")
    external_id: str = text(min=1, max=200, doc="What the other system calls it.")
    record_id: UUID = attached(to="*", back="external_ids", doc="The record here.")
    row_digest: str | None = text(
        default=None,
        max=128,
        doc="A digest of the row last imported for it, which tells whether a rerun has anything new.",
    )
