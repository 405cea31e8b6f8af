"""Paths: the field that a reference ends at, and the guarded way there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import BadExpression, near

if TYPE_CHECKING:
    from crmkit.expr.node import Ref
    from crmkit.model.field import Field
    from crmkit.repository.door import Door, Hop

__all__ = ["field_at"]


def field_at(door: Door[Any], ref: Ref) -> tuple[tuple[Hop, ...], Field]:
    """Return the guarded steps that a reference takes, and the field, or the part of one, that it ends at.

    Raises:
        BadExpression: there is no such field, or a step may lead to several records.
    """
    hops, end, rest = door.hops(ref)
    field = end.fields.get(rest[0])
    if field is None:
        names = [*end.fields, *door.catalog.relations(end)]
        raise BadExpression(f"{ref.text}: {end.name} has no field {rest[0]!r}.", hint=near(rest[0], names))
    if len(rest) > 1 and not field.opaque:
        field = field.part(rest[1])
    return hops, field
