"""The outbox: what happened, written in the transaction in which it happened, for others to read."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from crmkit.model.declare import Record, document, entity, instant, integer, key, text

__all__ = ["OutboxMessage"]


@entity(plural="outbox", append_only=True, indexes=(("entity", "record_id"),))
class OutboxMessage(Record):
    """One thing that happened to one record, for the host to pass on after the transaction; never changed."""

    topic: str = text(min=1, max=120, doc='What happened, such as "customer.updated".')
    entity: str = text(min=1, max=60, doc="The model of the record.")
    record_id: UUID = key(doc="The record's id, which may be that of a record deleted since.")
    record_version: int = integer(min=0, doc="The record's version after it happened.")
    at: datetime = instant(index=True, doc="When it happened.")
    actor: str = text(max=120, doc="The key of the actor who did it.")
    payload: str = document(doc="What changed.")
