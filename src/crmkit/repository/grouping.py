"""Groupings: what records can be grouped by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from crmkit.errors import BadExpression, Problem
from crmkit.expr.node import Ref
from crmkit.repository.path import field_at
from crmkit.storage.spi import Bucket, GroupKey
from crmkit.values.zone import zone_of

if TYPE_CHECKING:
    from crmkit.model.field import Field
    from crmkit.repository.door import Door

__all__ = ["By", "Span", "by_day", "by_month", "by_quarter", "by_week", "by_year", "group_key", "keyed"]


@attrs.frozen
class Span:
    """A field of time, grouped by spans of it; the key is the first day of the span.

    Attributes:
        ref: the field or path.
        bucket: the span.
        zone: for an instant: whose days are meant, as an IANA name; those of the call, if left out.
    """

    ref: Ref
    bucket: Bucket
    zone: str | None = None


By: TypeAlias = Ref | Span
"""What records can be grouped by."""


def by_day(ref: Ref, zone: str | None = None) -> Span:
    """Return the grouping of a date or an instant by day: of the zone, or of the session's if none is named."""
    return Span(ref, Bucket.DAY, zone)


def by_week(ref: Ref, zone: str | None = None) -> Span:
    """Return the grouping of a date or an instant by week; weeks begin on Monday."""
    return Span(ref, Bucket.WEEK, zone)


def by_month(ref: Ref, zone: str | None = None) -> Span:
    """Return the grouping of a date or an instant by month."""
    return Span(ref, Bucket.MONTH, zone)


def by_quarter(ref: Ref, zone: str | None = None) -> Span:
    """Return the grouping of a date or an instant by quarter of the calendar year."""
    return Span(ref, Bucket.QUARTER, zone)


def by_year(ref: Ref, zone: str | None = None) -> Span:
    """Return the grouping of a date or an instant by calendar year."""
    return Span(ref, Bucket.YEAR, zone)


def group_key(door: Door[Any], by: By, zone: str) -> tuple[GroupKey, Field]:
    """Return what to group by, each step of the way guarded, and the field that it ends at.

    Args:
        door: the door of the model.
        by: what to group by.
        zone: whose days a span means that names none.

    Raises:
        BadDefinition: there is no such zone.
        BadExpression: it does not fit the model, or cannot be grouped by.
    """
    ref, span = (by.ref, by) if isinstance(by, Span) else (by, None)
    if not isinstance(ref, Ref):
        raise BadExpression(f"cannot group by {type(ref).__name__}.", hint="Write f.name, or by_month(f.at).")
    hops, field = field_at(door, ref)
    try:
        field.check_group()
    except Problem as problem:
        raise BadExpression(f"{ref.text} {problem.message}", hint=problem.hint) from None
    if span is None:
        return GroupKey(field.name, hops), field
    if not field.temporal:
        raise BadExpression(f"{ref.text} is neither a date nor an instant, so it has no {span.bucket.value}.")
    named = zone if span.zone is None else span.zone
    zone_of(named)
    return GroupKey(field.name, hops, span.bucket, named), field


def keyed(value: Any, field: Field) -> Any:
    """Return a key, as the store gives it, as the caller gets it."""
    return field.from_columns(value)
