"""Tallies in memory: rows into groups, groups into measures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from crmkit.model.kind import Kind
from crmkit.storage.memory.reader import Reader, column_reached
from crmkit.storage.spi.plan import Aggregate, GroupKey, Measure, Tally

if TYPE_CHECKING:
    from crmkit.model.codec import Row
    from crmkit.storage.memory.table import Table

__all__ = ["MEASURE", "tally_rows"]


MEASURE: Final[Mapping[Aggregate, Callable[[list[Any]], Any]]] = {
    Aggregate.COUNT: len,
    Aggregate.COUNT_DISTINCT: len,
    Aggregate.SUM: sum,
    Aggregate.MIN: min,
    Aggregate.MAX: max,
}
"""What an aggregate makes of values, of which there is one at least."""


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
    if measure.aggregate.distinct:
        values = list(set(values))
    return MEASURE[measure.aggregate](values) if values else measure.aggregate.nothing


def _key_reader(key: GroupKey, name: str, tables: Callable[[str], Table]) -> Callable[[Row], Any]:
    table, read_column = column_reached(tables, name, key.hops, key.column)
    bucket = _bucket_reader(key, table)

    def read(row: Row) -> Any:
        value = read_column(row)
        return None if value is None else bucket(value)

    return read


def _bucket_reader(key: GroupKey, table: Table) -> Callable[[Any], Any]:
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
