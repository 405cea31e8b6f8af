"""Reading: every question that can be asked of the records of one model, within what the actor may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from crmkit.errors import BadExpression, NotFound
from crmkit.expr.build import everything
from crmkit.expr.core import Compare
from crmkit.expr.node import Expr, Op
from crmkit.repository.aggregator import Group, tally
from crmkit.repository.door import BATCH, pause_collector, same_id
from crmkit.repository.include import planned
from crmkit.repository.order import keys_of
from crmkit.repository.pager import Page, Pager
from crmkit.repository.related import Found
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
    from crmkit.repository.include import Includes
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

    @overload
    async def get(self, id: UUID, *, include: None = None, deleted: bool = False) -> T: ...
    @overload
    async def get(self, id: UUID, *, include: Includes, deleted: bool = False) -> Found[T]: ...
    @overload
    async def get(self, id: UUID, *, include: Includes | None, deleted: bool = False) -> T | Found[T]: ...
    async def get(self, id: UUID, *, include: Includes | None = None, deleted: bool = False) -> T | Found[T]:
        """Return the record with this id.

        Args:
            id: the record's id.
            include: what to fetch beside it; see `find`. The record then comes in a `Found`, with what belongs to it.
            deleted: whether a deleted record counts as well.

        Raises:
            NotFound: there is none that the actor may see.
            BadExpression: what is to be included does not fit the model.
        """
        plan = None if include is None else await planned(self._doors, self._schema, include)
        records = await self._door.records((same_id(id),), deleted=deleted)
        if not records:
            raise NotFound(f"there is no {self._schema.name} {id}.")
        return records[0] if plan is None else Found(records[0], await plan.fetch(records))

    async def find(
        self,
        where: Expr | Segment = everything,
        *,
        order: Ref | Sort | Sequence[Ref | Sort] = (),
        limit: int = 100,
        after: str | None = None,
        include: Includes | None = None,
        deleted: bool = False,
    ) -> Page[T]:
        """Return the first records that satisfy an expression, or the next ones after a page.

        Args:
            where: the expression.
            order: fields or paths to sort by, such as `[-f.amount, f.customer.name]`; by id, which is by age, if there
                are none. What a path does not reach is missing.
            limit: how many records at most.
            after: the `next` of the page before.
            include: what to fetch beside them, one statement for each step, to be read by `related` of the page:
                `[f.customer, f.customer.contacts.first(3, order=f.name)]`. What the actor may not see is not there.
            deleted: whether deleted records count as well.

        Raises:
            BadExpression: the expression, the order, the cursor or what is to be included does not fit the model.
        """
        if type(limit) is not int or not 1 <= limit < INT64_MAX:
            raise BadExpression(f"limit must be a whole number from 1 up, not {limit!r}.")
        plan = None if include is None else await planned(self._doors, self._schema, include)
        pager = Pager(self._door, keys_of(self._door, order))
        return await pager.page(where, limit, after, deleted=deleted, include=plan)

    @overload
    async def first(
        self,
        where: Expr | Segment = everything,
        *,
        order: Ref | Sort | Sequence[Ref | Sort] = (),
        include: None = None,
    ) -> T | None: ...
    @overload
    async def first(
        self, where: Expr | Segment = everything, *, order: Ref | Sort | Sequence[Ref | Sort] = (), include: Includes
    ) -> Found[T] | None: ...
    @overload
    async def first(
        self,
        where: Expr | Segment = everything,
        *,
        order: Ref | Sort | Sequence[Ref | Sort] = (),
        include: Includes | None,
    ) -> T | Found[T] | None: ...
    async def first(
        self,
        where: Expr | Segment = everything,
        *,
        order: Ref | Sort | Sequence[Ref | Sort] = (),
        include: Includes | None = None,
    ) -> T | Found[T] | None:
        """Return the first record that satisfies an expression, or `None`; see `find` and `get`."""
        page = await self.find(where, order=order, limit=1, include=include)
        return None if not page else page[0] if include is None else page.found[0]

    @overload
    def stream(
        self, where: Expr | Segment = everything, *, include: None = None, deleted: bool = False
    ) -> AsyncIterator[T]: ...
    @overload
    def stream(
        self, where: Expr | Segment = everything, *, include: Includes, deleted: bool = False
    ) -> AsyncIterator[Found[T]]: ...
    async def stream(
        self, where: Expr | Segment = everything, *, include: Includes | None = None, deleted: bool = False
    ) -> AsyncIterator[T | Found[T]]:
        """Yield every record that satisfies an expression, oldest first, in bounded memory.

        Records are fetched in batches; each batch sees what is committed when it is fetched. With `include`, each comes
        in a `Found`, with what belongs to it; see `find`.
        """
        async for batch in self.batches(where, include=include, deleted=deleted):
            for record in batch.found if isinstance(batch, Page) else batch:
                yield record

    @overload
    def batches(
        self, where: Expr | Segment = everything, *, include: None = None, deleted: bool = False
    ) -> AsyncIterator[list[T]]: ...
    @overload
    def batches(
        self, where: Expr | Segment = everything, *, include: Includes, deleted: bool = False
    ) -> AsyncIterator[Page[T]]: ...
    async def batches(
        self, where: Expr | Segment = everything, *, include: Includes | None = None, deleted: bool = False
    ) -> AsyncIterator[list[T] | Page[T]]:
        """Yield what `stream` yields, in lists of up to 5,000; with `include`, in pages."""
        plan = None if include is None else await planned(self._doors, self._schema, include)
        parts = await self._door.bind(where)
        after: tuple[Core, ...] = ()
        while True:
            # What is made of a batch lives; the collector would look at each of its rows for nothing.
            with pause_collector():
                found = (*parts, *after)
                records: list[Any] = await self._door.records(
                    found, deleted=deleted, order=(SortKey("id"),), limit=BATCH
                )
                page = None if plan is None else Page(records, None, await plan.fetch(records))
            if records:
                yield records if page is None else page
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
