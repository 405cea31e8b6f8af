"""Keyset pages: each starts where the last one ended, by values, so that the thousandth costs what the first did."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload
from uuid import UUID

from crmkit.errors import BadExpression, Problem
from crmkit.expr.core import And, Compare, Core, Missing, Or
from crmkit.expr.node import Op
from crmkit.model.kind import Kind
from crmkit.storage.spi import SortKey
from crmkit.values import clean_instant, clean_integer, clean_text

if TYPE_CHECKING:
    from crmkit.model.field import Column
    from crmkit.model.schema import Schema
    from crmkit.repository.door import Door, Where

__all__ = ["Page", "Pager", "read_cursor", "write_cursor"]

T = TypeVar("T")


class Page(Sequence[T], Generic[T]):
    """Some records in order, and where the next ones start.

    Attributes:
        next: what to give as `after` for the next page; `None` on the last one.
    """

    __slots__ = ("_records", "next")

    def __init__(self, records: Sequence[T], next: str | None) -> None:
        self._records = records
        self.next = next

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        return f"Page({list(self._records)!r}, next={self.next!r})"


class Pager(Generic[T]):
    """Reads records in an order, from a position on.

    Args:
        door: the door of their model.
        keys: the order; its last key is unique.
    """

    def __init__(self, door: Door[T], keys: tuple[SortKey, ...]) -> None:
        self._door = door
        self._keys = keys

    async def page(self, where: Where, limit: int, after: str | None, *, deleted: bool) -> Page[T]:
        """Return the first records that satisfy an expression, or the next ones after a page.

        Args:
            where: the expression.
            limit: how many records at most.
            after: the `next` of the page before.
            deleted: whether deleted records count as well.

        Raises:
            BadExpression: the expression or the cursor does not fit the model.
        """
        position = None if after is None else read_cursor(self._door.schema, self._keys, after)
        parts = await self._door.bind(where)
        records: list[T] = []
        for conditions, order in _ranges(self._door.schema, self._keys, position):
            wanted = limit + 1 - len(records)
            records += await self._door.records((*parts, *conditions), deleted=deleted, order=order, limit=wanted)
            if len(records) > limit:
                return Page(records[:limit], write_cursor(self._keys, self._position(records[limit - 1])))
        return Page(records, None)

    def _position(self, record: T) -> tuple[Any, ...]:
        fields = self._door.schema.fields
        return tuple(fields[key.column].to_columns(getattr(record, key.column))[0] for key in self._keys)


def _ranges(
    schema: Schema, keys: tuple[SortKey, ...], after: tuple[Any, ...] | None
) -> Iterator[tuple[tuple[Core, ...], tuple[SortKey, ...]]]:
    """Yield the conditions and orders whose results, one after another, are all rows after a position.

    A first key that may be missing splits the rows in two: those with a value, which an index gives in order, and those
    without, which the other keys order. No database then has to sort missing values to one end.

    Args:
        schema: the model.
        keys: the order; its last key is unique.
        after: the keys' values in the last row seen; `None` to start at the beginning.
    """
    first = keys[0]
    if not schema.by_column[first.column].nullable:
        yield (() if after is None else (_beyond(keys, after),)), keys
        return
    with_value, without = Missing(first.column, negated=True), Missing(first.column)
    in_missing = after is not None and after[0] is None
    if first.missing_first:
        if after is None or in_missing:
            for condition, order in _ranges(schema, keys[1:], None if after is None else after[1:]):
                yield (without, *condition), order
        yield (with_value,) if after is None or in_missing else (with_value, _beyond(keys, after)), keys
        return
    if not in_missing:
        yield (with_value,) if after is None else (with_value, _beyond(keys, after)), keys
    for condition, order in _ranges(schema, keys[1:], after[1:] if after is not None and in_missing else None):
        yield (without, *condition), order


def _beyond(keys: tuple[SortKey, ...], after: tuple[Any, ...]) -> Core:
    """Return what holds of the rows that come after one whose first key has a value."""
    key, value = keys[0], after[0]
    past = Compare(key.column, Op.LT if key.descending else Op.GT, value)
    if len(keys) == 1:
        return past
    # The first comparison alone lets an index start at the right place; the second one is exact.
    start = Compare(key.column, Op.LE if key.descending else Op.GE, value)
    return And((start, Or((past, _later(keys[1:], after[1:])))))


def _later(keys: tuple[SortKey, ...], after: tuple[Any, ...]) -> Core:
    key, value = keys[0], after[0]
    steps: list[Core] = []
    if value is None:
        same: Core = Missing(key.column)
        if key.missing_first:
            steps.append(Missing(key.column, negated=True))
    else:
        same = Compare(key.column, Op.EQ, value)
        steps.append(Compare(key.column, Op.LT if key.descending else Op.GT, value))
        if not key.missing_first:
            steps.append(Missing(key.column))
    if len(keys) > 1:
        steps.append(And((same, _later(keys[1:], after[1:]))))
    return Or(tuple(steps))


# -- cursors -----------------------------------------------------------------------------------------------------------


def write_cursor(keys: tuple[SortKey, ...], values: tuple[Any, ...]) -> str:
    """Return the position behind a row as text that can travel in a web address."""
    order = [[key.column, key.descending, key.missing_first] for key in keys]
    text = json.dumps([order, [_spell(value) for value in values]], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(schema: Schema, keys: tuple[SortKey, ...], cursor: str) -> tuple[Any, ...]:
    """Return the values that `write_cursor` was given.

    Raises:
        BadExpression: the text is no cursor, or belongs to another order.
    """
    try:
        order, spelled = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        values = tuple(_read(kind, value) for kind, value in spelled)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise BadExpression("after is no cursor.", hint="Give a page's next, unchanged.") from None
    if order != [[key.column, key.descending, key.missing_first] for key in keys] or len(values) != len(keys):
        raise BadExpression("after comes from a page in another order.", hint="Give the same order with each page.")
    try:
        return tuple(_held(schema.by_column[key.column], value) for key, value in zip(keys, values, strict=True))
    except Problem:
        raise BadExpression("after is no cursor.", hint="Give a page's next, unchanged.") from None


def _held(column: Column, value: Any) -> Any:
    """Return a value if the column can hold it; a cursor comes from outside, like all input."""
    if value is None and column.nullable:
        return None
    if type(value) is not _TYPE[column.kind]:
        raise Problem("wrong_type", "is of another kind.")
    if isinstance(value, str):
        return clean_text(value, at_most=max(column.max, 1))
    if isinstance(value, dt.datetime):
        return clean_instant(value)
    return clean_integer(value) if type(value) is int else value


_TYPE: Final[Mapping[Kind, type]] = {
    Kind.BOOL: bool,
    Kind.INT: int,
    Kind.DECIMAL: int,
    Kind.TEXT: str,
    Kind.DATE: dt.date,
    Kind.INSTANT: dt.datetime,
    Kind.UUID: UUID,
}


def _spell(value: Any) -> tuple[str, Any]:
    if isinstance(value, dt.datetime):
        return "at", value.isoformat()
    if isinstance(value, dt.date):
        return "on", value.isoformat()
    if isinstance(value, UUID):
        return "id", value.hex
    return "", value


def _read(kind: str, value: Any) -> Any:
    if kind == "":
        if value is not None and type(value) not in {str, int, bool}:
            raise ValueError(kind)
        return value
    if kind == "at":
        return dt.datetime.fromisoformat(value)
    return dt.date.fromisoformat(value) if kind == "on" else UUID(value)
