"""The door: the one way to the rows of a model. Only what is here touches the unit of work, the guard and the codec.

Rows become records or values in `_fetch`'s two callers, `records` and `columns`; records and values become rows in
`_insert` and `_patch`. What is to happen to everything that is read, or to everything that is written, belongs there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

from crmkit.errors import BadExpression, BadRecord, NotAllowed, NotFound, Refused, Stale
from crmkit.expr.bind import UNKNOWN_STAGE
from crmkit.expr.build import everything
from crmkit.expr.core import And, Constant, Core
from crmkit.expr.node import Expr
from crmkit.model.codec import Row, pause_collector
from crmkit.repository.change import Change, ChangeKind
from crmkit.repository.claim import as_claimed, differences, refuse_unsaved, same_id
from crmkit.repository.judge import DELETING, Judge, Proposal, action_of
from crmkit.repository.link import check_links
from crmkit.repository.lock import check_locks
from crmkit.repository.registry import NotRead
from crmkit.repository.tree import circle, climb
from crmkit.security.access import Action
from crmkit.segment import Segment
from crmkit.storage.spi import Hop, Patch, Query, SortKey, Tally

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from crmkit.expr.node import Ref
    from crmkit.expr.resolve import Facts
    from crmkit.model.codec import Codec
    from crmkit.model.schema import Relation, Schema
    from crmkit.repository.inside import Inside
    from crmkit.repository.unit_of_work import Turn
    from crmkit.storage.spi import GroupKey, Measure, Top, Unit

__all__ = ["BATCH", "Door", "DoorOf", "Hop", "Row", "SortKey", "Where", "pause_collector", "same_id"]

T = TypeVar("T")
BATCH: Final = 5_000
"""How many rows a bulk call holds in memory at a time."""
Where: TypeAlias = Expr | Segment | tuple[Core, ...]
"""Which rows: as callers say it, or as conditions that `bind` made of that. The door adds the actor's scope to both."""
DoorOf: TypeAlias = Callable[[str], "Door[Any]"]
"""Gives the door of a model by its name."""
_FEW: Final = 50  # below so many rows the collector may run


class Door(Generic[T]):
    """Reads and writes the rows of one model in one session, within what its actor may touch. Values must be clean.

    Attributes:
        schema: the model.
        catalog: all models.
        zone: the actor's, in which they mean days.
        judge: decides whether records may be written.

    Args:
        schema: the model.
        codec: turns its records into rows and back.
        inside: what lies behind all doors of the session.
    """

    def __init__(self, schema: Schema, codec: Codec[T], inside: Inside) -> None:
        self.schema = schema
        self.catalog = inside.catalog
        self.zone = inside.actor.zone
        self.replace = codec.replace
        self._codec = codec
        self._inside = inside
        self._unit = inside.unit
        self._guard = inside.guard
        self.judge = Judge(self, inside)

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
        top: Top | None = None,
    ) -> list[T]:
        """Return the records that satisfy an expression.

        Args:
            where: which.
            action: what is to be done to them; `None` for what crmkit itself must know, no matter who acts.
            deleted: whether deleted ones count as well.
            order: what to sort by.
            limit: how many at most.
            top: which of each value of a column to keep.
        """
        rows = await self._fetch(where, self._codec.read, order, limit, action, deleted=deleted, top=top)
        if len(rows) < _FEW:
            return self._codec.load(rows, self._unit.turn)
        with pause_collector():
            return self._codec.load(rows, self._unit.turn)

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

    async def above(self, link: str, id: UUID) -> UUID | None:
        """Return the id of the record above another one, by a link that makes a tree, whether or not it may be seen."""
        # What is deleted counts as well, as it may be restored.
        rows = await self.columns((same_id(id),), (link,), action=None, deleted=True)
        above: UUID | None = rows[0][0] if rows else None
        return above

    async def _fetch(
        self, where: Where, names: tuple[str, ...], order: tuple[SortKey, ...], limit: int | None,
        action: Action | None, *, deleted: bool, top: Top | None = None,
    ) -> list[Row]:  # fmt: skip
        parts = where if isinstance(where, tuple) else await self.bind(where)
        core = self._within(parts, action, deleted=deleted)
        unit = await self._unit.reading()
        return await unit.fetch(Query(self.schema, core, names, order, limit, top))

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
            BadRecord: a link leads nowhere, or the record refuses itself.
            Duplicate: a unique field's value is taken.
            NotAllowed: the policy does not let the actor create such a record.
            RuleBroken: rules of the host do not allow it.
        """
        schema = self.schema
        for record in records if schema.checks else ():
            schema.check(record)
        await check_links(schema, records, schema.links, self._inside.door_of, ids)
        rows, turn = self._dumped(records, ids, at), self._unit.turn
        change = Change(
            kind=kind, schema=schema, at=at, actor=self._inside.actor.key, ids=ids, moves=moves,
            build=lambda: self._loaded(rows, turn),
        )  # fmt: skip
        await self.judge.allow(Proposal(kind, ids, lambda: change.after), lambda: self._insert(rows))
        await self._inside.tell(change)
        return change

    async def claimed(
        self, claim: T, clean: Mapping[str, Any], kind: ChangeKind | None = None
    ) -> tuple[T, dict[str, Any]]:
        """Return the stored record that a caller's record stands for, and all that is to change in it.

        The caller's record is believed in its id and version only. In what else it differs from the stored one is a
        change, too. A record just as a store gave it is the stored one; then nothing is read, and the write finds out
        whether its version is the present one.

        Args:
            claim: the caller's record.
            clean: fields and their new values.
            kind: what is to happen to it; if left out it is only looked at.

        Raises:
            BadRecord: it differs in fields that are set by crmkit only; or at all, where nothing else is saved.
            Stale: somebody else changed the record first.
            NotFound: the record is gone, or was never there for this actor.
        """
        action = Action.READ if kind is None else action_of(kind)
        if kind is not None and self._unit.vouches(claim) and self._guard.rule(self.schema, action) is everything:
            return claim, dict(clean)
        restoring = kind is ChangeKind.RESTORED
        found = await self.records(as_claimed(claim, restoring=restoring), action=action, deleted=restoring)
        if not found:
            await self._diagnose(claim, action, restoring=restoring)
        stored = found[0]
        differing = differences(self.schema, claim, stored)
        if kind in DELETING:
            refuse_unsaved(self.schema, differing)
        return stored, {**differing, **clean}

    async def change(
        self, record: T, clean: Mapping[str, Any], kind: ChangeKind, *, at: dt.datetime, moves: Sequence[Any] = ()
    ) -> T:
        """Write changes to a record and return it as it now stands.

        Args:
            record: the record as it is stored; see `claimed`.
            clean: fields and their new values.
            kind: what happens to it, which also tells what the policy is asked for.
            at: when it is written, by a clock that may lag behind the one that told the time of the last write.
            moves: the rows of history that go with it.

        Raises:
            BadRecord: a link leads nowhere, or back to the record itself; the record refuses itself; or its stage locks
                a field.
            Stale: somebody else changed the record first.
            Duplicate: a unique field's value is taken.
            NotFound: the record is gone, or was never there for this actor.
            NotAllowed: the policy does not let the actor do this.
            RuleBroken: rules of the host do not allow it.
            Refused: the record is not deleted.
        """
        held: Any = record
        if self.schema.staged:
            await check_locks(self, record, clean, self._inside.locked)
        at = max(at, held.updated_at)
        if kind in DELETING:
            clean = {**clean, "deleted_at": at if kind is ChangeKind.DELETED else None}
        stamps = self._stamps(held, at)
        changed = self.replace(record, self._unit.turn, **{**clean, **stamps})
        if self.schema.checks and kind is not ChangeKind.DELETED:
            clean = {**clean, **self.schema.check(changed)}
        links = [link for link in self.schema.links if link.name in clean]
        if links:
            await check_links(self.schema, [changed], links, self._inside.door_of)
            await self._check_trees(held.id, clean)
        await self._change(held, changed, {**clean, **stamps}, kind)
        await self._inside.tell(
            Change(
                kind=kind, schema=self.schema, at=at, actor=self._inside.actor.key, ids=(held.id,), before=(record,),
                fields=tuple(clean), moves=moves, build=lambda: (changed,),
            )
        )  # fmt: skip
        return changed

    def written(self, before: T | None, after: T) -> T:
        """Return a record with all that writing it would set; `before` is what it replaces, if anything."""
        at = self._inside.facts().now
        if before is None:
            made: Any = after
            return self._loaded(self._dumped([after], [made.id], at), self._unit.turn)[0]
        return self.replace(after, **self._stamps(before, at))

    def _stamps(self, held: Any, at: dt.datetime) -> dict[str, Any]:
        return {"version": held.version + 1, "updated_at": at, "updated_by": self._inside.actor.key}

    async def _check_trees(self, id: UUID, clean: Mapping[str, Any]) -> None:
        """Refuse a link by which a record would stand above itself; one writer at a time makes such links."""
        for link in self.schema.trees:
            above = clean.get(link.name)
            if above is None:
                continue
            unit = await self._unit.reading()
            await unit.lock(self._inside.actor.tenant, f"{self.schema.name}.{link.name}")
            if await climb(id, above, partial(self.above, link.name)):
                raise BadRecord(self.schema.name, [circle(link.name, None if above == id else above)])

    async def _change(self, record: Any, changed: T, changes: dict[str, Any], kind: ChangeKind) -> None:
        proposal = Proposal(kind, (record.id,), lambda: (changed,), (record,))
        action, restoring = proposal.action, kind is ChangeKind.RESTORED
        where = as_claimed(record, restoring=restoring)

        async def write() -> None:
            if not await self._patch(self._within(where, action, deleted=restoring), changes):
                await self._diagnose(record, action, restoring=restoring)

        async def confirm() -> None:
            if not await self.columns(where, ("id",), action=action, deleted=restoring):
                await self._diagnose(record, action, restoring=restoring)

        await self.judge.allow(proposal, write, confirm)

    async def check_reach(self, record: Any, action: Action) -> None:
        """Refuse a record to which the actor may not do this, by what the store holds of it.

        Raises:
            NotFound: it is not there for this actor.
            NotAllowed: the policy does not let the actor do this.
        """
        if not await self.columns((same_id(record.id),), ("id",), action=action):
            await self._diagnose(record, action, restoring=False)

    def check_writable(self, *, anew: bool) -> None:
        """Refuse to write a model that is kept from callers, and to change one that is only ever added to.

        Args:
            anew: whether new records are written, rather than changed ones.

        Raises:
            NotAllowed: it is one, and this is not its keeper's door.
        """
        if self.schema.append_only and not anew:
            raise NotAllowed(f"{self.schema.name} records are written once and never changed.", hint=self.schema.kept)
        if self.schema.kept:
            raise NotAllowed(f"{self.schema.name} records are not written directly.", hint=self.schema.kept)

    def rule(self, action: Action) -> Expr | None:
        """Return what the policy asks of a record, its placeholders filled in; `None` if it asks nothing."""
        rule = self._guard.rule(self.schema, action)
        return None if rule is everything else rule

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _dumped(self, records: Sequence[T], ids: Sequence[UUID], at: dt.datetime) -> list[Row]:
        tenant, actor, dump = self._inside.actor.tenant, self._inside.actor.key, self._codec.dump_new
        return [dump(record, tenant, id_, at, actor) for record, id_ in zip(records, ids, strict=True)]

    def _loaded(self, rows: Sequence[Row], turn: Turn) -> list[T]:
        places = {name: place for place, name in enumerate(self._codec.columns)}
        return self._codec.load(map(itemgetter(*map(places.__getitem__, self._codec.read)), rows), turn)

    async def _insert(self, rows: list[Row]) -> None:
        unit = await self._writing(anew=True)
        await unit.insert(self.schema, rows)

    async def _patch(self, where: Core, values: Mapping[str, Any]) -> int:
        unit = await self._writing(anew=False)
        return await unit.patch(Patch(self.schema, where, self._codec.spell(values)))

    async def _writing(self, *, anew: bool) -> Unit:
        # The one way to a transaction that writes, so that no write of a kept model can be forgotten.
        self.check_writable(anew=anew)
        return await self._unit.writing(self.schema)

    # -- refusing ------------------------------------------------------------------------------------------------------

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
        raise self.judge.refusal(action)
