"""Reading: every question that can be asked of the records of one model, within what the actor may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from crmkit.errors import BadExpression, NotFound
from crmkit.expr.build import everything
from crmkit.expr.core import Compare
from crmkit.expr.node import Expr, Op
from crmkit.repository.aggregator import Group, tally
from crmkit.repository.door import BATCH, pause_collector, same_id
from crmkit.repository.order import keys_of
from crmkit.repository.pager import Page, Pager
from crmkit.storage.spi import Aggregate, Measure, SortKey
from crmkit.values import INT64_MAX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from uuid import UUID

    from crmkit.expr.build import Sort
    from crmkit.expr.core import Core
    from crmkit.expr.node import Ref
    from crmkit.model.schema import Schema
    from crmkit.repository.door import Door
    from crmkit.repository.doors import Doors
    from crmkit.repository.grouping import By
    from crmkit.repository.measure import Measured
    from crmkit.segment import Segment

__all__ = ["AsyncReader"]

T = TypeVar("T")


class AsyncReader(Generic[T]):
    """Reads the records of one model within one session."""

    def __init__(self, doors: Doors, schema: Schema) -> None:
        self._doors = doors
        self._schema = schema
        self._door: Door[T] = doors.of(schema)

    @property
    def model(self) -> type[T]:
        """The class of its records, with the fields of the packages that the CRM was connected with."""
        return self._schema.cls

    async def get(self, id: UUID, *, deleted: bool = False) -> T:
        """Return the record with this id.

        Args:
            id: the record's id.
            deleted: whether a deleted record counts as well.

        Raises:
            NotFound: there is none that the actor may see.
        """
        records = await self._door.records((same_id(id),), deleted=deleted)
        if not records:
            raise NotFound(f"there is no {self._schema.name} {id}.")
        return records[0]

    async def find(
        self,
        where: Expr | Segment = everything,
        *,
        order: Ref | Sort | Sequence[Ref | Sort] = (),
        limit: int = 100,
        after: str | None = None,
        deleted: bool = False,
    ) -> Page[T]:
        """Return the first records that satisfy an expression, or the next ones after a page.

        Args:
            where: the expression.
            order: fields or paths to sort by, such as `[-f.amount, f.customer.name]`; by id, which is by age, if there
                are none. What a path does not reach is missing.
            limit: how many records at most.
            after: the `next` of the page before.
            deleted: whether deleted records count as well.

        Raises:
            BadExpression: the expression, the order or the cursor does not fit the model.
        """
        if type(limit) is not int or not 1 <= limit < INT64_MAX:
            raise BadExpression(f"limit must be a whole number from 1 up, not {limit!r}.")
        return await Pager(self._door, keys_of(self._door, order)).page(where, limit, after, deleted=deleted)

    async def first(
        self, where: Expr | Segment = everything, *, order: Ref | Sort | Sequence[Ref | Sort] = ()
    ) -> T | None:
        """Return the first record that satisfies an expression, or `None`."""
        page = await self.find(where, order=order, limit=1)
        return page[0] if page else None

    async def stream(self, where: Expr | Segment = everything, *, deleted: bool = False) -> AsyncIterator[T]:
        """Yield every record that satisfies an expression, oldest first, in bounded memory.

        Records are fetched in batches; each batch sees what is committed when it is fetched.
        """
        async for batch in self.batches(where, deleted=deleted):
            for record in batch:
                yield record

    async def batches(self, where: Expr | Segment = everything, *, deleted: bool = False) -> AsyncIterator[list[T]]:
        """Yield what `stream` yields, in lists of up to 5,000."""
        parts = await self._door.bind(where)
        after: tuple[Core, ...] = ()
        while True:
            # What is made of a batch lives; the collector would look at each of its rows for nothing.
            with pause_collector():
                found = (*parts, *after)
                records: list[Any] = await self._door.records(
                    found, deleted=deleted, order=(SortKey("id"),), limit=BATCH
                )
            if records:
                yield records
            if len(records) < BATCH:
                return
            after = (Compare("id", Op.GT, records[-1].id),)

    async def count(self, where: Expr | Segment = everything, *, deleted: bool = False) -> int:
        """Return how many records satisfy an expression; counted inside the store."""
        rows = await self._door.tally(where, (), (Measure(Aggregate.COUNT),), deleted=deleted)
        return int(rows[0][0])

    async def ids(self, where: Expr | Segment = everything) -> list[UUID]:
        """Return the ids of all records that satisfy an expression, oldest first."""
        return [id_ for (id_,) in await self._door.columns(where, ("id",), (SortKey("id"),))]

    async def exists(self, where: Expr | Segment = everything) -> bool:
        """Return whether any record satisfies an expression."""
        return bool(await self._door.columns(where, ("id",), limit=1))

    async def tally(
        self,
        *,
        by: By | Sequence[By] = (),
        where: Expr | Segment = everything,
        deleted: bool = False,
        **measures: Measured,
    ) -> list[Group]:
        """Group records and measure each group, inside the store.

        Args:
            by: fields or paths to group by, or spans of time such as `by_month(f.close_date)`.
            where: which records count.
            deleted: whether deleted records count as well.
            measures: what to compute, by the name it gets: `count()`, `total(f.amount)` and so on.

        Returns:
            A `Group` for each combination of keys that occurs, ordered by the keys.
        """
        return await tally(self._door, where, by, measures, deleted=deleted)
