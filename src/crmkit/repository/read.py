"""Reading: every question that can be asked of the records of one model, within what the actor may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from crmkit.errors import BadExpression, NotFound
from crmkit.expr.build import Sort, everything
from crmkit.expr.core import And
from crmkit.expr.node import Expr, Ref
from crmkit.model.codec import pause_collector
from crmkit.repository.page import Page, read_cursor, segments, write_cursor
from crmkit.repository.tally import Group, tally
from crmkit.security.access import Action
from crmkit.storage.spi import Aggregate, Measure, Query, SortKey, Tally
from crmkit.values import INT64_MAX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from crmkit.expr.core import Core
    from crmkit.model.codec import Codec
    from crmkit.model.schema import Schema
    from crmkit.repository.tally import By, Measured
    from crmkit.repository.work import Work
    from crmkit.segment import Segment

__all__ = ["BATCH", "AsyncReader"]

T = TypeVar("T")
BATCH: Final = 5_000
"""How many records a bulk call holds in memory at a time."""


class AsyncReader(Generic[T]):
    """Reads the records of one model within one unit of work."""

    def __init__(self, work: Work, schema: Schema) -> None:
        self._work = work
        self._schema = schema
        self._codec: Codec[T] = work.setup.codec(schema)

    async def get(self, id: UUID, *, deleted: bool = False) -> T:
        """Return the record with this id.

        Args:
            id: the record's id.
            deleted: whether a deleted record counts as well.

        Raises:
            NotFound: there is none that the actor may see.
        """
        scope = self._work.guard.scope(self._schema, Action.READ, deleted=deleted)
        rows = await self._work.rows(self._schema, (*scope, self._work.same_id(id)), self._codec.read)
        if not rows:
            raise NotFound(f"there is no {self._schema.name} {id}.")
        record: T = self._codec.load(rows)[0]
        return record

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
            order: fields to sort by, such as `[-f.amount, f.name]`; by id, which is by age, if there are none.
            limit: how many records at most.
            after: the `next` of the page before.
            deleted: whether deleted records count as well.

        Raises:
            BadExpression: the expression, the order or the cursor does not fit the model.
        """
        if type(limit) is not int or not 1 <= limit < INT64_MAX:
            raise BadExpression(f"limit must be a whole number from 1 up, not {limit!r}.")
        keys = self._keys(order)
        values = None if after is None else read_cursor(self._schema, keys, after)
        core = self._work.guard.where(self._schema, where, self._work.facts(), deleted=deleted)
        rows = await self._segmented(core, keys, values, limit + 1)
        records = self._load(rows[:limit])
        if len(rows) <= limit:
            return Page(records, None)
        return Page(records, write_cursor(keys, self._position(keys, rows[limit - 1])))

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
        core = self._work.guard.where(self._schema, where, self._work.facts(), deleted=deleted)
        keys = (SortKey("id"),)
        values: tuple[Any, ...] | None = None
        while True:
            with pause_collector():
                rows = await self._segmented(core, keys, values, BATCH)
                records = self._codec.load(rows)
                more = len(rows) == BATCH
                values = self._position(keys, rows[-1]) if more else None
                # The collector looks at all that was made while it paused; rows that are gone are no work for it.
                del rows
            if records:
                yield records
            if not more:
                return

    async def count(self, where: Expr | Segment = everything, *, deleted: bool = False) -> int:
        """Return how many records satisfy an expression; counted inside the store."""
        core = self._work.guard.where(self._schema, where, self._work.facts(), deleted=deleted)
        unit = await self._work.unit()
        rows = await unit.tally(Tally(self._schema, core, (), (Measure(Aggregate.COUNT),)))
        return int(rows[0][0])

    async def ids(self, where: Expr | Segment = everything) -> list[UUID]:
        """Return the ids of all records that satisfy an expression, oldest first."""
        core = self._work.guard.where(self._schema, where, self._work.facts())
        unit = await self._work.unit()
        rows = await unit.fetch(Query(self._schema, core, ("id",), (SortKey("id"),)))
        column = self._schema.by_column["id"]
        return [self._codec.decode(column, row[0]) for row in rows]

    async def exists(self, where: Expr | Segment = everything) -> bool:
        """Return whether any record satisfies an expression."""
        core = self._work.guard.where(self._schema, where, self._work.facts())
        return bool(await self._work.rows(self._schema, (core,), limit=1))

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
        core = self._work.guard.where(self._schema, where, self._work.facts(), deleted=deleted)
        return await tally(self._work, self._schema, core, by, measures)

    # -- within --------------------------------------------------------------------------------------------------------

    def _keys(self, order: Ref | Sort | Sequence[Ref | Sort]) -> tuple[SortKey, ...]:
        wanted: list[Any] = list(order) if isinstance(order, Sequence) and not isinstance(order, str) else [order]
        keys: dict[str, SortKey] = {}
        for each in wanted:
            sort = each if isinstance(each, Sort) else Sort(each)
            if not isinstance(sort.ref, Ref):
                raise BadExpression(
                    f"a {type(each).__name__} is nothing to order by.", hint="Write f.name, or -f.name."
                )
            _, schema, rest = self._work.guard.hops(self._schema, sort.ref)
            field = schema.fields.get(rest[0])
            if schema is not self._schema or field is None or len(rest) > 1:
                hint = "Order by a field of the model itself."
                raise BadExpression(f"{sort.ref.text} is not a field to order {self._schema.name} by.", hint=hint)
            if field.opaque:
                raise BadExpression(f"{sort.ref.text} has no order.")
            keys.setdefault(field.name, SortKey(field.name, sort.descending, sort.missing == "first"))
            if field.name == "id":
                break
        keys.setdefault(
            "id", SortKey("id", wanted[-1].descending if wanted and isinstance(wanted[-1], Sort) else False)
        )
        return tuple(keys.values())

    async def _segmented(
        self, core: Core, keys: tuple[SortKey, ...], after: tuple[Any, ...] | None, limit: int
    ) -> list[Any]:
        unit = await self._work.unit()
        rows: list[Any] = []
        parts = core.items if isinstance(core, And) else (core,)
        for conditions, order in segments(self._schema, keys, after):
            rows += await unit.fetch(
                Query(self._schema, And((*parts, *conditions)), self._codec.read, order, limit - len(rows))
            )
            if len(rows) >= limit:
                break
        return rows

    def _position(self, keys: tuple[SortKey, ...], row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            self._codec.decode(self._schema.by_column[key.column], row[self._codec.read.index(key.column)])
            for key in keys
        )

    def _load(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        with pause_collector():
            return self._codec.load(rows)
