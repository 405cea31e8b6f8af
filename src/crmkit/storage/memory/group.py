"""Tallies in memory: rows into groups, groups into measures."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from crmkit.model.kind import Kind
from crmkit.storage.memory.reader import Reader
from crmkit.storage.spi.plan import Aggregate, Key, Measure, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crmkit.model.codec import Row
    from crmkit.storage.memory.table import Table

__all__ = ["tally_rows"]


def tally_rows(tally: Tally, tables: Callable[[str], Table]) -> list[Row]:
    """Return the groups that a tally asks for, keys first, then measures."""
    keys = [_key_reader(key, tally.schema.name, tables) for key in tally.by]
    groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): []}
    for row in Reader(tables, tally.schema.name).rows(tally.where):
        groups.setdefault(tuple(key(row) for key in keys), []).append(row)
    table = tables(tally.schema.name)
    return [(*key, *(_measure(measure, rows, table) for measure in tally.measures)) for key, rows in groups.items()]


def _measure(measure: Measure, rows: list[Row], table: Table) -> Any:
    if not measure.column:
        return len(rows)
    place = table.places[measure.column]
    values = [value for row in rows if (value := row[place]) is not None]
    match measure.aggregate:
        case Aggregate.COUNT:
            return len(values)
        case Aggregate.COUNT_DISTINCT:
            return len(set(values))
        case Aggregate.SUM:
            return sum(values)
        case Aggregate.MIN:
            return min(values, default=None)
        case Aggregate.MAX:
            return max(values, default=None)


def _key_reader(key: Key, name: str, tables: Callable[[str], Table]) -> Callable[[Row], Any]:
    steps: list[Callable[[Row], Iterator[Row]]] = []
    for hop in key.hops:
        steps.append(Reader(tables, name).related(hop.relation, hop.where))
        name = hop.relation.target
    table = tables(name)
    place = table.places[key.column]
    bucket = _bucket_reader(key, table)

    def read(row: Row) -> Any:
        for step in steps:
            reached = next(step(row), None)
            if reached is None:
                return None
            row = reached
        value = row[place]
        return None if value is None else bucket(value)

    return read


def _bucket_reader(key: Key, table: Table) -> Callable[[Any], Any]:
    span = key.bucket
    if span is None:
        return lambda value: value
    if table.schema.by_column[key.column].kind is not Kind.INSTANT:
        return span.first_day
    zone = ZoneInfo(key.zone)
    return lambda value: span.first_day(_day_of(value, zone))


def _day_of(moment: dt.datetime, zone: ZoneInfo) -> dt.date:
    try:
        return moment.astimezone(zone).date()
    except OverflowError:  # within a day of the calendar's ends there may be no such date
        return moment.date()
