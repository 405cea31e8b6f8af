"""Links: before a row is written, every id it links to must be there, and be visible to the actor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import BadRecord, Problem
from crmkit.expr.core import In
from crmkit.repository.tree import refuse_circles

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from crmkit.model.field import ReferenceField
    from crmkit.model.schema import Schema
    from crmkit.repository.door import DoorOf

__all__ = ["check_links"]


async def check_links(
    schema: Schema,
    records: Sequence[Any],
    fields: Iterable[ReferenceField],
    door_of: DoorOf,
    own: Sequence[UUID] = (),
) -> None:
    """Check that what records link to exists, in the same tenant, live, and visible to the actor.

    Args:
        schema: the records' model.
        records: the records to be written.
        fields: which of their links to check.
        door_of: gives the doors of the models that they link to.
        own: the records' ids, if they are new.

    Raises:
        BadRecord: a link leads nowhere, whether or not it exists for somebody else; or new records stand in a circle.
    """
    new = frozenset(own)
    wanted: dict[str, set[UUID]] = {}
    for field in fields:
        if not field.link_target:
            for record in records:
                wanted.setdefault(field.leads_to(record), set()).add(getattr(record, field.name))
            continue
        ids = {getattr(record, field.name) for record in records}
        ids.discard(None)
        if field.to == schema.name and not new.isdisjoint(ids):
            refuse_circles(schema, records, own)
            ids -= new
        if ids:
            wanted.setdefault(field.to, set()).update(ids)
    lost: dict[str, set[UUID]] = {}
    for name, ids in wanted.items():
        rows = await door_of(name).columns((In("id", tuple(ids)),), ("id",))
        if len(rows) < len(ids):
            lost[name] = ids.difference(*rows)
    if lost:
        raise BadRecord(schema.name, _problems(records, fields, lost))


def _problems(records: Sequence[Any], fields: Iterable[ReferenceField], lost: dict[str, set[UUID]]) -> list[Problem]:
    problems: dict[Problem, None] = {}
    for record in records:
        for field in fields:
            name = field.leads_to(record)
            linked = getattr(record, field.name)
            if linked in lost.get(name, ()):
                message = f"links to {name} {linked}, which does not exist."
                problems[
                    Problem("no_such_link", message, hint="Add it first, or leave the link out.", field=field.name)
                ] = None
    return list(problems)
