"""The repository: every way to read and write records of one model, guarded, checked and versioned."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from crmkit.errors import BadExpression, BadRecord, NotAllowed, NotFound, Problem, Stale
from crmkit.expr.build import Sort, everything
from crmkit.expr.core import And, Compare, Missing
from crmkit.expr.evaluate import evaluate, is_local
from crmkit.expr.nodes import Always, Expr, Op, Ref
from crmkit.model.codec import pause_collector
from crmkit.model.field import FieldKind
from crmkit.repository.added import check_extra
from crmkit.repository.link import check_links
from crmkit.repository.move import Moves
from crmkit.repository.page import Page, read_cursor, segments, write_cursor
from crmkit.repository.tally import Group, tally
from crmkit.security.access import Action
from crmkit.storage.spi import Measure, Patch, Query, Removal, SortKey, Tally
from crmkit.storage.spi import Op as MeasureOp

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Iterable, Sequence
    from uuid import UUID

    from crmkit.expr.core import Core
    from crmkit.model.schema import Schema
    from crmkit.repository.tally import By, Measured
    from crmkit.repository.work import Work
    from crmkit.segment import Segment

__all__ = ["AsyncRepository"]

T = TypeVar("T")
BATCH: Final = 5_000
"""How many records a bulk call holds in memory at a time."""
_FIXED: Final = frozenset({"id", "created_at"})
_OPAQUE: Final = frozenset({FieldKind.TAGS, FieldKind.EXTRA, FieldKind.DOCUMENT})


class AsyncRepository(Generic[T]):
    """Reads and writes the records of one model within one unit of work.

    Sessions hand them out: `s.customers`, or `s.repository(Customer)`.
    """

    def __init__(self, work: Work, schema: Schema) -> None:
        self._work = work
        self._schema = schema
        self._codec = work.setup.codec(schema)
        self._moves = Moves(work, schema)

    # -- reading -------------------------------------------------------------------------------------------------------

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
        if type(limit) is not int or limit < 1:
            raise BadExpression(f"limit must be a whole number from 1 up, not {limit!r}.")
        keys = self._keys(order)
        values = None if after is None else read_cursor(keys, after)
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
            if records:
                yield records
            if len(rows) < BATCH:
                return
            values = self._position(keys, rows[-1])

    async def count(self, where: Expr | Segment = everything, *, deleted: bool = False) -> int:
        """Return how many records satisfy an expression; counted inside the store."""
        core = self._work.guard.where(self._schema, where, self._work.facts(), deleted=deleted)
        unit = await self._work.unit()
        rows = await unit.tally(Tally(self._schema, core, (), (Measure(MeasureOp.COUNT),)))
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
            by: fields or paths to group by, or spans of time such as `month(f.close_date)`.
            where: which records count.
            deleted: whether deleted records count as well.
            measures: what to compute, by the name it gets: `count()`, `total(f.amount)` and so on.

        Returns:
            A `Group` for each combination of keys that occurs, ordered by the keys.

        """
        core = self._work.guard.where(self._schema, where, self._work.facts(), deleted=deleted)
        return await tally(self._work, self._schema, core, by, measures)

    # -- writing -------------------------------------------------------------------------------------------------------

    async def add(self, record: T) -> T:
        """Write a new record and return it as it now stands: with its id, version 1 and times.

        Raises:
            BadRecord: a link leads nowhere, an added field is not declared, or the record is of another model.
            Duplicate: a unique field's value is taken.
            NotAllowed: the policy lets the actor create no such record.
            MoveRefused: the stage given is not one to enter.

        """
        rows = await self._add([record])
        added: T = self._load([self._readable(rows[0])])[0]
        return added

    async def add_many(self, records: Iterable[T]) -> list[UUID]:
        """Write any number of new records in batches and return their ids, in order.

        Everything happens in the session's transaction. Raises what `add` raises; the session should then be rolled
        back, as earlier batches are written already.
        """
        ids: list[UUID] = []
        source = iter(records)
        position = self._codec.columns.index("id")
        column = self._schema.by_column["id"]
        while batch := list(islice(source, BATCH)):
            with pause_collector():
                rows = await self._add(batch)
                ids += [self._codec.decode(column, row[position]) for row in rows]
        return ids

    async def update(self, record: T, /, **changes: Any) -> T:
        """Write changes to a record and return it as it now stands.

        Args:
            record: the record, as it was last read.
            changes: fields and their new values.

        Raises:
            BadRecord: a value is refused, or a field is set by crmkit only.
            Stale: somebody else changed the record first.
            Duplicate: a unique field's value is taken.
            NotFound: the record is gone, or was never there for this actor.
            NotAllowed: the policy lets the actor not do this.

        """
        self._work.model_of(record, self._schema)
        self._changeable(changes)
        clean = self._schema.clean(changes)
        if "extra" in clean:
            clean["extra"] = check_extra(self._schema, changes["extra"])
        now = self._work.setup.clock()
        updated = await self._write(record, clean, now, Action.UPDATE)
        await self._work.announce(
            self._schema, "updated", now, [(updated.id, updated.version, {"fields": sorted(clean)})]
        )
        result: T = updated
        return result

    async def delete(self, record: T) -> T:
        """Delete a record so that it can be restored, and return it as it now stands.

        It keeps its unique values. Raises what `update` raises.
        """
        self._work.model_of(record, self._schema)
        self._not_append_only()
        now = self._work.setup.clock()
        deleted = await self._write(record, {"deleted_at": now}, now, Action.DELETE)
        await self._work.announce(self._schema, "deleted", now, [(deleted.id, deleted.version, {})])
        result: T = deleted
        return result

    async def restore(self, record: T) -> T:
        """Bring a deleted record back and return it as it now stands. Raises what `update` raises."""
        self._work.model_of(record, self._schema)
        self._not_append_only()
        now = self._work.setup.clock()
        restored = await self._write(record, {"deleted_at": None}, now, Action.DELETE, deleted=True)
        await self._work.announce(self._schema, "restored", now, [(restored.id, restored.version, {})])
        result: T = restored
        return result

    # -- pipelines -----------------------------------------------------------------------------------------------------

    async def advance(
        self, record: T, stage: str, /, *, note: str | None = None, at: dt.datetime | None = None, **changes: Any
    ) -> T:
        """Move a record to another stage of its pipeline, and write its history, in one step.

        Args:
            record: the record, as it was last read.
            stage: the stage to move to.
            note: why, for the history.
            at: when it happened; now if left out.
            changes: fields to set with the move, such as `lost_reason="price"`.

        Raises:
            MoveRefused: the pipeline does not allow it; it lists every reason.
            Stale: somebody else changed the record first.

        """
        self._work.model_of(record, self._schema)
        self._changeable(changes)
        clean = self._schema.clean(changes)
        return await self._moved(record, clean, *(await self._moves.plan(record, clean, stage, at)), note)

    async def transfer(self, record: T, pipeline: str = "", /, *, stage: str, note: str | None = None) -> T:
        """Put a record into a pipeline's present definition, at a stage; the only way out of an older definition.

        Args:
            record: the record, as it was last read.
            pipeline: the pipeline; the record's own if blank.
            stage: the stage it continues in.
            note: why, for the history.

        """
        self._work.model_of(record, self._schema)
        return await self._moved(record, {}, *(await self._moves.transfer(record, pipeline, stage)), note)

    async def why_not(self, record: T, stage: str, /, **changes: Any) -> str:
        """Return why a record may not move to a stage now, as a sentence or several; blank if it may."""
        self._work.model_of(record, self._schema)
        return await self._moves.why_not(record, self._schema.clean(changes), stage)

    async def allowed_moves(self, record: T) -> tuple[str, ...]:
        """Return the stages to which a record may move now."""
        self._work.model_of(record, self._schema)
        return await self._moves.allowed(record)

    # -- within --------------------------------------------------------------------------------------------------------

    def _keys(self, order: Ref | Sort | Sequence[Ref | Sort]) -> tuple[SortKey, ...]:
        wanted = [order] if isinstance(order, Ref | Sort) else list(order)
        keys: dict[str, SortKey] = {}
        for each in wanted:
            sort = each if isinstance(each, Sort) else Sort(each)
            _, schema, rest = self._work.guard.hops(self._schema, sort.ref)
            field = schema.fields.get(rest[0])
            if schema is not self._schema or field is None or len(rest) > 1:
                hint = "Order by a field of the model itself."
                raise BadExpression(f"{sort.ref.text} is not a field to order {self._schema.name} by.", hint=hint)
            if field.kind in _OPAQUE:
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

    def _readable(self, row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(row[self._codec.columns.index(name)] for name in self._codec.read)

    async def _add(self, records: list[Any]) -> list[Any]:
        work, schema = self._work, self._schema
        for record in records:
            work.model_of(record, schema)
        now = work.setup.clock()
        make_id = work.setup.ids
        ids = [record.id if record.id.int else make_id() for record in records]
        if schema.extra or any(record.extra for record in records):
            records = [self._codec.replace(record, extra=check_extra(schema, record.extra)) for record in records]
        entered: list[Any] = []
        if schema.staged:
            records, entered = self._moves.enter(records, ids, now)
        await check_links(work, schema, records, schema.links, frozenset(ids))
        tenant, actor, dump = work.actor.tenant, work.actor.key, self._codec.dump_new
        rows = [dump(record, tenant, id_, now, actor) for record, id_ in zip(records, ids, strict=True)]
        rule = work.guard.rule(schema, Action.CREATE)
        if is_local(rule) and rule != Always(True):
            self._check_images(rows, rule)
        unit = await work.unit()
        await unit.insert(schema, rows)
        if not is_local(rule):
            await self._check_reach(ids, Action.CREATE)
        await self._moves.record(entered)
        await work.announce(schema, "added", now, [(id_, 1, {}) for id_ in ids])
        return rows

    def _check_images(self, rows: Sequence[Any], rule: Expr) -> None:
        records = self._load([self._readable(row) for row in rows])
        if not all(evaluate(rule, record) for record in records):
            raise NotAllowed(f"the policy does not let this actor create this {self._schema.name}.")

    async def _check_reach(self, ids: Sequence[UUID], action: Action) -> None:
        """Check rows just written against a rule that follows relations: only the store can, so it is asked."""
        unit = await self._work.unit()
        for id_ in ids:
            scope = self._work.guard.scope(self._schema, action, deleted=True)
            if not await self._work.rows(self._schema, (*scope, self._work.same_id(id_))):
                if action is Action.CREATE:
                    ground = Compare("tenant", Op.EQ, self._work.actor.tenant)
                    for each in ids:
                        await unit.remove(Removal(self._schema, And((ground, self._work.same_id(each)))))
                raise NotAllowed(f"the policy does not let this actor {action.value} this {self._schema.name}.")

    def _changeable(self, changes: dict[str, Any]) -> None:
        self._not_append_only()
        problems = []
        for name in changes:
            field = self._schema.fields.get(name)
            if name in _FIXED or (field is not None and field.managed):
                problems.append(Problem("managed", "is set by crmkit only.", field=name))
            elif self._schema.staged and name in {"pipeline", "stage"}:
                hint = "Call advance()." if name == "stage" else "Call transfer()."
                problems.append(Problem("managed", "changes by a move only.", hint=hint, field=name))
        if problems:
            raise BadRecord(self._schema.name, problems)

    def _not_append_only(self) -> None:
        if self._schema.append_only:
            raise NotAllowed(f"a {self._schema.name} is written once and never changed.")

    async def _write(
        self, record: Any, clean: dict[str, Any], now: dt.datetime, action: Action, *, deleted: bool = False
    ) -> Any:
        work, schema, codec = self._work, self._schema, self._codec
        clean |= {"version": record.version + 1, "updated_at": now, "updated_by": work.actor.key}
        updated = codec.replace(record, **clean)
        links = [link for link in schema.links if link.name in clean]
        if links:
            await check_links(work, schema, [updated], links)
        rule = work.guard.rule(schema, action)
        if is_local(rule) and not evaluate(rule, updated):
            await self._diagnose(record, action)
        where = [*work.guard.scope(schema, action, deleted=deleted), work.same_id(record.id)]
        where.append(Compare("version", Op.EQ, record.version))
        if deleted:
            where.append(Missing("deleted_at", negated=True))
        changes = {
            column.name: codec.encode(column, value)
            for name, cleaned in clean.items()
            for column, value in zip(schema.fields[name].columns, schema.fields[name].to_columns(cleaned), strict=True)
        }
        unit = await work.unit()
        if not await unit.patch(Patch(schema, And(tuple(where)), changes)):
            await self._diagnose(record, action)
        if not is_local(rule):
            await self._check_reach([record.id], action)
        return updated

    async def _diagnose(self, record: Any, action: Action) -> None:
        """Say why a guarded write met no row; what the actor may not see is not there."""
        schema = self._schema
        scope = self._work.guard.scope(schema, Action.READ, deleted=True)
        rows = await self._work.rows(schema, (*scope, self._work.same_id(record.id)), ("version", "deleted_at"))
        if not rows:
            raise NotFound(f"there is no {schema.name} {record.id}.")
        version, deleted_at = rows[0]
        if version != record.version:
            raise Stale(schema.name, record.id, record.version, version)
        if deleted_at is not None:
            raise NotFound(f"the {schema.name} {record.id} is deleted.", hint="Call restore() first.")
        raise NotAllowed(f"the policy does not let this actor {action.value} this {schema.name}.")

    async def _moved(
        self, record: Any, clean: dict[str, Any], fields: dict[str, Any], move: Any, note: str | None
    ) -> T:
        now = self._work.setup.clock()
        moved = await self._write(record, clean | fields, now, Action.UPDATE)
        await self._moves.record([await self._moves.history(moved, move, note)])
        facts = {"from": move.from_stage, "to": move.to_stage}
        await self._work.announce(self._schema, "moved", now, [(moved.id, moved.version, facts)])
        result: T = moved
        return result
