"""Grouping: the group each record of a batch belongs to, found with one query for each step of a path."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from crmkit.errors import BadExpression
from crmkit.expr.core import In
from crmkit.repository.grouping import Span, group_key, keyed
from crmkit.values.zone import zone_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.schema import Schema
    from crmkit.repository import Doors
    from crmkit.repository.door import Hop
    from crmkit.repository.grouping import By

__all__ = ["MAX_GROUPS", "Grouping", "order_of", "text_of", "too_many"]

MAX_GROUPS: Final = 10_000
"""How many groups a report may have, so that its memory stays bounded."""
_REMEMBERED: Final = 50_000


class Grouping:
    """Finds the group of each record.

    Args:
        doors: the doors of the session.
        schema: the records' model.
        by: what to group by; `None` puts all into one group.
        zone: whose days a span means that names none.

    Raises:
        BadExpression: it does not fit the model.
    """

    def __init__(self, doors: Doors, schema: Schema, by: By | None, zone: str) -> None:
        self._doors = doors
        self._columns: tuple[str, ...] = ()
        if by is None:
            return
        self._key, self._field = group_key(doors.of(schema), by, zone)
        self._known: list[dict[Any, Any]] = [{} for _ in self._key.hops]
        # What each step reads of the record it leads to: the next step's link, or in the end the key itself.
        self._read = [*(hop.relation.local for hop in self._key.hops), self._key.column]
        self._columns = (self._read[0],)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the records themselves that are needed: one, or none without groups."""
        return self._columns

    async def of(self, values: Sequence[Any]) -> list[Any]:
        """Return the key for each value of the first column."""
        if not self._columns:
            return [None] * len(values)
        current = list(values)
        for place, hop in enumerate(self._key.hops):
            known = await self._step(place, hop, current)
            current = [known.get(value) for value in current]
        return [None if value is None else self._told(value) for value in current]

    async def _step(self, place: int, hop: Hop, values: list[Any]) -> dict[Any, Any]:
        known = self._known[place]
        if len(known) > _REMEMBERED:
            known.clear()
        wanted = tuple(set(values) - known.keys() - {None})
        if wanted:
            target = self._doors.of(hop.relation.target)
            columns = (hop.relation.remote, self._read[place + 1])
            rows = await target.columns((In(hop.relation.remote, wanted),), columns)
            # What cannot be seen is remembered as missing, so that it is not asked for again.
            known |= dict.fromkeys(wanted)
            known |= dict(rows)
        return known

    def _told(self, value: Any) -> Any:
        key = self._key
        if key.bucket is None:
            return keyed(value, self._field)
        day = value.astimezone(zone_of(key.zone)).date() if isinstance(value, dt.datetime) else value
        return key.bucket.first_day(day)


def order_of(key: Any) -> tuple[bool, Any]:
    """Return what keys are sorted by: the missing one comes last."""
    return key is None, "" if key is None else key


def text_of(by: By | None) -> str:
    """Return a grouping as a person writes it; blank for none."""
    if by is None:
        return ""
    return f"{by.bucket.value} of {by.ref.text}" if isinstance(by, Span) else by.text


def too_many(count: int) -> None:
    """Refuse a report with more groups than fit.

    Raises:
        BadExpression: there are too many.
    """
    if count > MAX_GROUPS:
        raise BadExpression(
            f"the report would have more than {MAX_GROUPS} groups.", hint="Group by something with fewer values."
        )
