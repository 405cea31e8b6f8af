"""The door: the one way to the rows of a model. Only what is here touches the unit of work, the guard and the codec.

Rows become records or values in `_fetch`'s two callers, `records` and `columns`; records and values become rows in
`_insert` and `_patch`. What is to happen to everything that is read, or to everything that is written, belongs there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

from crmkit.errors import BadExpression, NotAllowed, NotFound, Refused, Stale
from crmkit.expr.bind import UNKNOWN_STAGE
from crmkit.expr.build import everything
from crmkit.expr.core import And, Compare, Constant, Core, In, Missing
from crmkit.expr.evaluate import evaluate, is_local
from crmkit.expr.node import Expr, Op
from crmkit.model.codec import Row, pause_collector
from crmkit.repository.change import Change, ChangeKind
from crmkit.repository.link import check_links
from crmkit.repository.registry import NotRead
from crmkit.security.access import Action
from crmkit.segment import Segment
from crmkit.storage.spi import Hop, Patch, Query, SortKey, Tally

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Mapping

    from crmkit.expr.node import Ref
    from crmkit.expr.resolve import Facts
    from crmkit.model.codec import Codec
    from crmkit.model.schema import Relation, Schema
    from crmkit.repository.inside import Inside
    from crmkit.storage.spi import GroupKey, Measure

__all__ = ["BATCH", "Door", "DoorOf", "Hop", "Row", "SortKey", "Where", "pause_collector", "same_id"]

T = TypeVar("T")
BATCH: Final = 5_000
"""How many rows a bulk call holds in memory at a time."""
Where: TypeAlias = Expr | Segment | tuple[Core, ...]
"""Which rows: as callers say it, or as conditions that `bind` made of that. The door adds the actor's scope to both."""
DoorOf: TypeAlias = Callable[[str], "Door[Any]"]
"""Gives the door of a model by its name."""
_FEW: Final = 50  # below so many rows the collector may run
_DELETING: Final = frozenset({ChangeKind.DELETED, ChangeKind.RESTORED})


class Door(Generic[T]):
    """Reads and writes the rows of one model in one session, within what its actor may touch. Values must be clean.

    Attributes:
        schema: the model.
        catalog: all models.

    Args:
        schema: the model.
        codec: turns its records into rows and back.
        inside: what lies behind all doors of the session.
    """

    def __init__(self, schema: Schema, codec: Codec[T], inside: Inside) -> None:
        self.schema = schema
        self.catalog = inside.catalog
        self.replace = codec.replace
        self._codec = codec
        self._inside = inside
        self._unit = inside.unit
        self._guard = inside.guard

    # -- which rows ----------------------------------------------------------------------------------------------------

    async def bind(self, where: Where, facts: Facts | None = None) -> tuple[Core, ...]:
        """Return what an expression demands, as conditions, which every method here takes in its place.

        Its placeholders stand for these facts; for those of now, if they are left out.

        Raises:
            BadExpression: it does not fit the model.
        """
        if isinstance(where, tuple):
            return where
        facts = facts or self._inside.facts()
        try:
            return self._guard.bind(self.schema, where, facts)
        except NotRead:
            await self._inside.learn(anew=False)
        except BadExpression as error:
            # Another process may have brought a stage that was not there when the tenant's pipelines were read.
            if not any(problem.code == UNKNOWN_STAGE for problem in error.problems):
                raise
            await self._inside.learn(anew=True)
        return self._guard.bind(self.schema, where, facts)

    def hops(self, ref: Ref) -> tuple[tuple[Hop, ...], Schema, tuple[str, ...]]:
        """Return the guarded steps that a reference takes, the model they lead to, and the names left there.

        Raises:
            BadExpression: a step does not exist, or may lead to several records.
        """
        steps, end, rest = self._guard.hops(self.schema, ref)
        return tuple(Hop(relation, where) for relation, where in steps), end, rest

    def normal(self, conditions: tuple[Core, ...]) -> tuple[Core, ...]:
        """Return conditions in normal form, which every method here takes."""
        return self._guard.normal(self.schema, conditions)

    def reaching(self, relation: Relation, where: tuple[Core, ...]) -> Core:
        """Return the condition that a relation leads to a row that the actor may see and that satisfies conditions."""
        return self._guard.reaching(relation, where)

    def _within(self, where: tuple[Core, ...], action: Action | None, *, deleted: bool) -> Core:
        parts = (*self._guard.scope(self.schema, action, deleted=deleted), *where)
        # In normal form, a constant among conditions is false.
        return Constant(False) if Constant in map(type, parts) else And(parts)

    # -- reading -------------------------------------------------------------------------------------------------------

    async def records(
        self,
        where: Where,
        *,
        action: Action | None = Action.READ,
        deleted: bool = False,
        order: tuple[SortKey, ...] = (),
        limit: int | None = None,
    ) -> list[T]:
        """Return the records that satisfy an expression.

        Args:
            where: which.
            action: what is to be done to them; `None` for what crmkit itself must know, no matter who acts.
            deleted: whether deleted ones count as well.
            order: what to sort by.
            limit: how many at most.
        """
        rows = await self._fetch(where, self._codec.read, order, limit, action, deleted=deleted)
        if len(rows) < _FEW:
            return self._codec.load(rows)
        with pause_collector():
            return self._codec.load(rows)

    async def columns(
        self,
        where: Where,
        names: Sequence[str],
        order: tuple[SortKey, ...] = (),
        limit: int | None = None,
        *,
        action: Action | None = Action.READ,
        deleted: bool = False,
    ) -> list[Row]:
        """Return the canonical values of some columns of the rows that satisfy an expression; see `records`."""
        rows = await self._fetch(where, tuple(names), order, limit, action, deleted=deleted)
        decode = self._codec.decode
        kinds = [self.schema.by_column[name] for name in names]
        return [tuple(map(decode, kinds, row)) for row in rows]

    async def scan(self, where: Where, names: Sequence[str], *, deleted: bool = False) -> AsyncIterator[list[Row]]:
        """Yield the id and some columns of all rows that satisfy an expression, in lists by rising id."""
        parts = await self.bind(where)
        after: tuple[Core, ...] = ()
        while True:
            rows = await self.columns((*parts, *after), ("id", *names), (SortKey("id"),), BATCH, deleted=deleted)
            if rows:
                yield rows
            if len(rows) < BATCH:
                return
            after = (Compare("id", Op.GT, rows[-1][0]),)

    async def tally(
        self,
        where: Where,
        by: tuple[GroupKey, ...],
        measures: tuple[Measure, ...],
        *,
        action: Action | None = Action.READ,
        deleted: bool = False,
    ) -> list[Row]:
        """Return the keys and measures of the groups of rows that satisfy an expression; see `records`."""
        core = self._within(await self.bind(where), action, deleted=deleted)
        unit = await self._unit.reading()
        return await unit.tally(Tally(self.schema, core, by, measures))

    async def _fetch(
        self, where: Where, names: tuple[str, ...], order: tuple[SortKey, ...], limit: int | None,
        action: Action | None, *, deleted: bool,
    ) -> list[Row]:  # fmt: skip
        parts = where if isinstance(where, tuple) else await self.bind(where)
        core = self._within(parts, action, deleted=deleted)
        unit = await self._unit.reading()
        return await unit.fetch(Query(self.schema, core, names, order, limit))

    # -- writing -------------------------------------------------------------------------------------------------------

    async def add(
        self,
        records: Sequence[T],
        ids: Sequence[UUID],
        kind: ChangeKind = ChangeKind.ADDED,
        *,
        at: dt.datetime,
        moves: Sequence[Any] = (),
    ) -> Change[T]:
        """Write new records under their ids and return what happened.

        Raises:
            BadRecord: a link leads nowhere.
            Duplicate: a unique field's value is taken.
            NotAllowed: the policy does not let the actor create such a record.
        """
        schema = self.schema
        await check_links(schema, records, schema.links, self._inside.door_of, frozenset(ids))
        rows = self._dumped(records, ids, at)
        change = Change(
            kind=kind, schema=schema, at=at, actor=self._inside.actor.key, ids=ids, moves=moves,
            build=lambda: self._loaded(rows),
        )  # fmt: skip
        rule = self._guard.rule(schema, Action.CREATE)
        if rule is not everything:
            self._judge(rule, change.after, Action.CREATE)
        await self._unless_refused(lambda: self._insert(rows), rule, ids, Action.CREATE)
        await self._inside.tell(change)
        return change

    async def change(
        self, record: T, clean: Mapping[str, Any], kind: ChangeKind, *, at: dt.datetime, moves: Sequence[Any] = ()
    ) -> T:
        """Write changes to a record and return it as it now stands.

        Args:
            record: the record, as it was last read.
            clean: fields and their new values.
            kind: what happens to it, which also tells what the policy is asked for.
            at: when it is written.
            moves: the rows of history that go with it.

        Raises:
            BadRecord: a link leads nowhere.
            Stale: somebody else changed the record first.
            Duplicate: a unique field's value is taken.
            NotFound: the record is gone, or was never there for this actor.
            NotAllowed: the policy does not let the actor do this.
            Refused: the record is not deleted.
        """
        held: Any = record
        actor = self._inside.actor.key
        changes = {**clean, "version": held.version + 1, "updated_at": at, "updated_by": actor}
        changed = self.replace(record, **changes)
        links = [link for link in self.schema.links if link.name in clean]
        if links:
            await check_links(self.schema, [changed], links, self._inside.door_of)
        await self._change(held, changes, Action.DELETE if kind in _DELETING else Action.UPDATE, kind)
        await self._inside.tell(
            Change(
                kind=kind, schema=self.schema, at=at, actor=actor, ids=(held.id,), before=(record,),
                fields=tuple(clean), moves=moves, build=lambda: (changed,),
            )
        )  # fmt: skip
        return changed

    async def _change(self, record: Any, changes: dict[str, Any], action: Action, kind: ChangeKind) -> None:
        restoring = kind is ChangeKind.RESTORED
        where: tuple[Core, ...] = (same_id(record.id), Compare("version", Op.EQ, record.version))
        if restoring:
            where = (*where, Missing("deleted_at", negated=True))
        rule = self._guard.rule(self.schema, action)
        if rule is not everything:
            # The policy judges what the store holds with the changes made, not what the caller's record says it holds.
            found = await self.records(where, action=action, deleted=restoring)
            if not found:
                await self._diagnose(record, action, restoring=restoring)
            self._judge(rule, [self.replace(found[0], **changes)], action)

        async def write() -> None:
            if not await self._patch(self._within(where, action, deleted=restoring), changes):
                await self._diagnose(record, action, restoring=restoring)

        await self._unless_refused(write, rule, (record.id,), action)

    async def append(self, records: Iterable[T], at: dt.datetime) -> None:
        """Write records that crmkit itself keeps besides others: no policy is asked, and the journal does not see them.

        Raises:
            Duplicate: a unique field's value is taken.
        """
        written = list(records)
        if written:
            await self._insert(self._dumped(written, [self._inside.ids() for _ in written], at))

    def allow(self, records: Sequence[T]) -> None:
        """Refuse records that the policy does not let the actor create, as far as their own fields tell.

        Raises:
            NotAllowed: there is one.
        """
        self._judge(self._guard.rule(self.schema, Action.CREATE), records, Action.CREATE)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _dumped(self, records: Sequence[T], ids: Sequence[UUID], at: dt.datetime) -> list[Row]:
        tenant, actor, dump = self._inside.actor.tenant, self._inside.actor.key, self._codec.dump_new
        return [dump(record, tenant, id_, at, actor) for record, id_ in zip(records, ids, strict=True)]

    def _loaded(self, rows: Sequence[Row]) -> list[T]:
        places = {name: place for place, name in enumerate(self._codec.columns)}
        return self._codec.load(map(itemgetter(*map(places.__getitem__, self._codec.read)), rows))

    async def _insert(self, rows: list[Row]) -> None:
        unit = await self._unit.writing(self.schema)
        await unit.insert(self.schema, rows)

    async def _patch(self, where: Core, values: Mapping[str, Any]) -> int:
        unit = await self._unit.writing(self.schema)
        return await unit.patch(Patch(self.schema, where, self._codec.spell(values)))

    # -- refusing ------------------------------------------------------------------------------------------------------

    def _judge(self, rule: Expr, records: Sequence[T], action: Action) -> None:
        if is_local(rule, self.schema) and not all(evaluate(rule, record) for record in records):
            raise self._refusal(action)

    async def _unless_refused(
        self, write: Callable[[], Awaitable[None]], rule: Expr, ids: Sequence[UUID], action: Action
    ) -> None:
        """Write rows, and undo it if a rule that follows relations does not hold of them; only the store can tell."""
        if rule is everything or is_local(rule, self.schema):
            await write()
            return
        async with self._unit.refusable():
            await write()
            written: Where = (In("id", tuple(ids)),)
            if len(await self.columns(written, ("id",), action=action, deleted=True)) < len(ids):
                raise self._refusal(action)

    def _refusal(self, action: Action) -> NotAllowed:
        return NotAllowed(f"the policy does not let this actor {action.value} this {self.schema.name}.")

    async def _diagnose(self, record: Any, action: Action, *, restoring: bool) -> None:
        """Say why a guarded write met no row; what the actor may not see is not there."""
        name = self.schema.name
        rows = await self.columns((same_id(record.id),), ("version", "deleted_at"), deleted=True)
        if not rows:
            raise NotFound(f"there is no {name} {record.id}.")
        version, deleted_at = rows[0]
        if version != record.version:
            raise Stale(name, record.id, record.version, version)
        if restoring and deleted_at is None:
            raise Refused(f"the {name} {record.id} is not deleted.", hint="There is nothing to restore.")
        if not restoring and deleted_at is not None:
            raise NotFound(f"the {name} {record.id} is deleted.", hint="Call restore() first.")
        raise self._refusal(action)


def same_id(id: UUID) -> Compare:
    """Return the condition that a row has this id.

    Raises:
        BadExpression: it is not an id.
    """
    if not isinstance(id, UUID):
        raise BadExpression(f"an id is a UUID, not {type(id).__name__}.", hint="Write UUID(text).")
    return Compare("id", Op.EQ, id)
