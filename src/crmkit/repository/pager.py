"""Keyset pages: each starts where the last one ended, by values, so that the thousandth costs what the first did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, overload

from crmkit.errors import Busy
from crmkit.expr.core import And, Compare, Core, Exists, Missing, Not, Or
from crmkit.expr.node import Op
from crmkit.model.form import to_dict
from crmkit.repository.cursor import read_cursor, write_cursor
from crmkit.repository.door import same_id
from crmkit.repository.related import NOTHING, Found, Related
from crmkit.storage.spi import GroupKey, SortKey

if TYPE_CHECKING:
    from crmkit.expr.node import Ref
    from crmkit.model.schema import Schema
    from crmkit.repository.door import Door, Where
    from crmkit.repository.include import Plan

__all__ = ["Page", "Pager"]

T = TypeVar("T")
R = TypeVar("R")


class Page(Sequence[T], Generic[T]):
    """Some records in order, and where the next ones start.

    Attributes:
        next: what to give as `after` for the next page; `None` on the last one.
    """

    __slots__ = ("_records", "_related", "next")

    def __init__(self, records: Sequence[T], next: str | None, related: Related = NOTHING) -> None:
        self._records = records
        self._related = related
        self.next = next

    @property
    def found(self) -> Sequence[Found[T]]:
        """The records, each with what was included with it."""
        return [Found(record, self._related) for record in self._records]

    @overload
    def related(self, record: T, ref: Ref) -> Any: ...
    @overload
    def related(self, record: T, ref: Ref, model: type[tuple[R, ...]]) -> tuple[R, ...]: ...
    @overload
    def related(self, record: T, ref: Ref, model: type[R]) -> R | None: ...
    def related(self, record: T, ref: Ref, model: Any = None) -> Any:
        """Return what was included with a record of the page.

        Args:
            record: the record.
            ref: the way to what is related, as it was included: `f.customer`, `f.customer.contacts`.
            model: what there is, for type checkers: `Customer`, or `tuple[Contact, ...]` where the way may lead to
                several records.

        Returns:
            A record, or `None` where there is none that the actor may see; a tuple where there may be several.

        Raises:
            BadExpression: that was not included, or the way leads to another model.
        """
        return self._related.of(record, ref, model)

    def __dict_form__(self, *, include: bool) -> dict[str, Any]:
        form = self._related.dict_of if include else to_dict
        return {"records": [*map(form, self._records)], "next": self.next}

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

    async def page(
        self, where: Where, limit: int, after: str | None, *, deleted: bool, include: Plan | None = None
    ) -> Page[T]:
        """Return the first records that satisfy an expression, or the next ones after a page.

        Args:
            where: the expression.
            limit: how many records at most.
            after: the `next` of the page before.
            deleted: whether deleted records count as well.
            include: what to fetch beside them.

        Raises:
            BadExpression: the expression or the cursor does not fit the model.
            Busy: the last record of the page was removed before its position could be read.
        """
        door = self._door
        position = None if after is None else read_cursor(door.catalog, door.schema, self._keys, after)
        parts = await door.bind(where)
        records: list[T] = []
        for conditions, order in _ranges(door.schema, self._keys, position):
            wanted = limit + 1 - len(records)
            within = (*parts, *door.normal(conditions))
            records += await door.records(within, deleted=deleted, order=order, limit=wanted)
            if len(records) > limit:
                break
        records, more = records[:limit], len(records) > limit
        after = write_cursor(self._keys, await self._position(records[-1])) if more else None
        return Page(records, after) if include is None else Page(records, after, await include.fetch(records))

    async def _position(self, record: Any) -> tuple[Any, ...]:
        """Return the keys' values for a record; those beyond relations are read within what the actor may see."""
        fields = self._door.schema.fields
        far = tuple(GroupKey(key.column, key.hops) for key in self._keys if key.hops)
        rows = await self._door.tally((same_id(record.id),), far, (), deleted=True) if far else [()]
        if not rows:
            raise Busy("the records changed while a page of them was read.", hint="Ask for the page again.")
        found = iter(rows[0])
        return tuple(
            next(found) if key.hops else fields[key.column].to_columns(getattr(record, key.column))[0]
            for key in self._keys
        )


_Range: TypeAlias = tuple[tuple[Core, ...], tuple[SortKey, ...]]


def _ranges(schema: Schema, keys: tuple[SortKey, ...], after: tuple[Any, ...] | None) -> Iterator[_Range]:
    """Yield the conditions and orders whose results, one after another, are all rows after a position.

    A first key that may be missing splits the rows in two: those with a value, which an index gives in order, and those
    without, which the other keys order. No database then has to sort missing values to one end. A key beyond relations
    has no index to gain by that, so one query takes all.

    Args:
        schema: the model.
        keys: the order; its last key is unique.
        after: the keys' values in the last row seen; `None` to start at the beginning.
    """
    first = keys[0]
    if first.hops:
        yield (() if after is None else (_later(keys, after),)), keys
        return
    if not schema.by_column[first.column].nullable:
        yield (() if after is None else (_beyond(keys, after),)), keys
        return
    with_value, without = _present(first), Not(_present(first))
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
    """Return what holds of the rows that come after one whose first key, of their own, has a value."""
    key, value = keys[0], after[0]
    past = Compare(key.column, Op.LT if key.descending else Op.GT, value)
    if len(keys) == 1:
        return past
    # The first comparison alone lets an index start at the right place; the second one is exact.
    start = Compare(key.column, Op.LE if key.descending else Op.GE, value)
    return And((start, Or((past, _later(keys[1:], after[1:])))))


def _later(keys: tuple[SortKey, ...], after: tuple[Any, ...]) -> Core:
    """Return what holds of the rows that come after one, wherever values are missing."""
    key, value = keys[0], after[0]
    steps: list[Core] = []
    if value is None:
        same: Core = Not(_present(key))
        if key.missing_first:
            steps.append(_present(key))
    else:
        same = _at(key, Compare(key.column, Op.EQ, value))
        steps.append(_at(key, Compare(key.column, Op.LT if key.descending else Op.GT, value)))
        if not key.missing_first:
            steps.append(Not(_present(key)))
    if len(keys) > 1:
        steps.append(And((same, _later(keys[1:], after[1:]))))
    return Or(tuple(steps))


def _present(key: SortKey) -> Core:
    return _at(key, Missing(key.column, negated=True))


def _at(key: SortKey, leaf: Core) -> Core:
    """Return the condition that a key's way leads to a row, which the actor may see, of which this holds."""
    for hop in reversed(key.hops):
        leaf = Exists(hop.relation, And((hop.where, leaf)))
    return leaf
